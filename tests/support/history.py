"""The history checker: what a consumer of the wire contract may ever see.

Every published (epoch, topic, sequence) is received, or covered by a hole that the consumer
declared; nothing comes twice, nothing goes backwards. What one consumer received in order is
checked by itself; what was published at all is known from a second consumer that was never in
trouble, the reference.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tests.support.intervals import Intervals

REPLAY: Final = 2
BACKFILL: Final = 4
SHOWN_MAX: Final = 10


class Account(NamedTuple):
    """How a consumer's history compares with what was published."""

    published: int
    """Messages of the reference that the consumer should have had."""
    received: int
    """Of those, how many it received, live or by replay."""
    declared: int
    """Of those, how many it declared missing."""


@dataclass(slots=True)
class Run:
    """One topic in one epoch, as one consumer saw it."""

    head: int
    """The highest sequence that is accounted for: the next live message is one more."""
    received: Intervals = field(default_factory=Intervals)
    """Sequences received, live or by replay."""
    declared: Intervals = field(default_factory=Intervals)
    """Sequences that the consumer said it missed."""
    unasked: Intervals = field(default_factory=Intervals)
    """Sequences of times at which the topic was not subscribed."""
    base: int = 0
    """The sequence it joined at: what is above must be received or declared."""
    is_left: bool = False
    """Whether the topic is not subscribed now."""

    @property
    def holes(self) -> Intervals:
        """Sequences neither received nor declared, up to the head."""
        whole = Intervals([(self.base + 1, self.head)])
        return whole.minus(self.received, self.declared, self.unasked)


