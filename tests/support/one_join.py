"""Joins as a bare consumer sees them: what came before a snapshot, and what from it on."""

import contextlib
import random
from typing import Final

from tests.support.consumer import SNAPSHOT, Consumer, Message, private_topic
from tests.support.stage import Stage

SYMBOLS: Final = ("AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "NVDA", "META", "SPY")
KINDS: Final = ("quote", "quote", "trade")

UPDATES_AFTER_SNAPSHOT: Final = 3
"""Enough to see that the sequence goes on where the snapshot stands."""

Join = tuple[str, list[Message], list[Message]]
"""A topic, what came before its snapshot, and the snapshot with what came after."""


def reference_of(stage: Stage) -> Consumer:
    """A consumer at the gateway that has every topic from its beginning."""
    reference = stage.consumer(
        *(f"{kind},{symbol}," for kind in ("quote", "trade") for symbol in SYMBOLS)
    )
    reference.wait_for_all(
        {f"trade,{symbol}," for symbol in SYMBOLS},
        lambda m: m.sequence >= 1,
        what="first trades",
        seconds=10.0,
    )
    return reference


def join_often(
    endpoint: str, reference: Consumer, chance: random.Random, *, count: int, at_once: int
) -> list[Join]:
    """Join topics under load, some at a time, until there were `count` joins."""
    joins: list[Join] = []
    while len(joins) < count:
        for _ in range(chance.randrange(40)):
            reference.receive(1.0)
        with contextlib.ExitStack() as stack:
            begun = []
            for _ in range(at_once):
                topic = f"{chance.choice(KINDS)},{chance.choice(SYMBOLS)},"
                private = private_topic(topic)
                consumer = stack.enter_context(Consumer(endpoint, topic, private))
                begun.append((consumer, topic, private))
            for consumer, topic, private in begun:
                joins.append((topic, *read_join(consumer, topic, private)))
                consumer.history.check()
    return joins


def catch_up(reference: Consumer, joins: list[Join]) -> None:
    """Let the reference read until it has what every join has."""
    heads = {topic: after[-1].sequence for topic, _, after in joins}
    reference.wait_for_all(
        set(heads), lambda m: m.sequence >= heads[m.topic], what="catching up", seconds=10.0
    )


def check_joins(reference: Consumer, joins: list[Join]) -> None:
    """Every join is complete and says what the reference was told."""
    published = {(m.topic, m.sequence): m for m in reference.messages}
    for topic, before, (snapshot, *updates) in joins:
        assert snapshot.flags & SNAPSHOT
        assert all(m.sequence <= snapshot.sequence for m in before), "newer before the snapshot"
        newer = [m.sequence for m in updates if m.sequence > snapshot.sequence]
        assert newer == list(range(snapshot.sequence + 1, snapshot.sequence + 1 + len(newer)))
        assert newer, "no update after the snapshot"
        if snapshot.sequence:
            original = published[topic, snapshot.sequence]
            assert snapshot.values == original.values
            assert snapshot.body[4:6] == original.body[4:6]
        for update in updates:
            assert update.body == published[topic, update.sequence].body
    reference.history.check()


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
