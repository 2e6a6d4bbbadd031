"""A hundred times the usual load for seconds: quotes are merged, trades never, nothing grows."""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgpack
import psutil
import pytest
import zmq

from tests.bench.lines import END, MIXED, START, symbols, updates
from tests.support import fault_table
from tests.support.burst_feeder import SYMBOL_COUNT
from tests.support.fault_table import fault_row
from tests.support.processes import ROOT, GatewayProcess
from tests.support.slack import FREED_MB, SLACK
from tests.support.stage import wait_until

pytestmark = pytest.mark.slow
RATE = 100_000
SECONDS = float(os.environ.get("BURST_SECONDS", "3"))
QUEUE_LINES = 20_000
LAG_S_MAX = 1.0 * SLACK
RSS_MB_MAX = 100.0 + FREED_MB
CONFLATED = 8


@fault_row(21)
@pytest.mark.timeout(240)
@pytest.mark.long
def test_a_burst_is_conflated_before_anything_is_lost(tmp_path: Path) -> None:
    """The open: what cannot be read in time is merged by symbol, and the newest price is right."""
    count = round(RATE * SECONDS)
    ports, done = tmp_path / "ports", tmp_path / "done"
    feeder = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.support.burst_feeder",
            ports,
            done,
            str(count),
            str(RATE),
        ],
        cwd=ROOT,
    )
    try:
        wait_until(lambda: ports.exists() and bool(ports.read_text()), what="feeder", seconds=60.0)
        level1_port, admin_port = map(int, ports.read_text().split())
        settings = {
            "connection": {"message_queue_size": QUEUE_LINES},
            "data": {"high_water_mark": 2_000_000},
        }
        gateway = GatewayProcess(
            tmp_path, level1_port=level1_port, admin_port=admin_port, settings=settings
        )
        with gateway:
            gateway.start()
            measure(gateway, count, done)
    finally:
        feeder.kill()
        feeder.wait()


def measure(gateway: GatewayProcess, count: int, done: Path) -> None:
    """Follow a burst to its last line, and compare with what was sent."""
    process = psutil.Process(gateway.pid)
    rss = highest = process.memory_info().rss
    quotes: dict[str, list[object]] = {}
    trades: dict[str, int] = Counter()
    merged = conflated = held = 0
    requester = gateway.requester()
    with zmq.Context() as context, context.socket(zmq.SUB) as sub:
        sub.setsockopt(zmq.SNDHWM, 0)
        sub.setsockopt(zmq.RCVHWM, 0)
        sub.connect(gateway.data)
        for symbol in (*symbols(SYMBOL_COUNT), START, END):
            sub.subscribe(f"trade,{symbol},")
            sub.subscribe(f"quote,{symbol},")
        received = 0
        started_s = time.monotonic()
        while True:
            assert sub.poll(30_000), "the burst's last line did not come"
            kind, symbol_bytes, data = sub.recv().split(b",", 2)
            received += 1
            if received % 20_000 == 0:
                highest = max(highest, process.memory_info().rss)
            body = msgpack.unpackb(data)
            symbol = symbol_bytes.decode()
            if kind == b"trade":
                assert body[8] > trades[symbol], "every trade, once, in order"
                trades[symbol] = body[8]
                trades["count"] += 1
                continue
            if body[3] & 1:
                continue
            quotes[symbol] = body[6:10]
            merged += body[14]
            conflated += bool(body[3] & CONFLATED)
            if symbol == END:
                break
        ended_s = time.monotonic()
    wait_until(done.exists, what="the feeder is done")
    lag_s = ended_s - float(done.read_text())
    metrics = requester.result("metrics")["client_metrics"]["counters"]
    requester.close()
    held = metrics["backlogs_shed"]
    grown_mb = (highest - rss) / 1e6
    assert_all_told(count, quotes, trades, merged)
    fault_table.note(
        21,
        f"{RATE:,} lines/s for {SECONDS:g} s",
        recover_s=max(0.0, lag_s),
        more=f"{merged:,} quotes as {sum(1 for _ in quotes):,} last ones right; {conflated:,} "
        f"conflated messages in {held} sheddings; {trades['count']:,} trades, all; "
        f"RSS {grown_mb:+.0f} MB; {ended_s - started_s:.1f} s in all",
    )
    assert grown_mb < RSS_MB_MAX
    assert lag_s < LAG_S_MAX


def assert_all_told(
    count: int, quotes: dict[str, list[object]], trades: dict[str, int], merged: int
) -> None:
    """Every trade came, every quote is stood for, and each symbol's last one is right."""
    lines = updates(count, mix=MIXED, symbol_count=SYMBOL_COUNT, seed=1).decode().splitlines()
    last: dict[str, list[object]] = {}
    trade_count = quote_count = 0
    for line in lines:
        parts = line.split(",", 12)
        if parts[2][0] in "CEO":
            trade_count += 1
        if "b" in parts[2] or "a" in parts[2]:
            quote_count += 1
            last[parts[1]] = [float(parts[3]), int(parts[4]), float(parts[7]), int(parts[8])]
    assert trades["count"] == trade_count
    assert merged == quote_count
    assert quotes == last
