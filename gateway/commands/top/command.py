"""The command: one page, or a screen that is drawn anew each second.

`rich` draws: it is here already, knows every terminal's colors and size, and its full-screen mode
gives the screen back as it was. A widget toolkit would add a dependency and an event loop of its
own for one list that scrolls; keys are read by sixty lines of ours.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import zmq
from gateway_client import CurveKeys
from gateway_client.errors import GatewayClientError
from rich.console import Console, ConsoleDimensions, ConsoleOptions, Group, RenderResult
from rich.control import Control
from rich.screen import Screen

from gateway.clock import SystemClock
from gateway.commands.endpoints import refusal_of
from gateway.commands.top.keys import Terminal, open_terminal
from gateway.commands.top.page import page_of
from gateway.commands.top.panels import TABS, Look
from gateway.commands.top.view import everything, screen
from gateway.commands.top.watcher import Watcher
from gateway.errors import bounded

REFRESH_NS: Final = 1_000_000_000
SETTLE_NS: Final = 200_000_000
"""Answers that come together become one picture."""
ONCE_S_MAX: Final = 5.0
PLAIN_WIDTH: Final = 120
PLAIN_COLUMNS: Final = 80
PLAIN_LINES: Final = 24
ONCE_ROWS_MAX: Final = 20
SEARCH_CHARACTERS_MAX: Final = 48
_CLOCK: Final = SystemClock()


@dataclass(frozen=True, slots=True, kw_only=True)
class TopOptions:
    """What the command was told."""

    control: str
    """The gateway's control socket."""
    search: str = ""
    """What rows must contain."""
    is_once: bool = False
    """One page, then the end."""
    is_json: bool = False
    """With `is_once`: one JSON object."""
    keys: CurveKeys | None = None
    """For a gateway that asks for them."""


def top(options: TopOptions) -> int:
    """Show a gateway.

    Args:
        options: As given. Where standard output is no terminal, one page is printed.

    Returns:
        0, or 1 when there was no contact at all.
    """
    console = Console()
    try:
        watcher = Watcher(options.control, search=options.search.upper(), keys=options.keys)
    except (GatewayClientError, zmq.ZMQError) as error:
        sys.stderr.write(f"{bounded(options.control)} is no address: {error}\n")
        return 1
    with watcher:
        if options.is_once or not console.is_terminal:
            return _print_once(watcher, console, options)
        with open_terminal() as terminal:
            _Screen(watcher, console, terminal, search=options.search).run()
    return 0


def _print_once(watcher: Watcher, console: Console, options: TopOptions) -> int:
    refusal = "" if options.is_json else refusal_of(options.control)
    if refusal:
        sys.stderr.write(refusal)
        return 1
    deadline_ns = _CLOCK.monotonic_ns() + round(ONCE_S_MAX * 1e9)
    while not watcher.is_complete and _CLOCK.monotonic_ns() < deadline_ns:
        watcher.work()
        watcher.socket.poll(min(50, watcher.wait_ms()))
    page = page_of(watcher)
    if options.is_json:
        print(json.dumps(page, default=str))
        return 0 if watcher.heard_us is not None else 1
    if watcher.heard_us is None:
        sys.stderr.write(
            f"no answer from {bounded(options.control)[1:-1]} within {ONCE_S_MAX:g} s\n"
            "  what to do: `iqfeed-gateway doctor` finds out why.\n"
        )
        return 1
    width = console.width if console.is_terminal else PLAIN_WIDTH
    look = Look(
        search=options.search, history=tuple(watcher.history), has_unicode=_has_unicode(console)
    )
    for line in everything(page, look, width=width, rows_max=ONCE_ROWS_MAX):
        console.print(line, soft_wrap=True)
    return 0


class _Frame:
    """One picture, drawn over the last one: without going home it would scroll it away."""

    def __init__(self, picture: Group) -> None:
        self._picture = picture

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Control.home()
        yield Screen(self._picture)


