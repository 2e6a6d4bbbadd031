"""What a suite measures, and how: every cell once a round, in shuffled order."""

import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Options:
    """What all suites are made with."""

    is_quick: bool = False
    """Fewer lines, fewer cells: to see whether everything works, never for figures."""
    scale: float = 1.0
    """Of the numbers of lines and of durations."""
    pipeline: str = "compiled"
    """The gateway's, which has goals of its own."""

    def lines(self, count: int) -> int:
        """A number of lines, scaled."""
        return max(200, round(count * self.scale))

    def seconds(self, seconds: float) -> float:
        """A duration, scaled."""
        return max(0.2, seconds * self.scale)


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing that is measured."""

    name: str
    measure: Callable[[], Figures]
    note: str = ""
    """What is fed, in words."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two cells and the ratio of one of their figures."""

    top: str
    bottom: str
    figure: str
    goal: str = ""
    """What the ratio should be, as `>= 0.12`; for people, never asserted."""


@dataclass(slots=True)
class Suite:
    """Cells that are measured beside each other."""

    name: str
    title: str
    figures: Sequence[str]
    """What is shown, the most important first."""
    cells: list[Cell]
    pairs: list[Pair] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    """Cells that cannot be measured here, and why."""
    prepare: Callable[[], None] = lambda: None
    """Makes what cells need before anything is measured."""


@dataclass(slots=True)
class Outcome:
    """What one suite measured."""

    suite: Suite
    rounds: list[dict[str, Figures]] = field(default_factory=list)
    """Figures by cell, of each round; a cell that failed is missing."""
    failures: list[str] = field(default_factory=list)

    def values(self, cell: str, figure: str) -> list[float]:
        """A cell's figure of each round that has it."""
        return [
            measured[cell][figure]
            for measured in self.rounds
            if cell in measured and figure in measured[cell]
        ]

    def ratios(self, pair: Pair) -> list[float]:
        """The ratio of each round that has both."""
        return [
            measured[pair.top][pair.figure] / measured[pair.bottom][pair.figure]
            for measured in self.rounds
            if all(pair.figure in measured.get(cell, {}) for cell in (pair.top, pair.bottom))
            and measured[pair.bottom][pair.figure]
        ]

    def as_map(self) -> dict[str, Any]:
        """Everything, for a file."""
        return {
            "title": self.suite.title,
            "notes": {cell.name: cell.note for cell in self.suite.cells},
            "skipped": self.suite.skipped,
            "failures": self.failures,
            "rounds": self.rounds,
            "ratios": {
                f"{pair.top} / {pair.bottom}, {pair.figure}": self.ratios(pair)
                for pair in self.suite.pairs
            },
        }


def measure(suites: Sequence[Suite], *, rounds: int, seed: int) -> Iterator[Outcome]:
    """Measure suites one after the other; within one, cells take turns in shuffled order.

    A run that fails is told, kept with the outcome, and missing from the figures.
    """
    order = random.Random(seed)
    for suite in suites:
        outcome = Outcome(suite)
        suite.prepare()
        for number in range(rounds):
            measured: dict[str, Figures] = {}
            for cell in order.sample(suite.cells, len(suite.cells)):
                started_s = time.monotonic()
                try:
                    measured[cell.name] = cell.measure()
                except (SystemExit, AssertionError, OSError) as error:
                    outcome.failures.append(f"round {number + 1}, {cell.name}: {error}")
                    print(outcome.failures[-1], file=sys.stderr, flush=True)
                    continue
                told = shown(measured[cell.name], suite.figures[0])
                took_s = time.monotonic() - started_s
                print(
                    f"{suite.name} {number + 1}/{rounds} {cell.name:32} {told} ({took_s:.1f} s)",
                    flush=True,
                )
            outcome.rounds.append(measured)
        yield outcome


def shown(figures: Figures, name: str) -> str:
    """One figure with its name."""
    return f"{name} {number(figures[name])}" if name in figures else f"{name} -"


def number(value: float) -> str:
    """A figure for people: three digits that mean something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
