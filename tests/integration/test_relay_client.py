"""The Python client behind a relay: nothing of it has to know."""

from collections.abc import Iterator

import pytest
from gateway_client import Event, Flag, GatewayClient, Quote

from tests.support.relays import RelayStage, relayed
from tests.support.stage import simulated, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def relay() -> Iterator[RelayStage]:
    """A lively market, a gateway and a relay before it."""
    with simulated(rate=1000.0, equity_count=12) as stage, relayed(stage) as relay:
        yield relay


def test_prices_snapshots_and_leases_come_through(relay: RelayStage) -> None:
    """A strategy is moved behind a relay by changing two addresses."""
    client = GatewayClient(
        data_endpoint=relay.data, control_endpoint=relay.control, client_name="behind"
    )
    with client:
        results = client.subscribe_symbols(["AAPL", "MSFT"], ["l1"])
        assert all(result.is_accepted for result in results.values())
        snapshots: set[str] = set()
        quotes = 0
        for item in client:
            assert not isinstance(item, Event), item
            if isinstance(item, Quote):
                quotes += 1
                if item.flags & Flag.SNAPSHOT:
                    snapshots.add(item.symbol)
            if quotes > 300 and snapshots == {"AAPL", "MSFT"}:
                break
        assert client.get_health_status().is_healthy
        assert client.get_metrics()["client_metrics"]["messages"] > 0
        assert client.connection_manager.circuit_breaker is not None
        assert client.why("AAPL").state == "live"
        with relay.requester() as requester:
            listed = requester.result("subscriptions")
            assert [lease["client"] for lease in listed["leases"]] == ["behind"]
            assert [peer["client"] for peer in listed["peers"]] == ["behind"]
        assert client.statistics().gaps == 0
        client.unsubscribe_symbol("AAPL")
    with relay.stage.requester() as direct:
        wait_until(
            lambda: (
                not [
                    entry
                    for entry in direct.result("subscriptions")["demand"]["subscriptions"]
                    if entry["topic"].startswith("quote,")
                ]
            ),
            what="nothing is asked of the gateway any more",
        )


def test_two_clients_share_a_topic_and_each_joins_it(relay: RelayStage) -> None:
    """The second one's snapshot must not be the first one's."""
    with GatewayClient(relay.data, relay.control) as first:
        first.subscribe_symbols(["AAPL"], ["quote", "state"])
        for item in first:
            if isinstance(item, Quote) and not item.flags & Flag.SNAPSHOT:
                break
        with GatewayClient(relay.data, relay.control) as second:
            second.subscribe_symbols(["AAPL"], ["quote", "state"])
            # Live ones may come first: the relay has the topic already.
            quotes = (item for item in second if isinstance(item, Quote))
            snapshot = next(quote for quote in quotes if quote.flags & Flag.SNAPSHOT)
            assert next(quotes).sequence > snapshot.sequence
            assert second.statistics().gaps == 0
        for item in first:
            if isinstance(item, Quote):
                break
        assert first.statistics().gaps == 0
