"""Checks that every topic counts densely, and that every loss of a consumer was given to it."""

from collections import defaultdict
from collections.abc import Callable

from tests.support.world.data_socket import Received, WorldConsumer

STATE_TYPE = 9
SNAPSHOT = 1
REPEATED = 2 | 4


class HistoryCheck:
    """Follows (epoch, sequence) of each topic, as sent and as each consumer received it.

    Args:
        fail: Takes what is wrong, in words.
    """

    def __init__(self, fail: Callable[[str], None]) -> None:
        self._fail = fail
        self._sent: dict[str, tuple[int, int]] = {}
        self._received: dict[int, dict[str, int]] = defaultdict(dict)
        self._dropped: dict[int, set[tuple[str, int]]] = defaultdict(set)
        self.answered = 0
        """Snapshots that consumers joined with."""
        self.drops = 0
        """Frames lost to consumers that did not read."""

    def sent(self, message: Received) -> None:
        """A frame left the gateway."""
        topic, body = message
        if topic.startswith("~") or body[3] & REPEATED:
            return
        epoch, sequence = body[1], body[2]
        before = self._sent.get(topic)
        if before is not None and (epoch, sequence) != (before[0], before[1] + 1):
            self._fail(f"{topic} sent {epoch}/{sequence} after {before}")
        self._sent[topic] = (epoch, sequence)

    def received(self, consumer: WorldConsumer, message: Received) -> None:
        """A consumer read a frame."""
        topic, body = message
        known = self._received[consumer.number]
        if topic.startswith("~"):
            self._join(consumer, topic, body)
            return
        sequence, before = body[2], known.get(topic)
        known[topic] = sequence
        if before is None or sequence == before + 1:
            return
        if sequence <= before:
            self._fail(f"consumer {consumer.number}: {topic} {sequence} after {before}")
            return
        lost = self._dropped[consumer.number]
        for missing in range(before + 1, sequence):
            if (topic, missing) not in lost:
                self._fail(f"consumer {consumer.number}: {topic} {missing} never came")
                return

    def _join(self, consumer: WorldConsumer, topic: str, body: list[object]) -> None:
        """A snapshot's sequence is where the topic goes on: nothing between, nothing twice."""
        base = topic.partition(".")[2]
        if body[0] == STATE_TYPE and not base.startswith("state,"):
            return
        self.answered += 1
        sequence = body[2]
        assert isinstance(sequence, int)
        known = self._received[consumer.number]
        name = base.encode("ascii")
        if not any(name.startswith(prefix) for prefix in consumer.topics):
            # It asks without following: each answer stands for itself.
            return
        before = known.get(base)
        if before is not None and sequence != before:
            self._fail(f"{topic} answers {sequence}, {base} had come to {before}")
        known[base] = sequence

    def dropped(self, consumer: WorldConsumer, message: Received) -> None:
        """A frame found a consumer's queue full."""
        topic, body = message
        self.drops += 1
        if not topic.startswith("~"):
            self._dropped[consumer.number].add((topic, body[2]))

    def forget(self, consumer: WorldConsumer, topic: str) -> None:
        """A consumer took its subscription back."""
        self._received[consumer.number].pop(topic, None)
