"""Log set-up: one event a line, escaped, as console text or JSON."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from gateway.errors import bounded

VALUE_CHARACTERS_MAX = 500


def set_up_logging(*, level: str, form: str) -> None:
    """Send all log events to standard error.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        form: `json` for machines, `console` for people.
    """
    renderer: Any
    if form == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=True)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _bound_values,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> Any:
    """A logger whose events carry the part of the program they come from."""
    return structlog.get_logger().bind(part=name)


def _bound_values(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cut and escape texts: a hostile name can neither flood the log nor forge a line of it."""
    for key, value in event.items():
        if isinstance(value, str) and (
            len(value) > VALUE_CHARACTERS_MAX or not (value.isascii() and value.isprintable())
        ):
            event[key] = bounded(value, characters_max=VALUE_CHARACTERS_MAX)
    return event
