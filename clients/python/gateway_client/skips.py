"""What a slow application did not get to read, and how it is told. No I/O.

When the queue is full, everything that waits is skipped but the newest value of each state topic
and the client's own events. What was skipped is kept here, as ranges of sequences, until the
application reads on: it then gets an Overrun and one Gap for each range.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from gateway_client.entries import STATE_TYPE, Pending, Slot
from gateway_client.events import Event, Gap, Overrun
from gateway_client.ranges import Range, joined, without

RANGES_MAX: Final = 1_000
"""Ranges told one by one; what is skipped beyond that is counted by the Overrun."""
EVENTS_MAX: Final = 1_000
"""Events of the client's own that survive a skip."""


class Skipped:
    """Everything skipped since the application last looked."""

    __slots__ = ("_count", "_has_value", "_named_count", "_range_count", "_ranges", "topics")

    def __init__(self) -> None:
        self.topics: set[str] = set()
        """Of every message skipped; empty text stands for events that belong to none."""
        self._has_value: set[str] = set()
        self._ranges: dict[tuple[str, int], list[Range]] = {}
        self._range_count = 0
        self._named_count = 0
        self._count = 0

    def add_all(self, entries: Iterable[Pending]) -> None:
        """Note messages that are not delivered, oldest first."""
        runs: dict[Slot, list[int]] = {}
        for entry in entries:
            self._count += 1
            slot = entry.slot
            if entry.is_snapshot or entry.items[0] == STATE_TYPE:
                self.topics.add(slot.topic)  # An answer: it has no sequence of its own.
                continue
            _, epoch, sequence = entry.items[:3]
            run = runs.get(slot)
            if run is not None:
                if sequence == run[2] + 1 and epoch == run[0]:
                    run[2] = sequence
                    continue
                self._add_run(slot, *run)
            runs[slot] = [epoch, sequence, sequence]
        for slot, run in runs.items():
            self._add_run(slot, *run)

    def _add_run(self, slot: Slot, epoch: int, first: int, last: int) -> None:
        self.topics.add(slot.topic)
        if slot.has_value:
            self._has_value.add(slot.topic)
        self._add_range(slot.topic, epoch, first, last)

    def __bool__(self) -> bool:
        return self._count > 0

    def add_any(self, entry: Pending | Event) -> None:
        """Note what found no room, a message or an event of the client's own."""
        if isinstance(entry, Pending):
            if entry.is_state:
                self._count += 1
                self.topics.add(entry.slot.topic)  # Its newest value is asked for.
            else:
                self.add_all((entry,))
        elif not isinstance(entry, Gap):
            self._count += 1
            self.topics.add("")
        else:
            self.topics.add(entry.topic)
            if entry.is_final:
                # It is the only word on these messages, so it must not vanish.
                first, last = entry.first_missing, entry.last_missing
                self._count += last - first + 1
                self._add_range(entry.topic, entry.epoch, first, last)
            else:
                self._count += 1

    def _add_range(self, topic: str, epoch: int, first: int, last: int) -> None:
        ranges = self._ranges.setdefault((topic, epoch), [])
        if ranges and ranges[-1][1] + 1 == first:
            ranges[-1] = (ranges[-1][0], last)
        elif self._range_count < RANGES_MAX:
            self._range_count += 1
            ranges.append((first, last))
        else:
            return
        self._named_count += last - first + 1

    def cut(self, gap: Gap) -> list[Gap]:
        """Cut what was skipped out of a Gap that still waits: the last word on it is another."""
        taken = self._ranges.get((gap.topic, gap.epoch))
        if not taken or gap.is_final or gap.topic in self._has_value:
            return [gap]
        return [
            Gap(gap.topic, first, last, healed=gap.healed, epoch=gap.epoch)
            for first, last in without((gap.first_missing, gap.last_missing), taken)
        ]

    def told(self) -> tuple[Overrun, list[Gap]]:
        """Spell it: the event that stands for all of it, and one for each range."""
        topic = next(iter(self.topics)) if len(self.topics) == 1 else ""
        gaps = [
            Gap(
                topic, first, last, healed=False, epoch=epoch, is_final=topic not in self._has_value
            )
            for (topic, epoch), ranges in self._ranges.items()
            for first, last in joined(ranges)
        ]
        return Overrun(topic or None, self._count, self._count - self._named_count), gaps


Entry = Pending | Event | Skipped
"""What the queue holds."""


class Rest(NamedTuple):
    """What a skip leaves."""

    entries: deque[Entry]
    """What still waits, oldest first."""
    dropped_count: int
    """Messages and events skipped."""
    merged_count: int
    """State messages that a newer one of their topic stands for now."""


def skip(entries: Iterable[Entry], *, values_max: int) -> Rest:
    """Reduce what waits to what is current.

    Args:
        entries: What waits, oldest first.
        values_max: Values of state topics that may stay; the oldest beyond that are skipped too.

    Returns:
        The client's own events and the gateway's, and the newest value of each state topic. What
        was skipped stands in front of the values, behind events that had come up already.
    """
    skipped = Skipped()
    kept: list[Pending | Event] = []
    events: list[Pending] = []
    value_count = merged_count = 0
    for entry in entries:
        if type(entry) is Skipped:
            skipped = entry
        elif type(entry) is not Pending or entry.slot.kind == "sys":
            kept.append(entry)  # type: ignore[arg-type]
        elif not entry.is_state:
            events.append(entry)
        elif (newest := entry.slot.pending) is entry or newest is None:
            kept.append(entry)
            value_count += 1
        else:
            newest.stand_for(entry)
            merged_count += 1
    skipped.add_all(events)
    dropped_count = len(events)
    values_over = value_count - values_max
    events_over = len(kept) - value_count - EVENTS_MAX
    left: list[Pending | Event] = []
    for entry in kept:
        if type(entry) is Pending and entry.is_state:
            values_over -= 1
            if values_over < 0:
                left.append(entry)
                continue
            entry.slot.pending = None
        else:
            events_over -= 1
            if events_over < 0:
                left += skipped.cut(entry) if isinstance(entry, Gap) else (entry,)
                continue
        skipped.add_any(entry)
        dropped_count += 1
    rest: deque[Entry] = deque(left)
    if skipped:
        at = next((i for i, entry in enumerate(left) if type(entry) is Pending), len(left))
        rest.insert(at, skipped)
    return Rest(rest, dropped_count, merged_count)
