"""Outcomes as a table for people and as JSON for programs."""

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench.plan import Outcome, Pair, number

FOLDER: Final = Path(__file__).parent / "results"


def write(
    outcomes: Sequence[Outcome], about: Mapping[str, Any], *, folder: Path, name: str
) -> tuple[Path, Path]:
    """Write both files; where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    table, figures = folder / f"{name}.md", folder / f"{name}.json"
    table.write_text("\n".join(told(outcomes, about)) + "\n", encoding="utf-8")
    everything = {**about, "suites": {one.suite.name: one.as_map() for one in outcomes}}
    figures.write_text(json.dumps(everything, indent=1), encoding="utf-8")
    return table, figures


def told(outcomes: Sequence[Outcome], about: Mapping[str, Any]) -> Iterator[str]:
    """The table, line by line."""
    yield "# Benchmark"
    yield ""
    for key, value in about.items():
        yield f"* {key}: {value}"
    yield ""
    yield (
        "Cells of one table took turns, in shuffled order each round. A ratio is taken within its "
        "round; only ratios of one table mean anything on a shared machine."
    )
    for outcome in outcomes:
        yield ""
        yield f"## {outcome.suite.title}"
        yield from _cells(outcome)
        if outcome.suite.pairs:
            yield from _pairs(outcome)
        for name, reason in outcome.suite.skipped.items():
            yield f"\nSkipped: {name}, because {reason}."
        for failure in outcome.failures:
            yield f"\nFailed: {failure}"


def _cells(outcome: Outcome) -> Iterator[str]:
    first, *others = outcome.suite.figures
    yield ""
    yield f"| cell | {first}: median | min | max | {' | '.join((*others, 'rounds', 'fed'))} |"
    yield "|---" * (len(others) + 6) + "|"
    for cell in outcome.suite.cells:
        values = outcome.values(cell.name, first)
        medians = [_median(outcome.values(cell.name, figure)) for figure in others]
        if not values and not any(medians):
            continue
        spread = (
            [number(pick(values)) for pick in (statistics.median, min, max)]
            if values
            else ["", "", ""]
        )
        rounds = sum(cell.name in measured for measured in outcome.rounds)
        row = [cell.name, *spread, *medians, str(rounds), cell.note]
        yield f"| {' | '.join(row)} |"


def _median(values: list[float]) -> str:
    return number(statistics.median(values)) if values else ""


def _pairs(outcome: Outcome) -> Iterator[str]:
    yield ""
    yield "| ratio | of | median | min | max | goal | met |"
    yield "|---|---|---|---|---|---|---|"
    for pair in outcome.suite.pairs:
        ratios = outcome.ratios(pair)
        if not ratios:
            continue
        spread = [f"{pick(ratios):.3g}" for pick in (statistics.median, min, max)]
        row = [f"{pair.top} / {pair.bottom}", pair.figure, *spread, pair.goal]
        yield f"| {' | '.join((*row, _verdict(pair, statistics.median(ratios))))} |"


def _verdict(pair: Pair, ratio: float) -> str:
    """Whether a goal is met, in a word."""
    if not pair.goal:
        return ""
    sign, limit = pair.goal.split()
    is_met = ratio >= float(limit) if sign == ">=" else ratio <= float(limit)
    return "yes" if is_met else "no"
