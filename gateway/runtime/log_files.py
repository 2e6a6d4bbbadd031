"""Writes log files from a thread of their own, through one bounded queue.

The feed thread logs too, and a disk may hang: what finds the queue full is dropped and counted, and
the file says so. The audit log has room of its own, so that no flood of others' events fills it.
"""

import queue
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.clock import Clock
from gateway.errors import ConfigError
from gateway.logs import Stream, get_logger
from gateway.runtime.chained_file import ChainedFile
from gateway.runtime.directory_lock import DirectoryLock, DirectoryTaken
from gateway.runtime.rotating_file import RotatingFile

LINES_MAX: Final = 10_000
AUDIT_LINES_MAX: Final = 1_000
"""Room beyond the others' for lines of the audit log."""
CLOSE_S_MAX: Final = 2.0
"""How long the end of the process waits for the last lines to be written."""
SYNC_NS: Final = 1_000_000_000
"""How often the audit log is brought to the disk for sure."""
IDLE_S: Final = 1.0
"""How soon a file that can be written again says so itself, when nothing else is to be written."""


class LogFiles:
    """Log files in one directory; never blocks whoever logs.

    Args:
        directory: Made when absent.
        bytes_max: Size of one file.
        files_max: Files kept of each stream.
        clock: Stamps what a file says of its own losses.
        is_each_synced: Whether each line of the audit log is brought to the disk before the next
            is written, instead of all of them once a second.

    Raises:
        ConfigError: The directory cannot be used, or another gateway uses it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        bytes_max: int,
        files_max: int,
        clock: Clock,
        is_each_synced: bool = False,
    ) -> None:
        self._clock = clock
        self._is_each_synced = is_each_synced
        self._synced_ns = clock.monotonic_ns()
        self._audit = ChainedFile(
            directory / f"{Stream.AUDIT.value}.log",
            bytes_max=bytes_max,
            files_max=files_max,
            clock=clock,
            on_trouble=_tell_trouble,
            on_recovery=_tell_recovery,
            on_damage=_tell_damage,
        )
        self._files: dict[Stream, RotatingFile] = {
            stream: RotatingFile(
                directory / f"{stream.value}.log",
                bytes_max=bytes_max,
                files_max=files_max,
                clock=clock,
                on_trouble=_tell_trouble,
                on_recovery=_tell_recovery,
            )
            for stream in Stream
            if stream is not Stream.AUDIT
        }
        self._files[Stream.AUDIT] = self._audit
        self._lock = DirectoryLock(directory)
        self._open(directory)
        self._lines: queue.Queue[tuple[Sequence[Stream], str] | None] = queue.Queue(
            LINES_MAX + AUDIT_LINES_MAX
        )
        self._dropped = dict.fromkeys(Stream, 0)
        self._dropped_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="log files", daemon=True)
        self._thread.start()

    def write(self, streams: Sequence[Stream], line: str) -> None:
        """Queue a line for some files; drop it when the disk is too far behind."""
        if not streams:
            return
        if Stream.AUDIT in streams or self._lines.qsize() < LINES_MAX:
            try:
                self._lines.put_nowait((streams, line))
            except queue.Full:
                self._drop(streams)
        else:
            self._drop(streams)

    @property
    def lost(self) -> int:
        """Lines that are missing from files other than the audit log."""
        return sum(self._lost_of(stream) for stream in Stream if stream is not Stream.AUDIT)

    @property
    def audit_lost(self) -> int:
        """Lines that are missing from the audit log."""
        return self._lost_of(Stream.AUDIT)

    @property
    def audit_syncs_failed(self) -> int:
        """Times the audit log could not be brought to the disk for sure."""
        return self._audit.syncs_failed

    @property
    def rotations_failed(self) -> int:
        """Times a full file could not be put aside."""
        return sum(file.rotations_failed for file in self._files.values())

    def close(self) -> None:
        """Wait a moment for what is queued to be written."""
        try:
            self._lines.put(None, timeout=CLOSE_S_MAX)
        except queue.Full:
            return
        self._thread.join(CLOSE_S_MAX)

    def _open(self, directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock.take()
            for file in self._files.values():
                file.open()
        except DirectoryTaken as error:
            raise ConfigError(
                "log.directory is in use by another gateway or relay",
                hint="Give each a directory of its own, such as by IQGW_LOG__DIRECTORY.",
                directory=str(directory),
            ) from error
        except OSError as error:
            self._release()
            raise ConfigError(
                "log.directory cannot be used",
                hint="Choose a directory the gateway may write, or remove log.directory.",
                directory=str(directory),
                reason=error.strerror or str(error),
            ) from error

    def _lost_of(self, stream: Stream) -> int:
        return self._dropped[stream] + self._files[stream].lost

    def _drop(self, streams: Sequence[Stream]) -> None:
        with self._dropped_lock:
            for stream in streams:
                self._dropped[stream] += 1

    def _take_dropped(self) -> None:
        """Hand what was dropped to the files, which say so with their next line."""
        if not any(self._dropped.values()):
            return
        with self._dropped_lock:
            for stream, count in self._dropped.items():
                self._files[stream].lost += count
                self._dropped[stream] = 0

    def _run(self) -> None:
        while (item := self._next()) is not None:
            streams, line = item
            self._take_dropped()
            for stream in streams:
                self._files[stream].write(line)
            if not streams:
                self._tell_lost()
            self._sync(is_due=self._is_each_synced and Stream.AUDIT in streams)
        self._take_dropped()
        self._tell_lost()
        self._release()

    def _next(self) -> tuple[Sequence[Stream], str] | None:
        """The next line and its files; no files while there is none, None at the end."""
        try:
            return self._lines.get(timeout=IDLE_S)
        except queue.Empty:
            return (), ""

    def _tell_lost(self) -> None:
        for file in self._files.values():
            file.tell_lost()

    def _sync(self, *, is_due: bool) -> None:
        now_ns = self._clock.monotonic_ns()
        if is_due or now_ns - self._synced_ns >= SYNC_NS:
            self._synced_ns = now_ns
            self._audit.sync()

    def _release(self) -> None:
        self._audit.sync(is_closed=True)
        for file in self._files.values():
            file.close()
        self._lock.release()


def _tell_trouble(file: str, reason: str) -> None:
    get_logger("log").error(
        "a log file cannot be written, its lines are counted",
        file=file,
        reason=reason,
        hint="make room, or make log.directory writable again; nothing else is affected",
    )


def _tell_recovery(file: str, lost: int) -> None:
    get_logger("log").warning("a log file can be written again", file=file, lost=lost)


def _tell_damage(damage: str) -> None:
    get_logger("log").error(
        "the audit log is not as it was left",
        damage=damage,
        hint="Run `iqfeed-gateway audit verify`; the log goes on in a new file that says so.",
    )
