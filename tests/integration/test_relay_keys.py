"""A relay with keys: its own at the gateway, and its consumers' at itself."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from gateway_client import GatewayClient, Quote

from gateway.clock import SystemClock
from gateway.commands.client_keys import use_keys
from gateway.relay.relay import Relay
from gateway.runtime.doorkeeper import Doorkeeper
from gateway.runtime.key_store import KeyStore
from tests.support.consumer import Consumer, private_topic
from tests.support.keyring import Keyring
from tests.support.relays import CALM, RelayStage
from tests.support.requester import Requester
from tests.support.stage import Stage, simulated, wait_until

pytestmark = pytest.mark.slow


class Pair(NamedTuple):
    """A gateway and a relay before it, each with keys."""

    stage: Stage
    relay: RelayStage
    near: Keyring
    """Of the relay."""
    far: Keyring
    """Of the gateway."""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """The relay is a client of the gateway, and has clients of its own."""
    (tmp_path / "near").mkdir()
    (tmp_path / "far").mkdir()
    near, far = Keyring(tmp_path / "near", "alice", "bob"), Keyring(tmp_path / "far", "relay-1")
    near.add("carol", role="consumer", allow=[{"kinds": ["quote"], "symbols": ["AAPL"]}])
    with simulated(settings=far.settings) as stage:
        ends = stage.gateway.endpoints
        clock = SystemClock()

        async def make() -> Relay:
            return Relay(
                replace(CALM, data=ends["data"], control=ends["control"]),
                clock=clock,
                doors=Doorkeeper(
                    KeyStore(near.directory, clock=clock), next_binds=None, clock=clock
                ),
                use_keys=partial(use_keys, keys=far.keys("relay-1")),
            )

        with RelayStage(stage, stage.run(make())) as relay:
            yield Pair(stage, relay, near, far)


def test_prices_pass_from_key_to_key(pair: Pair) -> None:
    """A consumer knows the relay's key, and the relay the gateway's."""
    relay, near = pair.relay, pair.near
    with GatewayClient(relay.data, relay.control, curve=near.keys("alice")) as client:
        client.subscribe_symbols(["AAPL"], ["quote"])
        assert next(item for item in client if isinstance(item, Quote)).symbol == "AAPL"
        (peer,) = client.get_subscriptions()["peers"]
    assert peer["user"] == "alice"
    with pair.stage.requester(keys=pair.far.keys("relay-1")) as requester:
        peers = requester.result("subscriptions")["peers"]
    assert {peer["user"] for peer in peers} == {"relay-1"}


def test_a_relay_lets_in_its_own_clients_only(pair: Pair) -> None:
    """A gateway's key opens nothing here."""
    for keys in (None, pair.near.stranger(), pair.far.keys("relay-1")):
        with Consumer(pair.relay.data, "sys,heartbeat,", keys=keys) as consumer:
            assert consumer.receive(1.5) is None
    with Consumer(pair.relay.data, "sys,heartbeat,", keys=pair.near.keys("alice")) as consumer:
        assert consumer.receive(5.0) is not None


def test_a_key_that_is_revoked_at_the_relay_is_cut_there(pair: Pair) -> None:
    """And no other consumer of it."""
    near = pair.near
    with (
        Consumer(pair.relay.data, "sys,heartbeat,", keys=near.keys("alice")) as alice,
        Consumer(pair.relay.data, "sys,heartbeat,", keys=near.keys("bob")) as bob,
        Requester(pair.relay.control, keys=near.keys("bob")) as requester,
    ):
        assert alice.receive(5.0) is not None
        assert bob.receive(5.0) is not None
        near.remove("alice")
        wait_until(
            lambda: (
                {peer["user"] for peer in requester.result("subscriptions")["peers"]} == {"bob"}
            ),
            what="alice's end",
        )
        bob.wait_for_beats(2)
        counters = requester.result("metrics")["client_metrics"]["counters"]
    assert counters["connections_revoked"] == 1
    assert counters["handshakes_admitted"] >= 3


