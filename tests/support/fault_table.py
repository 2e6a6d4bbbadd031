"""What every fault did: one table over all fault tests of a run, printed at its end."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

ROWS: Final[list["Row"]] = []
ROW_NUMBERS: Final = (
    *(*range(1, 32), *range(33, 39), *range(40, 45)),
    *(*range(46, 52), *range(53, 75), *range(78, 87)),
)
"""The faults as they are numbered in the table: feed, consumers, requests, keys, resources,
operation."""
BESIDE: Final = 0
"""Faults that the table has beside its numbered ones."""
Test = TypeVar("Test", bound=Callable[..., Any])


@dataclass(frozen=True)
class Row:
    """One fault as it went."""

    number: int
    """Which of `ROW_NUMBERS` it is a case of."""
    fault: str
    """What was done."""
    detect_s: float | None = None
    """From the fault to the first consumer that was told, seconds; None where nothing is told."""
    recover_s: float | None = None
    """From the fault's end to the last symbol that is live again, seconds."""
    lost: int | None = None
    """Trades sent while the link was up that no consumer received."""
    repeated: int | None = None
    """Trades received more than once."""
    cause: str = ""
    """What consumers were told."""
    more: str = ""
    """Other figures."""


def fault_row(number: int) -> Callable[[Test], Test]:
    """Mark a test as a proof of one row."""
    assert number == BESIDE or number in ROW_NUMBERS
    return pytest.mark.fault_row(number)


def note(number: int, fault: str, **figures: Any) -> None:
    """Add a fault's figures to the table of this run."""
    ROWS.append(Row(number, fault, **figures))


def as_plain() -> list[dict[str, Any]]:
    """The rows so far, to be sent to another process."""
    return [asdict(row) for row in ROWS]


def add_plain(rows: list[dict[str, Any]]) -> None:
    """Take rows from another process."""
    ROWS.extend(Row(**row) for row in rows)


def as_text() -> str:
    """The table in Markdown, sorted by row."""
    lines = [
        "| row | fault | detect s | recover s | lost | repeated | cause told | more |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in sorted(ROWS, key=lambda row: (row.number, row.fault)):
        cells = (
            str(row.number or "-"),
            row.fault,
            _seconds(row.detect_s),
            _seconds(row.recover_s),
            "" if row.lost is None else str(row.lost),
            "" if row.repeated is None else str(row.repeated),
            row.cause,
            row.more,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write() -> None:
    """Write the table where the environment says, for a report."""
    path = os.environ.get("FAULT_TABLE")
    if path:
        Path(path).write_text(as_text() + "\n", encoding="utf-8")


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
