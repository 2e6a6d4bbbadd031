"""The gate before one socket: CURVE, a ZAP handler, and the proof that both hold.

libzmq takes a socket's options over when it is bound. So one socket can have two addresses with a
key each, which is how the gateway's own key is replaced while its clients go over one by one.
"""

import enum
from collections.abc import Callable, Iterator
from typing import Any, Final

import zmq
from zmq.utils.monitor import parse_monitor_message

from gateway.clock import Clock
from gateway.counters import Counters
from gateway.errors import ConfigError
from gateway.health.verdict import Issue
from gateway.policy.admission import Admission
from gateway.policy.curve_keys import key_bytes
from gateway.policy.key_book import KeyBook
from gateway.runtime.key_files import KeyPair, new_pair
from gateway.runtime.zap import DOMAIN, NEXT_DOMAIN, ZapHandler

STUCK_NS: Final = 3_000_000_000
"""A handler that has not shown for so long that it lives does not."""
PROBE_MS_MAX: Final = 3_000
CLOSE_S_MAX: Final = 2.0
_OUTCOMES: Final = (
    zmq.Event.HANDSHAKE_SUCCEEDED
    | zmq.Event.HANDSHAKE_FAILED_AUTH
    | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
    | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
)


class Probe(enum.Enum):
    """How a stranger fared."""

    REFUSED = "refused"
    ADMITTED = "admitted"
    FAILED = "failed"
    """Neither: the handshake ended otherwise, or did not end."""


class Gate:
    """Guards one socket, which has a context of its own.

    Args:
        name: `data` or `control`.
        server: The gateway's key.
        next_server: The key that is to replace it; None where none is.
        book: Reads who may connect.
        clock: The gateway's.
    """

    def __init__(
        self,
        name: str,
        *,
        server: KeyPair,
        next_server: KeyPair | None,
        book: Callable[[], KeyBook],
        clock: Clock,
    ) -> None:
        self.name: Final = name
        self._server = server
        self._next_server = next_server
        self._book = book
        self._clock = clock
        self._handler: ZapHandler | None = None
        self.on_accepted: Callable[[int, str], object] = lambda *_: None
        """Told of each new connection's descriptor and where it came in, in the handler's thread;
        set it before `guard`."""
        self.counters: Final = Counters()
        """The handler thread's own."""

    def guard(self, guarded: "zmq.Socket[Any]") -> None:
        """Start the handler and give the socket its key; call it before the socket is bound."""
        self._handler = ZapHandler(
            zmq.Context.shadow(guarded.context.underlying),
            name=self.name,
            admission=Admission(self._clock, book=self._book),
            clock=self._clock,
            counters=self.counters,
        )
        self._handler.on_accepted = self.on_accepted
        self._handler.watch(guarded)
        self._handler.start()
        guarded.setsockopt(zmq.CURVE_SERVER, 1)
        # Without it CURVE lets anybody in whose handshake finds no handler.
        guarded.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        _give_key(guarded, self._server, DOMAIN)

    def turn_to_next(self, guarded: "zmq.Socket[Any]") -> None:
        """Let the next key hold at the addresses that are bound from now on."""
        if self._next_server is not None:
            _give_key(guarded, self._next_server, NEXT_DOMAIN)

    def test(self, endpoint: str, *, is_next: bool = False) -> None:
        """Prove that a stranger is refused, and by whom.

        Args:
            endpoint: Where the socket is bound.
            is_next: Whether the next key holds there.

        Raises:
            ConfigError: He is not, or not by the handler.
        """
        server = self._next_server if is_next and self._next_server is not None else self._server
        stranger = new_pair()
        handler = self._handler
        if handler is None:
            raise ConfigError("the socket has no handler of handshakes", socket=self.name)
        handler.expect(key_bytes(stranger.public) or b"")
        outcome = probe(endpoint, self.name, server=server.public, stranger=stranger)
        if outcome is Probe.REFUSED and handler.probed.is_set():
            return
        raise ConfigError(
            "a stranger was let in" if outcome is Probe.ADMITTED else "strangers are not refused",
            hint="Do not run this gateway: report it, with the versions of pyzmq and libzmq.",
            socket=self.name,
            endpoint=endpoint,
            outcome=outcome.value,
            was_asked=handler.probed.is_set(),
            libzmq=zmq.zmq_version(),
        )

    def issues(self) -> Iterator[Issue]:
        """What is wrong with the handler."""
        handler = self._handler
        if handler is None:
            return
        is_stuck = self._clock.monotonic_ns() - handler.turned_ns > STUCK_NS
        if not handler.is_alive or is_stuck:
            state = "hangs" if handler.is_alive else "has ended"
            yield Issue(
                f"handshakes_{self.name}_stopped",
                "critical",
                f"nobody new is let into the {self.name} socket: what judges handshakes {state}",
                "Restart the gateway; who is connected goes on until then. Read the log of "
                "the part security.",
            )

    def close(self) -> bool:
        """End the handler; nobody new is let in then. Before the socket is closed.

        Returns:
            Whether it has ended; if not, its context must not be waited for.
        """
        return self._handler is None or self._handler.close(CLOSE_S_MAX)


def probe(endpoint: str, name: str, *, server: str, stranger: KeyPair) -> Probe:
    """Try to connect with a key that nobody knows.

    Args:
        endpoint: As bound.
        name: `data` or `control`.
        server: The server's public key.
        stranger: The key to try.
    """
    with zmq.Context() as context, context.socket(_PEERS[name]) as peer:
        peer.setsockopt(zmq.LINGER, 0)
        peer.setsockopt(zmq.CURVE_SERVERKEY, server.encode("ascii"))
        peer.setsockopt(zmq.CURVE_PUBLICKEY, stranger.public.encode("ascii"))
        peer.setsockopt(zmq.CURVE_SECRETKEY, stranger.secret.encode("ascii"))
        if "[" in endpoint:
            peer.setsockopt(zmq.IPV6, 1)
        with peer.get_monitor_socket(_OUTCOMES) as monitor:
            peer.connect(_reachable(endpoint))
            event = None
            if monitor.poll(PROBE_MS_MAX):
                event = parse_monitor_message(monitor.recv_multipart())["event"]
            peer.disable_monitor()
    if event is zmq.Event.HANDSHAKE_FAILED_AUTH:
        return Probe.REFUSED
    return Probe.ADMITTED if event is zmq.Event.HANDSHAKE_SUCCEEDED else Probe.FAILED


_PEERS: Final = {"data": zmq.SUB, "control": zmq.DEALER}
"""What connects to each socket."""


def _reachable(endpoint: str) -> str:
    """An address that can be connected to, of one that was bound."""
    return endpoint.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _give_key(guarded: "zmq.Socket[Any]", key: KeyPair, domain: bytes) -> None:
    guarded.setsockopt(zmq.CURVE_SECRETKEY, key.secret.encode("ascii"))
    guarded.setsockopt(zmq.ZAP_DOMAIN, domain)
