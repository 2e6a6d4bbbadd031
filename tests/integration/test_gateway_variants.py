"""Conflated quotes and summaries over real sockets: slower, complete in value, never stale."""

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.support.consumer import QUOTE, SNAPSHOT, STALE, STATE, Consumer, private_topic
from tests.support.stage import Stage, simulated

pytestmark = pytest.mark.slow
CONFLATED = 8
SECONDS = 4.0
SLACK = 1.3


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A busy market of few symbols."""
    with simulated(rate=3000.0, equity_count=12, trade_share=0.3) as stage:
        yield stage


def test_it_comes_no_more_often_than_asked_and_stands_for_every_update(stage: Stage) -> None:
    """A screen wants four quotes a second, and to know how many it does not see."""
    fast = stage.consumer("quote,AAPL,", "summary,AAPL,")
    slow = stage.consumer("quote@250,AAPL,", "quote@1000,AAPL,", "summary@500,AAPL,")
    fast.wait_for(lambda m: m.topic == "quote,AAPL,", what="quotes")
    slow.wait_for(lambda m: m.topic == "quote@1000,AAPL,", what="conflated quotes")
    begin = len(slow.messages)
    for _ in slow.stream(SECONDS):
        pass
    seen = slow.messages[begin:]
    for topic, interval_s in (
        ("quote@250,AAPL,", 0.25),
        ("quote@1000,AAPL,", 1.0),
        ("summary@500,AAPL,", 0.5),
    ):
        count = sum(1 for m in seen if m.topic == topic)
        assert SECONDS / interval_s / SLACK - 1 <= count <= SECONDS / interval_s * SLACK + 1
    fast.wait_for(lambda m: m.body[4] > seen[-1].body[4], what="everything up to then")
    slow.history.check()
    conflated = [m for m in seen if m.topic == "quote@250,AAPL,"]
    assert all(m.type == QUOTE and m.flags & CONFLATED and m.values[-1] > 1 for m in conflated[1:])
    # Each conflated value is one of the base topic's, and between two of them lie exactly as many
    # updates as the second one says.
    base = {(m.body[4], tuple(m.values[:-1])): at for at, m in enumerate(fast.on("quote,AAPL,"))}
    places = [base[m.body[4], tuple(m.values[:-1])] for m in conflated]
    for at, (before, after) in enumerate(pairwise(places)):
        assert conflated[at + 1].values[-1] == after - before


def test_a_join_is_as_free_of_races_as_any(stage: Stage) -> None:
    """The snapshot of a variant carries the variant's own sequence."""
    for _ in range(20):
        private = private_topic("quote@20,AAPL,")
        with Consumer(stage.gateway.endpoints["data"], "quote@20,AAPL,", private) as consumer:
            answer = consumer.wait_for_topic(private)
            assert answer.type == QUOTE
            assert answer.flags & SNAPSHOT
            after = [consumer.wait_for_topic("quote@20,AAPL,") for _ in range(2)]
            fresh = [m for m in after if m.sequence > answer.sequence]
            assert fresh
            assert fresh[0].sequence == answer.sequence + 1
            consumer.history.check()


def test_it_goes_with_the_last_subscriber_and_its_sequence_never_goes_back(stage: Stage) -> None:
    """A consumer that comes again must not take old numbers for new ones."""
    last = 0
    for _ in range(3):
        with Consumer(stage.gateway.endpoints["data"], "quote@30,MSFT,", "sys,") as consumer:
            first = consumer.wait_for_topic("quote@30,MSFT,")
            assert first.sequence > last
            last = consumer.wait_for_topic("quote@30,MSFT,").sequence
        with Consumer(stage.gateway.endpoints["data"], "sys,heartbeat,") as other:
            other.wait_for_beats(2)
            # Nobody is subscribed any more, so there is nothing to ask.
            answer = other.ask("quote@30,MSFT,")
            assert (answer.type, answer.values[:2]) == (STATE, ["closed", "not_subscribed"])


@pytest.mark.parametrize("topic", ["trade@250,AAPL,", "regional@250,AAPL,", "fundamental@5,AAPL,"])
def test_what_has_no_variants_says_so(stage: Stage, topic: str) -> None:
    """Trades are never conflated; nobody shall wait for a topic that never comes."""
    consumer = stage.consumer("quote,AAPL,")
    consumer.wait_for_topic("quote,AAPL,")
    answer = consumer.ask(topic)
    assert (answer.type, answer.values[:2]) == (STATE, ["refused", "no_depth"])


def test_a_lease_may_be_for_a_variant(stage: Stage) -> None:
    """A strategy's lease names what it listens to."""
    requester = stage.requester()
    result = requester.result(
        "subscribe", client="slow", symbols=["TSLA"], kinds=["quote@250"], wait_ms=2000
    )
    assert [t["topic"] for t in result["topics"]] == ["quote@250,TSLA,"]
    assert result["topics"][0]["state"] == "live"
    consumer = stage.consumer("quote@250,TSLA,")
    consumer.wait_for_topic("quote@250,TSLA,")


def test_staleness_is_told_at_once() -> None:
    """An interval of a minute must not keep a price looking fresh for a minute."""
    with simulated(rate=500.0, equity_count=12) as stage:
        consumer = stage.consumer("quote@60000,AAPL,", "quote,AAPL,", "state,AAPL,")
        consumer.wait_for_state("AAPL", "live", None)
        consumer.wait_for_topic("quote@60000,AAPL,")
        struck_s = time.monotonic()
        stage.call(stage.simulator.set_server_connected, False)
        stale = consumer.wait_for_topic("quote@60000,AAPL,", seconds=2.0)
        assert stale.flags & (SNAPSHOT | STALE) == SNAPSHOT | STALE
        print(f"stale {stale.at_s - struck_s:.3f} s after DTN was lost")
        stage.call(stage.simulator.set_server_connected, True)
        consumer.wait_for_state("AAPL", "live", None)
        consumer.history.check()
