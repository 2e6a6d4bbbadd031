"""The compiled pipeline beside the Python one and the forwarder that does not look at a line."""

import functools
from dataclasses import replace
from typing import Final

from tests.bench import lines
from tests.bench.plan import Cell, Figures, Options, Pair, Suite
from tests.bench.running import Run, prepared, run_once
from tests.bench.suites import fanout, latency
from tests.bench.suites.baselines import split

SUBSCRIBERS: Final = (1, 4, 16)
LINES: Final = {1: 1_200_000, 4: 500_000, 16: 150_000}
"""As many as take a second or so."""
PYTHON_SHARE: Final = 0.15
RATES: Final = (10_000, 50_000, 100_000)
SECONDS: Final = 3.0
BUSY_RATE: Final = 10_000


def by_pipeline(run: Run, name: str, *, is_busy: bool = False) -> Run:
    """A run of the gateway with a pipeline, or of a forwarder."""
    if name == "c1":
        return replace(run, publisher=name)
    module = "tests.bench.busy_gateway" if is_busy else "gateway"
    return replace(run, environment={"IQGW_PIPELINE": name}, module=module)


def measure(run: Run) -> Figures:
    """Run once: figures of a stream, and ages where lines come at a pace."""
    return latency.measure(run) if run.schedule else run_once(run)


def _streams(options: Options) -> dict[str, Run]:
    """At full speed."""
    runs: dict[str, Run] = {}
    for count in (1,) if options.is_quick else SUBSCRIBERS:
        for name in ("compiled", "python", "c1"):
            share = PYTHON_SHARE if name == "python" else 1.0
            run = Run(
                lines=options.lines(round(LINES[count] * share)),
                subscribers=count,
                symbols=20 if options.is_quick else 300,
            )
            runs[f"{name} x{count}"] = by_pipeline(run, name)
    for name, share in (("compiled", 0.5), ("python", PYTHON_SHARE)):
        count = options.lines(round(LINES[1] * share))
        runs[f"{name} mixed"] = by_pipeline(Run(lines=count, mix=lines.MIXED), name)
    return runs


def _paced(options: Options) -> dict[str, Run]:
    """At a pace, for ages."""
    runs: dict[str, Run] = {}
    seconds = options.seconds(SECONDS)
    for rate in (1_000,) if options.is_quick else RATES:
        run = Run(lines=round(rate * seconds), schedule=((float(rate), seconds),))
        names = ("compiled", "c1", "python") if rate == RATES[0] else ("compiled", "c1")
        runs |= {f"{name} {rate}/s": by_pipeline(run, name) for name in names}
    run = Run(lines=round(BUSY_RATE * seconds), schedule=((float(BUSY_RATE), seconds),))
    if not options.is_quick:
        for name in ("compiled", "python"):
            runs[f"{name} {BUSY_RATE}/s busy"] = by_pipeline(run, name, is_busy=True)
    return runs


def _pairs(options: Options) -> list[Pair]:
    if options.is_quick:
        return [Pair("compiled x1", "c1 x1", "messages_per_s")]
    pairs = []
    for count in SUBSCRIBERS:
        for name, goals in fanout.GOALS.items():
            pairs.append(Pair(f"{name} x{count}", f"c1 x{count}", "messages_per_s", goals[count]))
    pairs += [
        Pair("compiled x1", "python x1", "messages_per_s", ">= 4"),
        Pair("compiled x1", "c1 x1", "cpu_us_per_line", "<= 2.2"),
        Pair("compiled mixed", "python mixed", "lines_per_s"),
        *(
            Pair(f"compiled {r}/s", f"c1 {r}/s", "p50_us", latency.GOALS["compiled"][r])
            for r in RATES
        ),
        Pair(
            f"python {RATES[0]}/s", f"c1 {RATES[0]}/s", "p50_us", latency.GOALS["python"][RATES[0]]
        ),
    ]
    for name, goal in (("compiled", "<= 1.3"), ("python", "")):
        calm = f"{name} {BUSY_RATE}/s"
        pairs.append(Pair(f"{calm} busy", calm, "p50_us", goal))
        pairs.append(Pair(f"{calm} busy", calm, "p99_us"))
    return pairs


def make(options: Options) -> Suite:
    """The suite as far as this machine can run it."""
    runs = {**_streams(options), **_paced(options)}
    publishers, skipped = split(("c1",))
    runs = {name: run for name, run in runs.items() if publishers or run.publisher != "c1"}

    def prepare() -> None:
        for run in runs.values():
            prepared(run)

    return Suite(
        name="pipelines",
        title="The compiled pipeline and the Python one",
        figures=("messages_per_s", "p50_us", "p99_us", "p999_us", "cpu_us_per_line"),
        cells=[Cell(name, functools.partial(measure, run), str(run)) for name, run in runs.items()],
        pairs=_pairs(options),
        skipped=skipped,
        prepare=prepare,
    )
