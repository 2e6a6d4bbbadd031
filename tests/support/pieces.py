"""Work that is done in pieces, done to its end."""

from collections.abc import Generator
from typing import Any


def finished(steps: Generator[None, None, Any]) -> tuple[int, Any]:
    """Do all of it; how often it let others have a turn, and what came of it."""
    count = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return count, end.value
        count += 1
