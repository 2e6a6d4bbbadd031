"""Who begins and ends to hear what, gathered in the feed thread for the report of usage."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from gateway.clock import Clock
from gateway.counters import Counter, Counters
from gateway.policy.usage import ALL, Use
from gateway.wire.topics import TopicName, parse_topic

USES_MAX: Final = 100_000
"""Uses that may wait to be taken; more are counted, not kept."""


@dataclass(frozen=True, slots=True)
class UsageFact:
    """What has been heard since the last one."""

    uses: list[Use]
    """In their order."""


class UsageTap:
    """Notes who hears what; used in the thread that reads subscriptions.

    Args:
        clock: Stamps.
        counters: Of that thread.
        is_on: Whether there are keys, and so users to report.
    """

    def __init__(self, clock: Clock, counters: Counters, *, is_on: bool) -> None:
        self._clock = clock
        self._counters = counters
        self.is_on: Final = is_on
        """Whether anything is noted."""
        self._users: dict[Hashable, str] = {}
        self._uses: list[Use] = []

    def begin(self, connection: Hashable, user: str, topic: bytes, name: TopicName | None) -> None:
        """A connection begins to hear a public topic, or all that begin so."""
        if not self.is_on or not user:
            return
        self._users[connection] = user
        kind, symbol = _subject_of(topic, name)
        self._note(Use(user, kind, symbol, self._clock.utc_us(), 1))

    def end(self, connection: Hashable, topic: bytes) -> None:
        """A connection does not hear a topic any more."""
        user = self._users.get(connection)
        if user is None or topic.startswith(b"~"):
            return
        kind, symbol = _subject_of(topic, parse_topic(topic))
        self._note(Use(user, kind, symbol, self._clock.utc_us(), -1))

    def forget(self, connection: Hashable) -> None:
        """A connection holds nothing any more."""
        self._users.pop(connection, None)

    def touch(self, user: str, name: TopicName) -> None:
        """A user was given a value of a topic, once."""
        if self.is_on and user:
            self._note(Use(user, name.kind.value, name.symbol, self._clock.utc_us(), 0))

    def take(self) -> UsageFact | None:
        """What was noted since the last call; None for nothing."""
        if not self._uses:
            return None
        uses, self._uses = self._uses, []
        return UsageFact(uses)

    def _note(self, use: Use) -> None:
        if use.kind == "sys":
            return
        if len(self._uses) >= USES_MAX:
            self._counters.add(Counter.USAGE_DROPPED)
            return
        self._uses.append(use)


def _subject_of(topic: bytes, name: TopicName | None) -> tuple[str, str]:
    """Kind and symbol of a topic; of a prefix as patterns."""
    if name is not None:
        return name.kind.value, name.symbol
    head, comma, rest = topic.decode("ascii", "backslashreplace").partition(",")
    kind = head.partition("@")[0]
    if not comma:
        return f"{kind}{ALL}" if kind else ALL, ALL
    symbol, end, _ = rest.partition(",")
    return kind, symbol if end else f"{symbol}{ALL}"
