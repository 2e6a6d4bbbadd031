"""Keeps a directory to one process, by a lock that ends with the process, whatever its end."""

import errno
import os
import sys
from pathlib import Path
from typing import Final

LOCK: Final = ".lock"
_LACKING: Final = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
"""What file systems without locks answer, some network drives among them."""


class DirectoryTaken(OSError):
    """Another process has the directory."""


class DirectoryLock:
    """A locked file in a directory.

    Args:
        directory: Must exist when it is taken.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOCK
        self._file: int | None = None

    def take(self) -> None:
        """Lock it; where the file system has no locks, do nothing.

        Raises:
            DirectoryTaken: Another process has it.
            OSError: The file cannot be made.
        """
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            _lock(file)
        except OSError:
            os.close(file)
            raise
        self._file = file

    def release(self) -> None:
        """Let others have it; may be called again."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise DirectoryTaken(error.errno, "in use") from error
else:
    import fcntl

    def _lock(file: int) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DirectoryTaken(error.errno, "in use") from error
        except OSError as error:
            if error.errno not in _LACKING:
                raise
