"""A consumer that misses nothing: how old what it reads is, and what was left out."""

import time
from dataclasses import dataclass, field
from typing import Final

import msgpack
import zmq

from tests.support.consumer import use_keys

SYMBOLS: Final = ("AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "TSLA", "BRK.B", "@ES#", "QCL#")
SNAPSHOT: Final = 1


@dataclass
class Seen:
    """What a consumer saw in one stretch of time."""

    ages_us: list[int] = field(default_factory=list)
    """Of live messages, from bytes read to message decoded."""
    lost: int = 0
    """Sequence numbers that were left out."""

    @property
    def p99_ms(self) -> float:
        """The age that one in a hundred exceeds."""
        return sorted(self.ages_us)[int(len(self.ages_us) * 0.99)] / 1000


class Watcher:
    """A consumer that misses nothing.

    Args:
        endpoint: The gateway's data socket.
        keys: The gateway's public key, and both halves of its own; None without keys.
    """

    def __init__(self, endpoint: str, keys: tuple[str, str, str] | None = None) -> None:
        self._context = zmq.Context()
        self._sub = self._context.socket(zmq.SUB)
        self._sub.setsockopt(zmq.SNDHWM, 0)
        self._sub.setsockopt(zmq.RCVHWM, 0)
        use_keys(self._sub, keys)
        self._sub.connect(endpoint)
        for symbol in SYMBOLS:
            for kind in ("quote", "trade"):
                self._sub.subscribe(f"{kind},{symbol},")
        self._last: dict[bytes, int] = {}

    def watch(self, seconds: float) -> Seen:
        """Read for a while."""
        seen = Seen()
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            if not self._sub.poll(round(left_s * 1000) + 1):
                break
            frame = self._sub.recv()
            body = msgpack.unpackb(frame.split(b",", 2)[2])
            if body[0] not in (1, 2) or body[3] & SNAPSHOT:
                continue
            seen.ages_us.append(time.time_ns() // 1000 - body[4])
            topic = frame[: len(frame) - len(frame.split(b",", 2)[2])]
            seen.lost += body[2] - self._last.get(topic, body[2] - 1) - 1
            self._last[topic] = body[2]
        return seen

    def close(self) -> None:
        """End it."""
        self._sub.close(linger=0)
        self._context.term()
