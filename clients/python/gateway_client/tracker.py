"""What one topic's sequence numbers say: good, gap, restart or repeat. No I/O.

A consumer keeps the last (epoch, sequence) of each topic. The next message of the same epoch has
the next sequence; anything else says that something was lost, repeated or restarted. A snapshot
carries the sequence of the last message published on its topic, so the same pair of numbers says
how the snapshot and the updates around it fit together.
"""

import enum
from typing import Final, NamedTuple

SNAPSHOT: Final = 1
REPLAY: Final = 2
BACKFILL: Final = 4
CONFLATED: Final = 8
_RESENT: Final = REPLAY | BACKFILL


class Verdict(enum.Enum):
    """What to do with the message just observed."""

    GOOD = "good"
    """The next one, or the first ever seen: deliver it."""
    GAP = "gap"
    """Deliver it, and tell that `first_missing` to `last_missing` were lost."""
    RESTART = "restart"
    """Deliver it; the gateway began a new epoch and its sequences start over."""
    REPEAT = "repeat"
    """Already seen, or overtaken by what was: ignore it."""
    REPLAYED = "replayed"
    """Re-sent on purpose with its original sequence: deliver it; the position does not move."""


class Observation(NamedTuple):
    """A verdict with the hole it found."""

    verdict: Verdict
    first_missing: int = 0
    """Sequence of the first lost message; 0 unless the verdict is GAP."""
    last_missing: int = 0
    """Sequence of the last lost message; 0 unless the verdict is GAP."""


_GOOD: Final = Observation(Verdict.GOOD)
_RESTART: Final = Observation(Verdict.RESTART)
_REPEAT: Final = Observation(Verdict.REPEAT)
_REPLAYED: Final = Observation(Verdict.REPLAYED)


class TopicTracker:
    """The position on one topic."""

    __slots__ = ("epoch", "sequence")

    def __init__(self) -> None:
        self.epoch = -1
        """Epoch of the last message, Unix milliseconds; -1 while nothing is known."""
        self.sequence = 0
        """Sequence of the last message."""

    def update(self, epoch: int, sequence: int, flags: int) -> Observation:
        """Observe a message on the topic itself.

        Args:
            epoch: The message's epoch, 0 or more.
            sequence: The message's sequence.
            flags: The message's flags; only REPLAY and BACKFILL matter here. SNAPSHOT does not: on
                the base topic it marks an old value in a new message with a sequence of its own.
        """
        if epoch == self.epoch:
            missing = self.sequence + 1
            if sequence == missing:
                self.sequence = sequence
                return _GOOD
            if sequence > missing:
                self.sequence = sequence
                return Observation(Verdict.GAP, missing, sequence - 1)
            return _REPLAYED if flags & _RESENT else _REPEAT
        if flags & _RESENT and (self.epoch < 0 or epoch < self.epoch):
            return _REPLAYED
        return self._start(epoch, sequence)

    def snapshot(self, epoch: int, sequence: int) -> Observation:
        """Observe the answer on the topic's private snapshot topic.

        It travels down the same pipe as the updates, so a snapshot ahead of the position proves
        that the updates between were lost, and one behind it is out of date.

        Args:
            epoch: The answer's epoch, 0 or more.
            sequence: Sequence of the last message published on the topic, 0 when there was none.

        Returns:
            GAP when updates were lost (the snapshot holds their result), GOOD when it may be
            applied, REPEAT when it must not be, RESTART when it belongs to another epoch.
        """
        if epoch != self.epoch:
            return self._start(epoch, sequence)
        if sequence < self.sequence:
            return _REPEAT
        return self.tail(epoch, sequence)

    def tail(self, epoch: int, sequence: int) -> Observation:
        """Observe an announcement of the last sequence published on the topic.

        Args:
            epoch: The announcement's epoch.
            sequence: The last sequence published.

        Returns:
            GAP when the last messages before the announcement were lost, else GOOD.
        """
        if epoch != self.epoch or sequence <= self.sequence:
            return _GOOD
        missing = self.sequence + 1
        self.sequence = sequence
        return Observation(Verdict.GAP, missing, sequence)

    def _start(self, epoch: int, sequence: int) -> Observation:
        is_first = self.epoch < 0
        self.epoch = epoch
        self.sequence = sequence
        return _GOOD if is_first else _RESTART
