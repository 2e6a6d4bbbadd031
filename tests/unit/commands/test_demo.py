"""What the demo draws: prices always, the ladder where there is room for it."""

import io
from typing import Any

import pytest
from gateway_client import Book, GatewayClientError, Quote
from gateway_client.messages import PriceLevel
from rich.console import Console

from gateway.commands import demo
from gateway.commands.ladder import Ladders

WHERE = {
    "data": "tcp://127.0.0.1:7700",
    "control": "tcp://127.0.0.1:7701",
    "http": "http://127.0.0.1:7702",
}


def screen(ladder: str = "@ES#") -> demo._Screen:
    """A screen with a quote and a book on it."""
    drawn = demo._Screen({"@ES#": demo._Row()}, ladder=ladder, ladders=Ladders([ladder]))
    levels = ([PriceLevel(5000.25, 7, 2)], [PriceLevel(5000.5, 12, 4)])
    drawn.take(Quote("quote", "@ES#", 1, 1, 1, 0, 1, None, 5000.25, 7, 5000.5, 12))
    drawn.take(Book("book", "@ES#", 7, 1, 1, 0, 1, None, *levels))
    return drawn


def drawn(what: demo._Screen, *, width: int, height: int) -> list[str]:
    """The lines of one picture."""
    file = io.StringIO()
    console = Console(file=file, width=width, height=height)
    console.print(demo._picture(what, 1.0, WHERE, console))
    return file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("width", "height", "is_shown"),
    [(180, 24, True), (80, 50, True), (80, 24, False), (180, 12, False)],
)
def test_the_ladder_is_drawn_where_it_fits(width: int, height: int, is_shown: bool) -> None:
    """A ladder that pushed the prices off the screen would be a bad bargain."""
    lines = drawn(screen(), width=width, height=height)
    assert any("spread 0.25" in line for line in lines) is is_shown
    assert any("5,000.25" in line for line in lines)
    assert max(map(len, lines)) <= width


def test_no_ladder_is_drawn_without_a_symbol() -> None:
    """Who wants none, or whose symbol is refused, has the prices."""
    assert not any("spread" in line for line in drawn(screen(""), width=180, height=50))


def test_plain_output_ends_with_the_ladder(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe has room below."""
    demo._print_plain(screen(), 1.0)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("  @ES# ")
    assert [line.strip() for line in lines[-3:]] == [
        "5000.50  12 (4)",
        "spread 0.25",
        "(2)  7  5000.25",
    ]


def test_on_other_ports_the_shown_command_names_them() -> None:
    """On the usual ports a gateway with real prices may run, and `tail` would read that one."""
    usual = " ".join(" ".join(drawn(screen(), width=180, height=50)).split())
    assert "iqfeed-gateway tail quote,trade @ES# · Ctrl-C" in usual
    moved = WHERE | {"data": "tcp://127.0.0.1:41001", "control": "tcp://127.0.0.1:41002"}
    options = "--data tcp://127.0.0.1:41001 --control tcp://127.0.0.1:41002"
    (told,) = demo._opening(screen(), moved, is_terminal=True)
    assert told == f"in another terminal: iqfeed-gateway tail quote,trade @ES# {options}"
    assert demo._opening(screen(), WHERE, is_terminal=True) == []
    assert demo.is_moved(WHERE | {"control": moved["control"]})


class RefusingClient:
    """Takes no book."""

    def subscribe_symbols(self, symbols: list[str], kinds: list[str]) -> dict[str, Any]:
        """Refuse what is not a symbol, as the client does."""
        raise GatewayClientError("unknown kind", kinds=kinds, symbols=symbols)


def test_a_refused_book_is_noted() -> None:
    """The demo goes on without it."""
    shown = screen()
    demo._want_book(RefusingClient(), shown)  # type: ignore[arg-type]
    assert (shown.ladder, len(shown.notes)) == ("", 1)
    demo._want_book(RefusingClient(), shown)  # type: ignore[arg-type]
    assert len(shown.notes) == 1
