"""One join as a bare consumer sees it: what came before its snapshot, and what from it on."""

from typing import Final

from tests.support.consumer import Consumer, Message

UPDATES_AFTER_SNAPSHOT: Final = 3
"""Enough to see that the sequence goes on where the snapshot stands."""


def read_join(consumer: Consumer, topic: str, private: str) -> tuple[list[Message], list[Message]]:
    """Read one join to its end.

    Returns:
        What came on the base topic before the snapshot, and the snapshot with what came after.
    """
    before: list[Message] = []
    after: list[Message] = []
    for message in consumer.stream(10.0):
        if message.topic == private:
            assert not after, "a snapshot is answered once"
            after.append(message)
        elif message.topic == topic:
            (after if after else before).append(message)
        if len(after) > UPDATES_AFTER_SNAPSHOT:
            return before, after
    raise AssertionError(f"join of {topic} not complete: {len(before)} before, {len(after)} after")
