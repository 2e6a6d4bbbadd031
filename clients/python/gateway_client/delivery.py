"""The bounded queue between the reader thread and the application.

A fast application gets every message in order. When it is slow and more than `conflate_above`
entries wait, a state message replaces the one of the same topic that still waits (flag CONFLATED,
`merged` added up). When the queue is full, or what waits is too old, all of it is skipped but the
newest values: an Overrun says how much, Gaps say what exactly, and what is read next is current.
The reader never waits for the application, so the socket is always drained.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Final

from gateway_client.entries import Pending
from gateway_client.events import Event, Gap, Overrun
from gateway_client.skips import Entry, Skipped, skip

_WAIT_SLICE_S: Final = 0.5
"""Longest uninterrupted wait: on Windows a lock cannot be interrupted by Ctrl+C."""
_MARK_NS: Final = 10_000_000
"""How exactly the age of what waits is known."""

OnOverrun = Callable[[Overrun, Collection[str], Sequence[Gap]], None]


class DeliveryQueue:
    """Many readers, one writer; every method may be called from any thread.

    Args:
        capacity: Entries that may wait, above 0; while more than half of them are what a skip must
            leave, half as many may come on top.
        conflate_above: Entries from which on state messages are conflated.
        skip_after_ns: Age of the oldest entry at which everything is skipped; None for any age.
        on_overrun: Gets the event, the topics of the messages skipped and the Gaps that follow,
            when the application has reached the place; called in its thread.
    """

    def __init__(
        self,
        *,
        capacity: int,
        conflate_above: int,
        skip_after_ns: int | None = None,
        on_overrun: OnOverrun | None = None,
    ) -> None:
        self.capacity = capacity
        self._on_overrun = on_overrun
        self._conflate_above = conflate_above
        self._skip_after_ns = skip_after_ns
        self._limit = capacity
        self._entries: deque[Entry] = deque()
        self._skipped: Skipped | None = None
        """The one among the entries, if any."""
        self._marks: deque[tuple[int, int]] = deque()
        """How many entries had ever come by the end of a moment, and when it began."""
        self._taken_count = 0
        # The lock itself is entered in C, the condition around it in Python: 0.1 µs against 0.4.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting_count = 0
        self._wakers: list[Callable[[], None]] = []
        self._is_closed = False
        self.delivered_count = 0
        self.dropped_count = 0
        self.conflated_count = 0
        self.skip_count = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_closed(self) -> bool:
        """Whether nothing will be added any more."""
        return self._is_closed

    def extend(self, batch: Sequence[Pending | Event], now_ns: int) -> None:
        """Add a batch in order; never waits.

        Args:
            batch: Messages and events.
            now_ns: Monotonic time.
        """
        with self._lock:
            self._skip_if_old(now_ns)
            entries = self._entries
            if self._skipped is None and len(entries) + len(batch) < self._conflate_above:
                for entry in batch:
                    if type(entry) is Pending and entry.is_state:
                        entry.slot.pending = entry
                entries.extend(batch)
            else:
                for entry in batch:
                    self._put(entry, now_ns)
            self._mark(now_ns)
            self._wake()

    def _put(self, entry: Pending | Event, now_ns: int) -> None:
        size = len(self._entries)
        is_state = type(entry) is Pending and entry.is_state
        if is_state and size >= self._conflate_above:
            older = entry.slot.pending  # type: ignore[union-attr]
            if older is not None:
                older.replace(entry)  # type: ignore[arg-type]
                self.conflated_count += 1
                return
        if size >= self._limit:
            self._skip(now_ns)
        if is_state:
            entry.slot.pending = entry  # type: ignore[union-attr]
        if self._skipped is not None and isinstance(entry, Gap):
            # What it says was recovered may have been skipped a moment ago.
            self._entries.extend(self._skipped.cut(entry))
        else:
            self._entries.append(entry)

    @property
    def has_room(self) -> bool:
        """Whether the application keeps up, so that more than live messages may come."""
        return len(self._entries) < self._conflate_above

    # Skipping.

    def age_ns(self, now_ns: int) -> int:
        """Tell how long the oldest entry has waited, nanoseconds; 0 when none waits."""
        with self._lock:
            return self._age_ns(now_ns)

    def skip_if_old(self, now_ns: int) -> None:
        """Skip what has waited too long, if that was asked for."""
        with self._lock:
            self._skip_if_old(now_ns)

    def _age_ns(self, now_ns: int) -> int:
        marks = self._marks
        while marks and marks[0][0] <= self._taken_count:
            marks.popleft()
        return max(0, now_ns - marks[0][1]) if marks else 0

    def _mark(self, now_ns: int) -> None:
        """Note when the newest entries came, which costs nothing while the queue stays empty."""
        end = self._taken_count + len(self._entries)
        marks = self._marks
        if marks and now_ns - marks[-1][1] < _MARK_NS:
            marks[-1] = (end, marks[-1][1])
        elif not marks or marks[-1][0] < end:
            self._age_ns(now_ns)
            marks.append((end, now_ns))

    def _skip_if_old(self, now_ns: int) -> None:
        if self._skip_after_ns is not None and self._age_ns(now_ns) > self._skip_after_ns:
            self._skip(now_ns)

    def _skip(self, now_ns: int) -> None:
        half = (self.capacity + 1) // 2
        rest = skip(self._entries, values_max=self.capacity // 2)
        self._entries, self._skipped = rest.entries, rest.skipped
        self._limit = max(self.capacity, len(rest.entries) + half)
        self._marks.clear()
        self._mark(now_ns)
        self.skip_count += rest.dropped_count > 0
        self.dropped_count += rest.dropped_count
        self.conflated_count += rest.merged_count

    def pop(self) -> Pending | Event | None:
        """Take the oldest entry; None when there is none."""
        with self._lock:
            if not self._entries:
                return None
            entry = self._entries.popleft()
            self._taken_count += 1
            self.delivered_count += 1
            if type(entry) is Pending:
                if entry.slot.pending is entry:
                    entry.slot.pending = None
                return entry
            if type(entry) is not Skipped:
                return entry  # type: ignore[return-value]
            self._skipped = None
            overrun, gaps = entry.told()
            self._entries.extendleft(reversed(gaps))
            self._taken_count -= len(gaps)
        if self._on_overrun is not None:
            self._on_overrun(overrun, entry.topics, gaps)
        return overrun

    def wait(self, wait_s: float | None) -> bool:
        """Wait until an entry is there.

        Args:
            wait_s: Seconds to wait at most; None waits until the queue is closed.

        Returns:
            Whether an entry may be there; False at the deadline or when closed and empty.
        """
        deadline_s = None if wait_s is None else time.monotonic() + wait_s
        with self._changed:
            while not self._entries:
                if self._is_closed:
                    return False
                slice_s = _WAIT_SLICE_S
                if deadline_s is not None:
                    slice_s = min(slice_s, deadline_s - time.monotonic())
                    if slice_s <= 0:
                        return False
                self._waiting_count += 1
                try:
                    self._changed.wait(slice_s)
                finally:
                    self._waiting_count -= 1
        return True

    def call_when_ready(self, waker: Callable[[], None]) -> bool:
        """Have a function called once, from the reader thread, when an entry has arrived.

        Returns:
            False when entries wait or the queue is closed; the function is not called then.
        """
        with self._changed:
            if self._entries or self._is_closed:
                return False
            self._wakers.append(waker)
            return True

    def forget(self, waker: Callable[[], None]) -> None:
        """Withdraw a function that was to be called."""
        with self._changed:
            if waker in self._wakers:
                self._wakers.remove(waker)

    def close(self) -> None:
        """Let waiting readers go once what is queued has been read."""
        with self._changed:
            self._is_closed = True
            self._wake()

    def _wake(self) -> None:
        if self._waiting_count:
            self._changed.notify_all()
        if self._wakers:
            wakers, self._wakers = self._wakers, []
            for waker in wakers:
                waker()
