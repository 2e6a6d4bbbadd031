"""Lines, usual and odd, into the Python pipeline and the compiled one: both must do the same.

Usage: python -m tests.fuzz.compiled_same [--lines N] [--seed S] [--minutes M]
World after world is made, each from its own seed, and everything that can be seen of the two is
compared after every step. A difference is printed with the seed and the few steps that it needs.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tests.support.odd_market import OddMarket
from tests.support.odd_world import OddWorld
from tests.support.pairs import AnyPair, Different, Step
from tests.support.pipeline_pair import Pair

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


class Level(NamedTuple):
    """Whose pipelines are compared."""

    make_world: Callable[[int], OddWorld]
    """Makes what happens, from a seed."""
    pair: type[AnyPair[Any, Any]]


LEVEL1: Final = Level(OddMarket, Pair)


def run_worlds(
    lines: int, *, seed: int, seconds_max: float = math.inf, level: Level = LEVEL1
) -> Outcome:
    """Make worlds until so many lines were read.

    Args:
        lines: How many, at least.
        seed: Of the first world; the others' follow it.
        seconds_max: Stop after this time, whatever was read.
        level: Whose.
    """
    outcome, began_s = Outcome(), time.monotonic()
    while outcome.lines < lines and time.monotonic() - began_s < seconds_max:
        world = level.make_world(seed + outcome.worlds)
        steps = list(world.steps(STEPS))
        try:
            native, total = level.pair.run(world.options, steps).native_lines()
        except Different as different:
            failure = _told(level.pair, world, steps, different)
            outcome.failure = f"seed {seed + outcome.worlds}: {failure}"
            break
        outcome.worlds += 1
        outcome.lines += total
        outcome.native_lines += native
    outcome.seconds = time.monotonic() - began_s
    return outcome


def find_difference(seed: int, count: int, *, level: Level = LEVEL1) -> str:
    """Make one short world; what differs in it, and how it can be seen again, empty for nothing."""
    world = level.make_world(seed)
    steps = list(world.steps(count, lines_max=25))
    try:
        level.pair.run(world.options, steps)
    except Different as different:
        return f"seed {seed}: {_told(level.pair, world, steps, different)}"
    return ""


def _told(
    pair: type[AnyPair[Any, Any]], world: OddWorld, steps: list[Step], different: Different
) -> str:
    """Everything that is needed to see a difference again."""
    few = pair.shortened(world.options, steps)
    try:
        pair.run(world.options, few)
    except Different as still:
        different = still
    return "\n".join([str(different), str(world.options), *map(repr, few)])


def main(description: str | None = __doc__, level: Level = LEVEL1) -> int:
    """Run from the command line; 1 when something differed."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf)
    options = parser.parse_args()
    outcome = run_worlds(
        options.lines, seed=options.seed, seconds_max=options.minutes * 60, level=level
    )
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
