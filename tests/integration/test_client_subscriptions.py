"""What a client is subscribed to, and how it stays so, over real sockets."""

import time
from concurrent.futures import Future
from typing import Any

import pytest
from gateway_client import GatewayClient, InvalidArgument, NotConnected, SecurityValidationError

from tests.unit.client.fake_gateway import FakeGateway, Refusal


def test_bad_symbol_is_refused_before_anything_is_sent(gateway: FakeGateway) -> None:
    """Not even a connection is needed to refuse it."""
    client = GatewayClient(gateway.data_endpoint, gateway.control_endpoint)
    with pytest.raises(SecurityValidationError):
        client.subscribe_symbol("INVALID;SYMBOL", ["l1"])
    with pytest.raises(ValueError, match="symbol"):
        client.subscribe_symbol("aapl", ["l1"])
    assert gateway.requests == []
    with pytest.raises(NotConnected):
        client.subscribe_symbol("AAPL", ["l1"])


def test_one_bad_symbol_never_spoils_the_others(
    gateway: FakeGateway, client: GatewayClient
) -> None:
    """Each symbol has its own result: what we refuse, what the gateway refuses, what is good."""
    results = client.subscribe_symbols(["AAPL", "x;y", "NOSUCH"], ["l1"])
    assert results["AAPL"].is_accepted
    assert [state.topic for state in results["AAPL"].topics] == [
        "quote,AAPL,",
        "trade,AAPL,",
        "summary,AAPL,",
        "state,AAPL,",
    ]
    assert results["x;y"].code == "symbol_invalid"
    assert (results["NOSUCH"].code, results["NOSUCH"].hint) == ("symbol_not_found", "check it")
    assert gateway.asked("subscribe")[0]["symbols"] == ["AAPL", "NOSUCH"]
    gateway.wait_for(lambda: gateway.has_subscription("quote,AAPL,"))
    assert not any("NOSUCH" in topic for topic in gateway.subscribed)


@pytest.mark.slow
def test_many_symbols_go_in_pieces(gateway: FakeGateway, client: GatewayClient) -> None:
    """The gateway reads arrays of 5,000; joins are paced, and every one is answered."""
    symbols = [f"S{number}" for number in range(6_000)]
    results = client.subscribe_symbols(symbols, ["quote"])
    assert len(results) == 6_000
    assert [len(params["symbols"]) for params in gateway.asked("subscribe")] == [5_000, 1_000]
    gateway.wait_for(lambda: len([t for t in gateway.unsubscribed if t.startswith("~")]) == 6_000)
    client.unsubscribe_symbols(symbols)
    gateway.wait_for(lambda: gateway.unsubscribed.count("quote,S5999,") == 1)


def test_state_stays_while_other_kinds_do(gateway: FakeGateway, client: GatewayClient) -> None:
    """Level 1 and level 2 share the state topic: giving up one must not silence it."""
    client.subscribe_symbol("AAPL", ["l1", "l2"])
    client.unsubscribe_symbol("AAPL", ["l2"])
    gateway.wait_for(lambda: not gateway.has_subscription("depth,AAPL,"))
    assert gateway.asked("unsubscribe")[0]["kinds"] == ["depth", "order", "book"]
    client.unsubscribe_symbol("AAPL")
    gateway.wait_for(lambda: not gateway.has_subscription("state,AAPL,"))
    with pytest.raises(InvalidArgument):
        client.subscribe_symbol("AAPL", ["l3"])
    with pytest.raises(InvalidArgument):
        client.subscribe_symbols("AAPL")


def test_expired_lease_is_taken_again(gateway: FakeGateway, client: GatewayClient) -> None:
    """A lease that lapsed, as after a suspended laptop, comes back by itself."""
    client.subscribe_symbol("AAPL", ["quote"])

    def renew(_: dict[str, Any]) -> Any:
        raise Refusal("lease_expired")

    gateway.handlers["renew"] = renew
    make_renewals_due(client)
    gateway.wait_for(lambda: len(gateway.asked("subscribe")) == 2)
    assert gateway.asked("subscribe")[1]["symbols"] == ["AAPL"]
    assert client.statistics().leases_expired == 1


def test_missing_subscription_is_repaired(gateway: FakeGateway, client: GatewayClient) -> None:
    """Renewal is the only way to notice a subscription that libzmq lost."""
    client.subscribe_symbol("AAPL", ["quote"])
    gateway.handlers["renew"] = lambda _: {"missing_subscriptions": ["quote,AAPL,", "other,X,"]}
    make_renewals_due(client)
    gateway.wait_for(lambda: gateway.subscribed.count("quote,AAPL,") == 2)
    assert gateway.asked("renew")[0]["lease_id"] == "lease-1"
    assert client.statistics().subscriptions_repaired == 1


def test_clients_own_topic_is_repaired(gateway: FakeGateway, client: GatewayClient) -> None:
    """Without it the gateway knows neither our name nor what else is missing."""
    client.subscribe_symbol("AAPL", ["quote"])
    own = f"~{gateway.asked('hello')[0]['data_token']}.sys,client,"
    gateway.wait_for(lambda: gateway.subscribed.count(own) == 1)
    gateway.handlers["renew"] = lambda _: {"missing_subscriptions": [own]}
    make_renewals_due(client)
    gateway.wait_for(lambda: gateway.subscribed.count(own) == 2)
    engine = client._engine
    assert engine is not None
    (lease,) = engine.session.leases._leases.values()
    assert lease.renew_at_ns - time.monotonic_ns() <= 2_000_000_000
    assert gateway.asked("renew")[0]["data_token"] in own


def test_many_leases_become_few(gateway: FakeGateway, client: GatewayClient) -> None:
    """A loop of single subscriptions must not cost a renewal each for ever."""
    for number in range(40):
        client.subscribe_symbol(f"S{number}", ["quote"])
    make_renewals_due(client)
    gateway.wait_for(lambda: len(gateway.asked("subscribe")) == 41)
    assert len(gateway.asked("subscribe")[40]["symbols"]) == 40
    assert gateway.asked("renew") == []


def make_renewals_due(client: GatewayClient) -> None:
    """Pretend that half of every lease's life has passed."""
    engine = client._engine
    assert engine is not None

    def age(_: int) -> None:
        for lease in engine.session.leases._leases.values():
            lease.renew_at_ns = 0

    engine.post(age, Future())
