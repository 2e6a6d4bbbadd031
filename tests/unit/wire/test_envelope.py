"""Sequences and last values, seen through the frames a consumer would receive."""

from typing import Any

import msgpack
import pytest

from gateway.model.enums import Flag, MessageType
from gateway.model.messages import KIND_TYPES, SYS_NAMES, Kind, Quote
from gateway.wire.envelope import HEADER_ITEMS, Envelope, Topic

EPOCH = 1_700_000_000_000
VALUES = (1.5, 100, 1.75, 200, None, None, 5, 11, 1)


class Wire:
    """An envelope and the frames it sent."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.envelope = Envelope(epoch=EPOCH, send=self.frames.append)

    def publish(self, topic: Topic, *, flags: int = 0, event_us: int | None = 7) -> None:
        """Publish the same values again."""
        self.envelope.publish(topic, VALUES, flags=flags, recv_us=1_000, event_us=event_us)

    def bodies(self) -> list[list[Any]]:
        """Every body sent so far."""
        return [msgpack.unpackb(frame.split(b",", 2)[2]) for frame in self.frames]


@pytest.fixture
def wire() -> Wire:
    """A fresh gateway run."""
    return Wire()


def test_a_frame_is_the_topic_and_one_array(wire: Wire) -> None:
    """A consumer in any language splits at two commas and unpacks the rest."""
    wire.publish(wire.envelope.topic(Kind.QUOTE, "AAPL"), flags=8)
    assert wire.frames[0].startswith(b"quote,AAPL,")
    (body,) = wire.bodies()
    assert body == [MessageType.QUOTE, EPOCH, 1, 8, 1_000, 7, *VALUES]
    assert len(body) == len(Quote._fields)
    assert wire.envelope.messages == 1


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.SYS])
def test_the_type_follows_from_the_kind(wire: Wire, kind: Kind) -> None:
    """Readers dispatch on the number; a wrong one is a message read as another."""
    assert wire.envelope.topic(kind, "AAPL").type == KIND_TYPES[kind]


@pytest.mark.parametrize("name", list(SYS_NAMES))
def test_the_type_of_a_system_topic_follows_from_its_name(wire: Wire, name: str) -> None:
    """All of them share the kind; only the name tells them apart."""
    assert wire.envelope.topic(Kind.SYS, name).type == SYS_NAMES[name]


def test_sequences_are_dense_and_each_topic_has_its_own(wire: Wire) -> None:
    """A hole means a loss to every consumer, so there must be none."""
    topics = [wire.envelope.topic(Kind.QUOTE, name) for name in ("A", "AAPL")]
    for _ in range(3):
        for topic in topics:
            wire.publish(topic)
    assert [body[2] for body in wire.bodies()] == [1, 1, 2, 2, 3, 3]


def test_a_topic_made_after_a_discard_continues_above_the_floor(wire: Wire) -> None:
    """A topic that comes back must not look like a repeat to whoever saw it before."""
    old = wire.envelope.topic(Kind.QUOTE, "OLD")
    for _ in range(5):
        wire.publish(old)
    wire.envelope.discard(old)
    again = wire.envelope.topic(Kind.QUOTE, "OLD")
    wire.publish(again)
    assert wire.bodies()[-1][2] == 6


def test_the_floor_never_goes_back(wire: Wire) -> None:
    """Discarding a quiet topic after a busy one must not lower where others begin."""
    busy, quiet = (wire.envelope.topic(Kind.QUOTE, name) for name in ("BUSY", "QUIET"))
    for _ in range(5):
        wire.publish(busy)
    wire.publish(quiet)
    wire.envelope.discard(busy)
    wire.envelope.discard(quiet)
    assert wire.envelope.floor == 5
    assert wire.envelope.topic(Kind.QUOTE, "NEW").sequence == 5


def test_a_repeat_is_the_next_message_flagged_as_old(wire: Wire) -> None:
    """A consumer of the data topic alone learns that its price is no longer fresh."""
    topic = wire.envelope.topic(Kind.QUOTE, "AAPL")
    wire.publish(topic, event_us=77)
    assert wire.envelope.repeat(topic, flags=int(Flag.STALE), recv_us=2_000)
    first, second = wire.bodies()
    assert second == [*first[:2], 2, Flag.SNAPSHOT | Flag.STALE, 2_000, 77, *VALUES]


def test_nothing_is_repeated_before_the_first_value(wire: Wire) -> None:
    """A message of nils would be taken for a vanished market."""
    topic = wire.envelope.topic(Kind.QUOTE, "AAPL")
    assert not wire.envelope.repeat(topic, flags=0, recv_us=2_000)
    assert not wire.frames
    assert topic.sequence == 0


def test_a_snapshot_carries_the_last_sequence_and_the_flag(wire: Wire) -> None:
    """Updates above that sequence are applied to it; any other number loses or repeats one."""
    topic = wire.envelope.topic(Kind.QUOTE, "AAPL")
    wire.publish(topic)
    wire.publish(topic, flags=int(Flag.DELAYED))
    body = wire.envelope.snapshot_body(topic, items=len(Quote._fields), recv_us=9)
    assert list(body) == [1, EPOCH, 2, Flag.DELAYED | Flag.SNAPSHOT, 1_000, 7, *VALUES]
    assert topic.sequence == 2, "a snapshot is no message of its topic"
    assert topic.last is not None
    assert not topic.last[3] & Flag.SNAPSHOT, "the kept value stays what it was"


def test_a_snapshot_without_a_value_has_the_layout_and_nils(wire: Wire) -> None:
    """A reader decodes it like any other: sequence 0, nothing known."""
    topic = wire.envelope.topic(Kind.QUOTE, "AAPL")
    body = wire.envelope.snapshot_body(topic, items=len(Quote._fields), recv_us=9)
    assert body == (1, EPOCH, 0, Flag.SNAPSHOT, 9, None, *[None] * 9)
    assert len(body) == HEADER_ITEMS + 9


def test_a_snapshot_above_the_floor_carries_the_floor(wire: Wire) -> None:
    """The update that follows is then the next one, and no loss is seen where none was."""
    wire.envelope.floor = 9
    topic = wire.envelope.topic(Kind.QUOTE, "NEW")
    assert wire.envelope.snapshot_body(topic, items=len(Quote._fields), recv_us=9)[2] == 9
    wire.publish(topic)
    assert wire.bodies()[-1][2] == 10


def test_a_private_answer_has_no_sequence_of_its_own(wire: Wire) -> None:
    """It must arrive under exactly the topic asked for and leave the base topic untouched."""
    topic = wire.envelope.topic(Kind.QUOTE, "AAPL")
    wire.publish(topic)
    prefix = b"~0123456789abcd.quote,AAPL,"
    body = wire.envelope.snapshot_body(topic, items=len(Quote._fields), recv_us=9)
    wire.envelope.send_private(prefix, body)
    assert wire.frames[-1].startswith(prefix)
    assert msgpack.unpackb(wire.frames[-1][len(prefix) :]) == list(body)
    assert wire.envelope.messages == 2
    wire.publish(topic)
    assert wire.bodies()[-1][2] == 2
