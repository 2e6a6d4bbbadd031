"""What capacity planning needs: memory a symbol, a book and a consumer; processor time by lines.

    python tests/bench/capacity.py

A gateway process before a simulator in this one. Memory is the gateway's resident memory as
`metrics` tells it; the processor's time is the gateway's own, of both its threads.
"""

import argparse
import platform
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gateway.simulator import SimulatorOptions
from gateway.simulator.instruments import universe
from tests.support.consumer import Consumer
from tests.support.processes import GatewayProcess
from tests.support.requester import Requester
from tests.support.stage import open_stage

SYMBOLS: Final = 1_800
BOOKS: Final = 200
CONSUMERS: Final = 100
TOPICS_EACH: Final = 100
SETTLE_S: Final = 3.0


def rss_mb(requester: Requester) -> float:
    """The gateway's resident memory when it has come to rest."""
    time.sleep(SETTLE_S)
    return float(requester.result("metrics", seconds=30.0)["process"]["rss_mb"])


def symbols_of(requester: Requester, field: str) -> int:
    """How many symbols, or books, are live."""
    return int(requester.result("metrics", seconds=30.0)["topics"][field].get("live", 0))


def wait_for(requester: Requester, field: str, count: int) -> None:
    """Wait until most are live: some have no price yet, and some no depth."""
    began_s = time.monotonic()
    while symbols_of(requester, field) < count * 0.95:
        if time.monotonic() - began_s > 60:
            print(f"  only {symbols_of(requester, field)} of {count} {field} are live")
            return
        time.sleep(0.2)


def lease(requester: Requester, symbols: list[str], kinds: list[str]) -> None:
    """Have symbols watched for the whole run."""
    for first in range(0, len(symbols), 500):
        part = symbols[first : first + 500]
        requester.result(
            "subscribe", seconds=60.0, client="bench", symbols=part, kinds=kinds, lease_s=3_600
        )


def measure_memory(requester: Requester, gateway: GatewayProcess, names: list[str]) -> None:
    """Symbols, then books, then consumers: what each adds."""
    before = rss_mb(requester)
    print(f"at rest, no symbols                     {before:8.1f} MB")
    topics = requester.result("metrics")["topics"]["topics"]
    lease(requester, names[:SYMBOLS], ["l1"])
    wait_for(requester, "symbols", SYMBOLS)
    after = rss_mb(requester)
    made = requester.result("metrics")["topics"]["topics"] - topics
    print(f"{SYMBOLS} symbols, quotes and trades           {after:8.1f} MB", end="")
    print(f"   {(after - before) * 1024 / SYMBOLS:.1f} KB a symbol ({made / SYMBOLS:.0f} topics)")
    before = after
    lease(requester, names[:BOOKS], ["book", "order"])
    wait_for(requester, "books", BOOKS)
    after = rss_mb(requester)
    print(f"{BOOKS} of them with order books           {after:8.1f} MB", end="")
    print(f"   {(after - before) * 1024 / BOOKS:.1f} KB a book")
    before = after
    with ExitStack() as opened:
        for number in range(CONSUMERS):
            some = [f"trade,{name}," for name in names[number : number + TOPICS_EACH]]
            opened.enter_context(Consumer(gateway.data, *some, queue_max=1))
        after = rss_mb(requester)
        print(
            f"{CONSUMERS} consumers of {TOPICS_EACH} topics each          {after:8.1f} MB", end=""
        )
        print(f"   {(after - before) * 1024 / CONSUMERS:.1f} KB a consumer")


def measure_processor(rate: float, seconds: float) -> None:
    """How much of a processor a rate of lines takes, with one consumer of everything."""
    with tempfile.TemporaryDirectory() as folder, open_stage() as stage:
        simulator = stage.start_simulator(options(rate=rate))
        with (
            GatewayProcess(
                Path(folder), level1_port=simulator.level1_port, admin_port=simulator.admin_port
            ) as gateway,
            ExitStack() as opened,
        ):
            gateway.start()
            requester = opened.enter_context(gateway.requester())
            names = symbols(300)
            lease(requester, names, ["l1"])
            consumer = opened.enter_context(
                Consumer(gateway.data, "quote,", "trade,", "summary,", queue_max=10)
            )
            time.sleep(SETTLE_S)
            first, began_s = cost(requester), time.monotonic()
            while time.monotonic() - began_s < seconds:
                consumer.receive(0.05)
            last, took_s = cost(requester), time.monotonic() - began_s
            lines, cpu_s = last[0] - first[0], last[1] - first[1]
            print(
                f"{lines / took_s:8.0f} lines/s  {last[2]:8.0f} messages/s  "
                f"{cpu_s / took_s:6.1%} of a processor  {cpu_s / lines * 1e6:5.0f} us a line  "
                f"p99 {last[3]} us"
            )


def cost(requester: Requester) -> tuple[int, float, float, Any]:
    """Lines so far, processor seconds so far, messages a second, p99 latency."""
    metrics = requester.result("metrics", seconds=30.0)
    client = metrics["client_metrics"]
    lines = int(client["counters"]["feed_lines"])
    throughput = float(client["throughput_msg_per_sec"])
    cpu_s = float(metrics["process"]["cpu_seconds"])
    return lines, cpu_s, throughput, client["p99_latency_us"]


def symbols(equity_count: int) -> list[str]:
    """The simulator's shares; what else it has comes beside them."""
    return [name for name in universe(1, equity_count=equity_count, day=0) if name.isalpha()][
        :equity_count
    ]


def options(*, rate: float, equity_count: int = 300) -> SimulatorOptions:
    """A simulator of many symbols."""
    return SimulatorOptions(
        admin_port=0,
        level1_port=0,
        level2_port=0,
        rate=rate,
        equity_count=equity_count,
        symbol_limit=10_000,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", default="1000,2000,4000,8000", help="Lines a second.")
    parser.add_argument("--seconds", type=float, default=10.0, help="For each rate.")
    given = parser.parse_args()
    memory_gb = psutil.virtual_memory().total / 1e9
    print(
        f"{platform.platform()}, Python {platform.python_version()}, "
        f"{psutil.cpu_count()} processors, {memory_gb:.0f} GB"
    )
    with tempfile.TemporaryDirectory() as folder, open_stage() as stage:
        simulator = stage.start_simulator(options(rate=20, equity_count=2_100))
        settings = {"iqconnect": {"level2_port": simulator.level2_port}}
        with GatewayProcess(
            Path(folder),
            level1_port=simulator.level1_port,
            admin_port=simulator.admin_port,
            settings=settings,
        ) as gateway:
            gateway.start()
            with gateway.requester() as requester:
                measure_memory(requester, gateway, symbols(2_100))
    for rate in given.rates.split(","):
        measure_processor(float(rate), given.seconds)


if __name__ == "__main__":
    main()
