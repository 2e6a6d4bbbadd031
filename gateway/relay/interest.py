"""What a relay asks of the gateway: each topic once, however many consumers want it.

A consumer's empty subscription stands for every public kind, so one topic can be wanted for two
reasons; it is taken back when the last of them is gone.
"""

from gateway.wire.topics import grants_of, is_private


class Interest:
    """Topics wanted of the gateway, each with the number of reasons.

    Args:
        own: Topics of the relay itself, wanted as long as it runs; most important first.
    """

    __slots__ = ("_own", "_reasons")

    def __init__(self, *own: bytes) -> None:
        self._own = own
        self._reasons: dict[bytes, int] = dict.fromkeys(own, 1)

    def __len__(self) -> int:
        return len(self._reasons)

    def __contains__(self, topic: bytes) -> bool:
        return topic in self._reasons

    def gain(self, topic: bytes) -> tuple[bytes, ...]:
        """Note that a topic has its first consumer.

        Args:
            topic: As consumers spell it; the empty one stands for all public kinds.

        Returns:
            The topics to subscribe to now.
        """
        new = []
        for wanted in grants_of(topic):
            reasons = self._reasons.get(wanted, 0)
            self._reasons[wanted] = reasons + 1
            if not reasons:
                new.append(wanted)
        return tuple(new)

    def lose(self, topic: bytes) -> tuple[bytes, ...]:
        """Note that a topic has lost its last consumer.

        Args:
            topic: As given to `gain`.

        Returns:
            The topics to take back now.
        """
        gone = []
        for wanted in grants_of(topic):
            reasons = self._reasons[wanted] - 1
            if reasons:
                self._reasons[wanted] = reasons
            else:
                del self._reasons[wanted]
                gone.append(wanted)
        return tuple(gone)

    def in_order(self) -> list[bytes]:
        """Every topic, in the order in which a new connection has to ask for them.

        The relay's own come first: its silence is judged by them. Then data before the private
        topics that ask for its snapshots, as libzmq does by itself when it reconnects.
        """
        others = self._reasons.keys() - set(self._own)
        return [*self._own, *sorted(others, key=lambda topic: (is_private(topic), topic))]
