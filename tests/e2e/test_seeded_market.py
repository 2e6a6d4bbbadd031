"""The same proof on a made-up market: nothing outside the project is needed."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from gateway_client import GatewayClient, Quote, Trade, to_decimal
from gateway_client.events import Event

from gateway.simulator import Simulator, SimulatorOptions
from tests.e2e.processes import Stack, command

SEED = 20_261_123
SYMBOLS = ("AAPL", "MSFT", "NVDA", "TSLA", "BRK.B", "@ES#", "QCL#", "EURUSD.FXCM")
TRADES = 20_000
QUIET_S = 20.0
EASTERN = ZoneInfo("America/New_York")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Values = tuple[object, ...]
"""A trade's values in a fixed order, to be compared."""


@contextmanager
def running_simulator(options: SimulatorOptions) -> Iterator[Simulator]:
    """Run a simulator on a loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    simulator = Simulator(options)
    try:
        asyncio.run_coroutine_threadsafe(simulator.start(), loop).result(30)
        yield simulator
    finally:
        asyncio.run_coroutine_threadsafe(simulator.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def price_of(trade: Trade) -> float:
    """A trade's price, which is always there."""
    assert trade.price is not None
    return trade.price


def expected_of(simulator: Simulator) -> dict[str, list[Values]]:
    """What the simulator sent, symbol by symbol, in the contract's values."""
    expected: dict[str, list[Values]] = defaultdict(list)
    for sent in simulator.expected_trades:
        text = f"{sent.date} {sent.time}"
        moment = datetime.strptime(text, "%m/%d/%Y %H:%M:%S.%f").replace(tzinfo=EASTERN)
        expected[sent.symbol].append(
            (
                (moment - EPOCH) // timedelta(microseconds=1),
                Decimal(sent.price),
                sent.size,
                sent.conditions,
                int(sent.market_center),
                int(sent.tick_id),
                sent.basis,
                sent.total_volume,
                int(sent.aggressor),
            )
        )
    return expected


def values_of(trade: Trade) -> Values:
    """What arrived, in the same order."""
    return (
        trade.event_us,
        to_decimal(price_of(trade)),
        trade.size,
        trade.conditions,
        trade.market_center,
        trade.trade_id,
        trade.basis,
        trade.total_volume,
        trade.aggressor,
    )


def receive_trades(client: GatewayClient) -> dict[str, list[Trade]]:
    """Take messages until there are enough trades; no quote may be crossed and nothing lost."""
    received: dict[str, list[Trade]] = defaultdict(list)
    count = 0
    for item in client.messages(timeout_s=QUIET_S):
        assert not isinstance(item, Event), f"seed {SEED}, after {count} trades: {item}"
        if isinstance(item, Quote) and item.bid is not None and item.ask is not None:
            assert item.bid <= item.ask, f"seed {SEED}: {item}"
        if isinstance(item, Trade):
            received[item.symbol].append(item)
            count += 1
            if count >= TRADES:
                break
    return received


@pytest.mark.slow
@pytest.mark.long
def test_every_seeded_trade_arrives_once_in_order_and_equal() -> None:
    """What was sent is known to the last digit, so what arrives can be held against it."""
    options = SimulatorOptions(
        admin_port=0,
        level1_port=0,
        level2_port=0,
        seed=SEED,
        rate=6000,
        trade_share=0.6,
        market_clock="2026-11-20T09:29:58",
        record_trades=True,
    )
    with running_simulator(options) as simulator:
        stack = Stack(simulator.level1_port, simulator.admin_port)
        with (
            command("run", environment=stack.environment),
            GatewayClient(
                data_endpoint=stack.data, control_endpoint=stack.control, connect_timeout_s=20.0
            ) as client,
        ):
            results = client.subscribe_symbols(SYMBOLS, ["trade", "quote"])
            assert all(result.is_accepted for result in results.values()), results
            received = receive_trades(client)
        expected = expected_of(simulator)
    assert sum(len(trades) for trades in received.values()) == TRADES
    for symbol, trades in received.items():
        # Each topic is joined wherever it is; from there on nothing may be missing.
        first = trades[0].sequence
        assert first is not None
        last = first + len(trades)
        assert [trade.sequence for trade in trades] == list(range(first, last))
        values = [values_of(trade) for trade in trades]
        assert values == expected[symbol][first - 1 : last - 1], f"seed {SEED}, {symbol}"
