"""What one user may have of a gateway with keys, and what it is told on its own topic."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway_client import GatewayClient, Quote

from tests.support.consumer import Consumer, private_topic
from tests.support.keyring import EVERYTHING, Keyring
from tests.support.processes import run_command
from tests.support.requester import Requester
from tests.support.stage import Stage, simulated, wait_until

pytestmark = pytest.mark.slow
QUOTAS = {
    "connections_max": 2,
    "subscriptions_max": 3,
    "leases_max": 2,
    "symbols_max": 3,
    "requests_per_second_max": 20,
    "snapshots_per_second_max": 5,
    "replay_bytes_per_minute_max": 200,
}
TAILS = 21


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    """An administrator, and bob, who may have little."""
    ring = Keyring(tmp_path, "alice")
    ring.add("bob", role="consumer", allow=EVERYTHING, quotas=QUOTAS)
    return ring


@pytest.fixture
def stage(ring: Keyring, tmp_path: Path) -> Iterator[Stage]:
    """A gateway with keys and a market."""
    settings = {**ring.settings, "state_dir": str(tmp_path / "state")}
    with simulated(settings=settings) as stage:
        yield stage


def counters(requester: Requester) -> dict[str, int]:
    """All counters of a gateway."""
    return dict(requester.result("metrics")["client_metrics"]["counters"])


def test_connections_are_counted_by_user(stage: Stage, ring: Keyring) -> None:
    """One more is cut, and gets in when another leaves."""
    alice = stage.requester(keys=ring.keys("alice"))
    with contextlib.ExitStack() as stack:
        two = [stage.consumer("sys,heartbeat,", keys=ring.keys("bob")) for _ in range(2)]
        for consumer in two:
            consumer.wait_for_topic("sys,heartbeat,")
        third = stack.enter_context(
            Consumer(stage.gateway.endpoints["data"], "sys,heartbeat,", keys=ring.keys("bob"))
        )
        assert third.receive(1.5) is None
        assert counters(alice)["connections_limited"] > 0
        two[0].close()
        third.wait_for_topic("sys,heartbeat,")
        two[1].wait_for_beats(1)


def test_subscriptions_and_leases_are_bounded_by_the_file(stage: Stage, ring: Keyring) -> None:
    """Settings are for those whose file says nothing."""
    bob = stage.requester(keys=ring.keys("bob"))
    consumer = stage.consumer("quote,AAPL,", "quote,MSFT,", "trade,AAPL,", keys=ring.keys("bob"))
    consumer.wait_for_topic("quote,AAPL,")
    consumer.subscribe("summary,AAPL,")
    wait_until(lambda: bob.result("subscriptions")["peers"][0]["refused"] == 1, what="a refusal")
    wanted: dict[str, Any] = {"client": "one", "symbols": ["AAPL", "MSFT"], "kinds": ["quote"]}
    bob.result("subscribe", **wanted)
    # Another name for the client is no other user.
    assert bob.error("subscribe", **{**wanted, "client": "two"})["code"] == "quota_exceeded"
    bob.result("subscribe", **{**wanted, "client": "two", "symbols": ["AAPL"]})
    third = {**wanted, "client": "three", "symbols": ["AAPL"]}
    assert bob.error("subscribe", **third)["code"] == "quota_exceeded"
    alice = stage.requester(keys=ring.keys("alice"))
    assert alice.result("subscribe", **third)["lease_id"]


def test_requests_snapshots_and_replays_are_rationed(stage: Stage, ring: Keyring) -> None:
    """With a promise of when to come back."""
    with stage.requester(keys=ring.keys("bob")) as bob:
        replies = [bob.call("ping") for _ in range(60)]
        refused = [reply["error"] for reply in replies if not reply["ok"]]
        assert len(refused) > 5
        assert {error["code"] for error in refused} == {"rate_limited"}
        time.sleep(refused[-1]["retry_ms"] / 1000)
        assert bob.call("ping")["ok"]
        time.sleep(1.5)
        snapshots = [f"{kind},AAPL," for kind in ("quote", "trade", "summary", "state", "book")]
        bob.result("snapshot", topics=[*snapshots, "quote,MSFT,", "quote,TSLA,"])
        assert bob.error("snapshot", topics=snapshots)["code"] == "rate_limited"
        consumer = stage.consumer("trade,AAPL,", keys=ring.keys("bob"))
        last = consumer.wait_for_topic("trade,AAPL,")
        for _ in range(8):
            last = consumer.wait_for_topic("trade,AAPL,")
        asked: dict[str, Any] = {"topic": "trade,AAPL,", "epoch": last.epoch, "from_sequence": 1}
        assert bob.result("replay", **asked, to_sequence=last.sequence)["bodies"]
        error = bob.error("replay", **asked, to_sequence=last.sequence)
        assert error["code"] == "rate_limited"
        assert error["retry_ms"] > 0


def test_snapshots_of_all_connections_wait_together(stage: Stage, ring: Keyring) -> None:
    """Two connections are not twice as much; nothing is refused."""
    topics = [private_topic("sys,heartbeat,") for _ in range(3)]
    others = [private_topic("sys,heartbeat,") for _ in range(3)]
    with (
        stage.consumer(*topics, keys=ring.keys("bob")) as first,
        stage.consumer(*others, keys=ring.keys("bob")) as second,
    ):
        began_s = time.monotonic()
        for consumer, wanted in ((first, topics), (second, others)):
            consumer.wait_for_all(set(wanted), lambda _: True, what="answers", seconds=8.0)
        assert time.monotonic() - began_s < 8.0
    alice = stage.requester(keys=ring.keys("alice"))
    assert counters(alice)["snapshots_delayed"] >= 1


def test_tails_come_on_a_clients_own_topic(tmp_path: Path) -> None:
    """What everybody is told would name symbols that not everybody may see."""
    ring = Keyring(tmp_path, "alice")
    ring.add("bob", role="consumer", allow=[{"kinds": ["*"], "symbols": ["AAPL", "ZYRX"]}])
    with simulated(settings=ring.settings, rate=5.0, equity_count=10) as stage:
        own = f"~{'b' * 20}.sys,client,"
        alice = stage.consumer("quote,", keys=ring.keys("alice"))
        alices = stage.requester(keys=ring.keys("alice"))
        symbols = ["AAPL", "MSFT", "ZYRX", "AMZN"]
        alices.result("subscribe", client="c", symbols=symbols, kinds=["l1"], wait_ms=2000)
        bob = stage.consumer("sys,heartbeat,", own, "quote,AAPL,", "quote,A", keys=ring.keys("bob"))
        told = [bob.wait_for_topic(own, seconds=20.0)]
        told += [m for m in bob.stream(3.0) if m.topic == own]
        assert {m.type for m in told} == {TAILS}
        assert [m.sequence for m in told] == list(
            range(told[0].sequence, told[0].sequence + len(told))
        )
        named = {topic for m in told for topic in m.values[0]["topics"]}
        assert named == {"quote,AAPL,"}
        last = [m for m in bob.messages if m.topic == "quote,AAPL,"]
        assert told[-1].values[0]["topics"]["quote,AAPL,"] <= last[-1].sequence
        beat = bob.wait_for_topic("sys,heartbeat,")
        assert beat.values[0]["tails_sequence"] == 0
        assert not [m for m in alice.messages if m.topic == "sys,tails,"]


@pytest.mark.long
def test_the_python_client_asks_nothing_twice_for_lack_of_tails(tmp_path: Path) -> None:
    """Who waits for what it may not hear would ask for everything each second."""
    ring = Keyring(tmp_path, "alice")
    ring.add("bob", role="consumer", allow=[{"kinds": ["l1"], "symbols": ["AAPL"]}])
    with simulated(settings=ring.settings) as stage:
        ends = stage.gateway.endpoints
        alice = stage.requester(keys=ring.keys("alice"))
        with GatewayClient(ends["data"], ends["control"], curve=ring.keys("bob")) as client:
            client.subscribe_symbols(["AAPL"], ["quote"])
            assert next(item for item in client if isinstance(item, Quote)).symbol == "AAPL"
            # Figures are a second old.
            time.sleep(2.5)
            before = counters(alice)["snapshots_answered"]
            time.sleep(3.0)
            assert counters(alice)["snapshots_answered"] == before


def test_usage_is_kept_and_summed_up(stage: Stage, ring: Keyring, tmp_path: Path) -> None:
    """Who consumed which symbols when."""
    bob = stage.requester(keys=ring.keys("bob"))
    with stage.consumer("quote,AAPL,", "trade,AAPL,", keys=ring.keys("bob")) as consumer:
        consumer.wait_for_topic("quote,AAPL,")
    everything = stage.consumer("quote,", keys=ring.keys("alice"))
    everything.wait_for(lambda m: m.kind == "quote", what="a quote")
    bob.result("snapshot", topics=["summary,MSFT,"])
    stage.stop_gateway()
    config = tmp_path / "gateway.yaml"
    config.write_text(f"state_dir: {tmp_path / 'state'}\n", encoding="utf-8")
    code, printed = run_command("usage", "--config", str(config), "--json")
    assert code == 0, printed
    report = json.loads(printed.splitlines()[-1])
    rows = {(row["user"], row["symbol"]): row for row in report["rows"]}
    assert rows[("bob", "AAPL")]["kinds"] == ["quote", "trade"]
    assert rows[("bob", "AAPL")]["connections"] == 2
    assert rows[("bob", "MSFT")]["kinds"] == ["summary"]
    assert rows[("alice", "*")]["kinds"] == ["quote"]
    for row in report["rows"]:
        assert row["first_us"] <= row["last_us"]
    code, printed = run_command("usage", "--config", str(config))
    assert code == 0
    assert "bob: 2 symbols" in printed
