"""Log set-up: one event a line, escaped, as console text or JSON."""

import json
import logging
import sys
import traceback
from collections import deque
from collections.abc import MutableMapping
from pathlib import PurePath
from types import TracebackType
from typing import Any, Final, Protocol

import structlog

from gateway.errors import bounded

VALUE_CHARACTERS_MAX: Final = 500
FRAMES_MAX: Final = 20
"""Innermost calls named of one exception: a recursion has a thousand."""
CAUSES_MAX: Final = 5
"""Exceptions named of one chain of causes."""


class LogFile(Protocol):
    """Where log events are written."""

    def write(self, text: str, /) -> int:
        """Take one text."""
        ...

    def flush(self) -> None:
        """Pass on what was taken."""
        ...

    def isatty(self) -> bool:
        """Whether people read along."""
        ...


def set_up_logging(*, level: str, form: str, file: LogFile | None = None) -> None:
    """Send all log events to one place.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        form: `json` for machines, `console` for people.
        file: Where to; standard error when absent, which blocks when its reader does.
    """
    target: Any = file if file is not None else sys.stderr
    renderer: Any
    if form == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=True)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=target.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _make_harmless,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=target),
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> Any:
    """A logger whose events carry the part of the program they come from."""
    return structlog.get_logger().bind(part=name)


def _make_harmless(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cut and escape values: a hostile one can neither flood the log nor forge a line of it.

    Exceptions become text here as well: a renderer would write them raw, over many lines, and with
    local variables, which may hold secrets.
    """
    failure = event.pop("exc_info", None)
    for key, value in event.items():
        if not _is_harmless(value):
            event[key] = bounded(value, characters_max=VALUE_CHARACTERS_MAX)
    if failure is True:
        failure = sys.exception()
    elif isinstance(failure, tuple):
        failure = failure[1]
    if isinstance(failure, BaseException):
        event["traceback"] = _describe(failure)
    return event


def _is_harmless(value: object) -> bool:
    """Whether a value can be written as it is, by either renderer."""
    if isinstance(value, str):
        return len(value) <= VALUE_CHARACTERS_MAX and value.isascii() and value.isprintable()
    try:
        text = json.dumps(value, allow_nan=False, default=ascii)
    except (TypeError, ValueError):
        # What JSON cannot spell: not a number, or a key or a circle that no reader could follow.
        return False
    return len(text) <= VALUE_CHARACTERS_MAX


def _describe(failure: BaseException) -> str:
    """Say what failed and where, and what caused it, on one line."""
    texts: list[str] = []
    cause: BaseException | None = failure
    while cause is not None and len(texts) < CAUSES_MAX:
        text = f"{type(cause).__name__}: {bounded(str(cause), characters_max=VALUE_CHARACTERS_MAX)}"
        places = _places(cause.__traceback__)
        texts.append(f"{text} at {places}" if places else text)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "; after ".join(texts)


def _places(trace: TracebackType | None) -> str:
    """The innermost calls, last one last: file, line and function, and no source text."""
    calls = deque(traceback.walk_tb(trace), maxlen=FRAMES_MAX)
    return " > ".join(
        f"{'/'.join(PurePath(frame.f_code.co_filename).parts[-2:])}:{line} {frame.f_code.co_name}"
        for frame, line in calls
    )
