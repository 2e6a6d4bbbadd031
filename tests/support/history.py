"""The history checker: what a consumer of the wire contract may ever see on one topic."""

from typing import Any, Final

REPEATED: Final = 2 | 4
"""REPLAY and BACKFILL: the only messages that come with a sequence of the past."""


class History:
    """Checks that (epoch, sequence) of each public topic grows by exactly one.

    Nothing may come twice, nothing backwards, and nothing may be missing; a new epoch is a new
    history and must be greater than the one before.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int]] = {}
        self.count = 0
        """Messages checked."""
        self.violations: list[str] = []
        """What was wrong, in words."""

    def note(self, topic: str, body: list[Any]) -> None:
        """Take one message, in the order of reception."""
        if topic.startswith("~") or body[3] & REPEATED:
            return
        self.count += 1
        epoch, sequence = body[1], body[2]
        before = self._last.get(topic)
        self._last[topic] = (epoch, sequence)
        if before is None:
            return
        if epoch < before[0]:
            self.violations.append(f"{topic} epoch {epoch} after {before[0]}")
        elif epoch == before[0] and sequence != before[1] + 1:
            self.violations.append(f"{topic} sequence {sequence} after {before[1]}")

    def forget(self, topic: str) -> None:
        """Begin anew with a topic that was not subscribed for a while."""
        self._last.pop(topic, None)

    def last(self, topic: str) -> tuple[int, int]:
        """The (epoch, sequence) seen last; (0, 0) before the first."""
        return self._last.get(topic, (0, 0))

    def check(self) -> None:
        """Fail unless everything was in order and there was something to check."""
        assert self.count, "the history is empty: nothing was proven"
        assert not self.violations, self.violations[:10]
