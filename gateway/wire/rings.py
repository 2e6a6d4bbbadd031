"""The last events of every topic, in memory: where what a consumer lost is fetched from again.

A frame is kept as it was sent, so keeping one costs a reference and a few sums. Memory is shared
fairly: when all rings together hold more than they may, the oldest frames of the largest rings go
first. Rings are sorted by size classes, powers of two, so that finding a large one costs nothing,
and no topic is cut while another holds more than twice as much.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gateway.wire.envelope import Topic

FRAME_OVERHEAD: Final = 48
"""Bytes that a kept frame costs beside its own: the object's head and its place in the ring."""
AGE_LOOKS: Final = 8
"""How often a frame is looked at within its greatest age: ages are right to an eighth."""


@dataclass(frozen=True, slots=True)
class RingOptions:
    """What may be kept."""

    bytes_max: int = 67_108_864
    """Of all rings together; 0 keeps nothing."""
    frames_max: int = 10_000
    """Of one topic."""
    age_ns_max: int = 900_000_000_000
    """Older frames are forgotten."""


class Ring:
    """The last frames of one topic, without a hole: the newest is the topic's last message."""

    __slots__ = ("added", "bytes", "bytes_until", "frames", "marks", "size_class")

    def __init__(self) -> None:
        self.frames: Final[deque[bytes]] = deque()
        self.added = 0
        """Frames ever added."""
        self.bytes = 0
        """What the frames cost."""
        self.size_class = 0
        """Which class of rings it is among: its bytes were at least 2 to the power of this."""
        self.bytes_until = 1
        """From here on it belongs to a larger class."""
        self.marks: Final[deque[tuple[int, int]]] = deque()
        """`added` at some moments, with the moment, monotonic; oldest first."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Frames of one topic as they are kept."""

    frames: tuple[bytes, ...]
    """Oldest first, without a hole."""
    first_sequence: int
    """Sequence of the first one; 0 when there is none."""
    oldest_sequence: int | None
    """Oldest sequence of the topic that is still there; None when there is none."""


class Rings:
    """All rings of one gateway run. Owned by the feed thread.

    Args:
        options: What may be kept.
    """

    __slots__ = (
        "_bytes_max", "_classes", "_frames_max", "_next_look_ns", "_options", "_scan", "bytes",
        "forgotten",
    )  # fmt: skip

    def __init__(self, options: RingOptions | None = None) -> None:
        self._options = options if options is not None else RingOptions()
        self._bytes_max = self._options.bytes_max
        self._frames_max = self._options.frames_max
        self._classes: list[dict[Ring, None]] = [{} for _ in range(64)]
        self._scan: Iterator[Ring] = iter(())
        self._next_look_ns = 0
        self.bytes = 0
        """What all frames cost."""
        self.forgotten = 0
        """Frames that had to go before their age."""

    def keep(self, topic: "Topic", frame: bytes) -> None:
        """Keep a frame that is the topic's next message."""
        if not self._bytes_max:
            return
        ring = topic.ring
        if ring is None:
            ring = topic.ring = Ring()
        ring.frames.append(frame)
        ring.added += 1
        size = len(frame) + FRAME_OVERHEAD
        ring.bytes += size
        self.bytes += size
        if ring.bytes >= ring.bytes_until:
            self._sort(ring)
        if len(ring.frames) > self._frames_max:
            self._forget_oldest(ring)
            self.forgotten += 1
        if self.bytes > self._bytes_max:
            self._make_room()

    def read(self, topic: "Topic", first: int, last: int) -> Kept:
        """The frames of a range of sequences, as far as they are there.

        Args:
            topic: An event topic.
            first: First sequence wanted.
            last: Last sequence wanted.
        """
        ring = topic.ring
        if ring is None or not ring.frames:
            return Kept((), 0, None)
        oldest = topic.sequence - len(ring.frames) + 1
        begin, end = max(first, oldest), min(last, topic.sequence)
        if begin > end:
            return Kept((), 0, oldest)
        frames = ring.frames
        if begin - oldest > topic.sequence - end:
            # From the near end: a deque is slow in its middle.
            taken = [frames[at - topic.sequence - 1] for at in range(begin, end + 1)]
        else:
            taken = [frames[at - oldest] for at in range(begin, end + 1)]
        return Kept(tuple(taken), begin, oldest)

    def drop(self, topic: "Topic") -> None:
        """Forget a topic's frames: the topic itself is discarded."""
        ring = topic.ring
        if ring is None:
            return
        topic.ring = None
        self._classes[ring.size_class].pop(ring, None)
        self.bytes -= ring.bytes
        ring.frames.clear()
        ring.bytes = 0

    def age(self, now_ns: int, *, rings_max: int) -> None:
        """Forget what is too old, looking at a few rings at a time.

        Args:
            now_ns: Monotonic.
            rings_max: Rings looked at in this call.
        """
        for _ in range(rings_max):
            ring = next(self._scan, None)
            if ring is None:
                if now_ns >= self._next_look_ns:
                    self._next_look_ns = now_ns + self._options.age_ns_max // AGE_LOOKS
                    self._scan = iter([ring for rings in self._classes for ring in rings])
                return
            self._age_ring(ring, now_ns)

    @property
    def ring_count(self) -> int:
        """Topics with frames."""
        return sum(map(len, self._classes))

    def _age_ring(self, ring: Ring, now_ns: int) -> None:
        marks = ring.marks
        limit = -1
        while marks and now_ns - marks[0][1] >= self._options.age_ns_max:
            limit = marks.popleft()[0]
        while ring.frames and ring.added - len(ring.frames) < limit:
            self._forget_oldest(ring)
        self._sort(ring)
        if ring.frames and (not marks or marks[-1][0] != ring.added):
            marks.append((ring.added, now_ns))

    def _make_room(self) -> None:
        """Forget the oldest frames of the largest rings until all fit."""
        while self.bytes > self._bytes_max:
            rings = next(rings for rings in reversed(self._classes) if rings)
            ring = next(iter(rings))
            floor = 1 << ring.size_class
            while self.bytes > self._bytes_max and ring.bytes >= floor:
                self._forget_oldest(ring)
                self.forgotten += 1
            self._sort(ring)

    def _forget_oldest(self, ring: Ring) -> None:
        size = len(ring.frames.popleft()) + FRAME_OVERHEAD
        ring.bytes -= size
        self.bytes -= size

    def _sort(self, ring: Ring) -> None:
        """Put a ring into the class of its size; an empty one into none."""
        self._classes[ring.size_class].pop(ring, None)
        if not ring.bytes:
            ring.size_class, ring.bytes_until = 0, 1
            return
        ring.size_class = ring.bytes.bit_length() - 1
        ring.bytes_until = 2 << ring.size_class
        self._classes[ring.size_class][ring] = None
