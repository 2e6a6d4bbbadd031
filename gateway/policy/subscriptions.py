"""Who is subscribed to what, counted as distinct (connection, topic) pairs.

libzmq repeats duplicate subscriptions of one peer but reports a single unsubscription, and the one
that follows a disconnect comes without saying whose it was. It is taken from a connection that is
visibly dead; where none is yet, the topic remembers that one of its holders has died. So the number
of pairs per topic, on which demand rests, is right at once, and a sweep finds out later who it was.
"""

from collections.abc import Callable, Hashable
from typing import Final

DEAD_SWEEPS_BEFORE_REMOVAL: Final = 2
"""Sweeps that must find a connection dead: its unsubscriptions may still be on their way."""


class Subscriptions:
    """Every (connection, topic) pair on the data socket.

    Args:
        per_connection_max: Topics of one connection; more are not granted.
    """

    __slots__ = (
        "_by_connection",
        "_by_topic",
        "_dead_sweeps",
        "_per_connection_max",
        "_unplaced",
        "pair_count",
    )

    def __init__(self, *, per_connection_max: int) -> None:
        self._per_connection_max = per_connection_max
        self._by_topic: dict[bytes, set[Hashable]] = {}
        self._by_connection: dict[Hashable, set[bytes]] = {}
        self._dead_sweeps: dict[Hashable, int] = {}
        self._unplaced: dict[bytes, int] = {}
        self.pair_count = 0

    def is_full(self, connection: Hashable) -> bool:
        """Whether a connection may not have more topics."""
        return len(self._by_connection.get(connection, ())) >= self._per_connection_max

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
            Whether a pair was removed; False when the topic has none.
        """
        holders = self._by_topic.get(topic)
        if not holders:
            return False
        if connection is not None and (connection in holders or is_alive(connection)):
            if connection not in holders:
                # A living peer that was refused has nothing to take back.
                return False
            self._forget(connection, topic)
            self.pair_count -= 1
            self._settle_unplaced(topic)
            return True
        dead = next((holder for holder in holders if not is_alive(holder)), None)
        if dead is not None:
            self._forget(dead, topic)
        else:
            self._unplaced[topic] = self._unplaced.get(topic, 0) + 1
        self.pair_count -= 1
        self._settle_unplaced(topic)
        return True

    def sweep(self, is_alive: Callable[[Hashable], bool]) -> list[bytes]:
        """Remove what dead connections left behind.

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
            for topic in list(self._by_connection.get(connection, ())):
                self._forget(connection, topic)
                if self._unplaced.get(topic, 0):
                    # Its loss was counted when it was reported; now we know whose it was.
                    self._take_unplaced(topic)
                else:
                    left.append(topic)
                    self.pair_count -= 1
                self._settle_unplaced(topic)
            self._dead_sweeps.pop(connection, None)
        return left

    def holds(self, connection: Hashable, topic: bytes) -> bool:
        """Whether a connection is subscribed to exactly this topic."""
        return topic in self._by_connection.get(connection, ())

    def count(self, topic: bytes) -> int:
        """How many connections are subscribed to exactly this topic."""
        return len(self._by_topic.get(topic, ())) - self._unplaced.get(topic, 0)

    def topics(self) -> dict[bytes, int]:
        """Every topic with its number of connections."""
        return {topic: self.count(topic) for topic in self._by_topic}

    def connection_count(self) -> int:
        """How many connections have at least one subscription."""
        return len(self._by_connection)

    def _settle_unplaced(self, topic: bytes) -> None:
        """When as many holders have died as are left, it was all of them."""
        holders = self._by_topic.get(topic)
        if holders is not None and len(holders) <= self._unplaced.get(topic, 0):
            for holder in list(holders):
                self._forget(holder, topic)
        if topic not in self._by_topic:
            self._unplaced.pop(topic, None)

    def _take_unplaced(self, topic: bytes) -> None:
        count = self._unplaced[topic] - 1
        if count:
            self._unplaced[topic] = count
        else:
            del self._unplaced[topic]

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
