"""Keys from a terminal and the wish for a new picture, on every system.

POSIX: the terminal hands over each key at once and does not show it; a resize wakes the wait
through a pipe. Windows: the console is looked at twenty times a second, because nothing there can
be waited for together with a socket. Where standard input is no terminal there are no keys.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final, Protocol

import zmq

if sys.platform == "win32":
    import msvcrt
else:
    import termios
    import tty

SEQUENCES: Final = {
    "[A": "up",
    "OA": "up",
    "[B": "down",
    "OB": "down",
    "[5~": "page_up",
    "[6~": "page_down",
    "[H": "home",
    "OH": "home",
    "[1~": "home",
    "[F": "end",
    "OF": "end",
    "[4~": "end",
    "[Z": "shift_tab",
}
SPECIAL: Final = {
    "\t": "tab",
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x03": "quit",
    "\x04": "quit",
}
WINDOWS_KEYS: Final = {
    "H": "up",
    "P": "down",
    "I": "page_up",
    "Q": "page_down",
    "G": "home",
    "O": "end",
    "\x0f": "shift_tab",
}
ESCAPE: Final = "\x1b"
PENDING_CHARACTERS_MAX: Final = 16
READ_BYTES_MAX: Final = 1024
ESCAPE_MS: Final = 50
"""How long after an escape the rest of a sequence may come."""
SLICE_MS: Final = 50


class KeyReader:
    """Characters of a terminal to names of keys: sequences may be cut anywhere."""

    def __init__(self) -> None:
        self._pending = ""

    @property
    def is_in_sequence(self) -> bool:
        """Whether an escape may still become a sequence: call `flush` when nothing comes."""
        return bool(self._pending)

    def feed(self, text: str) -> Iterator[str]:
        """Take characters.

        Yields:
            Names of keys, and plain characters as they are; unknown sequences give nothing.
        """
        for character in text:
            if self._pending:
                yield from self._go_on(character)
            elif character == ESCAPE:
                self._pending = ESCAPE
            elif character in SPECIAL:
                yield SPECIAL[character]
            elif character.isprintable():
                yield character

    def flush(self) -> Iterator[str]:
        """Nothing more came: a lone escape was the key itself."""
        if self._pending == ESCAPE:
            yield "escape"
        self._pending = ""

    def _go_on(self, character: str) -> Iterator[str]:
        body = self._pending[1:] + character
        if len(body) == 1:
            if character in "[O":
                self._pending += character
                return
            # Escape, then an ordinary key.
            self._pending = ""
            yield "escape"
            yield from self.feed(character)
            return
        is_final = "@" <= character <= "~"
        if is_final or len(body) > PENDING_CHARACTERS_MAX:
            self._pending = ""
            if body in SEQUENCES:
                yield SEQUENCES[body]
            return
        self._pending += character


class Terminal(Protocol):
    """Where keys come from."""

    is_ended: bool
    """Whether a signal asked to end."""

    def wait(self, socket: "zmq.Socket[bytes]", flags: int, wait_ms: int) -> list[str]:
        """Wait for a key, a resize, a signal or the socket; the keys that came."""
        ...


class PosixTerminal:
    """Standard input of a POSIX system.

    Args:
        descriptor: Of standard input; None where that is no terminal.
        wake: The reading end of a pipe that signals write to.
    """

    def __init__(self, descriptor: int | None, wake: int) -> None:
        self.is_ended = False
        self._descriptor = descriptor
        self._wake = wake
        self._reader = KeyReader()

    def wait(self, socket: "zmq.Socket[bytes]", flags: int, wait_ms: int) -> list[str]:
        """Wait for a key, a resize, a signal or the socket; the keys that came."""
        poller = zmq.Poller()
        poller.register(socket, flags)
        poller.register(self._wake, zmq.POLLIN)
        if self._descriptor is not None:
            poller.register(self._descriptor, zmq.POLLIN)
        if self._reader.is_in_sequence:
            wait_ms = min(wait_ms, ESCAPE_MS)
        ready = dict(poller.poll(wait_ms))
        if self._wake in ready:
            os.read(self._wake, READ_BYTES_MAX)
        if self._descriptor is None or self._descriptor not in ready:
            return list(self._reader.flush()) if not ready else []
        data = os.read(self._descriptor, READ_BYTES_MAX)
        if not data:
            # The terminal is gone.
            self.is_ended = True
        return list(self._reader.feed(data.decode("utf-8", "replace")))


class WindowsTerminal:
    """The console of Windows."""

    def __init__(self, console: Any, *, has_keys: bool) -> None:
        self.is_ended = False
        self._console = console
        self._has_keys = has_keys

    def wait(self, socket: "zmq.Socket[bytes]", flags: int, wait_ms: int) -> list[str]:
        """Wait for a key, a signal or the socket; the keys that came."""
        keys: list[str] = []
        while wait_ms > 0 and not keys and not self.is_ended:
            slice_ms = min(SLICE_MS, wait_ms)
            wait_ms -= slice_ms
            is_ready = socket.poll(slice_ms, flags)
            while self._has_keys and self._console.kbhit():
                keys += self._key()
            if is_ready:
                break
        return keys

    def _key(self) -> list[str]:
        character = self._console.getwch()
        if character in ("\x00", "\xe0"):
            name = WINDOWS_KEYS.get(self._console.getwch())
            return [] if name is None else [name]
        if character == ESCAPE:
            return ["escape"]
        if character in SPECIAL:
            return [SPECIAL[character]]
        return [character] if character.isprintable() else []


@contextlib.contextmanager
def open_terminal() -> Iterator[Terminal]:
    """Take the keys, and give the terminal back as it was, whatever happens."""
    is_terminal = sys.stdin is not None and sys.stdin.isatty()
    if sys.platform == "win32":
        windows = WindowsTerminal(msvcrt, has_keys=is_terminal)
        with _signals(windows, None):
            yield windows
        return
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        terminal = PosixTerminal(sys.stdin.fileno() if is_terminal else None, read)
        with _signals(terminal, write), _every_key(sys.stdin.fileno() if is_terminal else None):
            yield terminal
    finally:
        os.close(read)
        os.close(write)


@contextlib.contextmanager
def _every_key(descriptor: int | None) -> Iterator[None]:
    """Let the terminal hand over each key at once, without showing it."""
    if descriptor is None or sys.platform == "win32":
        yield
        return
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _signals(terminal: Any, wake: int | None) -> Iterator[None]:
    """End in order at a signal: a terminal left without echo is a nuisance.

    To stop it (Ctrl-Z) is ignored for the same reason.
    """

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        terminal.is_ended = True
        stir()

    def redraw(number: int, frame: FrameType | None) -> None:
        del number, frame
        stir()

    def stir() -> None:
        if wake is not None:
            # A full pipe wakes as well as a byte more.
            with contextlib.suppress(BlockingIOError):
                os.write(wake, b"!")

    wanted: dict[str, Any] = dict.fromkeys(("SIGTERM", "SIGHUP", "SIGINT", "SIGBREAK"), end)
    wanted |= {"SIGWINCH": redraw, "SIGTSTP": signal.SIG_IGN}
    known = {getattr(signal, name): act for name, act in wanted.items() if hasattr(signal, name)}
    before = {number: signal.signal(number, act) for number, act in known.items()}
    try:
        yield
    finally:
        for number, act in before.items():
            signal.signal(number, act)
