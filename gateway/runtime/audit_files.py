"""Reads an audit log's files, oldest first; nothing is changed."""

from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from gateway.errors import ConfigError
from gateway.logs.chain import Head, read_head
from gateway.logs.chain_check import HEAD_FILE, LogFile

LOG_FILE: Final = "audit.log"
LINE_BYTES_MAX: Final = 1_048_576
"""A longer line is read in pieces, each of which is none."""


def audit_files(directory: Path) -> tuple[list[LogFile], Head | None]:
    """Find the files of the audit log in a directory.

    Returns:
        The files, oldest first, and what is known of the log's end.

    Raises:
        ConfigError: There is none, or it cannot be read.
    """
    try:
        numbered = sorted(
            (int(path.suffix[1:]), path)
            for path in directory.glob(f"{LOG_FILE}.*")
            if path.suffix[1:].isdecimal()
        )
        head = _read_head(directory / HEAD_FILE)
        paths = [path for _, path in reversed(numbered)]
        if (directory / LOG_FILE).exists():
            paths.append(directory / LOG_FILE)
    except OSError as error:
        raise _unreadable(directory, error.strerror or str(error)) from error
    if not paths and head is None:
        raise _unreadable(directory, "there is no audit log")
    return [LogFile(path.name, partial(_lines_of, path)) for path in paths], head


def last_lines(files: list[LogFile], count: int) -> list[bytes]:
    """The last lines of a log, oldest first."""
    found: deque[bytes] = deque(maxlen=count)
    for file in reversed(files):
        newest: deque[bytes] = deque(file.lines(), maxlen=count - len(found))
        found.extendleft(reversed(newest))
        if len(found) == count:
            break
    return list(found)


def _lines_of(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while line := file.readline(LINE_BYTES_MAX):
                yield line
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error


def _read_head(path: Path) -> Head | None:
    try:
        return read_head(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None


def _unreadable(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        "the audit log cannot be read",
        hint="Name the directory that log.directory names, as a user who may read it.",
        path=str(path),
        reason=reason,
    )