def test_a_relay_whose_own_key_is_revoked_says_so(pair: Pair) -> None:
    """Its consumers must learn that prices have stopped, and why."""
    with Requester(pair.relay.control, keys=pair.near.keys("bob")) as requester:
        wait_until(
            lambda: requester.result("health")["ready"], what="a relay that is well", seconds=15.0
        )
        pair.far.remove("relay-1")
        wait_until(
            lambda: (
                {"gateway_silent", "gateway_control_silent"}
                <= {issue["code"] for issue in requester.result("health")["issues"]}
            ),
            what="the issues",
            seconds=15.0,
        )
        pair.far.add("relay-1", pair.far.pairs["relay-1"])
        wait_until(
            lambda: requester.result("health")["ready"], what="a relay that is well", seconds=20.0
        )


def test_a_relay_judges_its_own_clients(pair: Pair) -> None:
    """To the gateway all of them are the relay, which may have everything."""
    near = pair.near
    with (
        Requester(pair.relay.control, keys=near.keys("alice")) as alice,
        Requester(pair.relay.control, keys=near.keys("carol")) as carol,
        Consumer(pair.relay.data, "quote,", keys=near.keys("alice")) as everything,
    ):
        lease = alice.result(
            "subscribe", client="c", symbols=["AAPL", "MSFT"], kinds=["quote"], wait_ms=2000
        )
        topics = ("quote,AAPL,", "quote,MSFT,", "quote,", "")
        with Consumer(pair.relay.data, *topics, keys=near.keys("carol")) as consumer:
            consumer.wait_for_topic("quote,AAPL,")
            private = private_topic("quote,MSFT,")
            consumer.subscribe(private)
            answer = consumer.wait_for_topic(private)
            assert answer.values[:2] == ["refused", "not_entitled"]
            everything.wait_for_topic("quote,MSFT,")
            for _ in consumer.stream(1.0):
                continue
            heard = {m.topic for m in consumer.messages}
            assert heard <= {"quote,AAPL,", private, "sys,heartbeat,", "sys,feed,"}
            peers = alice.result("subscriptions")["peers"]
            (own,) = [peer for peer in peers if peer["user"] == "carol"]
            assert {"quote,MSFT,", "quote,"} <= set(own["not_entitled"])
        wanted = {"client": "c", "symbols": ["MSFT"], "kinds": ["quote"]}
        for method, params in (
            ("subscribe", wanted),
            ("snapshot", {"topics": ["quote,AAPL,", "quote,MSFT,"]}),
            ("why", {"symbol": "MSFT"}),
            ("resync", {"topic": "trade,AAPL,"}),
        ):
            assert carol.error(method, **params)["code"] == "not_entitled", method
        error = carol.error("admin.reconnect", port="level1", reason="test")
        assert error["code"] == "unauthorized"
        assert len(carol.result("snapshot", topics=["quote,AAPL,"])) == 1
        assert {s["symbol"] for s in carol.result("symbols")["symbols"]} == {"AAPL"}
        # Nor is she told who else is there.
        assert carol.result("diagnostics")["clients"] == []
        assert "alice" in str(alice.result("why", symbol="AAPL"))
        assert "alice" not in str(carol.result("why", symbol="AAPL"))
        for method in ("health", "alerts", "errors", "diagnostics"):
            assert "alice" not in str(carol.result(method)), method
        # The same name is another client's, and its leases are not hers.
        assert carol.result("unsubscribe", client="c")["removed"] == 0
        stolen = carol.error("renew", client="c", lease_id=lease["lease_id"])
        assert stolen["code"] == "lease_expired"
        assert alice.result("renew", client="c", lease_id=lease["lease_id"])["expires_us"]
        assert carol.result("subscriptions")["leases"] == []
