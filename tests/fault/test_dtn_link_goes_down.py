"""IQConnect runs but has lost its own link to DTN: the socket is up and the data is old."""

import time

import pytest

from tests.support.consumer import SNAPSHOT, STALE
from tests.support.slack import SLACK
from tests.support.stage import simulated

pytestmark = pytest.mark.slow
DETECT_S_MAX = 0.5 * SLACK
RECOVERY_S_MAX = 2.5
SYMBOLS = ("AAPL", "MSFT", "SPY")


def test_symbols_turn_stale_at_once_and_recover() -> None:
    """The vendor's own word is enough; nobody waits for a silence to grow long."""
    with simulated() as stage:
        topics = [f"{kind},{symbol}," for symbol in SYMBOLS for kind in ("quote", "state")]
        consumer = stage.consumer("sys,heartbeat,", "sys,feed,", *topics)
        states = {f"state,{symbol}," for symbol in SYMBOLS}
        consumer.wait_for_all(states, lambda m: m.values[0] == "live", what="live", seconds=5.0)
        consumer.wait_for(
            lambda m: m.topic == "sys,heartbeat," and m.values[0]["degraded"] == [], what="health"
        )
        for _ in range(2):
            cut_s = time.monotonic()
            stage.call(stage.simulator.set_server_connected, False)
            stale = consumer.wait_for_all(
                states,
                lambda m: m.values[:2] == ["stale", "dtn_link_down"],
                what="stale",
                seconds=DETECT_S_MAX,
            )
            quote = consumer.wait_for(
                lambda m: m.kind == "quote" and m.flags & STALE != 0, what="a stale quote"
            )
            assert quote.flags & SNAPSHOT
            beat = consumer.wait_for_topic("sys,heartbeat,")
            assert beat.values[0]["degraded"] == ["dtn_link_down"]
            assert beat.values[0]["upstream"]["level1"] == "streaming"
            back_s = time.monotonic()
            stage.call(stage.simulator.set_server_connected, True)
            live = consumer.wait_for_all(
                states, lambda m: m.values[0] == "live", what="live", seconds=RECOVERY_S_MAX
            )
            print(f"stale after {stale[-1].at_s - cut_s:.3f} s,", end=" ")
            print(f"live {live[-1].at_s - back_s:.3f} s after the link was back")
            consumer.wait_for(
                lambda m: m.kind == "quote" and not m.flags & STALE, what="a fresh quote"
            )
        consumer.history.check()


def test_health_says_what_is_wrong_and_what_to_do() -> None:
    """The person on call must not start with the gateway when IQConnect is the problem."""
    with simulated() as stage:
        consumer = stage.consumer("sys,heartbeat,", "quote,AAPL,")
        consumer.wait_for_beats(1)
        requester = stage.requester()
        assert requester.result("health")["ready"] is True
        stage.call(stage.simulator.set_server_connected, False)
        consumer.wait_for(
            lambda m: m.topic == "sys,heartbeat," and "dtn_link_down" in m.values[0]["degraded"],
            what="trouble",
        )
        health = requester.result("health")
        assert (health["level"], health["ready"], health["live"]) == ("critical", False, True)
        issue = next(i for i in health["issues"] if i["code"] == "dtn_link_down")
        assert "DTN" in issue["hint"]
        assert health["error_message"]
