"""Which snapshots are asked for, which are awaited, which are overdue. No I/O.

Subscribing to a private topic is the request, the one message on it the answer, unsubscribing the
end. Only so many are outstanding at a time: a peer may hold a limited number of subscriptions, and
the gateway answers a limited number a second (by delaying, never by refusing).
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from gateway_client import topics

OUTSTANDING_MAX: Final = 256
"""Private topics subscribed at a time."""
ANSWER_NS_MAX: Final = 10_000_000_000
"""An answer later than this is asked for again with a fresh nonce, as often as it takes: who was
told of a gap waits for its end."""


@dataclass(slots=True)
class Join:
    """One outstanding request."""

    topic: str
    """The base topic."""
    attempts: int
    """Requests made, this one included."""
    deadline_ns: int
    """Monotonic time at which the answer is overdue."""


class Joins:
    """The requests for snapshots of one data connection."""

    def __init__(self, *, outstanding_max: int = OUTSTANDING_MAX) -> None:
        self._outstanding_max = outstanding_max
        self._waiting: OrderedDict[str, int] = OrderedDict()  # Base topic to attempts made.
        self._outstanding: dict[str, Join] = {}  # By private topic, oldest first.
        self._asked: dict[str, str] = {}  # Base topic to private topic.
        self.requested_count = 0
        self.unanswered_count = 0

    def ask(self, topic: str) -> bool:
        """Want a snapshot of a base topic; asking again before the answer changes nothing.

        An answer that is still outstanding serves later wishes too: it travels behind whatever
        made us wish, so it is newer.

        Returns:
            Whether it was not wanted already.
        """
        if topic in self._asked or topic in self._waiting:
            return False
        self._waiting[topic] = 0
        return True

    def start(self, now_ns: int) -> list[str]:
        """Take the private topics that are to be subscribed now, each with a fresh nonce."""
        started: list[str] = []
        while self._waiting and len(self._outstanding) < self._outstanding_max:
            topic, attempts = self._waiting.popitem(last=False)
            private = f"~{topics.new_nonce()}.{topic}"
            self._outstanding[private] = Join(topic, attempts + 1, now_ns + ANSWER_NS_MAX)
            self._asked[topic] = private
            self.requested_count += 1
            started.append(private)
        return started

    def topic_of(self, private: str) -> str | None:
        """Base topic of an answer that is awaited; None when nobody waits for it any more."""
        join = self._outstanding.get(private)
        return None if join is None else join.topic

    def answered(self, private: str) -> str | None:
        """Note an answer; the caller then unsubscribes from the private topic.

        Returns:
            The base topic, or None when nobody waits for this answer any more.
        """
        join = self._outstanding.pop(private, None)
        if join is None:
            return None
        del self._asked[join.topic]
        return join.topic

    def overdue(self, now_ns: int) -> list[str]:
        """Take the private topics to be given up; their base topics wait for another turn."""
        late: list[str] = []
        for private, join in self._outstanding.items():
            if join.deadline_ns > now_ns:
                break  # The rest were asked later.
            late.append(private)
        for private in late:
            join = self._outstanding.pop(private)
            del self._asked[join.topic]
            self.unanswered_count += 1
            self._waiting.setdefault(join.topic, join.attempts)
        return late

    def forget(self, topic: str) -> str | None:
        """Drop the wish for a base topic; returns the private topic to unsubscribe from, if any."""
        self._waiting.pop(topic, None)
        private = self._asked.pop(topic, None)
        if private is not None:
            del self._outstanding[private]
        return private

    def restart(self) -> None:
        """Begin anew after the data socket was replaced: what was outstanding waits again."""
        for join in self._outstanding.values():
            self._waiting.setdefault(join.topic, 0)
        self._outstanding.clear()
        self._asked.clear()

    def deadline_ns(self) -> int | None:
        """Monotonic time of the next overdue answer."""
        for join in self._outstanding.values():
            return join.deadline_ns
        return None

    @property
    def open_count(self) -> int:
        """Snapshots waited for, asked or not."""
        return len(self._waiting) + len(self._outstanding)
