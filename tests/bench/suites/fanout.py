"""Messages a second to 1, 4, 16 and 64 subscribers without a loss, beside everybody else."""

from typing import Final

from tests.bench import lines
from tests.bench.plan import Options, Pair, Suite
from tests.bench.running import Run
from tests.bench.suites.baselines import split
from tests.bench.suites.running_cells import suite_of

PUBLISHERS: Final = ("gateway", "c1", "c2", "python", "json", "redis", "nats")
LINES: Final = {
    "c1": 300_000, "c2": 300_000, "python": 300_000, "json": 20_000, "redis": 40_000,
    "nats": 60_000,
}  # fmt: skip
"""As many as take a second or so; 150,000 where nothing is said."""
ONCE: Final = {"c2", "python"}
"""Measured with one subscriber only: they say what a frame, and what Python, costs."""
FEWER: Final = {16: 0.4, 64: 0.15}
"""Share of them for many subscribers."""
GOALS: Final = {
    "compiled": {1: ">= 0.65", 4: ">= 0.85", 16: ">= 0.95"},
    "python": {1: ">= 0.12", 4: ">= 0.28", 16: ">= 0.65"},
}
"""Of the forwarder that does not look at a line, by the gateway's pipeline and subscribers."""


def run_of(publisher: str, subscribers: int, options: Options, *, is_disjoint: bool = False) -> Run:
    """What one cell runs."""
    share = 1.0 if is_disjoint else FEWER.get(subscribers, 1.0)
    return Run(
        publisher=publisher,
        mix=lines.QUOTES,
        lines=options.lines(round(LINES.get(publisher, 150_000) * share)),
        subscribers=subscribers,
        is_disjoint=is_disjoint,
        symbols=20 if options.is_quick else 300,
    )


def make(options: Options) -> Suite:
    """The suite as far as this machine can run it."""
    publishers, skipped = split(PUBLISHERS)
    counts = (1,) if options.is_quick else (1, 4, 16)
    runs = {
        f"{publisher} x{count}": run_of(publisher, count, options)
        for count in counts
        for publisher in publishers
        if count == 1 or publisher not in ONCE
    }
    if not options.is_quick:
        for publisher in {"gateway", "c1"} & set(publishers):
            runs[f"{publisher} x64"] = run_of(publisher, 64, options)
            runs[f"{publisher} x16 disjoint"] = run_of(publisher, 16, options, is_disjoint=True)

    others = [name for name in runs if not name.startswith("gateway")]
    pairs = []
    for name in others:
        publisher, _, count = name.partition(" x")
        goals = {
            "c1": GOALS[options.pipeline].get(int(count)) if count.isdigit() else None,
            "json": ">= 4.5" if count == "1" else None,
            "redis": ">= 1.0",
            "nats": ">= 1.0",
        }
        goal = goals.get(publisher) or ""
        pairs.append(Pair(f"gateway x{count}", name, "messages_per_s", goal))
    return suite_of(
        "fanout",
        "Throughput: messages a second to each subscriber, none lost",
        runs,
        figures=("messages_per_s", "delivered_per_s", "cpu_us_per_line"),
        pairs=pairs,
        skipped=skipped,
    )
