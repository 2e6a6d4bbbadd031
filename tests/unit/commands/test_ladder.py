"""Ladders as text: exact prices, whatever the width, and the truth about how old they are."""

from typing import Any

import pytest
from gateway_client import Book, Disconnected, Flag, State
from gateway_client.messages import PriceLevel

from gateway.commands.ladder import Ladders, Line, ladder, ladder_lines

SYMBOL = "@ESZ26"
BIDS = (PriceLevel(5000.25, 7, 2), PriceLevel(5000.0, 1_250, 31))
ASKS = (PriceLevel(5000.5, 12, 4), PriceLevel(5001.0, 8, 3))


def book(bids: Any = BIDS, asks: Any = ASKS, *, flags: int = 0, merged: int | None = 1) -> Book:
    """A book received at 1 s."""
    return Book("book", SYMBOL, 7, 1, 42, flags, 1_000_000, None, bids, asks, merged)


def state(told: str, cause: str | None = None, **details: Any) -> State:
    """The symbol's state."""
    return State("state", SYMBOL, 9, 1, 1, 0, 1, None, told, cause, 1, details or None)


def test_a_ladder_has_asks_above_and_bids_below() -> None:
    """Prices stand in the middle, the best ones at the spread; counts and sizes outside."""
    assert ladder_lines(book(), symbol=SYMBOL) == [
        "@ESZ26  #42",
        "            5001.00      8 (3)",
        "            5000.50     12 (4)",
        "          spread 0.25",
        " (2)     7  5000.25",
        "(31) 1,250  5000.00",
    ]


def test_bars_show_sizes() -> None:
    """The biggest on show is as long as there is room for."""
    lines = ladder_lines(book(), symbol=SYMBOL, bar="#")
    assert lines[1] == "                       5001.00      8 (3)  #"
    assert lines[5] == "########## (31) 1,250  5000.00"


@pytest.mark.parametrize("width", range(1, 60))
def test_prices_are_whole_at_any_width(width: int) -> None:
    """A price that is cut is worse than none; everything else may go."""
    lines = ladder_lines(book(), symbol=SYMBOL, width=width, bar="#")
    for price in ("5001.00", "5000.50", "5000.25", "5000.00"):
        (line,) = (line for line in lines if price in line)
        assert len(line) <= max(width, len(price))


@pytest.mark.parametrize(
    ("width", "bid"),
    [
        (60, "########## (31) 1,250  5000.00"),
        (41, "#### (31) 1,250  5000.00"),
        (40, "(31) 1,250  5000.00"),
        (30, "1,250  5000.00"),
        (20, "5000.00"),
    ],
)
def test_narrow_ladders_leave_out_the_least_first(width: int, bid: str) -> None:
    """Bars, then counts of orders, then sizes."""
    assert ladder_lines(book(), symbol=SYMBOL, width=width, bar="#")[-1] == bid


@pytest.mark.parametrize(
    ("price", "text"),
    [(1e-07, "0.0000001"), (-37.63, "-37.63"), (5000.0, "5000"), (1e16, "10000000000000000"),
     (0.1, "0.1"), (123456.789012, "123456.789012")],
)  # fmt: skip
def test_prices_are_the_vendors_text(price: float, text: str) -> None:
    """No rounding and no exponents."""
    lines = ladder_lines(book([PriceLevel(price, 1, None)], []), symbol=SYMBOL)
    assert lines[-1] == f"1  {text}"


@pytest.mark.parametrize(
    ("bids", "asks", "text"),
    [
        (BIDS, ASKS, "spread 0.25"),
        ([PriceLevel(2.0, 1)], [PriceLevel(1.5, 1)], "spread -0.5 crossed"),
        ([PriceLevel(2.0, 1)], [PriceLevel(2.0, 1)], "spread 0 locked"),
        (BIDS, [], "no asks"),
        ([], ASKS, "no bids"),
        ([], [], "no bids and asks"),
    ],
)
def test_the_line_between_tells_the_spread(bids: Any, asks: Any, text: str) -> None:
    """Exact, and named when it is no spread."""
    (line,) = (line for line in ladder(book(bids, asks), symbol=SYMBOL) if line.part == "spread")
    assert line.text.strip() == text


def test_the_head_says_whether_to_believe_it() -> None:
    """State, source, flags, age, how much was merged."""
    told = state(
        "live", level2="stale", level2_cause="iqconnect_down", level2_source="market_makers",
        reason="crossed",
    )  # fmt: skip
    shown = book(flags=Flag.STALE | Flag.SUSPECT, merged=3)
    head = ladder(shown, symbol=SYMBOL, state=told, now_us=3_500_000, width=200)[0]
    assert head == Line(
        "warning",
        "@ESZ26  live  level 2 stale: iqconnect_down  market makers  crossed  STALE  SUSPECT"
        "  2.5 s old  merged 3  #42",
    )
    assert ladder(book(), symbol=SYMBOL, state=state("live"))[0].part == "head"
    narrow = ladder_lines(shown, symbol=SYMBOL, state=told, now_us=3_500_000, width=40)
    assert all(len(line) <= 40 for line in narrow)


def test_before_the_first_book_the_state_is_told() -> None:
    """No book is not an empty book."""
    lines = ladder(None, symbol=SYMBOL, state=state("refused", "no_depth"))
    assert lines == [Line("warning", "@ESZ26  refused: no_depth"), Line("spread", "  no book")]
    empty_snapshot = Book("book", SYMBOL, 7, 1, 0, 1, 1, None)
    assert ladder_lines(empty_snapshot, symbol=SYMBOL)[-1] == "  no book yet"


def test_levels_are_limited_around_the_spread() -> None:
    """A small ladder shows the best prices."""
    lines = ladder_lines(book(), symbol=SYMBOL, levels=1)
    assert [line.split()[-1] for line in lines[2:]] == ["0.25", "5000.25"]


def test_ladders_keep_the_newest_of_each_symbol() -> None:
    """Messages of other symbols and kinds change nothing; events are noted."""
    ladders = Ladders([SYMBOL, "AAPL"])
    assert ladders.take(book())
    assert not ladders.take(book()._replace(symbol="MSFT"))
    assert not ladders.take(state("live"))
    assert not ladders.take(Disconnected("silence", 3.0))
    assert (ladders.has_book(SYMBOL), ladders.has_book("AAPL")) == (True, False)
    assert ladders.lines(SYMBOL, width=80, levels=1)[0].text.startswith("@ESZ26  live  ")
    screen = ladders.screen(width=120, height=40)
    assert len(screen.renderables) == 2


def test_a_refused_book_is_not_waited_for() -> None:
    """A script that asked for a book that does not exist must not hang."""
    ladders = Ladders([SYMBOL])
    ladders.take(state("live", None, level2="pending"))
    assert not ladders.is_hopeless
    ladders.take(state("live", None, level2="refused", level2_cause="no_depth"))
    assert ladders.is_hopeless
    text = "\n".join(line.text for line in ladders.lines(SYMBOL, width=80, levels=None))
    assert "no_depth" in text
    assert "no book yet" not in text
