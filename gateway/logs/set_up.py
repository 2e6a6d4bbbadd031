"""Log set-up: from an event to the terminal and to files."""

import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Final, Protocol

import structlog

from gateway.logs.masking import Secrets
from gateway.logs.repeats import RepeatLimiter
from gateway.logs.streams import OF_ANY_LEVEL, LogStreams, is_shown, streams_of
from gateway.logs.values import Harmless

_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_LEVEL_OF: Final = {"exception": "error", "warn": "warning", "fatal": "critical"}
"""What other names of a logger's methods mean."""


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


class Logging:
    """Writes finished events; what structlog calls a logger.

    Args:
        level: The lowest that is written.
        form: `json`, `console`, or `auto`: console text where people read along, else JSON.
        file: Where to.
        streams: Log files; None for none.
        secrets: What is never written.
        repeats: Leaves out what repeats itself; None lets everything pass.
    """

    def __init__(
        self,
        *,
        level: str,
        form: str,
        file: Any,
        streams: LogStreams | None,
        secrets: Secrets,
        repeats: RepeatLimiter | None,
    ) -> None:
        self._wanted = _from(level)
        self._file = file
        self._streams = streams
        self._repeats = repeats
        self._as_json = structlog.processors.JSONRenderer(ensure_ascii=True)
        is_console = file.isatty() if form == "auto" else form == "console"
        self._is_console = is_console
        self._as_text: Any = (
            structlog.dev.ConsoleRenderer(colors=file.isatty()) if is_console else self._as_json
        )
        self._last: tuple[Callable[..., Any], ...] = (
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            Harmless(secrets),
        )
        if repeats is not None:
            repeats.tell = self._tell

    def set_level(self, level: str) -> None:
        """Write what has at least this level from now on."""
        self._wanted = _from(level)

    def _drop_unwanted(
        self, _: Any, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Let an event pass that is going to be written anywhere.

        Raises:
            DropEvent: It is not: nothing more is done for it.
        """
        if _LEVEL_OF.get(method, method) in self._wanted or event.get("part") in OF_ANY_LEVEL:
            return event
        raise structlog.DropEvent

    @property
    def processors(self) -> list[Callable[..., Any]]:
        """What an event passes through on its way here."""
        limiter = [] if self._repeats is None else [self._repeats]
        first = (self._drop_unwanted, structlog.processors.add_log_level)
        return [*first, *limiter, *self._last]

    def write(self, **event: Any) -> None:
        """Write one event wherever it belongs."""
        part, level = str(event.get("part", "")), str(event.get("level", ""))
        is_wanted = level in self._wanted
        if self._streams is not None:
            line = self._as_json(self, level, dict(event))
            streams = streams_of(part, level, is_wanted=is_wanted)
            self._streams.write(streams, line if isinstance(line, str) else line.decode())
        if is_shown(part, level, is_wanted=is_wanted):
            # One write: two threads' lines must not mix.
            shown = _for_people(event) if self._is_console else event
            self._file.write(f"{self._as_text(self, level, shown)}\n")
            self._file.flush()

    debug = info = warning = error = critical = exception = write

    def tell_repeats(self, *, is_last: bool = False) -> None:
        """Say how many repeats were left out, where a minute is over; call it once a second.

        Args:
            is_last: Whether the log ends, so that running minutes are told of as well.
        """
        if self._repeats is not None:
            self._repeats.tell_ended(is_last=is_last)

    def _tell(self, event: dict[str, object]) -> None:
        told: Any = event
        for processor in self._last:
            told = processor(self, "", told)
        self.write(**told)


def set_up_logging(
    *,
    level: str,
    form: str,
    file: LogFile | None = None,
    streams: LogStreams | None = None,
    secrets: Secrets | None = None,
    repeats: RepeatLimiter | None = None,
) -> Logging:
    """Send all log events to one place, and to files by what they are about.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        form: `json` for machines, `console` for people, `auto` for whoever reads.
        file: Where to; standard error when absent, which blocks when its reader does.
        streams: Log files; None for none.
        secrets: What is never written; values under telling names are not in any case.
        repeats: Leaves out what repeats itself; None lets everything pass.

    Returns:
        What writes; whoever gave `repeats` lets it tell of them once a second.
    """
    running = Logging(
        level=level,
        form=form,
        file=file if file is not None else sys.stderr,
        streams=streams,
        secrets=secrets if secrets is not None else Secrets(),
        repeats=repeats,
    )
    structlog.configure(
        processors=running.processors,
        # Loggers keep their class, and the level may change: `Logging` drops what is below it.
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=lambda *_: running,
        cache_logger_on_first_use=True,
    )
    return running


def _from(level: str) -> frozenset[str]:
    return frozenset(_LEVELS[_LEVELS.index(level) :])


def get_logger(name: str) -> Any:
    """A logger whose events carry the part of the program they come from."""
    if name in OF_ANY_LEVEL:
        wrapper = structlog.make_filtering_bound_logger(logging.NOTSET)
        return structlog.wrap_logger(None, wrapper_class=wrapper).bind(part=name)
    return structlog.get_logger().bind(part=name)


def _for_people(event: dict[str, Any]) -> dict[str, Any]:
    """An event that has a message of its own begins with it: at the end of a line nobody sees it.

    Machines get the event as it is, so that they can go by its name.
    """
    message = event.get("message")
    if not isinstance(message, str):
        return event
    name = " ".join(str(event[key]) for key in ("event", "change") if key in event)
    rest = {key: value for key, value in event.items() if key not in ("message", "change")}
    return rest | {"event": f"{name}: {message}"}
