"""How old a price is when a consumer has it: from the feeder's hand, at steady rates and a burst.

Sent and received are stamped by one clock, in processes of their own, so an age has everything in
it: IQConnect's socket, reading, decoding, sending, and the consumer's socket.
"""

import functools
import subprocess
from collections.abc import Callable
from typing import Final

from tests.bench.plan import Cell, Figures, Options, Pair, Suite
from tests.bench.running import Run, prepared, run_once, start
from tests.bench.suites.baselines import split

RATES: Final = (1_000, 10_000, 50_000, 100_000)
JSON_RATES: Final = (1_000, 10_000)
"""More it cannot take."""
WATCHED_RATES: Final = (10_000, 50_000)
SECONDS: Final = 3.0
BURST: Final = ((1_000.0, 1.0), (100_000.0, 1.0), (1_000.0, 1.0))
"""A hundred times as much for a second."""
GOALS: Final = {
    "compiled": {10_000: "<= 1.2", 50_000: "<= 1.2", 100_000: "<= 1.2"},
    "python": {10_000: "<= 1.5", 50_000: "<= 1.8"},
}
"""Of the median beside the forwarder's, by the gateway's pipeline and lines a second."""
WARM_UP: Final = 0.1
"""Share of the lines that come first and are not looked at."""
QUANTILES: Final = {"p50_us": 0.5, "p99_us": 0.99, "p999_us": 0.999}


def watch(control: str, http_port: int) -> "subprocess.Popen[str]":
    """Begin to watch a gateway: health at 10 Hz, a scrape a second, an open page."""
    return start("tests.bench.observers", control, str(http_port))


def measure(run: Run) -> Figures:
    """Run once; ages by quantile."""
    figures = run_once(run)
    cpu_us = figures["cpu_us_per_line"]
    return {
        **quantiles_of(figures["ages_us"][round(WARM_UP * run.lines) :]),
        "cpu_us_per_line": cpu_us,
    }


def quantiles_of(ages_us: list[float]) -> Figures:
    """The median, the worst of a hundred and of a thousand, and the worst."""
    ages = sorted(ages_us)
    if not ages:
        raise SystemExit("no message came")
    quantiles = {
        name: ages[min(len(ages) - 1, int(share * len(ages)))] for name, share in QUANTILES.items()
    }
    return {**quantiles, "max_us": ages[-1]}


def run_of(
    publisher: str,
    schedule: tuple[tuple[float, float], ...],
    *,
    symbols: int,
    watch: Callable[[str, int], "subprocess.Popen[str]"] | None = None,
) -> Run:
    """A run at a pace."""
    count = round(sum(rate * seconds for rate, seconds in schedule))
    return Run(publisher=publisher, lines=count, schedule=schedule, symbols=symbols, watch=watch)


def make(options: Options) -> Suite:
    """The suite as far as this machine can run it."""
    publishers, skipped = split(("gateway", "c1", "json"))
    rates = (1_000,) if options.is_quick else RATES
    seconds, symbols = options.seconds(SECONDS), 20 if options.is_quick else 300
    burst = tuple((rate, options.seconds(lasts)) for rate, lasts in BURST)
    paced = {rate: ((float(rate), seconds),) for rate in rates}
    runs = {
        f"{publisher} {rate}/s": run_of(publisher, paced[rate], symbols=symbols)
        for rate in rates
        for publisher in publishers
        if publisher != "json" or rate in JSON_RATES
    }
    watched_rates = rates if options.is_quick else WATCHED_RATES
    for rate in watched_rates:
        runs[f"gateway {rate}/s watched"] = run_of(
            "gateway", paced[rate], symbols=symbols, watch=watch
        )
    for publisher in {"gateway", "c1"} & set(publishers) if not options.is_quick else ():
        runs[f"{publisher} burst x100"] = run_of(publisher, burst, symbols=symbols)
    goals = GOALS[options.pipeline]
    pairs = [
        Pair(f"gateway {rate}/s", f"c1 {rate}/s", "p50_us", goals.get(rate, "")) for rate in rates
    ]
    for figure in ("p50_us", "p99_us", "p999_us", "max_us"):
        pairs += [
            Pair(f"gateway {rate}/s watched", f"gateway {rate}/s", figure) for rate in watched_rates
        ]

    def prepare() -> None:
        for run in runs.values():
            prepared(run)

    return Suite(
        name="latency",
        title="Age of a price when a consumer has it, microseconds",
        figures=("p50_us", "p99_us", "p999_us", "max_us", "cpu_us_per_line"),
        cells=[
            Cell(name, functools.partial(measure, run), f"{run.lines:,} lines, {run.mix}")
            for name, run in runs.items()
        ],
        pairs=pairs,
        skipped=skipped,
        prepare=prepare,
    )