class _Screen:
    """The screen of one run."""

    def __init__(
        self, watcher: Watcher, console: Console, terminal: Terminal, *, search: str
    ) -> None:
        self._watcher = watcher
        self._console = console
        self._terminal = terminal
        self._look = Look(search=search, has_unicode=_has_unicode(console))
        self._is_over = False
        self._page_rows = 10
        self._keys: dict[str, Callable[[], None]] = {
            "q": self._end,
            "Q": self._end,
            "/": self._type,
            "tab": lambda: self._switch(1),
            "shift_tab": lambda: self._switch(-1),
            "up": lambda: self._scroll(-1),
            "down": lambda: self._scroll(1),
            "page_up": lambda: self._scroll(-self._page_rows),
            "page_down": lambda: self._scroll(self._page_rows),
            "home": lambda: self._scroll(-(1 << 30)),
            "end": lambda: self._scroll(1 << 30),
            "escape": lambda: self._search_for(""),
        }

    def run(self) -> None:
        """Draw until the user has seen enough."""
        drawn_ns, drawn_revision, drawn_size = 0, -1, self._console.size
        with self._console.screen(hide_cursor=True):
            while not (self._is_over or self._terminal.is_ended):
                self._watcher.work()
                now_ns = _CLOCK.monotonic_ns()
                size = self._console.size = _size_of(self._console)
                is_news = self._watcher.revision != drawn_revision
                is_due = now_ns - drawn_ns >= (SETTLE_NS if is_news else REFRESH_NS)
                if is_due or size != drawn_size:
                    self._console.print(_Frame(self._picture()), end="")
                    drawn_ns, drawn_revision, drawn_size = now_ns, self._watcher.revision, size
                keys = self._wait(now_ns - drawn_ns, is_news=is_news and not is_due)
                for key in keys:
                    self._press(key)
                if keys:
                    drawn_ns = 0

    def _wait(self, since_ns: int, *, is_news: bool) -> list[str]:
        left_ns = (SETTLE_NS if is_news else REFRESH_NS) - since_ns
        wait_ms = max(1, min(self._watcher.wait_ms(), left_ns // 1_000_000))
        flags = zmq.POLLIN | (zmq.POLLOUT if self._watcher.has_unsent else 0)
        return self._terminal.wait(self._watcher.socket, flags, wait_ms)

    def _picture(self) -> Group:
        width, height = self._console.size
        self._page_rows = max(1, height // 2)
        self._look.history = tuple(self._watcher.history)
        # The last column of a console of Windows wraps.
        page = page_of(self._watcher)
        return Group(*screen(page, self._look, width=max(20, width - 1), height=max(3, height)))

    def _press(self, key: str) -> None:
        if key == "quit":
            self._end()
        elif self._look.is_typing:
            self._typed(key)
        elif key in self._keys:
            self._keys[key]()

    def _typed(self, key: str) -> None:
        if key == "enter":
            self._look.is_typing = False
        elif key == "escape":
            self._look.is_typing = False
            self._search_for("")
        elif key == "backspace":
            self._search_for(self._look.search[:-1])
        elif key in ("up", "down", "page_up", "page_down", "home", "end", "tab", "shift_tab"):
            self._keys[key]()
        elif len(key) == 1 and len(self._look.search) < SEARCH_CHARACTERS_MAX:
            self._search_for(self._look.search + key)

    def _search_for(self, text: str) -> None:
        self._look.search, self._look.offset = text, 0
        # Symbols are searched by the gateway, which may know more than it tells at once.
        self._watcher.search_for(text.upper() if text.isascii() else "")

    def _type(self) -> None:
        self._look.is_typing = True

    def _switch(self, step: int) -> None:
        place = TABS.index(self._look.tab)
        self._look.tab, self._look.offset = TABS[(place + step) % len(TABS)], 0

    def _scroll(self, rows: int) -> None:
        self._look.offset = max(0, self._look.offset + rows)

    def _end(self) -> None:
        self._is_over = True


def _size_of(console: Console) -> ConsoleDimensions:
    """The terminal's size now; a size in the environment is that of another moment."""
    try:
        found = os.get_terminal_size(sys.stdout.fileno())
    except (OSError, ValueError):
        return console.size
    # A terminal that does not know its size says zero.
    return ConsoleDimensions(found.columns or PLAIN_COLUMNS, found.lines or PLAIN_LINES)


def _has_unicode(console: Console) -> bool:
    return console.encoding.lower().replace("-", "") in ("utf8", "utf16", "utf32")
