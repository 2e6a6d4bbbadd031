"""Real trades through simulator, gateway and client, each in a process of its own.

The expected values are read from the tape by this file alone: no code of the project takes part.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from gateway_client import GatewayClient, Trade, to_decimal
from gateway_client.events import Event

from tests.e2e.processes import Stack, command
from tests.support.stage import free_ports

TAPE = "lookup_ticks_oldest_csharp.txt"
SYMBOL = "ZYXI"
TRADES = 32_627
QUIET_S = 20.0
EASTERN = ZoneInfo("America/New_York")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Row(NamedTuple):
    """One trade of the tape, as its text says."""

    event_us: int
    price: Decimal
    size: int
    total_volume: int
    bid: Decimal
    ask: Decimal
    trade_id: int
    basis: str
    market_center: int
    conditions: str
    aggressor: int
    day: str


def read_tape(path: Path) -> list[Row]:
    """Read the tick rows of a captured reply."""
    rows = []
    for line in path.read_text().splitlines():
        if not line[:1].isdigit():
            continue
        f = line.split(",")
        moment = datetime.strptime(f[0], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=EASTERN)
        event_us = (moment - EPOCH) // timedelta(microseconds=1)
        rows.append(
            Row(
                event_us,
                Decimal(f[1]),
                int(f[2]),
                int(f[3]),
                Decimal(f[4]),
                Decimal(f[5]),
                int(f[6]),
                f[7],
                int(f[8]),
                f[9],
                int(f[10]),
                f[0][:10],
            )
        )
    return rows


def receive(client: GatewayClient, count: int) -> list[Trade]:
    """Take trades until there are `count` or nothing comes any more; a loss fails the test."""
    trades: list[Trade] = []
    for item in client.messages(timeout_s=QUIET_S):
        assert not isinstance(item, Event), f"after {len(trades)} trades: {item}"
        if isinstance(item, Trade):
            trades.append(item)
            if len(trades) >= count:
                break
    return trades


def values_of(trade: Trade) -> tuple[object, ...]:
    """A received trade in the tape's terms."""
    assert trade.price is not None
    assert trade.bid is not None
    assert trade.ask is not None
    return (
        trade.event_us,
        to_decimal(trade.price),
        trade.size,
        trade.total_volume,
        to_decimal(trade.bid),
        to_decimal(trade.ask),
        trade.trade_id,
        trade.basis,
        trade.market_center,
        trade.conditions,
        trade.aggressor,
    )


@pytest.mark.captured
@pytest.mark.slow
def test_every_captured_trade_arrives_once_in_order_and_equal(samples: Path) -> None:
    """A strategy that misses, repeats or misreads one real trade loses money on it."""
    rows = read_tape(samples / TAPE)
    assert len(rows) == TRADES
    level1_port, admin_port = free_ports(2)
    stack = Stack(level1_port, admin_port)
    simulate = (
        *("simulate", "--tape", str(samples / TAPE), "--symbol", SYMBOL, "--speed", "0"),
        *("--level1-port", str(level1_port), "--admin-port", str(admin_port)),
        *("--level2-port", "0"),
    )
    with (
        command(*simulate),
        command("run", environment=stack.environment),
        GatewayClient(
            data_endpoint=stack.data, control_endpoint=stack.control, connect_timeout_s=20.0
        ) as client,
    ):
        # The subscription itself opens the watch, so it stands before the first trade.
        client.subscribe_topics([f"trade,{SYMBOL},"])
        trades = receive(client, TRADES)
        assert client.statistics().gaps == 0
        # One more would be a repeat: nothing may follow.
        assert client.next_message(timeout_s=1.0) is None
    assert [trade.sequence for trade in trades] == list(range(1, TRADES + 1))
    for number, (trade, row) in enumerate(zip(trades, rows, strict=True)):
        assert values_of(trade) == row[:-1], f"trade {number}"
    volumes: Counter[str] = Counter()
    for trade, row in zip(trades, rows, strict=True):
        assert trade.size is not None
        volumes[row.day] += trade.size
    assert volumes == {row.day: row.total_volume for row in rows}
    assert Counter(t.basis for t in trades) == Counter(row.basis for row in rows)
