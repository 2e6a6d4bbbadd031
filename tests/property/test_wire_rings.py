"""Kept events: bounded by count, bytes and age, without a hole, and shared fairly."""

import random
from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.model.messages import Kind
from gateway.wire.envelope import Envelope, Topic
from gateway.wire.rings import AGE_LOOKS, FRAME_OVERHEAD, RingOptions, Rings

SYMBOLS = ("A", "B", "C", "D")
BYTES_MAX = 4_000
FRAMES_MAX = 12
AGE_NS = 8_000_000_000
OPTIONS = RingOptions(bytes_max=BYTES_MAX, frames_max=FRAMES_MAX, age_ns_max=AGE_NS)


class RingMachine(RuleBasedStateMachine):
    """Publishes on a few topics, against lists of everything that was ever published."""

    def __init__(self) -> None:
        super().__init__()
        self.rings = Rings(OPTIONS)
        self.envelope = Envelope(epoch=1, send=lambda _: None, rings=self.rings)
        self.topics = {name: self.envelope.topic(Kind.TRADE, name) for name in SYMBOLS}
        self.sent: dict[str, dict[int, tuple[bytes, int]]] = {name: {} for name in SYMBOLS}
        self.now_ns = 1

    def publish_one(self, name: str, size: int) -> None:
        """Publish a frame of some size as the topic's next."""
        topic = self.topics[name]
        frame = f"{name}{topic.sequence + 1}".encode().ljust(size, b".")
        topic.sequence += 1
        self.rings.keep(topic, frame)
        self.sent[name][topic.sequence] = (frame, self.now_ns)

    @rule(name=st.sampled_from(SYMBOLS), count=st.integers(1, 30), size=st.integers(10, 900))
    def publish(self, name: str, count: int, size: int) -> None:
        """A burst on one topic."""
        for _ in range(count):
            self.publish_one(name, size)

    @rule(name=st.sampled_from(SYMBOLS))
    def discard(self, name: str) -> None:
        """A topic is given up and begins anew behind the floor."""
        self.envelope.discard(self.topics[name])
        self.topics[name] = self.envelope.topic(Kind.TRADE, name)
        self.sent[name] = {}

    @rule(eighths=st.integers(1, 12))
    def wait(self, eighths: int) -> None:
        """Time passes, and the rings are looked at meanwhile."""
        for _ in range(eighths):
            self.now_ns += AGE_NS // AGE_LOOKS
            for _ in range(2):
                self.rings.age(self.now_ns, rings_max=len(SYMBOLS) + 1)

    @rule(name=st.sampled_from(SYMBOLS), first=st.integers(1, 60), length=st.integers(1, 60))
    def read(self, name: str, first: int, length: int) -> None:
        """A range comes back exactly as far as it is kept, byte for byte, without a hole."""
        topic = self.topics[name]
        kept = self.rings.read(topic, first, first + length - 1)
        held = self._held(topic)
        assert kept.oldest_sequence == (topic.sequence - len(held) + 1 if held else None)
        expected = [
            self.sent[name][sequence][0]
            for sequence in range(first, first + length)
            if kept.oldest_sequence is not None
            and kept.oldest_sequence <= sequence <= topic.sequence
        ]
        assert list(kept.frames) == expected
        if expected:
            assert self.sent[name][kept.first_sequence][0] == expected[0]

    @staticmethod
    def _held(topic: Topic) -> "deque[bytes]":
        return topic.ring.frames if topic.ring is not None else deque()

    @invariant()
    def bounds_hold(self) -> None:
        """Bytes are counted exactly and never above what is allowed; so is each topic's count."""
        cost = {
            name: sum(len(frame) + FRAME_OVERHEAD for frame in self._held(topic))
            for name, topic in self.topics.items()
        }
        assert self.rings.bytes == sum(cost.values()) <= BYTES_MAX
        assert all(len(self._held(topic)) <= FRAMES_MAX for topic in self.topics.values())
        assert self.rings.ring_count == sum(1 for value in cost.values() if value)

    @invariant()
    def nothing_old_is_held(self) -> None:
        """What is older than the greatest age, and an eighth or two more, is gone."""
        slack_ns = 3 * AGE_NS // AGE_LOOKS
        for name, topic in self.topics.items():
            for sequence in range(topic.sequence - len(self._held(topic)) + 1, topic.sequence + 1):
                assert self.now_ns - self.sent[name][sequence][1] <= AGE_NS + slack_ns


TestRings = RingMachine.TestCase
TestRings.settings = settings(stateful_step_count=40, max_examples=60)


@given(counts=st.lists(st.integers(1, 600), min_size=2, max_size=30), seed=st.integers(0, 999))
@settings(max_examples=40)
def test_no_topic_is_cut_while_another_holds_more_than_twice_as_much(
    counts: list[int], seed: int
) -> None:
    """A busy symbol must not push out what a consumer of a quiet one may need."""
    budget = 50 * (100 + FRAME_OVERHEAD)
    rings = Rings(RingOptions(bytes_max=budget, frames_max=10_000))
    envelope = Envelope(epoch=1, send=lambda _: None, rings=rings)
    topics = [envelope.topic(Kind.TRADE, f"S{number}") for number in range(len(counts))]
    turns = [topic for topic, count in zip(topics, counts, strict=True) for _ in range(count)]
    random.Random(seed).shuffle(turns)
    for topic in turns:
        topic.sequence += 1
        rings.keep(topic, b"x" * 100)
    held = [len(topic.ring.frames) if topic.ring is not None else 0 for topic in topics]
    cut = [held[at] for at, count in enumerate(counts) if held[at] < count]
    if cut:
        # In whole size classes, and one frame that no class can hold half of.
        assert max(held) <= 4 * max(1, min(cut)) + 1
    assert rings.forgotten == sum(counts) - sum(held)


def test_nothing_is_kept_where_nothing_may_be() -> None:
    """Memory for replay can be switched off."""
    rings = Rings(RingOptions(bytes_max=0))
    envelope = Envelope(epoch=1, send=lambda _: None, rings=rings)
    topic = envelope.topic(Kind.TRADE, "A")
    envelope.publish(topic, (1.0,), flags=0, recv_us=1, event_us=None)
    assert rings.read(topic, 1, 1).frames == ()
    assert rings.bytes == rings.ring_count == 0
