"""Raw bytes at a gateway's ports: before, within and after what ZMTP begins with."""

import contextlib
import random
import socket
from typing import Final

from tests.fuzz.mutations import Mutator
from tests.support.zmtp import GREETING, RawPeer, frame

CURVE_GREETING: Final = GREETING[:12] + b"CURVE".ljust(20, b"\0") + GREETING[32:]
HELLO: Final = b"\x05HELLO\x01\x00" + bytes(72) + bytes(32) + bytes(8) + bytes(80)
INITIATE: Final = b"\x08INITIATE" + bytes(96) + bytes(8) + bytes(144)
READY: Final = b"\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB"
SUBSCRIBE: Final = b"\x09SUBSCRIBEquote,AAPL,"
PING: Final = b"\x04PING\x00\x0ahello"
COMMANDS: Final = (HELLO, INITIATE, READY, SUBSCRIBE, b"\x04PONGx", b"\x05ERROR\x03bad")
CONTROL_COMMANDS: Final = (*COMMANDS, PING)
"""Not at the data socket: whoever pings and breaks off there may end the process, inside libzmq
(README, Security). That is known, and what else there is would not be found behind it."""
FLAGS: Final = (0, 0, 0, 1, 4, 4, 2, 6, 0xF8)
FRAMES_MAX: Final = 20
REQUEST: Final = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class RawAttack:
    """Sends to one gateway.

    Args:
        endpoints: Its data and its control socket.
        mutator: Changes frames.
        rng: Decides everything else.
        has_keys: Whether the gateway has, so that no raw peer gets behind the greeting.
    """

    def __init__(
        self,
        endpoints: tuple[str, str],
        *,
        mutator: Mutator,
        rng: random.Random,
        has_keys: bool,
    ) -> None:
        self._endpoints = endpoints
        self._mutator = mutator
        self._rng = rng
        self._has_keys = has_keys
        self.connections = 0
        self.frames = 0
        """Frames and pieces that were sent, the greetings too."""
        self.bytes = 0

    def send(self) -> list[bytes]:
        """Make one connection and send something; returns what."""
        rng, sent = self._rng, list[bytes]()
        self.connections += 1
        number = rng.randrange(2)
        with contextlib.suppress(OSError, AssertionError):
            if self._has_keys or rng.random() < 0.4:
                self._send_ungreeted(number, sent)
            else:
                self._send_greeted(number, sent)
        self.frames += len(sent)
        self.bytes += sum(map(len, sent))
        return sent

    def _send_ungreeted(self, number: int, sent: list[bytes]) -> None:
        """A greeting that is changed or right, and whatever may follow it."""
        rng, mutator = self._rng, self._mutator
        greeting = rng.choice([GREETING, CURVE_GREETING, CURVE_GREETING, REQUEST])
        first = greeting if rng.random() < 0.6 else mutator.mutate(greeting)
        host, _, port = self._endpoints[number].removeprefix("tcp://").rpartition(":")
        pieces = (self._piece(number) for _ in range(rng.randint(0, FRAMES_MAX)))
        with socket.create_connection((host, int(port)), 1.0) as sock:
            sock.settimeout(0.2)
            for data in (first, *pieces):
                sent.append(data)
                sock.sendall(data)

    def _send_greeted(self, number: int, sent: list[bytes]) -> None:
        with RawPeer(self._endpoints[number], ("SUB", "DEALER")[number]) as peer:
            peer.sock.settimeout(0.5)
            for _ in range(self._rng.randint(1, FRAMES_MAX)):
                sent.append(self._piece(number))
                peer.send(sent[-1])

    def _piece(self, number: int) -> bytes:
        rng, mutator = self._rng, self._mutator
        command = rng.choice((COMMANDS, CONTROL_COMMANDS)[number])
        right = rng.choice([b"\x01quote,AAPL,", b"\x00", mutator.example(), command])
        body = right if rng.random() < 0.3 else mutator.mutate(right)
        data = frame(body, flags=rng.choice(FLAGS))
        return data if rng.random() < 0.7 else mutator.mutate(data)
