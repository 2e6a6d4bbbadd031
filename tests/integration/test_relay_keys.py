"""A relay with keys: its own at the gateway, and its consumers' at itself."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from gateway_client import GatewayClient, Quote

from gateway.clock import SystemClock
from gateway.commands.client_keys import use_keys
from gateway.commands.usage_report import report_of
from gateway.relay.relay import Relay
from gateway.runtime.doorkeeper import Doorkeeper
from gateway.runtime.key_store import KeyStore
from tests.support.consumer import Consumer, private_topic
from tests.support.keyring import Keyring
from tests.support.relays import CALM, RelayStage
from tests.support.requester import Requester
from tests.support.stage import Stage, simulated, wait_until

pytestmark = pytest.mark.slow

TAILS = 21


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
    near, far = rings(tmp_path)
    for ring in (near, far):
        ring.add("carol", role="consumer", allow=[{"kinds": ["quote"], "symbols": ["AAPL"]}])
    near.add("dave", quotas={"snapshots_per_second_max": 5, "replay_bytes_per_minute_max": 1_000})
    with simulated(settings=far.settings) as stage, keyed(stage, near, far) as relay:
        yield Pair(stage, relay, near, far)


def rings(folder: Path) -> tuple[Keyring, Keyring]:
    """The keys of a relay, and those of a gateway that lets the relay in."""
    for name in ("near", "far"):
        (folder / name).mkdir()
    return Keyring(folder / "near", "alice", "bob"), Keyring(folder / "far", "relay-1")


@contextlib.contextmanager
def keyed(
    stage: Stage, near: Keyring | None, far: Keyring | None, **options: Any
) -> Iterator[RelayStage]:
    """A relay with keys of its own, keys at the gateway, or both."""
    ends = stage.gateway.endpoints
    clock = SystemClock()

    async def make() -> Relay:
        store = None if near is None else KeyStore(near.directory, clock=clock)
        return Relay(
            replace(CALM, data=ends["data"], control=ends["control"], **options),
            clock=clock,
            doors=Doorkeeper(store, next_binds=None, clock=clock) if store is not None else None,
            use_keys=partial(use_keys, keys=None if far is None else far.keys("relay-1")),
        )

    with RelayStage(stage, stage.run(make())) as relay:
        yield relay


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
        for method, params in (
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


def test_a_lease_behind_a_relay_is_taken_on_what_may_be_had(pair: Pair) -> None:
    """What may not is told by symbol and kind, word for word as at the gateway itself."""
    wanted: dict[str, Any] = {
        "client": "c",
        "symbols": ["AAPL", "MSFT", "bad;one"],
        "kinds": ["quote", "trade"],
        "wait_ms": 2000,
    }
    with pair.stage.requester(keys=pair.far.keys("carol")) as direct:
        expected = direct.result("subscribe", **wanted)
    with Requester(pair.relay.control, keys=pair.near.keys("carol")) as carol:
        told = carol.result("subscribe", **wanted)
        assert by_name(told["rejected"]) == by_name(expected["rejected"])
        assert [r["code"] for r in by_name(told["rejected"])] == ["not_entitled", "symbol_invalid"]
        states = [(t["topic"], t["state"], t["cause"]) for t in told["topics"]]
        assert sorted(states) == sorted(
            (t["topic"], t["state"], t["cause"]) for t in expected["topics"]
        )
        assert ("trade,AAPL,", "refused", "not_entitled") in states
        with Consumer(pair.relay.data, "quote,AAPL,", keys=pair.near.keys("carol")) as consumer:
            consumer.wait_for_topic("quote,AAPL,")
        assert carol.result("renew", client="c", lease_id=told["lease_id"])["expires_us"]
        nothing = carol.result("subscribe", **{**wanted, "symbols": ["MSFT"]})
        assert nothing["lease_id"] is None
        assert [r["code"] for r in nothing["rejected"]] == ["not_entitled"]
    with Requester(pair.relay.control, keys=pair.near.keys("alice")) as alice:
        leases = alice.result("subscriptions")["leases"]
        assert {symbol for lease in leases for symbol in lease["symbols"]} == {"AAPL"}


def test_a_users_quotas_hold_behind_a_relay(pair: Pair) -> None:
    """The gateway counts what all of a relay's clients ask for together."""
    with (
        Consumer(pair.relay.data, "trade,AAPL,", keys=pair.near.keys("alice")) as consumer,
        Requester(pair.relay.control, keys=pair.near.keys("alice")) as alice,
        Requester(pair.relay.control, keys=pair.near.keys("dave")) as dave,
    ):
        alice.result("subscribe", client="c", symbols=["AAPL"], kinds=["trade"], wait_ms=2000)
        epoch = consumer.wait_for_topic("trade,AAPL,").epoch
        wanted: dict[str, Any] = {
            "topic": "trade,AAPL,",
            "epoch": epoch,
            "from_sequence": 1,
            "to_sequence": 5_000,
        }

        def is_enough() -> bool:
            reply = dave.call("replay", **wanted)
            return not reply["ok"] and reply["error"]["code"] == "rate_limited"

        wait_until(is_enough, what="a thousand bytes are sent again")
        topics = [f"quote@{ms},AAPL," for ms in range(100, 150)]
        assert len(dave.result("snapshot", topics=topics)) == len(topics)
        refused = dave.error("snapshot", topics=topics[:1])
        assert (refused["code"], refused["retry_ms"] > 1_000) == ("rate_limited", True)
        # They are one user's: nobody else waits.
        assert alice.result("replay", **wanted)["bodies"]
        assert len(alice.result("snapshot", topics=topics)) == len(topics)


