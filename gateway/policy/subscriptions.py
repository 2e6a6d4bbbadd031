"""Who is subscribed to what, counted as distinct (connection, topic) pairs.

libzmq repeats duplicate subscriptions of one peer but reports a single unsubscription, and the one
that follows a disconnect comes without saying whose it was: it may even be of a peer that was never
counted. It is therefore taken from a holder that is visibly dead, and ignored where there is none;
a sweep finds what the dead have left a moment later. The living never lose what is theirs.
"""

from collections.abc import Callable, Hashable
from itertools import islice
from typing import Final

PAIRS_PER_SWEEP_MAX: Final = 1_000
"""Pairs removed at a stretch: more wait for the next sweep, so that data goes first."""
DEAD_SWEEPS_BEFORE_REMOVAL: Final = 2
"""Sweeps that must find a connection dead: its unsubscriptions may still be on their way."""
REFUSALS_MIN: Final = 100
REFUSALS_SHARE: Final = 20
"""Subscriptions beyond the limit that are refused before their connection is cut off: a twentieth
of the limit, and so many at least."""


def refusals_borne(limit: int) -> int:
    """How many subscriptions beyond a limit are refused before their connection is cut off."""
    return max(REFUSALS_MIN, limit // REFUSALS_SHARE)


class Subscriptions:
    """Every (connection, topic) pair on the data socket.

    Args:
        per_connection_max: Topics of one connection; more are not granted.
    """

    __slots__ = (
        "_by_connection",
        "_by_topic",
        "_dead_sweeps",
        "_dying",
        "_exempt",
        "on_forget",
        "pair_count",
        "per_connection_max",
    )

    def __init__(self, *, per_connection_max: int) -> None:
        self.per_connection_max: Final = per_connection_max
        """Topics of one connection; more are not granted."""
        self._by_topic: dict[bytes, set[Hashable]] = {}
        self._by_connection: dict[Hashable, set[bytes]] = {}
        self._dead_sweeps: dict[Hashable, int] = {}
        self._dying: dict[Hashable, None] = {}
        self._exempt: set[Hashable] = set()
        self.pair_count = 0
        self.on_forget: Callable[[Hashable, bytes], object] = lambda *_: None
        """Told of each pair that is gone."""

    def is_full(self, connection: Hashable, topics_max: int | None = None) -> bool:
        """Whether a connection may not have more topics.

        Args:
            connection: Whose.
            topics_max: How many it may have, where that is not what all may.
        """
        topics_max = self.per_connection_max if topics_max is None else topics_max
        is_many = self.topic_count(connection) >= topics_max
        return is_many and connection not in self._exempt

    def exempt(self, connection: Hashable) -> None:
        """Let a connection have any number of topics: it is a relay's."""
        self._exempt.add(connection)

    def topic_count(self, connection: Hashable) -> int:
        """How many topics a connection is subscribed to."""
        return len(self._by_connection.get(connection, ()))

    def add(self, connection: Hashable, topic: bytes) -> bool:
        """Count a subscription.

        Returns:
            Whether the pair is new; False for a duplicate.
        """
        topics = self._by_connection.setdefault(connection, set())
        if topic in topics:
            return False
        topics.add(topic)
        self._by_topic.setdefault(topic, set()).add(connection)
        self.pair_count += 1
        return True

    def remove(
        self,
        connection: Hashable | None,
        topic: bytes,
        is_alive: Callable[[Hashable], bool],
    ) -> bool:
        """Take a subscription back.

        Args:
            connection: Whose; None when libzmq does not say, which means the peer is gone.
            topic: As it was subscribed.
            is_alive: Whether a connection still exists.

        Returns:
            Whether a pair was removed; False when nobody visibly lost one.
        """
        holders = self._by_topic.get(topic)
        if not holders:
            return False
        if connection is None or (connection not in holders and not is_alive(connection)):
            connection = self._dead_holder(holders, is_alive)
        if connection is None or connection not in holders:
            return False
        self._forget(connection, topic)
        return True

    def sweep(self, is_alive: Callable[[Hashable], bool]) -> list[bytes]:
        """Remove what dead connections left behind, at most `PAIRS_PER_SWEEP_MAX` pairs.

        Returns:
            The topics of the removed pairs, one for each pair.
        """
        left: list[bytes] = []
        for connection in list(self._by_connection):
            if is_alive(connection):
                self._dead_sweeps.pop(connection, None)
                continue
            seen = self._dead_sweeps.get(connection, 0) + 1
            if seen < DEAD_SWEEPS_BEFORE_REMOVAL:
                self._dead_sweeps[connection] = seen
                continue
            room = PAIRS_PER_SWEEP_MAX - len(left)
            for topic in list(islice(self._by_connection[connection], room)):
                left.append(topic)
                self._forget(connection, topic)
        return left

    def holds(self, connection: Hashable, topic: bytes) -> bool:
        """Whether a connection is subscribed to exactly this topic."""
        return topic in self._by_connection.get(connection, ())

    def count(self, topic: bytes) -> int:
        """How many connections are subscribed to exactly this topic."""
        return len(self._by_topic.get(topic, ()))

    def topics(self) -> dict[bytes, int]:
        """Every topic with its number of connections."""
        return {topic: len(holders) for topic, holders in self._by_topic.items()}

    def different_count(self) -> int:
        """How many different topics are subscribed to."""
        return len(self._by_topic)

    def connection_count(self) -> int:
        """How many connections have at least one subscription."""
        return len(self._by_connection)

    def _dead_holder(
        self, holders: set[Hashable], is_alive: Callable[[Hashable], bool]
    ) -> Hashable | None:
        """One of a topic's holders that is dead; None when all live.

        A connection that dies loses all its topics at a stretch: one known to be dying is the
        first to be looked for, because to look at every holder of every topic would take long.
        """
        for connection in self._dying:
            if connection in holders:
                return connection
        found = next((holder for holder in holders if not is_alive(holder)), None)
        if found is not None:
            self._dying[found] = None
        return found

    def _forget(self, connection: Hashable, topic: bytes) -> None:
        holders = self._by_topic[topic]
        holders.discard(connection)
        if not holders:
            del self._by_topic[topic]
        topics = self._by_connection[connection]
        topics.discard(topic)
        if not topics:
            del self._by_connection[connection]
            self._dead_sweeps.pop(connection, None)
            self._dying.pop(connection, None)
            self._exempt.discard(connection)
        self.pair_count -= 1
        self.on_forget(connection, topic)
