"""Run a gateway among random faults, and judge it by the promised figures.

Usage: python -m tests.fault.soak --minutes 60 --seed 1 [--json FILE]
The same seed gives the same schedule. It ends with 1 when a promise was broken.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.fault.soak.report import Report
from tests.fault.soak.run import Soak
from tests.fault.soak.schedule import KINDS, draw

EVERY_S: Final = 30.0
RATE: Final = 1_500.0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=RATE, help="events a second of the market")
    parser.add_argument(
        "--every", type=float, default=EVERY_S, help="seconds between two faults, on average"
    )
    parser.add_argument(
        "--kind", action="append", default=[], choices=list(KINDS), help="only these faults"
    )
    parser.add_argument("--json", type=Path, help="file for all figures")
    parser.add_argument("--schedule", action="store_true", help="print it and end")
    return parser.parse_args()


def main() -> int:
    """Run from the command line; returns the exit code."""
    given = arguments()
    # Below `nohup` the gateway would inherit that it ignores what it is to reload at; a handler of
    # ours is not inherited, and lets this program outlive its terminal all the same.
    signal.signal(signal.SIGHUP, lambda *_: None)
    seconds = given.minutes * 60
    schedule = draw(given.seed, seconds=seconds, every_s=given.every, kinds=given.kind)
    print(f"seed {given.seed}: {len(schedule)} faults in {given.minutes:g} minutes", flush=True)
    if given.schedule:
        print("\n".join(map(str, schedule)))
        return 0
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        outcome = Soak(
            Path(folder), schedule, seconds=seconds, rate=given.rate, seed=given.seed, say=say
        ).run()
    report = Report(outcome)
    print(report.as_text())
    if given.json:
        given.json.write_text(json.dumps(report.as_plain(), indent=1) + "\n", encoding="utf-8")
    print(f"seed {given.seed}: {'every target met' if report.is_met else 'TARGETS MISSED'}")
    return 0 if report.is_met else 1


def say(text: str) -> None:
    """Print at once, with the time of day."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
