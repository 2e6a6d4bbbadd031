"""Peers that subscribe, repeat themselves, leave in order, vanish, or are never heard of again."""

from collections import Counter
from collections.abc import Hashable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.policy.subscriptions import Subscriptions

ALL_TOPICS = (b"quote,A,", b"quote,AAPL,", b"trade,A,", b"")
TOPICS = st.sampled_from(ALL_TOPICS)
TOPICS_MAX = 3


class SubscriptionsMachine(RuleBasedStateMachine):
    """What peers really hold, against what is counted.

    A death shows at once, and no loss is still on its way when a sweep removes what is left: that
    is what a sweep every second relies on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.subscriptions = Subscriptions(per_connection_max=TOPICS_MAX)
        self.connected = 0
        self.held: dict[int, set[bytes]] = {}
        self.gone: set[tuple[int, bytes]] = set()
        """Pairs of dead peers that are still counted."""
        self.coming: list[bytes] = []
        """Losses still to be read; they say what, and not whose."""
        self.seen_dead: set[int] = set()

    def is_alive(self, connection: Hashable) -> bool:
        """Whether a peer is connected."""
        return connection in self.held

    @rule()
    def connect(self) -> None:
        """Another peer comes."""
        self.connected += 1
        self.held[self.connected] = set()

    @precondition(lambda self: self.held)
    @rule(data=st.data(), topic=TOPICS)
    def subscribe(self, data: st.DataObject, topic: bytes) -> None:
        """A peer subscribes, perhaps to what it has already, as far as it may."""
        peer = data.draw(st.sampled_from(sorted(self.held)))
        is_full = len(self.held[peer]) >= TOPICS_MAX
        assert self.subscriptions.is_full(peer) is is_full
        if not is_full:
            assert self.subscriptions.add(peer, topic) is (topic not in self.held[peer])
            self.held[peer].add(topic)

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data())
    def unsubscribe(self, data: st.DataObject) -> None:
        """A peer takes one of its subscriptions back, under its name."""
        pairs = [(peer, topic) for peer, topics in self.held.items() for topic in sorted(topics)]
        peer, topic = data.draw(st.sampled_from(pairs))
        assert self.subscriptions.remove(peer, topic, self.is_alive)
        self.held[peer].discard(topic)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), is_reported=st.booleans())
    def vanish(self, data: st.DataObject, is_reported: bool) -> None:
        """A peer is gone; its losses will be read later, or never."""
        peer = data.draw(st.sampled_from(sorted(self.held)))
        topics = self.held.pop(peer)
        self.gone |= {(peer, topic) for topic in topics}
        if is_reported:
            self.coming += sorted(topics)

    @precondition(lambda self: self.coming)
    @rule(data=st.data())
    def report(self, data: st.DataObject) -> None:
        """A loss is read: one pair of a dead peer with this topic is gone, whichever."""
        topic = data.draw(st.sampled_from(self.coming))
        self.coming.remove(topic)
        assert self.subscriptions.remove(None, topic, self.is_alive)
        charged = {pair for pair in self.gone if not self.subscriptions.holds(*pair)}
        assert [pair[1] for pair in charged] == [topic]
        self.gone -= charged

    @rule(data=st.data())
    def sweep(self, data: st.DataObject) -> None:
        """What dead peers left is removed at the second look, and named once for each pair."""
        while self.seen_dead and self.coming:
            self.report(data)
        due = {pair for pair in self.gone if pair[0] in self.seen_dead}
        swept = self.subscriptions.sweep(self.is_alive)
        assert Counter(swept) == Counter(topic for _, topic in due)
        self.gone -= due
        self.seen_dead = {peer for peer, _ in self.gone}

    @invariant()
    def the_living_hold_exactly_what_they_asked_for(self) -> None:
        """A consumer must never be cut off by what another one does."""
        for peer, topics in self.held.items():
            for topic in ALL_TOPICS:
                assert self.subscriptions.holds(peer, topic) is (topic in topics)

    @invariant()
    def counts_are_the_living_and_the_dead_not_yet_removed(self) -> None:
        """Demand rests on these numbers; they are never negative and never too small."""
        living = Counter(topic for topics in self.held.values() for topic in topics)
        counted = self.subscriptions.topics()
        assert counted == living + Counter(topic for _, topic in self.gone)
        assert all(count > 0 for count in counted.values())
        assert self.subscriptions.pair_count == sum(counted.values())
        assert all(self.subscriptions.count(topic) == counted.get(topic, 0) for topic in ALL_TOPICS)

    def teardown(self) -> None:
        """When everybody has gone, two sweeps leave nothing."""
        self.held.clear()
        for _ in range(2):
            self.subscriptions.sweep(self.is_alive)
        assert self.subscriptions.topics() == {}
        assert self.subscriptions.connection_count() == 0
        assert self.subscriptions.pair_count == 0


SubscriptionsMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestSubscriptionsMachine = pytest.mark.slow(SubscriptionsMachine.TestCase)
