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

    __slots__ = ("_has_value", "_named_count", "_range_count", "_ranges", "count", "topics")

    def __init__(self) -> None:
        self.topics: set[str] = set()
        """Of every message skipped; empty text stands for events that belong to none."""
        self._has_value: set[str] = set()
        self._ranges: dict[tuple[str, int], list[Range]] = {}
        self._range_count = 0
        self._named_count = 0
        self.count = 0
        """Messages, and events of the client that found no room."""

    def add_all(self, entries: Iterable[Pending]) -> None:
        """Note messages that are not delivered, oldest first."""
        runs: dict[Slot, list[int]] = {}
        for entry in entries:
            self.count += 1
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
        if self._add_range(slot.topic, epoch, first, last):
            self._named_count += last - first + 1

    def add_any(self, entry: Pending | Event) -> None:
        """Note what found no room, a message or an event of the client's own."""
        if isinstance(entry, Pending):
            if not entry.is_state:
                self.add_all((entry,))
                return
            self.topics.add(entry.slot.topic)
            self.count += 1 + entry.merged_add
            return
        self.topics.add(entry.topic if isinstance(entry, Gap) else "")
        self.count += 1
        if isinstance(entry, Gap) and entry.is_final:
            # It is the only word on these messages, so it must not vanish.
            first, last = entry.first_missing, entry.last_missing
            self._named_count += self._add_range(entry.topic, entry.epoch, first, last)

    def _add_range(self, topic: str, epoch: int, first: int, last: int) -> bool:
        ranges = self._ranges.setdefault((topic, epoch), [])
        if ranges and ranges[-1][1] + 1 == first:
            ranges[-1] = (ranges[-1][0], last)
        elif self._range_count < RANGES_MAX:
            self._range_count += 1
            ranges.append((first, last))
        else:
            return False
        return True

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
        gaps = [
            Gap(
                topic, first, last, healed=False, epoch=epoch, is_final=topic not in self._has_value
            )
            for (topic, epoch), ranges in self._ranges.items()
            for first, last in joined(ranges)
        ]
        only = next(iter(self.topics)) if len(self.topics) == 1 else ""
        return Overrun(only or None, self.count, self.count - self._named_count), gaps


Entry = Pending | Event | Skipped
"""What the queue holds."""


class Rest(NamedTuple):
    """What a skip leaves."""

    entries: deque[Entry]
    """What still waits, oldest first."""
    skipped: Skipped | None
    """The one among them, if anything was skipped."""
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
        was skipped stands where the first message waited.
    """
    skipped = Skipped()
    kept: list[Pending | Event] = []
    events: list[Pending] = []
    lead: int | None = None
    value_count = merged_count = 0
    for entry in entries:
        if type(entry) is Pending:
            lead = len(kept) if lead is None else lead
            if entry.slot.kind == "sys":
                kept.append(entry)
            elif not entry.is_state:
                events.append(entry)
            elif (newest := entry.slot.pending) is entry or newest is None:
                kept.append(entry)
                value_count += 1
            else:
                newest.stand_for(entry)
                merged_count += 1
        elif type(entry) is Skipped:
            lead = len(kept)
            skipped = entry
        else:
            kept.append(entry)  # type: ignore[arg-type]
    count = skipped.count
    skipped.add_all(events)
    lead = len(kept) if lead is None else lead
    over = [len(kept) - value_count - EVENTS_MAX, value_count - values_max]
    head = _within(kept[:lead], skipped, over)
    tail = _within(kept[lead:], skipped, over)
    dropped_count = skipped.count - count
    if not skipped.count:
        return Rest(deque((*head, *tail)), None, dropped_count, merged_count)
    return Rest(deque((*head, skipped, *tail)), skipped, dropped_count, merged_count)


def _within(
    kept: Iterable[Pending | Event], skipped: Skipped, over: list[int]
) -> list[Pending | Event]:
    """Let go of the oldest events and values there is no room for.

    Args:
        kept: Events and values, oldest first.
        skipped: Gets those.
        over: How many events, and how many values, are to go; counted down.
    """
    left: list[Pending | Event] = []
    for entry in kept:
        is_value = isinstance(entry, Pending) and entry.is_state
        over[is_value] -= 1
        if over[is_value] >= 0:
            skipped.add_any(entry)
            if isinstance(entry, Pending):
                entry.slot.pending = None
        elif isinstance(entry, Gap):
            left += skipped.cut(entry)
        else:
            left.append(entry)
    return left
