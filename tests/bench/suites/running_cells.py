"""Suites whose cells are runs of feeder, publisher and subscribers."""

from collections.abc import Mapping, Sequence

from tests.bench.plan import Cell, Figures, Pair, Suite
from tests.bench.running import Run, prepared, run_once


def cell_of(name: str, run: Run) -> Cell:
    """A cell that runs once each round."""

    def measure() -> Figures:
        return run_once(run)

    return Cell(name, measure, str(run))


def suite_of(
    name: str,
    title: str,
    runs: Mapping[str, Run],
    *,
    figures: Sequence[str],
    pairs: Sequence[Pair] = (),
    skipped: Mapping[str, str] | None = None,
) -> Suite:
    """A suite of runs, whose lines are made before anything is measured."""

    def prepare() -> None:
        for run in runs.values():
            prepared(run)

    return Suite(
        name=name,
        title=title,
        figures=figures,
        cells=[cell_of(cell, run) for cell, run in runs.items()],
        pairs=list(pairs),
        skipped=dict(skipped or {}),
        prepare=prepare,
    )
