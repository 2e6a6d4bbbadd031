"""P and Q lines to quote, trade and summary: which, in what order, with what in them."""

import pytest

from tests.unit.normalize.line_desk import (
    EPOCH,
    LAYOUTS,
    NOW_US,
    SNAPSHOT,
    Desk,
    Options,
    line,
    utc_us,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")


def kinds(desk: Desk) -> list[str]:
    """Kinds of the frames since the last look, in order."""
    return [frame["kind"] for frame in desk.take()]


@pytest.mark.parametrize(
    ("contents", "published"),
    [
        ("", []),
        ("C", ["trade"]),
        ("E", ["trade"]),
        ("O", ["trade"]),
        ("Cv", ["trade"]),
        ("b", ["quote"]),
        ("a", ["quote"]),
        ("ba", ["quote"]),
        ("Cbav", ["trade", "quote"]),
        ("v", ["summary"]),
        ("o", ["summary"]),
        ("h", ["summary"]),
        ("l", ["summary"]),
        ("c", ["summary"]),
        ("s", ["summary"]),
        ("bav", ["quote", "summary"]),
        ("Ch", ["trade", "summary"]),
        ("Cbaohlc", ["trade", "quote", "summary"]),
        ("z", []),
    ],
)
@LAYOUTS
def test_contents_decide_what_an_update_publishes(
    names: tuple[str, ...], contents: str, published: list[str]
) -> None:
    """A trade iff C, E or O; a quote iff a or b; trade, quote, summary, in that order."""
    desk = Desk(Options(names=names))
    desk.live()
    desk.feed(line("Q", contents, names=names))
    assert kinds(desk) == published


@LAYOUTS
def test_quote_has_every_item_of_the_contract(names: tuple[str, ...]) -> None:
    """Spelled out once, item by item; a value in the wrong place is a wrong price."""
    desk = Desk(Options(names=names))
    desk.live()
    desk.feed(line("Q", "ba", names=names), recv_us=NOW_US + 7)
    assert desk.take() == [
        {
            "kind": "quote",
            "symbol": "AAPL",
            "type": 1,
            "epoch": EPOCH,
            "sequence": 2,
            "flags": 0,
            "recv_us": NOW_US + 7,
            "event_us": utc_us("2026-09-16 09:59:59.3"),
            "bid": 188.25,
            "bid_size": 100,
            "ask": 188.36,
            "ask_size": 200,
            "bid_us": utc_us("2026-09-16 09:59:59.1"),
            "ask_us": utc_us("2026-09-16 09:59:59.3"),
            "bid_market_center": 11,
            "ask_market_center": 26,
            "merged": 1,
        }
    ]
    assert desk.counted() == {}


@LAYOUTS
def test_trade_has_every_item_of_the_contract(names: tuple[str, ...]) -> None:
    """The same for a print."""
    desk = Desk(Options(names=names))
    desk.live()
    desk.feed(line("Q", "Ov", names=names), recv_us=NOW_US + 7)
    assert desk.take() == [
        {
            "kind": "trade",
            "symbol": "AAPL",
            "type": 2,
            "epoch": EPOCH,
            "sequence": 1,
            "flags": 0,
            "recv_us": NOW_US + 7,
            "event_us": utc_us("2026-09-16 09:59:58.000001"),
            "price": 188.3,
            "size": 50,
            "trade_id": 4711,
            "market_center": 19,
            "conditions": "3D87",
            "basis": "O",
            "aggressor": 0,
            "total_volume": 37629453,
            "bid": 188.25,
            "ask": 188.36,
        }
    ]
    assert desk.counted() == {}


@LAYOUTS
def test_summary_has_every_item_of_the_contract(names: tuple[str, ...]) -> None:
    """The same for the day's figures; what the vendor leaves empty is nil."""
    desk = Desk(Options(names=names))
    desk.live()
    columns = {"Settle": "187.1000", "Open Interest": "12", "Most Recent Trade Conditions": "01"}
    desk.feed(line("Q", "Ch", columns, names=names), recv_us=NOW_US + 7)
    assert desk.take("summary") == [
        {
            "kind": "summary",
            "symbol": "AAPL",
            "type": 3,
            "epoch": EPOCH,
            "sequence": 2,
            "flags": 0,
            "recv_us": NOW_US + 7,
            "event_us": utc_us("2026-09-16 09:59:57.5"),
            "last": 188.29,
            "last_size": 300,
            "last_us": utc_us("2026-09-16 09:59:57.5"),
            "open": 187.0,
            "high": 189.5,
            "low": 186.25,
            "close": 187.97,
            "settle": 187.1,
            "total_volume": 37629453,
            "vwap": 188.0123,
            "open_interest": 12,
            "number_of_trades": 1234,
            "last_conditions": "01",
            "last_market_center": 5,
            "merged": 1,
        }
    ]
    desk.feed(line("Q", "s", names=names))
    summary = desk.one("summary")
    assert (summary["settle"], summary["open_interest"]) == (None, None)
    assert desk.counted() == {}


@pytest.mark.parametrize("contents", ["Cbacv", "C", "", "ba", "z"])
@LAYOUTS
def test_refresh_publishes_quote_and_summary_as_snapshot_and_never_a_trade(
    names: tuple[str, ...], contents: str
) -> None:
    """A P line may be days old, whatever letters it has; its trade was counted long ago."""
    desk = Desk(Options(names=names))
    desk.live()
    desk.feed(line("P", contents, names=names))
    frames = desk.take()
    told = [(frame["kind"], frame["flags"]) for frame in frames]
    assert told == [("quote", SNAPSHOT), ("summary", SNAPSHOT)]
    assert (frames[0]["bid_us"], frames[0]["ask_us"], frames[0]["event_us"]) == (None, None, None)
    assert frames[1]["last_us"] == utc_us("2026-09-16 09:59:57.5")


@LAYOUTS
def test_conditions_of_the_summary_are_those_of_the_last_qualified_trade(
    names: tuple[str, ...],
) -> None:
    """`last` is not moved by an odd lot, so its conditions are not either."""
    desk = Desk(Options(names=names))
    desk.live()
    assert desk.answer("summary,AAPL,")["last_conditions"] == "3D87"
    desk.feed(line("Q", "Ch", {"Most Recent Trade Conditions": "01"}, names=names))
    desk.feed(line("Q", "Oh", {"Most Recent Trade Conditions": "87"}, names=names))
    desk.feed(line("Q", "Ch", {"Most Recent Trade Conditions": ""}, names=names))
    assert [frame["last_conditions"] for frame in desk.take("summary")] == ["01", "01", None]
