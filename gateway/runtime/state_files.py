"""What survives a restart: leases, and the last epoch, in small files that are replaced whole."""

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any, Final

import pydantic

from gateway.errors import ConfigError
from gateway.logs import get_logger

FILE_BYTES_MAX: Final = 64 * 1_048_576
_LEASES: Final = "leases.json"
_EPOCH: Final = "epoch"


class _LeaseRecord(pydantic.BaseModel):
    """One lease as it is kept."""

    model_config = pydantic.ConfigDict(strict=True)

    lease_id: str
    client: str
    user: str = ""
    lease_s: int
    expires_us: int
    claims: list[tuple[str, list[str]]] = pydantic.Field(strict=False)


_RECORDS: Final = pydantic.TypeAdapter(list[_LeaseRecord])


class StateFiles:
    """Files in the state directory; without a directory nothing is kept.

    Args:
        directory: Made when absent; None keeps nothing.

    Raises:
        ConfigError: The directory cannot be made or written.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._log = get_logger("state")
        self._lock = threading.Lock()
        if directory is None:
            return
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._replace(directory / ".probe", "")
            (directory / ".probe").unlink()
        except OSError as error:
            raise ConfigError(
                "state_dir cannot be written",
                hint="Choose a directory the gateway may write, or remove state_dir.",
                directory=str(directory),
                reason=error.strerror or str(error),
            ) from error

    def next_epoch(self, now_ms: int) -> int:
        """An epoch greater than that of every earlier run, even if the clock was set back."""
        if self._directory is None:
            return now_ms
        path = self._directory / _EPOCH
        last = 0
        with contextlib.suppress(OSError, ValueError):
            last = int(path.read_text(encoding="ascii"))
        epoch = max(now_ms, last + 1)
        self._replace(path, str(epoch))
        return epoch

    def read_leases(self) -> list[dict[str, Any]]:
        """The leases of the last run; none when the file is absent or damaged, which is logged."""
        if self._directory is None:
            return []
        path = self._directory / _LEASES
        try:
            with path.open("rb") as file:
                # Cut where no file of ours reaches: the rest then fails to parse.
                records = _RECORDS.validate_json(file.read(FILE_BYTES_MAX))
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            self._log.warning("leases cannot be restored", file=str(path), reason=str(error))
            return []
        return [record.model_dump() for record in records]

    def write_leases(self, records: list[dict[str, Any]]) -> None:
        """Replace the file of leases; a failure is logged, the next change tries again."""
        if self._directory is None:
            return
        try:
            # The last write of a stop may meet one that housekeeping has begun.
            with self._lock:
                self._replace(self._directory / _LEASES, json.dumps(records))
        except OSError as error:
            self._log.warning("leases cannot be kept", reason=str(error))

    def _replace(self, path: Path, text: str) -> None:
        """Write beside the file and rename over it: a reader sees the old one or the new one."""
        beside = path.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
