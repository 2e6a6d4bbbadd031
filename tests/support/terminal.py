"""A program in a terminal of its own, read as a person reads it: what is on the screen now."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

import pyte

from tests.support.processes import ROOT, clean_environment
from tests.support.slack import SLACK

READ_BYTES_MAX: Final = 65_536
TAKE_TERMINAL: Final = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, '-m', 'gateway', *sys.argv[1:]])"
)
"""Makes standard input the terminal of a new session, so that Ctrl-C and resizes reach it."""


class TerminalProgram:
    """`python -m gateway …` in a pseudo-terminal, and an emulator that shows its screen.

    Args:
        arguments: Of the command.
        columns: Width of the terminal.
        rows: Its height.
    """

    def __init__(self, *arguments: str, columns: int = 100, rows: int = 24) -> None:
        self._screen: Any = pyte.HistoryScreen(columns, rows)
        self._stream: Any = pyte.ByteStream(self._screen)
        self.output = b""
        """Everything it wrote."""
        environment = {**clean_environment(), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        self._terminal, inner = pty.openpty()
        self._set_size(columns, rows)
        self._process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *arguments],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )
        os.close(inner)
        self.before: list[Any] = termios.tcgetattr(self._terminal)
        """How the terminal was set before the program changed it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
        os.close(self._terminal)
        if error is not None:
            print("\n".join(self.lines))

    @property
    def lines(self) -> list[str]:
        """The screen as it is, line by line."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)

    @property
    def lines_scrolled(self) -> int:
        """Lines that were pushed out at the top since the start."""
        return len(self._screen.history.top)

    @property
    def settings(self) -> list[Any]:
        """How the terminal is set now."""
        return list(termios.tcgetattr(self._terminal))

    def press(self, keys: str | bytes) -> None:
        """Type."""
        os.write(self._terminal, keys if isinstance(keys, bytes) else keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Change the terminal's size, as dragging a window does."""
        self._screen.resize(rows, columns)
        self._set_size(columns, rows)

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the program."""
        self._process.send_signal(number)

    def wait_for(
        self, is_shown: Callable[[str], object], *, what: str, seconds: float = 10.0
    ) -> str:
        """Read until the screen shows something; fails with the screen when it does not."""
        deadline_s = time.monotonic() + seconds * SLACK
        while not is_shown(self.text):
            left_s = deadline_s - time.monotonic()
            assert left_s > 0, f"no {what} within {seconds} s:\n{self.text}"
            assert self._read(left_s), f"it ended before {what}:\n{self.text}"
        return self.text

    def wait_for_end(self, seconds: float = 10.0) -> int:
        """Read until the program ends; its exit code, negative for a signal."""
        deadline_s = time.monotonic() + seconds * SLACK
        while (left_s := deadline_s - time.monotonic()) > 0 and self._read(left_s):
            pass
        return self._process.wait(10)

    def _read(self, seconds: float) -> bool:
        """Read what comes; False at the end of the program."""
        ready, _, _ = select.select([self._terminal], [], [], seconds)
        if not ready:
            return True
        data = b""
        with contextlib.suppress(OSError):
            # Linux reports the end of the other side as an error.
            data = os.read(self._terminal, READ_BYTES_MAX)
        self.output += data
        self._stream.feed(data)
        return bool(data)

    def _set_size(self, columns: int, rows: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, size)
