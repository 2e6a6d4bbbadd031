"""Files that are written at one end and forgotten at the other, so that a day fits on a disk."""

import ctypes
import os
from typing import IO, Final

KEEP_SIZE: Final = 1
PUNCH_HOLE: Final = 2
STEP_BYTES: Final = 4 << 20
"""Holes are made in steps of so much."""


class Forgetting:
    """Gives the blocks of a file back that were read.

    Args:
        file: As its reader has it open.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._until = 0
        libc = ctypes.CDLL(None, use_errno=True)
        self._fallocate = getattr(libc, "fallocate64", None)
        if self._fallocate is not None:
            self._fallocate.argtypes = (
                ctypes.c_int,
                ctypes.c_int,
                ctypes.c_int64,
                ctypes.c_int64,
            )

    def forget(self, until: int) -> bool:
        """Forget what is before a position; whether anything was.

        Where the file system has no holes the file grows, and nothing else changes.
        """
        if self._fallocate is None or until - self._until < STEP_BYTES:
            return False
        # The reader may not change the file, only the system's notion of what it holds.
        descriptor = os.open(self._file.name, os.O_WRONLY)
        try:
            failed = self._fallocate(
                descriptor, KEEP_SIZE | PUNCH_HOLE, self._until, until - self._until
            )
        finally:
            os.close(descriptor)
        if failed:
            self._fallocate = None
            return False
        self._until = until
        return True
