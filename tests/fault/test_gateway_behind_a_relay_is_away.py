"""The gateway behind a relay is restarted, falls silent, or loses the connection."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.simulator import Simulator, SimulatorOptions
from tests.support.consumer import SNAPSHOT, Consumer, private_topic
from tests.support.processes import GatewayProcess
from tests.support.relays import FakeUpstream, RelayStage, before_fake, relayed
from tests.support.stage import Stage, free_ports, open_stage, wait_until

pytestmark = pytest.mark.slow
TOPIC_COUNT = 20_000
CONSUMERS = 2


def topics_of(consumer: int) -> list[str]:
    """One consumer's share of the topics."""
    share = TOPIC_COUNT // CONSUMERS
    return [f"quote,S{number:05}," for number in range(consumer * share, (consumer + 1) * share)]


def test_twenty_thousand_topics_survive_a_reconnection() -> None:
    """With the default queue mark libzmq would bring back half of them and say nothing.

    One queue between consumers and relay is as long as the one between relay and gateway.
    """
    with before_fake() as (relay, upstream):
        for number in range(CONSUMERS):
            relay.consumer(*topics_of(number), private_topic("quote,S00001,"))
        wanted = {f"quote,S{number:05},".encode() for number in range(TOPIC_COUNT)}
        first = upstream.read_until(*(b"\x01" + topic for topic in wanted), seconds=30.0)
        upstream.close()
        with FakeUpstream(upstream.endpoint) as again:
            frames = again.read_until(*first, seconds=30.0)
        # Whoever has read a private topic must have read its data topic before.
        subscriptions = [frame[1:] for frame in frames if frame[:1] == b"\x01"]
        private = [topic.startswith(b"~") for topic in subscriptions]
        answered = [
            p for p, t in zip(private, subscriptions, strict=True) if b"sys,client" not in t
        ]
        assert answered == sorted(answered)


def test_a_silent_gateway_is_connected_to_anew_with_every_topic() -> None:
    """A connection that stands and brings nothing is as good as none; no timer of TCP's ends it."""
    with before_fake() as (relay, upstream):
        relay.consumer(*topics_of(0), private_topic("quote,S00001,"))
        last = b"\x01quote,S09999,"
        first = upstream.read_until(last, seconds=20.0)
        assert first[0] == b"\x01sys,heartbeat,"
        # The old connection's subscriptions end, and all of them come again.
        again = upstream.read_until(last, seconds=20.0)
        new = [frame for frame in again if frame[:1] == b"\x01"]
        assert set(new) >= {frame for frame in first if not frame.startswith(b"\x01~")}
        metrics = relay.requester().result("metrics")
        assert metrics["client_metrics"]["counters"]["upstream_reopened"] >= 1
        assert metrics["topics"]["subscriptions"] == len(topics_of(0)) + 1


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A small lively market."""
    options = SimulatorOptions(
        admin_port=0, level1_port=0, level2_port=0, rate=500.0, equity_count=12
    )
    with open_stage() as stage:
        yield stage.start_simulator(options)


@pytest.fixture
def gateway(simulator: Simulator, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway process."""
    process = GatewayProcess(
        tmp_path, level1_port=simulator.level1_port, admin_port=simulator.admin_port
    )
    with process:
        process.start()
        yield process


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A loop for the relay."""
    with open_stage() as stage:
        yield stage


@pytest.fixture
def relay(stage: Stage, gateway: GatewayProcess) -> Iterator[RelayStage]:
    """A relay before the process."""
    with relayed(stage, data=gateway.data, control=gateway.control) as relay:
        yield relay


def test_after_a_restart_snapshots_come_by_themselves(
    relay: RelayStage, gateway: GatewayProcess
) -> None:
    """A bare SUB behind a relay needs no code for it, as before the gateway itself."""
    private = private_topic("quote,AAPL,")
    consumer = relay.consumer("state,AAPL,", "quote,AAPL,", "sys,heartbeat,")
    consumer.wait_for_state("AAPL", "live", None)
    consumer.subscribe(private)
    before = consumer.wait_for_topic(private)
    assert before.flags & SNAPSHOT
    gateway.kill()
    gateway.start()
    after = consumer.wait_for(
        lambda m: m.topic == private and m.epoch > before.epoch, what="snapshot", seconds=15.0
    )
    assert after.epoch > before.epoch
    fresh = consumer.wait_for(
        lambda m: m.topic == "quote,AAPL," and m.epoch == after.epoch, what="quotes", seconds=15.0
    )
    assert fresh.sequence >= 1
    consumer.history.check()
    requester = relay.requester()
    wait_until(lambda: requester.call("ping")["epoch"] == after.epoch, what="the relay's new epoch")


def test_a_relay_that_is_started_again_is_found_by_its_consumers(
    stage: Stage, gateway: GatewayProcess
) -> None:
    """Libzmq repeats a consumer's subscriptions to the new relay, data before private topics."""
    data, control = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    options = {"data": gateway.data, "control": gateway.control}
    options |= {"bind_data": data, "bind_control": control}
    private = private_topic("quote,AAPL,")
    with Consumer(data, "quote,AAPL,") as consumer:
        with relayed(stage, **options):
            consumer.wait_for_topic("quote,AAPL,")
            consumer.subscribe(private)
            consumer.wait_for_topic(private)
        while consumer.receive(0.0) is not None:
            continue
        # What was published meanwhile is lost, and the sequences say so.
        consumer.history.forget("quote,AAPL,")
        with relayed(stage, **options):
            snapshot = consumer.wait_for_topic(private)
            assert snapshot.flags & SNAPSHOT
            following = consumer.wait_for(
                lambda m: m.topic == "quote,AAPL," and m.sequence > snapshot.sequence, what="quote"
            )
            assert following.sequence == snapshot.sequence + 1
            consumer.history.check()


@pytest.mark.long
def test_a_gateway_that_stops_is_told_by_heartbeats_and_health(
    relay: RelayStage, gateway: GatewayProcess
) -> None:
    """Consumers of a relay watch the same sign of life as all others."""
    consumer = relay.consumer("quote,AAPL,", "sys,heartbeat,")
    consumer.wait_for_beats(2)
    requester = relay.requester()
    assert requester.result("health")["ready"]
    gateway.send_signal(signal.SIGSTOP)
    try:

        def codes() -> set[str]:
            health = requester.result("health")
            assert health["live"]
            return {issue["code"] for issue in health["issues"]}

        wait_until(
            lambda: codes() >= {"gateway_silent", "gateway_control_silent"},
            what="health says that the gateway is silent",
            seconds=10.0,
        )
        health = requester.result("health")
        assert (health["level"], health["ready"]) == ("critical", False)
        assert health["upstream"]["gateway"] == "stale"
        assert "no heartbeat" in health["error_message"]
        while consumer.receive(0.0) is not None:
            continue
        assert consumer.receive(1.5) is None, "nobody speaks in the gateway's place"
        request = {"v": 1, "id": "w", "method": "why", "params": {"symbol": "AAPL"}}
        reply = requester.exchange(request | {"deadline_ms": 500})
        assert (reply["id"], reply["ok"]) == ("w", False)
        assert reply["error"]["code"] == "upstream_down"
        assert reply["error"]["retry_ms"]
        assert "gateway" in reply["error"]["hint"]
    finally:
        gateway.send_signal(signal.SIGCONT)
    consumer.wait_for_beats(2)
    wait_until(
        lambda: requester.result("health")["is_healthy"], what="health is well", seconds=15.0
    )
