"""A bare SUB socket that counts: what a consumer in any language would see."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self

import zmq
from gateway_client import DecodeError
from gateway_client.codec import split_frame

from gateway.clock import SystemClock
from gateway.model.enums import Flag, MessageType

KINDS: Final = ("quote,", "trade,", "summary,", "state,")
TOPICS_MAX: Final = 100_000
_CLOCK: Final = SystemClock()
_NOBLOCK: Final = int(zmq.NOBLOCK)
BATCH_MAX: Final = 1_000


class CountingConsumer:
    """Reads everything, and checks each topic's sequence.

    Args:
        endpoint: The gateway's data socket.
    """

    def __init__(self, endpoint: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.SNDHWM, 0)
        self._socket.setsockopt(zmq.RCVHWM, 1_000_000)
        self._socket.setsockopt(zmq.LINGER, 0)
        for kind in KINDS:
            self._socket.subscribe(kind)
        self._socket.connect(endpoint)
        self._last: dict[bytes, tuple[int, int]] = {}
        self.received = 0
        """Messages since the last `reset`."""
        self.lost = 0
        """Messages that are missing by their sequence, since the start."""
        self.unreadable = 0
        """Frames that break the contract, since the start."""
        self.age_us_total = 0
        """Time from the gateway's reading to ours, of what was received since the last `reset`."""
        self.is_stale: dict[str, bool] = {}
        """By symbol, whether its latest quote was flagged STALE."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._context.destroy(linger=0)

    def reset(self) -> None:
        """Begin to count anew; sequences go on."""
        self.received = self.age_us_total = 0

    @property
    def age_ms_mean(self) -> float:
        """Milliseconds from the gateway's reading to ours, on average."""
        return self.age_us_total / self.received / 1000 if self.received else 0.0

    def read(self, seconds: float, is_done: Callable[[], bool] = lambda: False) -> bool:
        """Read for a while.

        Args:
            seconds: How long at most.
            is_done: Asked between two batches; True ends it.

        Returns:
            Whether it was done.
        """
        deadline_ns = _CLOCK.monotonic_ns() + round(seconds * 1e9)
        while not is_done():
            left_ms = (deadline_ns - _CLOCK.monotonic_ns()) // 1_000_000
            if left_ms <= 0:
                return False
            if self._socket.poll(left_ms):
                self._read_batch()
        return True

    def _read_batch(self) -> None:
        recv = self._socket.recv
        for _ in range(BATCH_MAX):
            try:
                frame = recv(_NOBLOCK)
            except zmq.Again:
                return
            self._take(frame)

    def _take(self, frame: bytes) -> None:
        try:
            topic, body = split_frame(frame)
        except DecodeError:
            self.unreadable += 1
            return
        self._note(topic, body)
        flags = body[3]
        if body[0] == MessageType.QUOTE:
            self.is_stale[topic.split(b",")[1].decode("ascii", "replace")] = bool(
                flags & Flag.STALE
            )
        if not flags & Flag.SNAPSHOT:
            self.age_us_total += max(0, _CLOCK.utc_us() - int(body[4]))
            self.received += 1

    def _note(self, topic: bytes, body: Sequence[Any]) -> None:
        epoch, sequence = body[1], body[2]
        before = self._last.get(topic)
        if before is not None and before[0] == epoch and sequence > before[1] + 1:
            self.lost += sequence - before[1] - 1
        if before is not None or len(self._last) < TOPICS_MAX:
            self._last[topic] = (epoch, sequence)
