"""Reading a file that somebody else has written, or named by mistake: never more than a bound.

A path in a configuration may lead to a pipe that nobody writes to, to /dev/zero, to a log of
gigabytes or to no path at all. None of that may hold up or end a gateway that runs.
"""

import os
import stat
from pathlib import Path
from typing import Final

_NO_WAIT: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
"""Opening a pipe without a writer, or a terminal, would wait, or take it as our own."""
_FLAGS: Final = os.O_RDONLY | _NO_WAIT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class FileRefusedError(ValueError):
    """What a path leads to is no text to be read; says why in a few words."""


def read_bounded_text(path: Path, *, bytes_max: int) -> str:
    """Read a whole file of text.

    Args:
        path: Where it is.
        bytes_max: A longer one is refused, after one byte more was read.

    Raises:
        FileRefusedError: Something else than a file, too long, not UTF-8, or no path.
        OSError: It cannot be opened or read.
    """
    try:
        file = os.open(path, _FLAGS)
    except ValueError as error:
        # A zero byte, which no path has, or what the file system's encoding has not.
        raise FileRefusedError("not a path") from error
    with os.fdopen(file, "rb") as opened:
        mode = os.fstat(opened.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise FileRefusedError("Is a directory" if stat.S_ISDIR(mode) else "not a regular file")
        # One more than may be: the size that a file says to have is not what it delivers.
        data = opened.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise FileRefusedError(f"too large: at most {bytes_max} bytes are read")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileRefusedError("not UTF-8") from error
