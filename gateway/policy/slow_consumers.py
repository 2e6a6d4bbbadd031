"""Who falls behind: a verdict on each consumer's connection, from what its socket tells.

What waits for a consumer is in three places. Our kernel's send buffer and the peer's receive buffer
can be looked at; the queue of ZeroMQ between us and the first cannot, but it only fills when the
first is full. So a consumer is behind by the longest of four times: since anything moved although
something waits; since its send buffer was not full; what waits in both kernels, divided by how fast
it is taken; and what the consumer itself reports.
"""

import enum
from collections import deque
from dataclasses import dataclass
from typing import Final

UNREAD_BYTES_MIN: Final = 8_192
"""A program that has read everything may look as if it had not, by up to this much."""
RATE_NS: Final = 2_000_000_000
"""How fast bytes are taken is measured over so long."""
STEP_NS_MAX: Final = 1_000_000_000
"""One look proves no longer stall than this: we may not have run ourselves."""
REPORT_NS_MAX: Final = 60_000_000_000
"""A consumer's own report counts for so long."""
CLEAR_NS: Final = 2_000_000_000
"""How long a consumer must have kept up before it is no longer called slow."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is on its way to a consumer, as the kernels say."""

    unsent_bytes: int
    """Handed to our kernel and not yet acknowledged by the peer's: what is on its way included."""
    unread_bytes: int = 0
    """Acknowledged and not yet read by the program, at least; 0 where it cannot be told."""
    acked_bytes: int | None = None
    """Acknowledged since the connection was made; None where it cannot be told."""
    room_bytes: int | None = None
    """How far the program's reading has let us send, counted as `acked_bytes`; None likewise."""
    full_bytes: int = 32_768
    """Held bytes at which the send buffer counts as full."""
    kept_bytes: int | None = None
    """Of the unsent bytes those that could not even be sent yet; None where all count as such."""

    @property
    def held_bytes(self) -> int:
        """What waits on this side. What is on its way waits for nothing but the distance."""
        return self.unsent_bytes if self.kept_bytes is None else self.kept_bytes


@dataclass(frozen=True, slots=True)
class SlowRules:
    """When a consumer is slow, and when it is cut off; nanoseconds."""

    warn_ns: int
    """Behind by so much it is named."""
    clear_ns: int
    """Behind by no more than this for two seconds it is not slow any more."""
    evict_stalled_ns: int
    """Cut off when nothing has moved for so long although something waits; 0 for never."""
    evict_lag_ns: int
    """Cut off when behind by so much, although it reads; 0 for never."""


class _Movement(enum.Enum):
    """Whether a consumer reads."""

    YES = enum.auto()
    """Something was taken, or nothing waits."""
    NO = enum.auto()
    """Something waits and nothing was taken."""
    UNKNOWN = enum.auto()
    """Nothing was sent that could prove it."""


