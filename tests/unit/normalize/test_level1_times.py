"""Which moments quotes, trades and summaries are given, and which they are not."""

import pytest

from tests.unit.normalize.line_desk import (
    LAYOUTS,
    Desk,
    Options,
    line,
    utc_us,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")


@LAYOUTS
def test_refresh_of_a_living_quote_keeps_proved_moments(
    names: tuple[str, ...],
) -> None:
    """Asked again while live: the very time of the last update, so its date is known."""
    desk = Desk(Options(names=names))
    desk.live()
    desk.feed(line("Q", "ba", names=names))
    desk.raw.clear()
    desk.feed(line("P", "", {"Ask Time": "09:59:59.999999"}, names=names))
    quote = desk.one("quote")
    assert quote["bid_us"] == utc_us("2026-09-16 09:59:59.1")
    assert quote["ask_us"] is None
    assert quote["event_us"] == quote["bid_us"]


@LAYOUTS
def test_update_dates_only_the_sides_it_names(names: tuple[str, ...]) -> None:
    """The other side's time may be of another day; it keeps what is known of it: nothing yet."""
    desk = Desk(Options(names=names))
    desk.live()
    desk.feed(line("Q", "b", names=names))
    quote = desk.one("quote")
    assert quote["bid_us"] == utc_us("2026-09-16 09:59:59.1")
    assert quote["ask_us"] is None
    assert quote["event_us"] == quote["bid_us"]
    columns = {"Ask Time": "09:59:59.900000", "Bid Time": "09:59:59.100000"}
    desk.feed(line("Q", "a", columns, names=names))
    quote = desk.one("quote")
    assert quote["bid_us"] == utc_us("2026-09-16 09:59:59.1")
    assert quote["ask_us"] == quote["event_us"] == utc_us("2026-09-16 09:59:59.9")


@LAYOUTS
def test_unnamed_side_whose_time_changed_before_our_eyes_is_fresh(names: tuple[str, ...]) -> None:
    """On a living link a time that differs from the last line's came into being since then."""
    desk = Desk(Options(names=names))
    desk.live()
    columns = {"Bid Time": "09:59:59.150000", "Ask Time": "09:59:59.250000"}
    desk.feed(line("Q", "a", {"Bid Time": columns["Bid Time"]}, names=names))
    assert desk.one("quote")["bid_us"] == utc_us("2026-09-16 09:59:59.15")
    desk.feed(line("Q", "b", columns, names=names))
    assert desk.one("quote")["ask_us"] == utc_us("2026-09-16 09:59:59.25")


@LAYOUTS
def test_side_that_was_never_heard_before_is_not_dated_by_another_sides_update(
    names: tuple[str, ...],
) -> None:
    """The first line of a symbol is no change before our eyes."""
    desk = Desk(Options(names=names))
    desk.board.open("AAPL")
    desk.feed(line("Q", "C", names=names))
    quote = desk.one("quote")
    assert (quote["bid_us"], quote["ask_us"], quote["event_us"]) == (None, None, None)


@LAYOUTS
def test_quote_of_just_before_midnight_is_yesterdays(names: tuple[str, ...]) -> None:
    """It arrives when the session's clock already says the new day."""
    desk = Desk(Options(names=names, now="2026-09-17 00:00:00"))
    desk.live()
    columns = {"Bid Time": "23:59:59.999000", "Ask Time": "00:00:00.250000"}
    desk.feed(line("Q", "ba", columns, names=names))
    quote = desk.one("quote")
    assert quote["bid_us"] == utc_us("2026-09-16 23:59:59.999")
    assert quote["ask_us"] == quote["event_us"] == utc_us("2026-09-17 00:00:00.25")


@LAYOUTS
def test_trade_of_an_illiquid_symbol_has_its_own_day(names: tuple[str, ...]) -> None:
    """On Monday the last trade may be of Thursday; its date field says so, the clock does not."""
    desk = Desk(Options(names=names, now="2026-09-21 08:00:00"))
    desk.live()
    thursday = {"Last Date": "09/17/2026", "Last Time": "11:22:33.444555"}
    printed = {"Most Recent Trade Date": "09/18/2026", "Most Recent Trade Time": "19:59:59.000001"}
    desk.feed(line("Q", "Ov", thursday | printed, names=names), line("P", names=names))
    desk.feed(line("Q", "v", thursday | printed, names=names))
    assert desk.answer("trade,AAPL,")["event_us"] == utc_us("2026-09-18 19:59:59.000001")
    summary = desk.take("summary")[-1]
    assert summary["last_us"] == summary["event_us"] == utc_us("2026-09-17 11:22:33.444555")


@pytest.mark.parametrize(
    ("columns", "invalid"),
    [
        ({"Most Recent Trade Date": ""}, 0),
        ({"Most Recent Trade Date": "", "Most Recent Trade Time": ""}, 0),
        ({"Most Recent Trade Time": ""}, 0),
        ({"Most Recent Trade Date": "", "Most Recent Trade Time": "9:59"}, 1),
        ({"Most Recent Trade Date": "16/09/2026"}, 1),
        ({"Most Recent Trade Time": "noon"}, 1),
    ],
)
@LAYOUTS
def test_trade_time_is_its_own_or_nil_and_faults_are_counted(
    names: tuple[str, ...], columns: dict[str, str], invalid: int
) -> None:
    """Never replaced by the time of arrival; absent is no fault, unreadable is one."""
    desk = Desk(Options(names=names))
    desk.live()
    desk.feed(line("Q", "C", columns, names=names))
    is_dated_by_clock = columns == {"Most Recent Trade Date": ""}
    expected = utc_us("2026-09-16 09:59:58.000001") if is_dated_by_clock else None
    assert desk.one("trade")["event_us"] == expected
    assert desk.counted() == ({"values_invalid": invalid} if invalid else {})


@pytest.mark.parametrize(("name", "text"), [("Last Date", "x"), ("Last Time", "25:00:00")])
def test_unreadable_time_of_the_last_trade_is_nil_and_counted(name: str, text: str) -> None:
    """The rest of the summary is as good as ever."""
    desk = Desk()
    desk.live()
    desk.feed(line("Q", "h", {name: text}))
    summary = desk.one("summary")
    assert (summary["last_us"], summary["event_us"], summary["high"]) == (None, None, 189.5)
    assert desk.counted() == {"values_invalid": 1}


@pytest.mark.parametrize("contents", ["b", "a", "ba"])
@LAYOUTS
def test_unreadable_quote_time_is_nil_and_counted_once_a_side(
    names: tuple[str, ...], contents: str
) -> None:
    """Named or not: whatever is published as nil because it was unreadable is counted."""
    desk = Desk(Options(names=names))
    desk.live()
    columns = {"Bid Time": "9:59:59", "Ask Time": "soon"}
    desk.feed(line("Q", contents, columns, names=names))
    quote = desk.one("quote")
    assert (quote["bid_us"], quote["ask_us"], quote["event_us"]) == (None, None, None)
    assert quote["bid"] == 188.25
    assert desk.counted() == {"values_invalid": 2}