def test_a_relay_reports_what_each_of_its_users_had(tmp_path: Path) -> None:
    """To the gateway all of it was the relay's; exchanges ask for persons."""
    near, far = rings(tmp_path)
    with (
        simulated(settings=far.settings) as stage,
        keyed(stage, near, far, usage_dir=tmp_path) as relay,
        Consumer(relay.data, "trade,AAPL,", keys=near.keys("alice")) as consumer,
        Requester(relay.control, keys=near.keys("alice")) as alice,
        Requester(relay.control, keys=near.keys("bob")) as bob,
    ):
        alice.result("subscribe", client="c", symbols=["AAPL"], kinds=["trade"], wait_ms=2000)
        consumer.wait_for_topic("trade,AAPL,")
        bob.result("snapshot", topics=["quote,MSFT,"])
        counters = bob.result("metrics")["client_metrics"]["counters"]
        assert counters["usage_dropped"] == 0
    report = report_of(tmp_path, None)
    had = {
        (row["user"], row["symbol"]): (row["kinds"], row["connections"]) for row in report["rows"]
    }
    assert had == {("alice", "AAPL"): (["trade"], 1), ("bob", "MSFT"): (["quote"], 0)}


def by_name(rejected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries of `rejected` in one order."""
    return sorted(rejected, key=lambda entry: str(entry["symbol"]))


def test_what_the_gateway_denies_the_relay_is_told_by_symbol(tmp_path: Path) -> None:
    """The relay's own key may be a narrow one: what it has is served, the rest is refused."""
    near, far = rings(tmp_path)
    far.add("relay-1", role="consumer", relay=True, allow=[{"kinds": ["l1"], "symbols": ["AAPL"]}])
    with simulated(settings=far.settings) as stage, keyed(stage, near, far) as relay:
        keys = near.keys("alice")
        with Requester(relay.control, keys=keys) as alice:
            told = alice.result(
                "subscribe", client="c", symbols=["AAPL", "MSFT"], kinds=["quote"], wait_ms=2000
            )
            assert [(r["symbol"], r["code"]) for r in told["rejected"]] == [
                ("MSFT", "not_entitled")
            ]
            private = private_topic("quote,MSFT,")
            with Consumer(relay.data, "quote,AAPL,", "quote,MSFT,", private, keys=keys) as one:
                assert one.wait_for_topic(private).values[:2] == ["refused", "not_entitled"]
                one.wait_for_topic("quote,AAPL,")
                assert not [m for m in one.messages if m.topic == "quote,MSFT,"]


@pytest.mark.parametrize("way", ["both", "a narrow relay", "the relay alone", "the gateway alone"])
@pytest.mark.long
def test_tails_come_on_a_clients_own_topic_behind_a_relay(tmp_path: Path, way: str) -> None:
    """About what it hears, and nothing else; and no heartbeat promises others."""
    near, far = rings(tmp_path)
    narrow = [{"kinds": ["*"], "symbols": ["AAPL", "ZYRX"]}]
    near.add("carol", role="consumer", allow=narrow)
    if way in ("a narrow relay", "the gateway alone"):
        far.add("relay-1", role="consumer", relay=True, allow=narrow)
    far.add("root")
    has_near, has_far = way != "the gateway alone", way != "the relay alone"
    settings = far.settings if has_far else None
    own = f"~{'c' * 20}.sys,client,"
    with (
        simulated(settings=settings, rate=5.0, equity_count=10) as stage,
        keyed(stage, near if has_near else None, far if has_far else None) as relay,
        stage.requester(keys=far.keys("root") if has_far else None) as root,
    ):
        symbols = ["AAPL", "MSFT", "ZYRX", "AMZN"]
        root.result("subscribe", client="c", symbols=symbols, kinds=["l1"], wait_ms=2000)
        keys = near.keys("carol") if has_near else None
        topics = ("sys,heartbeat,", "sys,tails,", own, "quote,AAPL,", "quote,MSFT,")
        with Consumer(relay.data, *topics, keys=keys) as carol:
            told = [carol.wait_for_topic(own, seconds=30.0)]
            told += [m for m in carol.stream(3.0) if m.topic == own]
            assert {m.type for m in told} == {TAILS}
            first = told[0].sequence
            assert [m.sequence for m in told] == list(range(first, first + len(told)))
            assert {topic for m in told for topic in m.values[0]["topics"]} == {"quote,AAPL,"}
            heard = [m for m in carol.messages if m.topic == "quote,AAPL,"]
            assert told[-1].values[0]["topics"]["quote,AAPL,"] <= heard[-1].sequence
            beat = carol.wait_for_topic("sys,heartbeat,")
            assert beat.epoch == told[-1].epoch
            assert beat.values[0]["tails_sequence"] == 0
            assert not [m for m in carol.messages if m.topic in ("sys,tails,", "quote,MSFT,")]


def test_an_eviction_by_name_needs_a_user_behind_a_relay_too(pair: Pair) -> None:
    """Two of its clients may have one name."""
    relay, near = pair.relay, pair.near
    with contextlib.ExitStack() as stack:
        for user in ("alice", "bob"):
            keys = near.keys(user)
            token = user[0] * 20
            consumer = Consumer(relay.data, f"~{token}.sys,client,", "sys,heartbeat,", keys=keys)
            stack.enter_context(consumer).wait_for_beats(1)
            requester = stack.enter_context(Requester(relay.control, keys=keys))
            requester.result("hello", client="twin", data_token=token)
        root = stack.enter_context(Requester(relay.control, keys=near.keys("alice")))
        error = root.error("admin.evict", peer="twin", reason="test")
        assert error["code"] == "bad_request"
        assert "alice, bob" in error["message"]
        assert root.result("admin.evict", peer="twin", user="bob", reason="test") == {"evicted": 1}
