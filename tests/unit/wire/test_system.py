"""The `sys` topics: heartbeat, transitions, farewell, and the announcement of quiet topics."""

from typing import Any

import msgpack
import pytest

from gateway.clock import FakeClock
from gateway.model.enums import MessageType
from gateway.model.messages import Kind
from gateway.model.protocol import TAILS_TOPICS_MAX
from gateway.wire.envelope import Envelope, Topic
from gateway.wire.system import SCAN_SLICES, SystemTopics


class Station:
    """System topics over any number of data topics."""

    def __init__(self, topic_count: int = 1) -> None:
        self.frames: list[bytes] = []
        self.clock = FakeClock()
        self.envelope = Envelope(epoch=1, send=self.frames.append)
        self.topics = [self.envelope.topic(Kind.TRADE, f"S{n}") for n in range(topic_count)]
        self.system = SystemTopics(self.envelope, self.clock, topics=lambda: self.topics)

    def publish(self, *topics: Topic) -> None:
        """Publish one message on each."""
        for topic in topics:
            self.envelope.publish(topic, (), flags=0, recv_us=0, event_us=None)
        self.frames.clear()

    def scan(self, seconds: float) -> list[dict[str, int]]:
        """Scan as often as the feed thread does in that time; the tails announced."""
        self.frames.clear()
        for _ in range(round(seconds * SCAN_SLICES)):
            self.system.scan_tails()
        return [facts["topics"] for name, facts in self.heard() if name == "tails"]

    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        """System messages sent since the frames were last cleared: name and facts."""
        messages = []
        for frame in self.frames:
            kind, name, body = frame.split(b",", 2)
            assert kind == b"sys"
            messages.append((name.decode(), msgpack.unpackb(body)[6]))
        return messages


def test_each_system_message_has_its_type_sequence_and_stamp() -> None:
    """Consumers judge the gateway's life by these: they must be messages like all others."""
    station = Station()
    for _ in range(2):
        station.system.publish(station.system.heartbeat, {"symbols": 3})
        station.clock.advance(seconds=1)
    bodies = [msgpack.unpackb(frame.split(b",", 2)[2]) for frame in station.frames]
    start_us = 1_700_000_000_000_000
    assert bodies == [
        [MessageType.HEARTBEAT, 1, 1, 0, start_us, None, {"symbols": 3}],
        [MessageType.HEARTBEAT, 1, 2, 0, start_us + 1_000_000, None, {"symbols": 3}],
    ]


def test_topics_are_found_by_their_names() -> None:
    """Their snapshots are answered by name; a wrong one would answer with another's value."""
    station = Station()
    for name, topic in station.system.by_name().items():
        assert topic.prefix == f"sys,{name},".encode()


def test_a_transition_names_its_cause_only_when_there_is_one() -> None:
    """A key without a value is left out of every map of the contract."""
    station = Station()
    station.system.announce_feed(
        port="level1", from_state="streaming", to_state="stale", cause="link_silent"
    )
    station.system.announce_feed(
        port="admin", from_state="closed", to_state="streaming", cause=None
    )
    at_us = 1_700_000_000_000_000
    assert station.heard() == [
        (
            "feed",
            {
                "port": "level1",
                "from": "streaming",
                "to": "stale",
                "at_us": at_us,
                "cause": "link_silent",
            },
        ),
        ("feed", {"port": "admin", "from": "closed", "to": "streaming", "at_us": at_us}),
    ]


def test_goodbye_says_why_and_whether_to_wait() -> None:
    """A consumer tells an orderly stop from a crash, and knows whether to keep trying."""
    station = Station()
    station.system.say_goodbye(reason="upgrade", is_resume_expected=True)
    assert station.heard() == [("goodbye", {"reason": "upgrade", "resume_expected": True})]


def test_a_topic_that_goes_quiet_is_announced_once_within_two_scans() -> None:
    """The loss of a burst's last message shows without waiting for the next message."""
    station = Station(40)
    station.publish(station.topics[3], station.topics[3])
    assert station.scan(2) == [{"trade,S3,": 2}]
    assert station.scan(5) == []


def test_a_topic_is_announced_again_after_new_activity() -> None:
    """Each quiet period has its own last message to lose."""
    station = Station(40)
    for sequence in (1, 2):
        station.publish(station.topics[0])
        assert station.scan(2) == [{"trade,S0,": sequence}]


def test_a_topic_that_never_published_is_not_announced() -> None:
    """There is nothing of it to lose; thousands of watched symbols may be silent all day."""
    assert Station(100).scan(3) == []


def test_a_topic_that_only_begins_above_the_floor_is_not_announced() -> None:
    """A sequence that nobody was sent would be reported as a loss by every consumer."""
    station = Station(0)
    station.envelope.floor = 9
    station.topics.append(station.envelope.topic(Kind.TRADE, "NEW"))
    assert station.scan(3) == []
    station.publish(station.topics[0])
    assert station.scan(3) == [{"trade,NEW,": 10}]


def test_a_busy_topic_is_not_announced() -> None:
    """A topic that keeps publishing shows its losses by itself."""
    station = Station(40)
    for _ in range(5):
        station.publish(station.topics[7])
        assert station.scan(0.9) == []


def test_one_message_announces_at_most_500_topics() -> None:
    """The contract bounds the map, so that a reader may refuse a larger one."""
    station = Station(12_000)
    station.publish(*station.topics)
    tails = station.scan(2)
    assert max(len(part) for part in tails) <= TAILS_TOPICS_MAX == 500
    announced = [name for part in tails for name in part]
    assert sorted(announced) == sorted(topic.prefix.decode() for topic in station.topics)


def test_topics_that_come_and_go_between_scans_do_no_harm() -> None:
    """Symbols are opened and evicted while a scan is under way."""
    station = Station(50)
    station.publish(*station.topics)
    station.scan(0.5)
    station.topics.clear()
    assert station.scan(1) is not None
    station.topics.append(station.envelope.topic(Kind.TRADE, "LATE"))
    station.publish(station.topics[0])
    assert {"trade,LATE,": 1} in station.scan(2)


@pytest.mark.parametrize("topic_count", [1, 4, 21])
def test_a_topic_is_not_called_quiet_before_a_second_has_passed(topic_count: int) -> None:
    """A gateway with few symbols must not announce every pause between two trades."""
    station = Station(topic_count)
    station.publish(station.topics[0])
    assert station.scan(0.9) == []
