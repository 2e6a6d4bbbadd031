"""The benchmark suite, in one command.

    python -m tests.bench                    # everything, nine rounds: an hour and a half
    python -m tests.bench --quick            # everything once, small: does it work here?
    python -m tests.bench fanout latency     # some suites; --pipeline python has goals of its own
    python -m tests.bench --list

Nothing is asserted. A table and all figures as JSON, with machine and commit, are written to
tests/bench/results/, or where --output says.
"""

import argparse
import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.compiled.choice import choose
from tests.bench.machine import commit, machine
from tests.bench.plan import Options, Suite, measure
from tests.bench.report import FOLDER, told, write
from tests.bench.running import forget_all

SUITES: Final = {
    "fanout": "messages a second to 1, 4, 16, 64 subscribers, beside forwarders and brokers",
    "pipelines": "the compiled pipeline, the Python one, a forwarder; with a busy thread beside",
    "feeds": "Level 1, Level 2 and both, by what the lines are",
    "symbols": "1 to 5,000 symbols",
    "latency": "age of a price at steady rates, under a burst, and while everybody watches",
    "cost": "keys, entitlements, watchers, variants",
    "stages": "what the parts of decoding cost, in one process",
    "memory": "a symbol's, a topic's, a subscriber's",
    "life": "starts, joins, recoveries",
    "relay": "through a relay and without one",
    "clients": "each language's client beside its plain library",
    "subscriptions": "a hundred thousand topics, ten thousand changes a second",
}
FULL_ROUNDS: Final = 9
PIPELINE: Final = "IQGW_PIPELINE"
QUICK_SCALE: Final = 0.004


def make(name: str, options: Options) -> Suite:
    """A suite by its name."""
    suite: Suite = importlib.import_module(f"tests.bench.suites.{name}").make(options)
    return suite


@contextmanager
def using(pipeline: str) -> Iterator[None]:
    """Have every gateway that says nothing else use a pipeline; what was made goes in the end."""
    before = os.environ.get(PIPELINE)
    os.environ[PIPELINE] = pipeline
    try:
        yield
    finally:
        os.environ.pop(PIPELINE)
        if before is not None:
            os.environ[PIPELINE] = before
        forget_all()


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="all of them without")
    parser.add_argument("--quick", action="store_true", help="once, with few lines")
    parser.add_argument("--rounds", type=int, help=f"{FULL_ROUNDS}, or 1 with --quick")
    parser.add_argument("--scale", type=float, help="of the numbers of lines and of durations")
    parser.add_argument(
        "--pipeline", default="auto", choices=("auto", "compiled", "python"), help="the gateway's"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the order of cells")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder for both files")
    parser.add_argument("--name", help="of both files; by default by commit and suites")
    parser.add_argument("--list", action="store_true", help="say what there is, measure nothing")
    options = parser.parse_args(arguments)
    if options.list:
        for name, sentence in SUITES.items():
            print(f"{name:14} {sentence}")
        return
    unknown = set(options.suites) - set(SUITES)
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    names = options.suites or list(SUITES)
    rounds = options.rounds or (1 if options.quick else FULL_ROUNDS)
    scale = options.scale or (QUICK_SCALE if options.quick else 1.0)
    pipeline = choose(options.pipeline).name
    what = Options(is_quick=options.quick, scale=scale, pipeline=pipeline)
    about = {**machine(), "pipeline": pipeline, "rounds": rounds, "seed": options.seed}
    about["scale"] = scale
    with using(pipeline):
        outcomes = list(
            measure([make(name, what) for name in names], rounds=rounds, seed=options.seed)
        )
    print("\n".join(told(outcomes, about)))
    by_default = "-".join((commit() or "uncommitted", *options.suites))
    for path in write(outcomes, about, folder=options.output, name=options.name or by_default):
        print(f"written to {path}")


if __name__ == "__main__":
    main()
