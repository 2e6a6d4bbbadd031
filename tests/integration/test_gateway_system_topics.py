"""The gateway's own topics: signs of life, and announcements that make the last loss visible."""

import time

import pytest

from tests.support.stage import simulated

pytestmark = pytest.mark.slow
HEARTBEAT_KEYS = {
    "gateway_id",
    "version",
    "now_us",
    "uptime_s",
    "upstream",
    "symbols",
    "clients",
    "degraded",
    "tails_sequence",
}


def test_a_heartbeat_comes_every_second_with_its_facts() -> None:
    """Three missed heartbeats are how a consumer notices that its gateway is gone."""
    with simulated() as stage:
        consumer = stage.consumer("sys,heartbeat,", "quote,AAPL,")
        first, *_, last = beats = consumer.wait_for_beats(4)
        assert [m.sequence for m in beats] == [first.sequence + i for i in range(4)]
        assert 2.7 < last.at_s - first.at_s < 3.3
        (facts,) = last.values
        assert set(facts) == HEARTBEAT_KEYS
        assert facts["gateway_id"] == "test"
        assert facts["upstream"] == {
            "level1": "streaming",
            "admin": "streaming",
            "level2": "closed",
        }, "nobody has asked for depth"
        assert (facts["symbols"], facts["clients"], facts["degraded"]) == (1, 1, [])
        assert abs(facts["now_us"] / 1e6 - time.time()) < 1.0
        assert last.body[4] == pytest.approx(facts["now_us"], abs=100_000)
        assert last.body[5] is None


def test_the_last_sequence_is_announced_when_a_topic_falls_quiet() -> None:
    """The loss of the last message of a burst shows although no next one comes."""
    with simulated(rate=0.0) as stage:
        consumer = stage.consumer("sys,tails,", "sys,heartbeat,", "quote,AAPL,", "state,AAPL,")
        quote = consumer.wait_for_topic("quote,AAPL,")
        tails = consumer.wait_for(
            lambda m: m.topic == "sys,tails," and "quote,AAPL," in m.values[0]["topics"],
            what="tail of quote,AAPL,",
            seconds=3.0,
        )
        print(f"announced {tails.at_s - quote.at_s:.2f} s after the last quote")
        assert tails.at_s - quote.at_s < 2.2
        assert tails.values[0]["topics"]["quote,AAPL,"] == quote.sequence
        beats = consumer.wait_for_beats(3)
        announced = consumer.on("sys,tails,")
        assert beats[-1].values[0]["tails_sequence"] == announced[-1].sequence
        times = sum("quote,AAPL," in m.values[0]["topics"] for m in announced)
        assert times == 1, "announced once per quiet period"


def test_feed_transitions_are_told() -> None:
    """An operator's screen shows when and why prices stopped without polling anything."""
    with simulated(rate=0.0) as stage:
        consumer = stage.consumer("sys,feed,", "sys,heartbeat,")
        consumer.wait_for_beats(1)
        stage.run(stage.simulator.drop_level1_clients())
        down = consumer.wait_for_topic("sys,feed,")
        (facts,) = down.values
        assert facts.keys() == {"port", "from", "to", "at_us", "cause"}
        assert (facts["port"], facts["from"], facts["to"], facts["cause"]) == (
            "level1",
            "streaming",
            "closed",
            "iqconnect_down",
        )
        up = consumer.wait_for(
            lambda m: m.topic == "sys,feed," and m.values[0]["to"] == "streaming", what="recovery"
        )
        assert "cause" not in up.values[0]
        consumer.history.check()


def test_a_system_topic_answers_its_last_value() -> None:
    """A monitor that joins late sees the gateway's state at once."""
    with simulated(rate=0.0) as stage:
        consumer = stage.consumer("sys,heartbeat,")
        (beat,) = consumer.wait_for_beats(1)
        answer = consumer.ask("sys,heartbeat,")
        assert answer.values == beat.values
        assert answer.sequence == beat.sequence
