"""Every numbered fault has a test, and the test loses its protection once."""

import ast
from collections import defaultdict
from pathlib import Path

from tests.support.fault_table import BESIDE, ROW_NUMBERS

FOLDER = Path(__file__).resolve().parents[1] / "fault"
OUT_OF_REACH = {
    *(21, 29, 30, 37, 38, 40, 41, 42, 43, 44, 46, 47, 48, 49, 50, 53, 54, 55),
    *(61, 62, 63, 67, 68, 69, 72, 73, 74, *range(78, 87)),
}
"""Rows whose tests start real processes, or whose protection is libzmq's own: nothing can be taken
out from here. Of those with a history, the unit tests of the checker show that it notices."""


def marks() -> dict[int, list[str]]:
    """The tests that are marked as proofs, by row."""
    found: dict[int, list[str]] = defaultdict(list)
    for path in sorted(FOLDER.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "fault_row":
                    (row,) = mark.args
                    number = row.value if isinstance(row, ast.Constant) else BESIDE
                    assert isinstance(number, int)
                    found[number].append(f"{path.name}:{node.name}")
    return found


def test_every_row_is_proven() -> None:
    """A row without a test is a promise nobody keeps."""
    assert set(marks()) >= set(ROW_NUMBERS)


def test_every_row_loses_its_protection_once() -> None:
    """Otherwise its test may prove nothing."""
    text = (FOLDER / "test_protections.py").read_text(encoding="utf-8")
    rows = {
        int(ast.unparse(node.args[0]))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Protection"
    }
    assert rows - {BESIDE} == set(ROW_NUMBERS) - OUT_OF_REACH