class Progress:
    """How one consumer keeps up.

    Args:
        rules: When it is slow.
    """

    __slots__ = (
        "_above_ns", "_full_since_ns", "_last", "_looked_ns", "_marks", "_reported_ns",
        "_reported_until_ns", "_rules", "_silent_ns", "_waiting_since_ns", "is_slow", "lag_ns",
        "slow_since_ns", "stalled_ns",
    )  # fmt: skip

    def __init__(self, rules: SlowRules) -> None:
        self._rules = rules
        self._last: Backlog | None = None
        self._looked_ns = 0
        self._marks: deque[tuple[int, int]] = deque()
        self._full_since_ns: int | None = None
        self._above_ns: int | None = None
        self._reported_ns = 0
        self._reported_until_ns = 0
        self._silent_ns = 0
        self._waiting_since_ns = 0
        self.lag_ns = 0
        """How far behind it is, at least."""
        self.stalled_ns = 0
        """For how long nothing has moved although something waits."""
        self.is_slow = False
        self.slow_since_ns: int | None = None
        """Since when it is slow, monotonic; None while it is not."""

    @property
    def backlog_bytes(self) -> int:
        """What waits in both kernels, as last seen."""
        last = self._last
        return 0 if last is None else last.unsent_bytes + last.unread_bytes

    def report(self, lag_ns: int, now_ns: int) -> None:
        """Take the consumer's own word about how far behind it is."""
        self._reported_ns = lag_ns
        self._reported_until_ns = now_ns + REPORT_NS_MAX

    def look(self, backlog: Backlog | None, now_ns: int) -> None:
        """Judge anew.

        Args:
            backlog: What waits; None where nobody can tell.
            now_ns: Monotonic.
        """
        lag_ns = self._reported_ns if now_ns < self._reported_until_ns else 0
        if backlog is not None:
            lag_ns = max(lag_ns, self._measure(backlog, now_ns))
        self.lag_ns = lag_ns
        self._judge(now_ns)

    @property
    def must_go(self) -> str | None:
        """Why it is to be cut off; None while it is not."""
        rules = self._rules
        if 0 < rules.evict_stalled_ns <= self.stalled_ns:
            return f"its socket took nothing for {self.stalled_ns / 1e9:.0f} s"
        if 0 < rules.evict_lag_ns <= self.lag_ns:
            return f"it was {self.lag_ns / 1e9:.0f} s behind"
        return None

    def _measure(self, backlog: Backlog, now_ns: int) -> int:
        last, self._last = self._last, backlog
        step_ns = min(now_ns - self._looked_ns, STEP_NS_MAX)
        self._looked_ns = now_ns
        if last is None:
            self._waiting_since_ns = now_ns
        movement = _Movement.YES if last is None else _compare(last, backlog)
        if movement is _Movement.YES:
            self.stalled_ns = self._silent_ns = 0
        elif movement is _Movement.NO:
            # Silence between two proofs that nothing is read belongs to the stall.
            self.stalled_ns += step_ns + (self._silent_ns if self.stalled_ns else 0)
            self._silent_ns = 0
        else:
            # What the window says may be old, so nothing is known to wait.
            self._silent_ns += step_ns
            self._waiting_since_ns = now_ns
        if backlog.held_bytes >= backlog.full_bytes:
            if self._full_since_ns is None:
                self._full_since_ns = now_ns
        elif backlog.held_bytes <= backlog.full_bytes * 2 // 3:
            self._full_since_ns = None
        full_ns = 0 if self._full_since_ns is None else now_ns - self._full_since_ns
        return max(self.stalled_ns, full_ns, self._drain_ns(backlog, now_ns))

    def _drain_ns(self, backlog: Backlog, now_ns: int) -> int:
        """How old the oldest of what waits is, by the pace of the last seconds.

        It cannot be older than the backlog itself: a pause is not yet a lag.
        """
        taken = backlog.room_bytes
        if taken is None:
            return 0
        marks = self._marks
        marks.append((now_ns, taken))
        while now_ns - marks[0][0] > RATE_NS:
            marks.popleft()
        waiting = backlog.held_bytes + backlog.unread_bytes
        if waiting < UNREAD_BYTES_MIN:
            self._waiting_since_ns = now_ns
            return 0
        begin_ns, begin = marks[0]
        if now_ns == begin_ns or taken <= begin:
            return 0
        pace_ns = waiting * (now_ns - begin_ns) // (taken - begin)
        return min(pace_ns, now_ns - self._waiting_since_ns)

    def _judge(self, now_ns: int) -> None:
        rules = self._rules
        if self.lag_ns > rules.clear_ns:
            self._above_ns = now_ns
        if not self.is_slow and self.lag_ns >= rules.warn_ns:
            self.is_slow, self.slow_since_ns = True, now_ns
        elif self.is_slow and (self._above_ns is None or now_ns - self._above_ns >= CLEAR_NS):
            self.is_slow, self.slow_since_ns = False, None


def _compare(before: Backlog, now: Backlog) -> _Movement:
    """Whether a consumer has taken anything between two looks."""
    if now.acked_bytes is None or now.room_bytes is None:
        # Only what waits can be seen: the very same number of bytes, not one more or less.
        is_same = 0 < now.unsent_bytes == before.unsent_bytes
        return _Movement.NO if is_same else _Movement.YES
    is_waiting = now.unsent_bytes > 0 and before.unsent_bytes > 0
    is_acked = now.acked_bytes != before.acked_bytes
    if now.room_bytes != before.room_bytes:
        return _Movement.YES
    if is_waiting and not is_acked:
        return _Movement.NO
    if now.unread_bytes < UNREAD_BYTES_MIN:
        return _Movement.YES
    # More has come to its kernel and the program has made no room. Without anything new, what
    # the window says may be old: a program that has read everything need not say so.
    return _Movement.NO if is_acked else _Movement.UNKNOWN
