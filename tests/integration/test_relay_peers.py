"""Relay and gateway know each other, and a relay knows its consumers, the slow ones included."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.control.peer_desk import PeerOptions
from gateway.policy.slow_consumers import SlowRules
from gateway.simulator import SimulatorOptions
from tests.support.consumer import SNAPSHOT, Consumer, private_topic
from tests.support.processes import GatewayProcess
from tests.support.relays import RelayStage, before_fake, relayed
from tests.support.stage import Stage, open_stage, simulated, wait_until

pytestmark = pytest.mark.slow
NONCE = "0123456789abcdef0123"
TOPIC_COUNT, TOPICS_MAX = 250, 100
SECOND_NS = 1_000_000_000


def topics(count: int) -> list[str]:
    """Topics of symbols that need not exist."""
    return [f"quote,S{number:04}," for number in range(count)]


def relay_at(requester: Any) -> dict[str, Any]:
    """The one relay the gateway knows; empty while it knows none."""
    relays = [p for p in requester.result("subscriptions")["peers"] if p["is_relay"]]
    assert len(relays) <= 1
    return relays[0] if relays else {}


def test_the_limits_of_one_consumer_do_not_hold_for_a_relay(tmp_path: Path) -> None:
    """What was refused before the gateway knew it as one is asked for again, after restarts too."""
    data = {"subscriptions_per_connection_max": TOPICS_MAX, "auto_watch": False}
    options = SimulatorOptions(admin_port=0, level1_port=0, level2_port=0, rate=0.0)
    with contextlib.ExitStack() as stack:
        stage = stack.enter_context(open_stage())
        simulator = stage.start_simulator(options)
        gateway = GatewayProcess(
            tmp_path,
            level1_port=simulator.level1_port,
            admin_port=simulator.admin_port,
            settings={"data": data},
        )
        stack.enter_context(gateway).start()
        endpoints = {"data": gateway.data, "control": gateway.control}
        relay = stack.enter_context(relayed(stage, **endpoints))
        relay.consumer(*topics(TOPIC_COUNT))

        def is_complete() -> bool:
            with gateway.requester() as requester:
                known = relay_at(requester)
            # The relay's own two topics beside its consumers'.
            return known.get("subscriptions") == TOPIC_COUNT + 2 and known["client"] == "relay@test"

        wait_until(is_complete, what="all topics granted", seconds=20.0)
        gateway.kill()
        gateway.start()
        # libzmq repeats the topics by their spelling: the relay's own come behind the limit.
        wait_until(is_complete, what="all topics granted after a restart", seconds=30.0)
        requester = relay.requester()
        wait_until(
            lambda: requester.result("health")["upstream"]["gateway"] == "streaming",
            what="heartbeats again",
        )


def test_a_repeated_topic_is_taken_back_all_the_same() -> None:
    """Libzmq counts: what was asked for twice would stay asked for ever."""
    with before_fake() as (relay, upstream):
        consumer = relay.consumer("quote,AAPL,")
        upstream.read_until(b"\x01quote,AAPL,")
        relay.relay._thread.ask(relay.relay._upstream.repeat).result(5.0)
        again = upstream.read_until(b"\x01quote,AAPL,")
        assert b"\x01sys,heartbeat," in again
        consumer.unsubscribe("quote,AAPL,")
        assert upstream.read_until(b"\x00quote,AAPL,") != []


@contextlib.contextmanager
def quick(stage: Stage, **options: Any) -> Iterator[RelayStage]:
    """A relay that is soon impatient with its consumers."""
    rules = SlowRules(
        warn_ns=SECOND_NS // 2,
        clear_ns=SECOND_NS // 4,
        evict_stalled_ns=options.pop("evict_ns", 0),
        evict_lag_ns=0,
    )
    peers = PeerOptions(rules=rules)
    with relayed(stage, peers=peers, send_buffer_bytes=16_384, **options) as relay:
        yield relay


def stopped_consumer(relay: RelayStage) -> Consumer:
    """A consumer that takes everything and reads nothing."""
    consumer = Consumer(relay.data, queue_max=5, buffer_bytes=4_096)
    consumer.subscribe(f"~{NONCE}.sys,client,", "")
    return consumer


def test_a_slow_consumer_is_named_and_may_be_cut_off() -> None:
    """Others read on; an operator sees who it is and can do something about it."""
    with (
        simulated(rate=4_000.0, equity_count=12) as stage,
        quick(stage, is_admin_allowed=True) as relay,
    ):
        reader = relay.consumer("quote,AAPL,", "trade,AAPL,", "sys,heartbeat,")
        requester = relay.requester()
        reader.wait_for_topic("quote,AAPL,")
        with stopped_consumer(relay):
            requester.result(
                "subscribe", client="sleepy", symbols=["AAPL"], kinds=["l1"], data_token=NONCE
            )

            def issues() -> dict[str, str]:
                return {i["code"]: i["message"] for i in requester.result("health")["issues"]}

            wait_until(lambda: "slow_consumers" in issues(), what="it is named", seconds=20.0)
            assert "behind this relay" in issues()["slow_consumers"]
            assert "sleepy" in issues()["slow_consumers"]
            (peer,) = [p for p in requester.result("subscriptions")["peers"] if p["is_slow"]]
            assert peer["client"] == "sleepy"
            assert peer["peer"].startswith("tcp://127.0.0.1:")
            assert peer["backlog_bytes"] > 0
            assert requester.result("metrics")["connections"]["consumers_slow"] == 1
            evicted = requester.result("admin.evict", peer="sleepy", reason="it sleeps")
            assert evicted == {"evicted": 1}
            wait_until(
                lambda: (
                    requester.result("metrics")["client_metrics"]["counters"]["consumers_evicted"]
                    == 1
                ),
                what="it is counted",
            )
        assert requester.result("admin.evict", peer="nobody", reason="x") == {"evicted": 0}
        error = requester.error("admin.evict", peer="x", reason="two\nlines")
        assert error["code"] == "bad_request"
        while reader.receive(0) is not None:
            continue
        reader.history.check()


def test_a_consumer_that_stopped_is_cut_off_by_itself() -> None:
    """It sees a broken connection at once instead of old prices later."""
    with (
        simulated(rate=4_000.0, equity_count=12) as stage,
        quick(stage, evict_ns=SECOND_NS) as relay,
    ):
        reader = relay.consumer("quote,AAPL,", "trade,AAPL,", "sys,heartbeat,")
        requester = relay.requester()
        with stopped_consumer(relay):

            def evicted() -> int:
                counters = requester.result("metrics")["client_metrics"]["counters"]
                return int(counters["consumers_evicted"])

            wait_until(lambda: evicted() >= 1, what="it is cut off", seconds=20.0)
            while reader.receive(0) is not None:
                continue
        reader.history.check()


def test_eviction_is_an_administrators() -> None:
    """Without the setting no program may cut off another."""
    with simulated(rate=0.0) as stage, relayed(stage) as relay:
        error = relay.requester().error("admin.evict", peer="x", reason="y")
        assert error["code"] == "unauthorized"


def test_what_a_client_reports_of_itself_is_shown() -> None:
    """Behind a relay the gateway cannot know whose report it is; the relay can."""
    with simulated(rate=0.0) as stage, relayed(stage) as relay:
        consumer = relay.consumer(f"~{NONCE}.sys,client,", "sys,heartbeat,")
        consumer.wait_for_beats(1)
        requester = relay.requester()
        taken = requester.result(
            "subscribe", client="me", symbols=["AAPL"], kinds=["quote"], data_token=NONCE
        )
        requester.result(
            "renew", client="me", lease_id=taken["lease_id"], data_token=NONCE, received=7, gaps=1
        )
        (peer,) = requester.result("subscriptions", client="me")["peers"]
        assert peer["reported"]["received"] == 7
        assert peer["reported"]["gaps"] == 1


def test_a_consumer_is_bounded_and_told_so_by_hello() -> None:
    """The relay protects itself as the gateway does."""
    with simulated(rate=0.0) as stage, relayed(stage, subscriptions_per_connection_max=10) as relay:
        consumer = relay.consumer(f"~{NONCE}.sys,client,", "sys,heartbeat,", *topics(12))
        consumer.wait_for_beats(1)
        requester = relay.requester()
        hello = requester.result("hello", client="me", data_token=NONCE)
        assert hello["refused_subscriptions"] == 4
        counters = requester.result("metrics")["client_metrics"]["counters"]
        assert counters["subscriptions_refused"] == 4


def test_a_relay_behind_a_relay_serves_consumers_too() -> None:
    """Snapshots are asked for and answered through both; the first does not limit the second."""
    with (
        simulated(rate=500.0, equity_count=12) as stage,
        relayed(stage, subscriptions_per_connection_max=20) as first,
    ):
        endpoints = {"data": first.data, "control": first.control, "name": "second"}
        with relayed(stage, **endpoints) as second:
            consumer = second.consumer("state,AAPL,", "quote,AAPL,", *topics(50))
            consumer.wait_for_state("AAPL", "live", None)
            private = private_topic("quote,AAPL,")
            consumer.subscribe(private)
            assert consumer.wait_for_topic(private).flags & SNAPSHOT
            requester = first.requester()
            wait_until(
                lambda: relay_at(requester).get("subscriptions", 0) >= 54,
                what="the second relay's topics granted by the first",
                seconds=15.0,
            )
            assert relay_at(requester)["client"] == "second"
            with second.requester() as through:
                assert through.result("hello")["gateway_id"] == "test"
                assert through.result("health")["live"]
            consumer.history.check()


def test_every_admin_method_is_an_administrators_at_the_relay_too() -> None:
    """A relay that is locked must not open the gateway behind it."""
    settings = {"security": {"allow_local_admin": True}}
    with simulated(settings=settings) as stage, relayed(stage) as relay:
        requester = relay.requester()
        for method in ("admin.reconnect", "admin.breaker_reset", "admin.evict"):
            error = requester.error(method, reason="by the back door", port="level1", peer="x")
            assert error["code"] == "unauthorized", method
        assert stage.requester().result("admin.evict", peer="x", reason="here") == {"evicted": 0}


def test_tokens_of_many_consumers_survive_a_restart_of_the_gateway(tmp_path: Path) -> None:
    """All of them come back at once, before the relay has said what it is."""
    count = 20
    options = SimulatorOptions(admin_port=0, level1_port=0, level2_port=0, rate=0.0)
    with contextlib.ExitStack() as stack:
        stage = stack.enter_context(open_stage())
        simulator = stage.start_simulator(options)
        gateway = GatewayProcess(
            tmp_path, level1_port=simulator.level1_port, admin_port=simulator.admin_port
        )
        stack.enter_context(gateway).start()
        endpoints = {"data": gateway.data, "control": gateway.control}
        relay = stack.enter_context(relayed(stage, **endpoints))
        tokens = [f"{number:020}" for number in range(count)]
        consumers = [relay.consumer(f"~{token}.sys,client,", "sys,") for token in tokens]

        consumers[0].wait_for_beats(1)
        gateway.kill()
        gateway.start()
        with gateway.requester() as requester:
            lease = requester.result("subscribe", client="one", symbols=["AAPL"], kinds=["quote"])
            # Younger leases are not compared.
            consumers[0].wait_for_beats(4)
            unseen = []
            for token in tokens:
                answer = requester.result(
                    "renew", client="one", lease_id=lease["lease_id"], data_token=token
                )
                unseen += [t for t in answer["missing_subscriptions"] if t.startswith("~")]
            assert unseen == []
