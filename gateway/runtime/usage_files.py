"""The report of usage on disk: JSON lines, a file a day, replaced whole as the day goes on."""

import contextlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pydantic

from gateway.errors import ConfigError
from gateway.logs import get_logger

FILE_BYTES_MAX: Final = 256 * 1_048_576
RELAY_FOLDER: Final = "relay-usage"
"""In `state_dir`: a relay's reports are apart, as it may have its gateway's configuration."""
DAYS_MAX: Final = 400
"""Days that are kept; the oldest ones are removed."""
FILE_NAME: Final = re.compile(r"usage-(\d{4}-\d\d-\d\d)\.jsonl")
_MODE: Final = 0o640


class UsageRow(pydantic.BaseModel):
    """One line: a user and a symbol, or how many facts found no room."""

    model_config = pydantic.ConfigDict(strict=True, extra="forbid")

    user: str
    symbol: str
    kinds: list[str]
    first_us: int
    last_us: int
    connections: int


class DroppedRow(pydantic.BaseModel):
    """A line that says how much is missing."""

    model_config = pydantic.ConfigDict(strict=True, extra="forbid")

    dropped: int


_LINE: Final[pydantic.TypeAdapter[UsageRow | DroppedRow]] = pydantic.TypeAdapter(
    UsageRow | DroppedRow
)


class UsageFiles:
    """Files in the state directory.

    Args:
        directory: `state_dir`.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._log = get_logger("usage")

    def days(self) -> list[str]:
        """The days there are files of, the oldest first.

        Raises:
            ConfigError: The directory cannot be read.
        """
        try:
            names = [FILE_NAME.fullmatch(path.name) for path in self._directory.iterdir()]
        except OSError as error:
            raise ConfigError(
                "the reports of usage cannot be read",
                hint="Name the configuration whose state_dir holds them.",
                directory=str(self._directory),
                reason=error.strerror or str(error),
            ) from error
        return sorted(match[1] for match in names if match is not None)

    def read(self, day: str) -> list[dict[str, Any]]:
        """The rows of a day; none when there is no file.

        Raises:
            ConfigError: The file cannot be read, with the line.
        """
        path = self._path_of(day)
        try:
            with path.open("rb") as file:
                text = file.read(FILE_BYTES_MAX)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigError(
                "a report of usage cannot be read",
                file=str(path),
                reason=error.strerror or str(error),
            ) from error
        rows = []
        for number, line in enumerate(text.splitlines(), 1):
            try:
                rows.append(_LINE.validate_json(line).model_dump())
            except pydantic.ValidationError as error:
                raise ConfigError(
                    "a report of usage is damaged",
                    hint="Put the file aside: what it says cannot be relied on.",
                    file=str(path),
                    line=number,
                ) from error
        return rows

    def write(self, day: str, rows: Iterable[dict[str, Any]]) -> bool:
        """Replace a day's file; a failure is logged, and the next write tries again.

        Returns:
            Whether it was written.
        """
        path = self._path_of(day)
        beside = path.with_suffix(".new")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
            with open(descriptor, "w", encoding="utf-8") as file:
                for row in rows:
                    file.write(f"{json.dumps(row, separators=(',', ':'))}\n")
                file.flush()
                os.fsync(descriptor)
            beside.replace(path)
        except OSError as error:
            self._log.error("usage cannot be written", file=str(path), reason=str(error))
            return False
        return True

    def put_aside(self, day: str) -> None:
        """Keep a damaged file of a day beside, so that the day can go on."""
        path = self._path_of(day)
        with contextlib.suppress(OSError):
            path.replace(path.with_suffix(".damaged"))

    def forget_old(self) -> None:
        """Remove the oldest days, beyond those that are kept."""
        for day in self.days()[:-DAYS_MAX]:
            self._log.warning("an old report of usage is removed", day=day)
            with contextlib.suppress(OSError):
                self._path_of(day).unlink()

    def _path_of(self, day: str) -> Path:
        return self._directory / f"usage-{day}.jsonl"
