"""A log file that is bounded in size and number, and outlives full disks and vanished folders.

It belongs to one thread. A line is in the file whole or not at all: what a full disk has taken of
one is cut off again. What could not be written is counted, and named in the file itself as soon as
it can be written again. Nothing is kept open that has been renamed or removed by others.
"""

import contextlib
import errno
import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from gateway.clock import Clock
from gateway.logs.chain import LINES_MISSING

MODE: Final = 0o640
PRIVATE_MODE: Final = 0o600
OVERSIZE_FACTOR: Final = 2
"""How many times its size a file may reach while it cannot be renamed."""
OLD_FILES_MAX: Final = 1_000
"""Numbers that are looked at for files of an earlier, larger `files_max`."""
_FLAGS: Final = (
    # A FIFO without a reader must not hold up the thread, nor Windows translate line ends.
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class RotatingFile:
    """Appends lines to `NAME.log`; full ones become `NAME.log.1`, `NAME.log.2` and so on.

    Args:
        path: The file in use.
        bytes_max: It is put aside before it grows beyond this.
        files_max: Files kept, the one in use included; 1 or more.
        clock: Stamps what the file says of its own losses.
        is_private: Whether nobody but this user may read it, where the system knows users.
        on_trouble: Told once when lines begin to be lost, or the file cannot be put aside.
        on_recovery: Told when lines are written again, and how many were lost.
    """

    def __init__(
        self,
        path: Path,
        *,
        bytes_max: int,
        files_max: int,
        clock: Clock,
        is_private: bool = False,
        on_trouble: Callable[[str, str], object] = lambda _, __: None,
        on_recovery: Callable[[str, int], object] = lambda _, __: None,
    ) -> None:
        self.path: Final = path
        """The file in use."""
        self._bytes_max = bytes_max
        self._files_max = files_max
        self._clock = clock
        self._mode = PRIVATE_MODE if is_private else MODE
        self._on_trouble = on_trouble
        self._on_recovery = on_recovery
        self._file: int | None = None
        self._is_torn = False
        self._reason = ""
        self._is_rotation_told = False
        self._told = 0
        self.lost = 0
        """Lines that are not in the file."""
        self.rotations_failed = 0
        """Times a full file could not be put aside."""

    def open(self) -> None:
        """Open the file; make it when absent, but not its folder.

        Raises:
            OSError: It cannot be written, or is no ordinary file.
        """
        self._is_torn = _ends_within_line(self.path)
        file = os.open(self.path, _FLAGS, self._mode)
        try:
            _check_ordinary(file)
            if self._mode == PRIVATE_MODE and hasattr(os, "fchmod"):
                os.fchmod(file, PRIVATE_MODE)
        except OSError:
            os.close(file)
            raise
        self._file = file

    def write(self, line: str) -> None:
        """Append one line; lose and count it where that cannot be done.

        Args:
            line: ASCII, without its end.
        """
        if not self._try_append(f"{line}\n"):
            self.lost += 1

    def tell_lost(self) -> None:
        """Write how many lines are missing, if any are and that can be done; call it when idle."""
        if self.lost > self._told:
            self._try_append("")

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                os.close(file)

    def _try_append(self, text: str) -> bool:
        try:
            self._append(text)
        except OSError as error:
            self.close()
            if not self._reason:
                self._reason = error.strerror or str(error)
                self._on_trouble(self.path.name, self._reason)
            return False
        return True

    def _append(self, text: str) -> None:
        """Write what was lost, and a line; an empty text is no line."""
        size = self._reach()
        lost = self.lost - self._told
        told = self._words_of(lost) if lost else ""
        if size and size + len(told) + len(text) > self._bytes_max:
            size = self._rotate(size)
        if told:
            size = self._write_whole(told, size)
            self._told += lost
        if text:
            self._write_whole(text, size)
        if self._reason:
            self._reason = ""
            self._on_recovery(self.path.name, lost)

    def _reach(self) -> int:
        """Have the file open that the path names now; its size."""
        if self._file is not None:
            try:
                found = self.path.stat()
            except FileNotFoundError:
                self.close()
            else:
                if os.path.samestat(found, os.fstat(self._file)):
                    return found.st_size
                self.close()
        # The last folder only: what is above may be a disk that is not there.
        with contextlib.suppress(FileExistsError):
            self.path.parent.mkdir()
        self.open()
        return self.path.stat().st_size

    def _write_whole(self, text: str, size: int) -> int:
        """Write one line, or none of it.

        Args:
            text: With its end.
            size: Of the file.

        Returns:
            The file's new size.
        """
        if self._file is None:
            raise OSError(errno.EBADF, "not open")
        # What is left of an earlier line must not become part of this one.
        data = f"\n{text}" if self._is_torn else text
        view = memoryview(data.encode("ascii", "backslashreplace"))
        reached = size + len(view)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            try:
                os.ftruncate(self._file, size)
            except OSError:
                # Such as a file that the system lets grow only. The line may lack its end alone:
                # then it is there, and the next one brings the end.
                self._is_torn = True
                if len(view) == 1:
                    return reached - 1
            raise
        self._is_torn = False
        return reached

    def _words_of(self, lost: int) -> str:
        words = {
            "part": "log",
            "event": LINES_MISSING,
            "level": "warning",
            "lost": lost,
            "reason": self._reason or "too many at one time",
            "timestamp": self._stamp(),
        }
        return f"{json.dumps(words)}\n"

    def _stamp(self) -> str:
        moment = _EPOCH + timedelta(microseconds=self._clock.utc_us())
        return moment.isoformat().replace("+00:00", "Z")

    def _rotate(self, size: int) -> int:
        """Put the full file aside and begin a new one; the size of the file in use."""
        # Windows renames no open file.
        self.close()
        try:
            self._shift()
        except OSError as error:
            self.rotations_failed += 1
            if not self._is_rotation_told:
                self._is_rotation_told = True
                reason = error.strerror or str(error)
                self._on_trouble(self.path.name, f"cannot be put aside: {reason}")
            if size >= OVERSIZE_FACTOR * self._bytes_max:
                raise
        else:
            self._is_rotation_told = False
        self.open()
        return self.path.stat().st_size

    def _shift(self) -> None:
        """Rename every file to the next number, up to the first number that is free.

        Where a rename fails midway the free number is where the next attempt begins, so no attempt
        costs a file more than a whole one.
        """
        if self._files_max == 1:
            self.path.unlink(missing_ok=True)
            return
        last = self._files_max - 1
        free = next((n for n in range(1, last) if not self._numbered(n).exists()), last)
        for number in range(free, 1, -1):
            self._numbered(number - 1).replace(self._numbered(number))
        self.path.replace(self._numbered(1))
        for number in range(self._files_max, OLD_FILES_MAX):
            if not self._numbered(number).exists():
                break
            self._numbered(number).unlink()

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def _check_ordinary(file: int) -> None:
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise OSError(errno.EINVAL, "not an ordinary file")


def _ends_within_line(path: Path) -> bool:
    """Whether a file's last line has no end; not so for one that cannot be read."""
    with contextlib.suppress(OSError):
        if stat.S_ISREG(path.stat().st_mode):
            with path.open("rb") as file:
                file.seek(0, os.SEEK_END)
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    return file.read(1) != b"\n"
    return False
