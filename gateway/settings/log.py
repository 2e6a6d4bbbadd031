"""What is logged, how, and where to."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from gateway.settings.section import Section


class LogSettings(Section):
    """What is logged, how, and where to."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level that is written. `debug` is for an hour, not for a day; health, errors and
    the audit log have files of their own that hold everything."""
    format: Literal["auto", "console", "json"] = "auto"
    """Of standard error: `auto` is text in a terminal and JSON elsewhere. Files are JSON."""
    directory: Path | None = None
    """Where `production.log`, `health.log`, `errors.log` and `audit.log` are written; a relay uses
    the folder `relay` in it. No files when absent."""
    file_mb_max: Annotated[int, Field(ge=1, le=10_240)] = 50
    """Size at which a file is put aside as `NAME.log.1` and a new one begun."""
    files_max: Annotated[int, Field(ge=1, le=100)] = 5
    """Files kept of each kind, the one in use included: at the defaults 1 GB in all."""
    audit_sync: Literal["second", "line"] = "second"
    """When the audit log is brought to the disk for sure: once a `second`, or with each `line`.
    It costs the time of the thread that writes files; a loss of power costs what was not."""
    repeats_per_minute_max: Annotated[int, Field(ge=0, le=10_000)] = 5
    """How often the same message is logged in a minute; then one line says how many there were.
    Critical ones and those of the audit log always are. 0 logs all."""