class History:
    """Checks (epoch, sequence) of each public topic, in the order of reception.

    A hole is a violation until it is declared or replayed. A message with the REPLAY flag counts
    as received once; with BACKFILL it comes from the vendor and has no place in the order. A new
    epoch is a new history and must be greater than the one before.
    """

    def __init__(self) -> None:
        self._runs: dict[str, dict[int, Run]] = {}
        self._last: dict[str, tuple[int, int]] = {}
        self._contents: dict[tuple[str, int, int], int] = {}
        self._wrong: list[str] = []
        self.count = 0
        """Messages checked."""

    @property
    def violations(self) -> list[str]:
        """What was wrong, in words."""
        holes = [
            f"{topic} epoch {epoch}: {first} to {last} missing and not declared"
            for topic, epoch, run in self.runs()
            for first, last in run.holes
        ]
        return self._wrong + holes

    def runs(self) -> Iterator[tuple[str, int, Run]]:
        """Every topic and epoch there is anything of."""
        for topic, epochs in self._runs.items():
            for epoch, run in epochs.items():
                yield topic, epoch, run

    def run_of(self, topic: str, epoch: int) -> Run | None:
        """One topic in one epoch; None when nothing is known of it."""
        return self._runs.get(topic, {}).get(epoch)

    def note(self, topic: str, body: list[Any], content: int | None = None) -> None:
        """Take one message, in the order of reception.

        Args:
            topic: Its topic.
            body: Its msgpack array; the header's first four items are enough.
            content: A checksum of the whole body, for comparison with the reference's.
        """
        epoch, sequence, flags = body[1], body[2], body[3]
        if topic.startswith("~") or flags & BACKFILL:
            return
        self.count += 1
        if flags & REPLAY:
            self._note_replayed(topic, epoch, sequence)
            return
        if content is not None:
            self._contents[topic, epoch, sequence] = content
        run = self._enter(topic, epoch, sequence - 1)
        if sequence <= run.head:
            self._wrong.append(f"{topic} epoch {epoch}: sequence {sequence} after {run.head}")
            return
        if run.is_left:
            run.unasked.add(run.head + 1, sequence - 1)
            run.is_left = False
        run.received.add(sequence, sequence)
        run.head = sequence
        self._last[topic] = (epoch, sequence)

    def _note_replayed(self, topic: str, epoch: int, sequence: int) -> None:
        epochs = self._runs.setdefault(topic, {})
        run = epochs.get(epoch)
        if run is None:
            run = epochs[epoch] = Run(sequence, base=sequence - 1)
        if sequence in run.received:
            self._wrong.append(f"{topic} epoch {epoch}: {sequence} replayed, but received before")
            return
        run.received.add(sequence, sequence)
        run.declared.remove(sequence, sequence)
        run.head = max(run.head, sequence)

    def _enter(self, topic: str, epoch: int, base: int) -> Run:
        """The run a live message or a snapshot belongs to; begun at `base` when it is new."""
        latest = self._last.get(topic, (0, 0))[0]
        if epoch < latest:
            self._wrong.append(f"{topic}: epoch {epoch} after {latest}")
        epochs = self._runs.setdefault(topic, {})
        run = epochs.get(epoch)
        if run is None:
            run = epochs[epoch] = Run(base, base=base)
        return run

    def join(self, topic: str, epoch: int, sequence: int) -> None:
        """A snapshot says where the topic is: what follows begins one above.

        What lies between the last message and the snapshot is missing until it is declared.
        """
        run = self._enter(topic, epoch, sequence)
        if run.is_left:
            run.unasked.add(run.head + 1, sequence)
            run.is_left = False
        run.head = max(run.head, sequence)
        self._last[topic] = (epoch, run.head)

    def declare(self, topic: str, epoch: int, first: int, last: int) -> None:
        """The consumer says that it missed `first` to `last`, both included."""
        run = self._enter(topic, epoch, first - 1)
        if last < first:
            self._wrong.append(f"{topic} epoch {epoch}: empty hole {first} to {last} declared")
        for low, high in run.received.within(first, last):
            self._wrong.append(f"{topic} epoch {epoch}: {low} to {high} declared, but received")
        for low, high in Intervals([(first, last)]).minus(run.received):
            run.declared.add(low, high)
        run.head = max(run.head, last)
        self._last[topic] = (epoch, run.head)

    def forget(self, topic: str) -> None:
        """Begin anew with a topic that was not subscribed for a while."""
        for run in self._runs.get(topic, {}).values():
            run.is_left = True

    def last(self, topic: str) -> tuple[int, int]:
        """The (epoch, sequence) accounted for last; (0, 0) before the first."""
        return self._last.get(topic, (0, 0))

    def check(self) -> None:
        """Fail unless everything was in order and there was something to check."""
        assert self.count, "the history is empty: nothing was proven"
        violations = self.violations
        assert not violations, (len(violations), violations[:SHOWN_MAX])

    def check_against(self, reference: "History", topics: Iterable[str]) -> Account:
        """Fail unless all that was published is received or declared, with the same contents.

        An epoch that ended while the consumer was away needs no declaration of its end: the new
        epoch is one. In the last epoch everything up to the reference's last message counts.

        Args:
            reference: Of a consumer that subscribed earlier and was never in trouble.
            topics: What both have subscribed to.

        Returns:
            How many messages were compared.
        """
        self.check()
        reference.check()
        totals = [0, 0, 0]
        wrong: list[str] = []
        for topic in topics:
            for epoch, published in reference._runs.get(topic, {}).items():
                assert not published.declared, f"the reference itself misses some of {topic}"
                is_last = epoch == reference.last(topic)[0]
                run = self.run_of(topic, epoch)
                if run is None:
                    if is_last:
                        wrong.append(f"{topic} epoch {epoch}: nothing was received")
                    continue
                until = published.head if is_last else min(published.head, run.head)
                due = published.received.within(run.base + 1, until).minus(run.unasked)
                missing = due.minus(run.received, run.declared)
                wrong += [f"{topic} epoch {epoch}: {a} to {b} missing" for a, b in missing]
                totals[0] += due.count
                totals[1] += due.count - due.minus(run.received).count
                totals[2] += due.count - due.minus(run.declared).count
        wrong += self._different_contents(reference)
        assert totals[0], "nothing was published: nothing was proven"
        assert not wrong, (len(wrong), wrong[:SHOWN_MAX])
        return Account(*totals)

    def _different_contents(self, reference: "History") -> list[str]:
        """Messages that have the same number as one of the reference's, and say something else."""
        published = reference._contents
        return [
            f"{topic} epoch {epoch}: {sequence} has other contents"
            for (topic, epoch, sequence), content in self._contents.items()
            if published.get((topic, epoch, sequence), content) != content
        ]
