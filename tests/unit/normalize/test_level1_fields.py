"""Columns by name: any field set, and lines that do not fit theirs."""

import pytest

from gateway.model.enums import Cause
from tests.unit.normalize.line_desk import (
    COLUMNS,
    GATEWAY_NAMES,
    LAYOUTS,
    REORDERED,
    Desk,
    Options,
    line,
    utc_us,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")


def kinds(desk: Desk) -> list[str]:
    """Kinds of the frames since the last look, in order."""
    return [frame["kind"] for frame in desk.take()]


@pytest.mark.parametrize("columns_cut", [1, 2, 10, 25, 31])
@pytest.mark.parametrize("letter", ["P", "Q"])
@LAYOUTS
def test_truncated_line_is_rejected_whole(
    names: tuple[str, ...], letter: str, columns_cut: int
) -> None:
    """The column at the cut may be half a number: 188.3 of 188.3500."""
    desk = Desk(Options(names=names))
    desk.live()
    whole = line(letter, "ba", names=names)
    cut = whole.rsplit(",", columns_cut)[0]
    desk.feed(cut, cut[: -len(cut) // 40])
    assert desk.take() == []
    assert desk.counted() == {"lines_truncated": 2}
    assert desk.complaints.samples[0].line.startswith(f"'{letter},AAPL,")
    desk.feed(whole)
    assert "quote" in kinds(desk)


@pytest.mark.parametrize("letter", ["P", "Q"])
@LAYOUTS
def test_extra_columns_are_ignored_and_counted(names: tuple[str, ...], letter: str) -> None:
    """A newer IQConnect may append a column; the agreed ones stay where they are."""
    text = line(letter, "Cba", names=names)
    agreed, desk = Desk(Options(names=names)), Desk(Options(names=names))
    for each, end in ((agreed, ""), (desk, "new,17.5,")):
        each.live()
        each.feed(text + end)
    plain = agreed.take()
    assert plain
    assert desk.take() == plain
    assert desk.counted() == {"lines_extra_columns": 1}


@pytest.mark.parametrize("columns_cut", [1, 5, 12, 20, 27])
@pytest.mark.parametrize("letter", ["P", "Q"])
@LAYOUTS
def test_line_that_swallowed_the_next_one_is_rejected(
    names: tuple[str, ...], letter: str, columns_cut: int
) -> None:
    """With the terminator lost, the columns behind the cut are another symbol's prices."""
    desk = Desk(Options(names=names))
    desk.live()
    desk.live("MSFT")
    cut = line("Q", "Cba", names=names).rsplit(",", columns_cut)[0]
    desk.feed(cut + line(letter, "Cba", symbol="MSFT", names=names))
    assert desk.take() == []
    assert desk.counted() == {"lines_invalid": 1}


@pytest.mark.parametrize("letter", ["P", "Q"])
@LAYOUTS
def test_lines_of_symbols_nobody_watches_are_dropped_and_counted(
    names: tuple[str, ...], letter: str
) -> None:
    """Late lines after an unwatch, and names with foreign bytes; no topic is made for them."""
    desk = Desk(Options(names=names))
    desk.live()
    for symbol in ("MSFT", "", "aapl", "\xff\xfe", "AAPL "):
        desk.feed(line(letter, "ba", symbol=symbol, names=names))
    assert desk.take() == []
    assert desk.counted() == {"lines_unwatched": 5}


DEFAULT = (
    "Symbol",
    "Most Recent Trade",
    "Most Recent Trade Size",
    "Most Recent Trade Time",
    "Most Recent Trade Market Center",
    "Total Volume",
    "Bid",
    "Bid Size",
    "Ask",
    "Ask Size",
    "Open",
    "High",
    "Low",
    "Close",
    "Message Contents",
    "Most Recent Trade Conditions",
)
"""The vendor's 16 default names, in its order."""


def test_default_field_set_gives_what_it_holds_and_nil_for_the_rest() -> None:
    """Columns by name, never by guess: the last trade is not `Last`, and there is no date."""
    desk = Desk(Options(names=DEFAULT))
    desk.live()
    desk.feed(line("Q", "Cbah", names=DEFAULT))
    trade, quote, summary = desk.take()
    assert (trade["price"], trade["size"], trade["conditions"]) == (188.3, 50, "3D87")
    # Without a date field the session's clock dates a trade that has just been made.
    assert trade["event_us"] == utc_us("2026-09-16 09:59:58.000001")
    assert (trade["trade_id"], trade["aggressor"]) == (None, None)
    assert (quote["bid"], quote["ask"], quote["bid_size"]) == (188.25, 188.36, 100)
    assert (quote["bid_us"], quote["event_us"], quote["bid_market_center"]) == (None, None, None)
    assert (summary["last"], summary["last_us"], summary["vwap"]) == (None, None, None)
    assert (summary["high"], summary["total_volume"]) == (189.5, 37629453)
    assert desk.counted() == {}


def test_text_behind_the_last_comma_is_no_column() -> None:
    """A field that was not selected is nil, not whatever a line happens to end with."""
    desk = Desk(Options(names=DEFAULT))
    desk.live()
    desk.feed(line("Q", "Cbah", names=DEFAULT) + "17.5")
    trade, quote, summary = desk.take()
    assert (trade["trade_id"], quote["bid_market_center"], summary["vwap"]) == (None, None, None)
    assert (trade["price"], quote["bid"], summary["high"]) == (188.3, 188.25, 189.5)
    assert desk.counted() == {}


@pytest.mark.parametrize("refused", GATEWAY_NAMES[2:])
def test_refused_field_costs_its_own_values_only(refused: str) -> None:
    """An account may not select a field; everything else must stand where it stood."""
    names = [name for name in GATEWAY_NAMES if name != refused]
    whole, less = Desk(), Desk(Options(names=names))
    frames = []
    for desk, field_set in ((whole, GATEWAY_NAMES), (less, names)):
        desk.live()
        desk.feed(line("Q", "Cbah", names=field_set), line("Q", "ba", names=field_set))
        frames.append(desk.take())
    if refused == "Most Recent Trade":
        frames[0] = [frame for frame in frames[0] if frame["kind"] != "trade"]
        assert less.counted() == {"lines_invalid": 1}
    else:
        assert less.counted() == {}
    differing = {
        (after["kind"], key, after[key])
        for before, after in zip(*frames, strict=True)
        for key in before
        if before[key] != after[key] and key != "event_us"
    }
    assert {value for _, _, value in differing} <= {None}
    assert len(differing) <= 2


def test_field_set_may_change_while_lines_flow() -> None:
    """Every line is read by the set in force when it came, a waiting summary by its own."""
    desk = Desk()
    desk.live()
    desk.feed(line("Q", "C"), line("Q", "C", {"Last": "188.3100"}))
    desk.raw.clear()
    desk.pipeline.select(REORDERED)
    assert desk.one("summary")["last"] == 188.31
    desk.feed(line("Q", "ba", names=REORDERED))
    assert desk.one("quote")["bid"] == 188.25


def test_names_used_here_are_all_the_names() -> None:
    """A test that reorders nothing proves nothing."""
    assert sorted(REORDERED) == sorted(COLUMNS)
    assert REORDERED != GATEWAY_NAMES


@pytest.mark.parametrize("letter", ["P", "Q"])
@LAYOUTS
def test_lines_of_a_closed_symbol_are_dropped_and_counted(
    names: tuple[str, ...], letter: str
) -> None:
    """They were on their way when the last consumer left, and are no sign of life."""
    desk = Desk(Options(names=names))
    symbol = desk.live()
    desk.board.close(symbol)
    desk.raw.clear()
    heard_us = symbol.last_line_us
    desk.clock.advance(seconds=1)
    desk.feed(line(letter, "Cba", names=names))
    assert desk.take() == []
    assert desk.counted() == {"lines_unwatched": 1}
    assert symbol.last_line_us == heard_us


@LAYOUTS
def test_first_line_without_a_qualified_trade_has_no_conditions_for_it(
    names: tuple[str, ...],
) -> None:
    """The conditions on the line are the odd lot's, and `last` is another trade."""
    desk = Desk(Options(names=names))
    desk.board.open("AAPL")
    desk.feed(line("P", "O", names=names))
    assert desk.one("summary")["last_conditions"] is None
    desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
    desk.board.recover_upstream()
    desk.feed(line("Q", "O", names=names))
    assert desk.take("summary")[-1]["last_conditions"] is None
