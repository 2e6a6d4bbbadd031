"""For any value the vendor can write: exactly that value, at exactly that moment."""

import string
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.model.enums import Cause
from gateway.normalize import pipeline as pipeline_module
from gateway.normalize.eastern import AHEAD_US_MAX, EasternTime
from gateway.normalize.level1 import Level1Normalizer
from gateway.normalize.quotes import QuoteFirstNormalizer
from tests.support.pipelines import PYTHON
from tests.unit.normalize.line_desk import (
    GATEWAY_NAMES,
    NOW_US,
    REORDERED,
    Desk,
    Options,
    another,
    line,
)

EASTERN = ZoneInfo("America/New_York")
MOMENTS = st.one_of(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)),  # noqa: DTZ001 - made UTC below
    # Around both changes of 2026, where mistakes are made.
    st.datetimes(datetime(2026, 3, 8, 4), datetime(2026, 3, 8, 10)),  # noqa: DTZ001
    st.datetimes(datetime(2026, 11, 1, 3), datetime(2026, 11, 1, 9)),  # noqa: DTZ001
).map(lambda moment: moment.replace(tzinfo=UTC))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Microseconds since the Unix epoch, exactly."""
    return (moment - EPOCH) // timedelta(microseconds=1)


@st.composite
def price_texts(draw: st.DrawFn) -> str:
    """Prices of at most 15 significant digits, as the vendor spells them."""
    digits = draw(st.text(string.digits, min_size=1, max_size=15))
    point = draw(st.integers(0, len(digits)))
    text = f"{digits[:point]}.{digits[point:]}" if draw(st.booleans()) else digits
    is_negative = draw(st.booleans()) and digits.strip("0") != ""
    return "-" + text if is_negative else text


@pytest.mark.usefixtures("pipeline_name")
@pytest.mark.slow
@given(st.lists(price_texts(), min_size=1, max_size=8), st.sampled_from([GATEWAY_NAMES, REORDERED]))
def test_price_text_survives_the_whole_pipeline(texts: list[str], names: tuple[str, ...]) -> None:
    """Text, double, msgpack, double, shortest text: the same number, in every place of a price."""
    assume(all(any(digit.isdigit() for digit in text) for text in texts))
    desk = Desk(Options(names=names))
    desk.live()
    fields = ("Most Recent Trade", "Bid", "Ask", "Last", "Open", "High", "Low", "Close", "Settle")
    for text in texts:
        for _ in range(2):
            desk.feed(another("Q", "Cbah", dict.fromkeys((*fields, "VWAP"), text), names=names))
        for frame in desk.take():
            for item in ("price", "bid", "ask", "last", "open", "high", "low", "close", "vwap"):
                if item in frame:
                    assert Decimal(repr(frame[item])) == Decimal(text)
                    assert isinstance(frame[item], float)
    assert desk.counted() == {}


@pytest.mark.usefixtures("pipeline_name")
@given(st.integers(0, 2**63 - 1), st.integers(0, 2**64 - 1))
def test_integers_survive_the_whole_pipeline(count: int, trade_id: int) -> None:
    """Sizes and volumes of 63 bits, ids of 64, leading zeros or not."""
    desk = Desk()
    desk.live()
    columns = dict.fromkeys(("Bid Size", "Total Volume", "Most Recent Trade Size"), f"0{count}")
    desk.feed(line("Q", "Cba", columns | {"TickID": str(trade_id)}))
    trade, quote = desk.take()
    assert (trade["size"], trade["total_volume"], quote["bid_size"]) == (count, count, count)
    assert trade["trade_id"] == trade_id


@given(MOMENTS, st.integers(0, 999), st.integers(0, 4 * 60))
def test_fresh_stamp_is_dated_exactly(moment: datetime, lag_ms: int, ahead_s: int) -> None:
    """A stamp of now, by a clock that lags or a host that is behind, in any hour of any year."""
    eastern = EasternTime()
    clock = moment.replace(microsecond=0)
    wall = clock.astimezone(EASTERN)
    recv_us = micros(moment) + lag_ms * 1000
    assert eastern.set_clock(f"{wall:%Y%m%d %H:%M:%S}", recv_us=recv_us)
    assert eastern.clock_us == micros(clock)
    stamp = moment + timedelta(seconds=ahead_s)
    text = f"{stamp.astimezone(EASTERN):%H:%M:%S.%f}"
    assert eastern.near_clock(text) == micros(stamp)
    date_text = f"{stamp.astimezone(EASTERN):%m/%d/%Y}"
    assert eastern.dated(date_text, text) == micros(stamp)


@given(MOMENTS, st.timedeltas(timedelta(0), timedelta(hours=22)))
def test_stamp_of_within_the_day_is_the_latest_that_reads_so(
    moment: datetime, age: timedelta
) -> None:
    """The definition, by search: of all moments with that wall clock, the last one allowed."""
    eastern = EasternTime()
    wall = moment.astimezone(EASTERN)
    eastern.set_clock(f"{wall:%Y%m%d %H:%M:%S}", recv_us=micros(moment))
    text = f"{(moment - age).astimezone(EASTERN):%H:%M:%S}"
    limit = moment.replace(microsecond=0) + timedelta(microseconds=AHEAD_US_MAX)
    readings = [
        (day.replace(hour=0, minute=0, second=0, tzinfo=None))
        for day in (wall + timedelta(days=days) for days in (-1, 0, 1))
    ]
    hours, minutes, seconds = map(int, text.split(":"))
    moments = [
        day.replace(
            hour=hours, minute=minutes, second=seconds, microsecond=0, tzinfo=EASTERN, fold=f
        )
        for day in readings
        for f in (0, 1)
    ]
    utc_moments = [reading.astimezone(UTC) for reading in moments]
    # In the skipped hour both readings are shifted; only the first is the rule.
    allowed = [
        reading
        for reading, local in zip(utc_moments, moments, strict=True)
        if reading <= limit and (local.fold == 0 or reading.astimezone(EASTERN).fold == 1)
    ]
    assert eastern.near_clock(text) == micros(max(allowed))


@pytest.mark.slow
@given(MOMENTS, st.integers(0, 400))
def test_trade_of_days_ago_is_dated_by_its_own_day(moment: datetime, days: int) -> None:
    """Except in the one repeated hour of the year, where the clock of today cannot tell."""
    eastern = EasternTime()
    traded = moment - timedelta(days=days)
    wall = traded.astimezone(EASTERN)
    assume(wall.replace(fold=0).utcoffset() == wall.replace(fold=1).utcoffset())
    now = moment.astimezone(EASTERN)
    eastern.set_clock(f"{now:%Y%m%d %H:%M:%S}", recv_us=micros(moment))
    assert eastern.dated(f"{wall:%m/%d/%Y}", f"{wall:%H:%M:%S.%f}") == micros(traded)


@given(st.text(st.characters(max_codepoint=255), max_size=20), st.text(max_size=20))
def test_no_text_is_an_impossible_moment(date_text: str, time_text: str) -> None:
    """None, or a moment that fits the wire."""
    eastern = EasternTime()
    eastern.set_clock("20260916 10:00:00", recv_us=NOW_US)
    results = (
        eastern.dated(date_text, time_text),
        eastern.dated("09/16/2026", date_text),
        eastern.near_clock(date_text),
    )
    for result in results:
        assert result is None or 0 <= result < 2**53
    assert eastern.set_clock(date_text, recv_us=NOW_US) is False


LINES = st.lists(
    st.builds(
        line,
        st.sampled_from("QQQQQQP"),
        st.sampled_from(
            ["ba", "b", "a", "ab", "C", "Cbav", "Ov", "Eb", "v", "Ch", "CE", "z", "bz", "bb"]
        ),
        st.dictionaries(
            st.sampled_from(GATEWAY_NAMES[2:]),
            st.sampled_from(
                [
                    "",
                    "188.25",
                    "188.26",
                    "100",
                    "x",
                    "-0",
                    "09:59:59.100000",
                    "10:00:00.5",
                    "9:59",
                    "09/15/2026",
                    "16/09/2026",
                    "3D87",
                    "01",
                    "99999999999999999999",
                ]
            ),
            max_size=3,
        ),
        symbol=st.sampled_from(["AAPL", "AAPL", "MSFT", "XYZZY"]),
    ),
    max_size=25,
)


EVENTS = st.lists(
    st.sampled_from(["", "", "", "close", "outage", "reset", "T,20260916 10:00:01"]), max_size=25
)


@pytest.mark.slow
@given(LINES, EVENTS)
def test_short_cut_is_never_another_answer(lines: list[str], between: list[str]) -> None:
    """The quick reader of usual quotes against the reader of everything, frame by frame."""
    results = []
    for is_quick in (True, False):
        reader = QuoteFirstNormalizer if is_quick else Level1Normalizer
        with patch.object(pipeline_module, "QuoteFirstNormalizer", reader):
            desk = Desk(Options(pipeline=PYTHON))
            desk.live()
            desk.live("MSFT")
            for index, text in enumerate(lines):
                what = between[index] if index < len(between) else ""
                if what == "close":
                    desk.board.close(desk.board.symbols["MSFT"])
                    desk.board.open("MSFT")
                elif what == "outage":
                    desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
                    desk.board.recover_upstream()
                elif what == "reset":
                    desk.pipeline.reset()
                    desk.pipeline.select(GATEWAY_NAMES)
                elif what:
                    desk.feed(what)
                desk.feed(text, text, text)
            symbols = [
                (s.bid_us, s.ask_us, s.bid_time_text, s.ask_time_text, s.last_line_us)
                for s in desk.board.symbols.values()
            ]
            results.append((desk.raw, desk.counters.as_map(), symbols))
    assert results[0] == results[1]
