"""Lines, usual and odd, into the Python pipeline and the compiled one: both must do the same.

Usage: python -m tests.fuzz.compiled_same [--lines N] [--seed S] [--minutes M]
World after world is made, each from its own seed, and everything that can be seen of the two is
compared after every step. A difference is printed with the seed and the few steps that it needs.
"""

import argparse
import math
import sys
import time
from dataclasses import dataclass
from typing import Final

from tests.support.odd_market import OddMarket
from tests.support.pipeline_pair import Different, Step, run, shortened

STEPS: Final = 400
"""Of one world."""


@dataclass
class Outcome:
    """How a run went."""

    lines: int = 0
    """Complete lines that each pipeline read."""
    native_lines: int = 0
    """Of those, what was read without Python."""
    worlds: int = 0
    seconds: float = 0.0
    failure: str = ""
    """What differed, and how it can be seen again; empty when nothing did."""


def run_worlds(lines: int, *, seed: int, seconds_max: float = math.inf) -> Outcome:
    """Make worlds until so many lines were read.

    Args:
        lines: How many, at least.
        seed: Of the first world; the others' follow it.
        seconds_max: Stop after this time, whatever was read.
    """
    outcome, began_s = Outcome(), time.monotonic()
    while outcome.lines < lines and time.monotonic() - began_s < seconds_max:
        market = OddMarket(seed + outcome.worlds)
        steps = list(market.steps(STEPS))
        try:
            native, total = run(market.options, steps).native_lines()
        except Different as different:
            outcome.failure = _told(seed + outcome.worlds, market, steps, different)
            break
        outcome.worlds += 1
        outcome.lines += total
        outcome.native_lines += native
    outcome.seconds = time.monotonic() - began_s
    return outcome


def _told(seed: int, market: OddMarket, steps: list[Step], different: Different) -> str:
    """Everything that is needed to see a difference again."""
    few = shortened(market.options, steps)
    try:
        run(market.options, few)
    except Different as still:
        different = still
    lines = [f"seed {seed}: {different}", f"{market.options}", *map(repr, few)]
    return "\n".join(lines)


def main() -> int:
    """Run from the command line; 1 when something differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf)
    options = parser.parse_args()
    outcome = run_worlds(options.lines, seed=options.seed, seconds_max=options.minutes * 60)
    print(
        f"seed {options.seed}: {outcome.worlds} worlds, {outcome.lines} lines in "
        f"{outcome.seconds:.0f} s ({outcome.lines / outcome.seconds:.0f}/s), "
        f"{outcome.native_lines / max(outcome.lines, 1):.1%} of them read without Python"
    )
    if outcome.failure:
        print(outcome.failure)
        return 1
    print("nothing differed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
