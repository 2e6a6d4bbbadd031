"""The client's asynchronous face has the same engine and the same answers."""

import asyncio

import pytest
from gateway_client import AsyncGatewayClient, NotConnected, Quote, RequestRefused, Trade

from tests.unit.client.fake_gateway import FakeGateway, quote, trade

WAIT_S = 10.0


def async_client(gateway: FakeGateway) -> AsyncGatewayClient:
    """An asynchronous client, not yet connected."""
    return AsyncGatewayClient(gateway.data_endpoint, gateway.control_endpoint)


@pytest.mark.asyncio
async def test_async_client_streams_and_asks(gateway: FakeGateway) -> None:
    """The same engine behind coroutines."""
    async with async_client(gateway) as client:
        gateway.publish("quote,AAPL,", *quote(1.0))
        result = await client.subscribe_symbol("AAPL", ["quote"])
        assert result.is_accepted
        bids: list[float | None] = []
        async for item in client:
            assert isinstance(item, Quote)
            bids.append(item.bid)
            if len(bids) == 50:
                break
            await asyncio.to_thread(gateway.publish, "quote,AAPL,", *quote(len(bids) + 1.0))
        assert bids == [float(bid) for bid in range(1, 51)]
        assert await client.call("ping") == {}
        with pytest.raises(RequestRefused):
            await client.get_active_alerts()
        await client.unsubscribe_symbol("AAPL")
    assert [item async for item in client] == []
    assert not client.is_connected


@pytest.mark.asyncio
async def test_canceled_wait_loses_no_message(gateway: FakeGateway) -> None:
    """Waiting with a deadline or in a canceled task must not swallow what comes next."""
    async with async_client(gateway) as client:
        await client.subscribe_symbol("AAPL", ["trade"])
        await client.next_message(WAIT_S)
        assert await client.next_message(0.01) is None
        waiting = asyncio.create_task(client.next_message())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert client._engine is not None
        assert client._engine.queue._wakers == []
        await asyncio.to_thread(gateway.publish, "trade,AAPL,", *trade(1.0))
        item = await client.next_message(WAIT_S)
        assert isinstance(item, Trade)


@pytest.mark.asyncio
async def test_async_connect_says_why_not(gateway: FakeGateway) -> None:
    """The same answers as the synchronous face."""
    gateway.handlers["hello"] = lambda _: {"protocol": [7]}
    client = async_client(gateway)
    assert await client.connect() is False
    assert isinstance(client.last_error, NotConnected)
    assert (await client.get_health_status()).is_healthy is False
    with pytest.raises(NotConnected):
        await client.call("ping")


@pytest.mark.asyncio
async def test_canceled_request_leaves_the_client_usable(gateway: FakeGateway) -> None:
    """The reply to a request nobody waits for any more is simply dropped."""
    async with async_client(gateway) as client:
        gateway.silent_methods.add("ping")
        asking = asyncio.create_task(client.call("ping"))
        await asyncio.to_thread(gateway.wait_for, lambda: bool(gateway.held))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        gateway.silent_methods.clear()
        await asyncio.to_thread(gateway.do, lambda: gateway.reply(*gateway.held.pop()))
        assert await client.call("ping") == {}


@pytest.mark.asyncio
async def test_async_client_asks_an_operators_questions(gateway: FakeGateway) -> None:
    """The same questions as the blocking client's, awaited."""
    breaker = {"state": "open", "failure_count": 4}
    gateway.handlers |= {
        "metrics": lambda _: {"connections": {"links": {"level1": {"breaker": breaker}}}},
        "errors": lambda p: {"errors": [{"at_us": 0, "message": str(p["limit"])}]},
        "why": lambda p: {"symbol": p["symbol"], "state": "live", "cause": None, "lines": []},
        "resync": lambda _: {"requested": True},
    }
    async with AsyncGatewayClient(gateway.data_endpoint, gateway.control_endpoint) as client:
        manager = client.connection_manager
        found = await manager.circuit_breaker
        assert found is not None
        assert (found.port, found.state) == ("level1", "open")
        assert await manager.failure_count == 4
        assert [error["message"] for error in await manager.get_error_history()] == ["100"]
        assert (await client.why("AAPL")).state == "live"
        assert await client.resync("quote,AAPL,")
