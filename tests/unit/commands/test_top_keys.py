"""Keys of a terminal, however its bytes are cut, and of a console of Windows."""

from itertools import pairwise
from typing import Any

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.top.keys import PENDING_CHARACTERS_MAX, KeyReader, WindowsTerminal

TYPED = "a\x1b[A/\x1b[6~\tq\x1bOB\x7f\x1b[Z\r\x1b[99~é\x03"
KEYS = ["a", "up", "/", "page_down", "tab", "q", "down", "backspace", "shift_tab", "enter", "é"]
KEYS += ["quit"]


@given(st.lists(st.integers(1, len(TYPED) - 1), unique=True).map(sorted))
def test_sequences_may_be_cut_anywhere(cuts: list[int]) -> None:
    """A slow line delivers an arrow key in three pieces."""
    reader = KeyReader()
    pieces = [TYPED[a:b] for a, b in pairwise([0, *cuts, len(TYPED)])]
    assert [key for piece in pieces for key in reader.feed(piece)] == KEYS


def test_a_lone_escape_is_the_key_once_nothing_follows() -> None:
    """It is also how every sequence begins."""
    reader = KeyReader()
    assert list(reader.feed("\x1b")) == []
    assert reader.is_in_sequence
    assert list(reader.flush()) == ["escape"]
    assert list(reader.feed("\x1bq")) == ["escape", "q"]
    assert list(reader.feed("\x1b[")) == []
    assert list(reader.flush()) == []
    assert list(reader.feed("a")) == ["a"]


@given(st.text(max_size=300))
def test_any_input_gives_keys_and_keeps_little(text: str) -> None:
    """A file that is pasted by mistake must not grow anything."""
    reader = KeyReader()
    keys = list(reader.feed(text))
    assert all((len(key) == 1 and key.isprintable()) or key.isascii() for key in keys)
    assert len(reader._pending) <= PENDING_CHARACTERS_MAX + 2


class Console:
    """What `msvcrt` gives of a console."""

    def __init__(self, typed: str) -> None:
        self._typed = list(typed)

    def kbhit(self) -> bool:
        """Whether something was typed."""
        return bool(self._typed)

    def getwch(self) -> str:
        """The next character."""
        return self._typed.pop(0)


@pytest.fixture
def quiet() -> Any:
    """A socket on which nothing comes."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        yield socket


def test_the_console_of_windows_gives_the_same_keys(quiet: Any) -> None:
    """It has no sequences: a prefix, then a letter."""
    console = Console("a\xe0H\x00P\x1b\t\r\x08\xe0?\x03")
    terminal = WindowsTerminal(console, has_keys=True)
    keys = terminal.wait(quiet, zmq.POLLIN, 100)
    assert keys == ["a", "up", "down", "escape", "tab", "enter", "backspace", "quit"]
    assert terminal.wait(quiet, zmq.POLLIN, 1) == []
    assert WindowsTerminal(Console("a"), has_keys=False).wait(quiet, zmq.POLLIN, 1) == []
