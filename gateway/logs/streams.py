"""Which log files an event belongs to."""

import enum
from collections.abc import Sequence
from typing import Final, Protocol

AUDIT: Final = "audit"
"""The part that administrators' deeds and attempts are logged under: always written."""
HEALTH: Final = "health"
"""The part of alerts and changes of health."""
HISTORY: Final = "errors"
"""The part of the error history's entries; for files only."""
OF_ANY_LEVEL: Final = frozenset({AUDIT, HEALTH, HISTORY})
"""Parts whose own file has everything, whatever `log.level` is."""
_SERIOUS: Final = frozenset({"error", "critical"})


class Stream(enum.Enum):
    """A log file, by the name it has before `.log`."""

    PRODUCTION = "production"
    HEALTH = "health"
    ERRORS = "errors"
    AUDIT = "audit"


class LogStreams(Protocol):
    """Takes lines for files without ever blocking."""

    def write(self, streams: Sequence[Stream], line: str, /) -> None:
        """Take one line for some files.

        Args:
            streams: Which, each once.
            line: Without its end.
        """
        ...


def is_shown(part: str, level: str, *, is_wanted: bool) -> bool:
    """Whether an event goes where people look: the terminal, or what collects standard error.

    Args:
        part: Where it comes from.
        level: `debug` to `critical`.
        is_wanted: Whether its level is high enough.
    """
    # What the history keeps was logged by whoever noticed it. Of the audit log people always see
    # what administrators did and what was refused; what is granted every day is for its file.
    return part != HISTORY and (is_wanted or (part == AUDIT and level != "info"))


def streams_of(part: str, level: str, *, is_wanted: bool) -> list[Stream]:
    """The files that an event belongs to.

    Args:
        part: Where it comes from.
        level: `debug` to `critical`.
        is_wanted: Whether its level is high enough for the log of everything.
    """
    streams = [Stream.PRODUCTION] if is_wanted or part == AUDIT else []
    if part == HEALTH:
        streams.append(Stream.HEALTH)
    if part == HISTORY or level in _SERIOUS:
        streams.append(Stream.ERRORS)
    if part == AUDIT:
        streams.append(Stream.AUDIT)
    return streams
