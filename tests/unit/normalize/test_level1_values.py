"""Values at the edges and beyond: read exactly, or nil and counted."""

import pytest

from tests.unit.normalize.line_desk import (
    LAYOUTS,
    SUSPECT,
    Desk,
    Options,
    another,
    line,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")


def kinds(desk: Desk) -> list[str]:
    """Kinds of the frames since the last look, in order."""
    return [frame["kind"] for frame in desk.take()]


@pytest.mark.parametrize(
    ("name", "kind", "item"),
    [
        ("Bid", "quote", "bid"),
        ("Bid Size", "quote", "bid_size"),
        ("Bid Market Center", "quote", "bid_market_center"),
        ("Ask", "quote", "ask"),
        ("Ask Size", "quote", "ask_size"),
        ("Ask Market Center", "quote", "ask_market_center"),
        ("Most Recent Trade Size", "trade", "size"),
        ("Most Recent Trade Market Center", "trade", "market_center"),
        ("Most Recent Trade Conditions", "trade", "conditions"),
        ("Most Recent Trade Aggressor", "trade", "aggressor"),
        ("TickID", "trade", "trade_id"),
        ("Total Volume", "trade", "total_volume"),
        ("Last", "summary", "last"),
        ("Last Size", "summary", "last_size"),
        ("Last Market Center", "summary", "last_market_center"),
        ("Open", "summary", "open"),
        ("High", "summary", "high"),
        ("Low", "summary", "low"),
        ("Close", "summary", "close"),
        ("Settle", "summary", "settle"),
        ("Total Volume", "summary", "total_volume"),
        ("VWAP", "summary", "vwap"),
        ("Open Interest", "summary", "open_interest"),
        ("Number of Trades Today", "summary", "number_of_trades"),
    ],
)
@LAYOUTS
def test_unreadable_value_is_nil_and_counted_and_an_empty_one_is_only_nil(
    names: tuple[str, ...], name: str, kind: str, item: str
) -> None:
    """One bad column costs one value, never the line and never the feed."""
    contents = {"quote": "ba", "trade": "O", "summary": "h"}[kind]
    desk = Desk(Options(names=names))
    desk.live()
    desk.feed(another("Q", contents, {name: ""}, names=names))
    assert desk.one(kind)[item] is None
    assert desk.counted() == {}
    for text in ("nan", "1e5", "0x10", "\xb2", "9" * 99):
        desk.clock.advance(seconds=1)
        desk.feed(another("Q", contents, {name: text}, names=names))
        frame = desk.one(kind)
        absent = {key for key, value in frame.items() if value is None}
        assert absent - {item} <= {"settle", "open_interest", "last_conditions"}
        assert item in absent
    # A trade's volume is in the summary behind it too, where it is nil for the same reason.
    count = 10 if (name, kind) == ("Total Volume", "trade") else 5
    assert desk.counted() == {"values_invalid": count}
    assert len(desk.complaints.samples) == count.bit_length()


@pytest.mark.parametrize("price", ["", "x", "nan", "-0.0000"])
@LAYOUTS
def test_trade_without_a_price_is_no_trade(names: tuple[str, ...], price: str) -> None:
    """A print whose price is nil cannot be used, and the wire forbids it; the quote beside can."""
    desk = Desk(Options(names=names))
    desk.live()
    desk.feed(line("Q", "Cbah", {"Most Recent Trade": price}, names=names))
    assert kinds(desk) == ["quote", "summary"]
    counted = desk.counted()
    assert counted["lines_invalid"] == 1
    assert counted.get("values_invalid", 0) == (1 if price else 0)
    desk.feed(line("Q", "C", names=names))
    assert desk.one("trade")["sequence"] == 1


def test_negative_prices_are_prices() -> None:
    """Crude oil traded at -37.63; spreads are negative every day."""
    desk = Desk()
    desk.live()
    desk.feed(line("Q", "Cba", {"Bid": "-37.6400", "Most Recent Trade": "-37.6300"}))
    trade, quote = desk.take("trade", "quote")
    assert (trade["price"], trade["bid"], quote["bid"]) == (-37.63, -37.64, -37.64)
    assert trade["flags"] & quote["flags"] & SUSPECT, "legal, and implausible for most symbols"


def test_largest_numbers_survive() -> None:
    """Ids use all 64 bits, volumes 63; neither may be read by a short cut that is too short."""
    desk = Desk()
    desk.live()
    volume, trade_id = 2**63 - 1, 2**64 - 1
    desk.feed(line("Q", "C", {"TickID": str(trade_id), "Total Volume": str(volume)}))
    trade = desk.one("trade")
    assert (trade["trade_id"], trade["total_volume"]) == (trade_id, volume)
    desk.feed(line("Q", "C", {"TickID": str(trade_id + 1), "Total Volume": str(volume + 1)}))
    trade = desk.one("trade")
    assert (trade["trade_id"], trade["total_volume"]) == (None, None)
    assert desk.counted() == {"values_invalid": 2}
