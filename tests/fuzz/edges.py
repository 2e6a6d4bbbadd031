"""Which ways through our own code an input takes: pairs of lines that follow each other.

Written with the interpreter's own tracing, so it needs no compiler and no package, and says the
same on every machine; it makes the code it follows some ten times slower.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDERS: Final = tuple(f"{ROOT / part}/" for part in ("gateway", "clients/python"))
"""Whose lines count."""
_LINES_MAX: Final = 1 << 13
"""More than any file of ours has."""


class EdgeTracer:
    """Collects the edges of calls.

    Args:
        folders: Files below them are followed, all others are not.
    """

    def __init__(self, folders: tuple[str, ...] = FOLDERS) -> None:
        self._folders = folders
        self._bases: dict[CodeType, int] = {}
        self._edges: set[int] = set()

    def follow(self, function: Callable[[bytes], object], data: bytes) -> frozenset[int]:
        """Call a function and return the edges that it took.

        Args:
            function: Called in this thread, which must not be traced by anybody else.
            data: Its argument.

        Returns:
            Numbers that stand for edges as long as this object lives.
        """
        self._edges = set()
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            function(data)
        finally:
            sys.settrace(before)
        return frozenset(self._edges)

    def _enter(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        """A call: follow it line by line if it is ours."""
        code = frame.f_code
        base = self._bases.get(code)
        if base is None:
            is_ours = code.co_filename.startswith(self._folders)
            base = len(self._bases) + 1 if is_ours else 0
            self._bases[code] = base
        if not base:
            return None
        add, first, previous = self._edges.add, base * _LINES_MAX * _LINES_MAX, 0

        def step(frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
            nonlocal previous
            if event == "line":
                line = frame.f_lineno
                add(first + previous * _LINES_MAX + line)
                previous = line
            return step

        return step
