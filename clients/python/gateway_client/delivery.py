"""The bounded queue between the reader thread and the application.

A fast application gets every message in order. When it is slow and more than `conflate_above`
entries wait, a state message replaces the one of the same topic that still waits (flag CONFLATED,
`merged` added up); when the queue is full, messages are dropped and an `Overrun` stands in their
place. The reader never waits for the application, so the socket is always drained.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Final

from gateway_client.events import Event, Gap, Overrun
from gateway_client.layouts import Items

RESERVE: Final = 1_000
"""Places beyond the capacity for Disconnected, GatewayRestarted and their like."""
_WAIT_SLICE_S: Final = 0.5
"""Longest uninterrupted wait: on Windows a lock cannot be interrupted by Ctrl+C."""


class Slot:
    """One topic's place for a state message that waits in the queue."""

    __slots__ = ("kind", "pending", "symbol", "topic")

    def __init__(self, topic: str, *, kind: str, symbol: str) -> None:
        self.topic = topic
        self.kind = kind
        self.symbol = symbol
        self.pending: Pending | None = None


class Pending:
    """A message on its way to the application, decoded only when it gets there."""

    __slots__ = ("is_snapshot", "is_state", "items", "merged_add", "merged_index", "slot")

    def __init__(
        self,
        slot: Slot,
        items: Items,
        *,
        is_state: bool,
        merged_index: int | None = None,
        is_snapshot: bool = False,
    ) -> None:
        self.slot = slot
        self.items = items
        self.is_state = is_state
        self.merged_index = merged_index
        self.merged_add = 0
        """Updates of the replaced messages."""
        self.is_snapshot = is_snapshot
        """Whether it answers a snapshot request."""

    def replace(self, newer: "Pending") -> None:
        """Take the newer message's value, adding up how many updates it stands for."""
        self.merged_add += newer.merged_add + _merged(self.items, self.merged_index)
        self.items = newer.items
        self.is_snapshot = newer.is_snapshot


def _merged(items: Items, index: int | None) -> int:
    value = items[index] if index is not None and index < len(items) else None
    return value if type(value) is int and value > 0 else 1


class _Lost:
    """An Overrun in the making, at the end of the queue."""

    __slots__ = ("count", "topics")

    def __init__(self) -> None:
        self.count = 0
        self.topics: set[str] = set()
        """Of every message lost here; empty text stands for events that belong to none."""


class DeliveryQueue:
    """Many readers, one writer; every method may be called from any thread.

    Args:
        capacity: Entries that may wait, above 0.
        conflate_above: Entries from which on state messages are conflated.
        on_overrun: Gets the topics of lost messages when the application has reached the place of
            the loss; called in its thread.
    """

    def __init__(
        self,
        *,
        capacity: int,
        conflate_above: int,
        on_overrun: Callable[[Collection[str]], None] | None = None,
    ) -> None:
        self.capacity = capacity
        self._on_overrun = on_overrun
        self._conflate_above = conflate_above
        self._entries: deque[Pending | Event | _Lost] = deque()
        # The lock itself is entered in C, the condition around it in Python: 0.1 µs against 0.4.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting_count = 0
        self._wakers: list[Callable[[], None]] = []
        self._is_closed = False
        self.delivered_count = 0
        self.dropped_count = 0
        self.conflated_count = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_closed(self) -> bool:
        """Whether nothing will be added any more."""
        return self._is_closed

    def extend(self, batch: Iterable[Pending | Event]) -> None:
        """Add a batch in order; never waits."""
        with self._lock:
            for entry in batch:
                if type(entry) is Pending:
                    self._put_message(entry)
                else:
                    self._put_event(entry)  # type: ignore[arg-type]
            self._wake()

    def _put_message(self, entry: Pending) -> None:
        size = len(self._entries)
        if entry.is_state:
            if size >= self._conflate_above and (older := entry.slot.pending) is not None:
                older.replace(entry)
                self.conflated_count += 1
                return
            if size < self.capacity:
                entry.slot.pending = entry
        if size < self.capacity:
            self._entries.append(entry)
        else:
            self._lose(entry.slot.topic)

    def _put_event(self, event: Event) -> None:
        is_common = isinstance(event, Gap)
        if len(self._entries) < self.capacity + (0 if is_common else RESERVE):
            self._entries.append(event)
        else:
            self._lose(event.topic if isinstance(event, Gap) else None)

    def _lose(self, topic: str | None) -> None:
        self.dropped_count += 1
        last = self._entries[-1]
        if type(last) is not _Lost:
            # One place more than the capacity, at most once per entry that does fit.
            last = _Lost()
            self._entries.append(last)
        last.count += 1
        last.topics.add(topic or "")

    def pop(self) -> Pending | Event | None:
        """Take the oldest entry; None when there is none."""
        with self._lock:
            if not self._entries:
                return None
            entry = self._entries.popleft()
            self.delivered_count += 1
            if type(entry) is Pending and entry.slot.pending is entry:
                entry.slot.pending = None
        if type(entry) is _Lost:
            if self._on_overrun is not None:
                self._on_overrun(entry.topics)
            (topic, *others) = entry.topics
            return Overrun(None if others else topic or None, entry.count)
        return entry  # type: ignore[return-value]

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
