"""F, R, N and C lines to fundamental, regional, news and correction."""

import pytest

from gateway.model.enums import Cause
from gateway.normalize import rarities
from tests.unit.normalize.line_desk import (
    EPOCH,
    NOW_US,
    SNAPSHOT,
    STALE,
    Desk,
    Options,
    line,
    utc_us,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")

HEADER = {"epoch": EPOCH, "sequence": 1, "flags": 0, "recv_us": NOW_US + 7}


def regional(bid_time: str = "", ask_time: str = "", *, center: str = "11") -> str:
    """A market center's quote at given times."""
    return f"R,AAPL,5,188.25,100,{bid_time},188.36,200,{ask_time},14,4,{center},"


def test_fundamental_has_every_item_of_the_contract() -> None:
    """A map of what is there; what the vendor left empty is left out."""
    desk = Desk()
    desk.live()
    desk.feed("F,AAPL,5,65.6,28624000,199.95,,,,,,,02/18/2026,", recv_us=NOW_US + 7)
    assert desk.one("fundamental") == HEADER | {
        "kind": "fundamental",
        "symbol": "AAPL",
        "type": 4,
        "event_us": None,
        "fields": {
            "exchange_id": "5",
            "price_earnings_ratio": 65.6,
            "average_volume": 28624000,
            "high_52_week": 199.95,
            "pay_date": "2026-02-18",
        },
    }
    assert desk.counted() == {}


def test_fundamental_before_the_first_price_is_not_stale() -> None:
    """F comes before P, so the symbol is still pending; its fundamentals are current."""
    desk = Desk()
    desk.board.open("AAPL")
    desk.feed("F,AAPL,5,")
    assert desk.one("fundamental")["flags"] == 0
    desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
    desk.feed("F,AAPL,5,")
    assert desk.one("fundamental")["flags"] == STALE


def test_fundamental_is_read_by_the_protocol_in_force() -> None:
    """6.1 moved two thirds of the columns: the same line means other things before it."""
    desk = Desk()
    desk.live()
    columns = ",".join(["F", "AAPL", *("" for _ in range(12)), "1.5", ""])
    desk.feed(columns)
    assert desk.one("fundamental")["fields"] == {"current_year_earnings_per_share": 1.5}
    desk.pipeline.set_protocol("6.0")
    desk.feed(columns)
    assert desk.one("fundamental")["fields"] == {}


def test_fundamental_with_latin_1_name_is_text() -> None:
    """A company's name may hold a byte that is no UTF-8; it must reach the reader as text."""
    desk = Desk()
    desk.live()
    desk.feed(",".join(["F", "AAPL", *("" for _ in range(16)), "NESTL\xc9", ""]))
    assert desk.one("fundamental")["fields"] == {"company_name": "NESTL\u00c9"}


def test_regional_has_every_item_of_the_contract() -> None:
    """The first line of a market center may be days old, so it has no time; the next one has."""
    desk = Desk()
    desk.live()
    desk.feed(regional("09:59:57", "09:59:57"))
    desk.raw.clear()
    desk.feed(regional("09:59:58", "09:59:59"), recv_us=NOW_US + 7)
    assert desk.one("regional") == HEADER | {
        "kind": "regional",
        "symbol": "AAPL",
        "type": 10,
        "sequence": 2,
        "event_us": utc_us("2026-09-16 09:59:59"),
        "bid": 188.25,
        "bid_size": 100,
        "bid_us": utc_us("2026-09-16 09:59:58"),
        "ask": 188.36,
        "ask_size": 200,
        "ask_us": utc_us("2026-09-16 09:59:59"),
        "market_center": 11,
    }
    assert desk.counted() == {}


def test_each_side_of_each_market_center_is_dated_by_itself() -> None:
    """One center's news is no news of another's, and a bid none of an ask."""
    desk = Desk()
    desk.live()
    for center in ("11", "26", ""):
        desk.feed(regional("09:59:50", "09:59:50", center=center))
    desk.feed(regional("09:59:58", "09:59:50"), regional("09:59:50", "09:59:59", center="26"))
    desk.feed(regional("09:59:58", "09:59:50"))
    times = [(frame["bid_us"], frame["ask_us"], frame["event_us"]) for frame in desk.take()]
    bid_us, ask_us = utc_us("2026-09-16 09:59:58"), utc_us("2026-09-16 09:59:59")
    nothing = (None, None, None)
    assert times == [
        nothing,
        nothing,
        nothing,
        (bid_us, None, bid_us),
        (None, ask_us, ask_us),
        (bid_us, None, bid_us),
    ]


@pytest.mark.parametrize("text", ["25:00:00", "noon", "\xff", "9:59:59"])
def test_unreadable_regional_time_is_nil_and_counted(text: str) -> None:
    """Whatever is published as nil because it could not be read is counted."""
    desk = Desk()
    desk.live()
    desk.feed(regional(text, ""))
    assert desk.counted() == {"values_invalid": 1}
    desk.feed(regional("09:59:58", ""))
    desk.feed(regional(text, ""))
    frame = desk.take("regional")[-1]
    assert (frame["bid_us"], frame["event_us"], frame["bid"]) == (None, None, 188.25)
    assert desk.counted() == {"values_invalid": 2}


def test_regional_of_a_symbol_that_is_not_live_is_stale_and_undated() -> None:
    """A watch's first lines, or an outage's last: nothing proves their day."""
    desk = Desk()
    desk.board.open("AAPL")
    desk.feed(regional("09:59:57", "09:59:57"), regional("09:59:58", "09:59:58"))
    for frame in desk.take("regional"):
        assert (frame["flags"], frame["event_us"]) == (STALE, None)


def test_side_known_in_an_earlier_life_dates_nothing() -> None:
    """After an outage, and for a symbol that was evicted meanwhile, the last text is too old."""
    desk = Desk(Options(symbol_count_max=1))
    desk.live()
    desk.feed(regional("09:59:57", "09:59:57"))
    desk.board.close(desk.board.symbols["AAPL"])
    desk.board.close(desk.live("MSFT"))
    desk.live()
    desk.feed(regional("09:59:58", "09:59:58"))
    assert desk.take("regional")[-1]["event_us"] is None


def test_remembered_market_centers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Garbage could name endless ones; forgetting costs a date, never memory."""
    monkeypatch.setattr(rarities, "REGIONAL_SIDES_MAX", 10)
    desk = Desk()
    desk.live()
    for center in range(20):
        desk.feed(regional("09:59:57", "09:59:57", center=str(center)))
    assert len(desk.pipeline._rare._sides) <= 10
    assert desk.counted() == {"cache_resets": 3}
    assert len(desk.take("regional")) == 20


def test_news_has_every_item_of_the_contract() -> None:
    """The topic's symbol part is the distributor; a headline keeps its commas."""
    desk = Desk()
    desk.feed("N,DTN,22017456,AAPL:MSFT:,20260916 095959,Up, up, and away,", recv_us=NOW_US + 7)
    assert desk.take() == [
        HEADER
        | {
            "kind": "news",
            "symbol": "DTN",
            "type": 8,
            "event_us": utc_us("2026-09-16 09:59:59"),
            "distributor": "DTN",
            "story_id": "22017456",
            "symbols": ["AAPL", "MSFT"],
            "headline": "Up, up, and away",
        }
    ]
    assert desk.counted() == {}


@pytest.mark.parametrize(
    ("text", "invalid"),
    [("", 0), ("20260916", 1), ("20261316 095959", 1), ("20260916 256161", 1)],
)
def test_news_without_a_readable_time_is_news_all_the_same(text: str, invalid: int) -> None:
    """The headline matters more than its stamp; what could not be read is counted."""
    desk = Desk()
    desk.feed(f"N,DTN,1,,{text},Headline")
    news = desk.one("news")
    assert (news["event_us"], news["headline"], news["symbols"]) == (None, "Headline", [])
    assert desk.counted() == ({"values_invalid": invalid} if invalid else {})


def test_correction_has_every_item_of_the_contract() -> None:
    """The time of the trade it corrects; the vendor does not say when it was corrected."""
    desk = Desk()
    desk.live()
    desk.feed(
        "C,AAPL,I,O,09/15/2026,15:59:59.5,188.05,15000,859256116,198944,24,", recv_us=NOW_US + 7
    )
    assert desk.one("correction") == HEADER | {
        "kind": "correction",
        "symbol": "AAPL",
        "type": 11,
        "event_us": None,
        "action": "insert",
        "basis": "O",
        "price": 188.05,
        "size": 15000,
        "trade_id": 859256116,
        "conditions": "198944",
        "market_center": 24,
        "trade_us": utc_us("2026-09-15 15:59:59.5"),
    }
    assert desk.counted() == {}


@pytest.mark.parametrize(
    ("date_and_time", "invalid"),
    [(",", 0), ("09/15/2026,", 0), (",15:59:59", 0), ("02/30/2026,15:59:59", 1)],
)
def test_correction_without_date_and_time_is_undated(date_and_time: str, invalid: int) -> None:
    """A time of day alone may be of any day."""
    desk = Desk()
    desk.live()
    desk.feed(f"C,AAPL,X,,{date_and_time},188.05,15000,1,,24,")
    correction = desk.one("correction")
    assert (correction["action"], correction["trade_us"]) == ("delete", None)
    assert desk.counted() == ({"values_invalid": invalid} if invalid else {})


@pytest.mark.parametrize(
    ("text", "counter"),
    [
        ("F,AAPL,5", "lines_truncated"),
        ("F,", "lines_invalid"),
        ("R,AAPL,5,188.25,100,", "lines_truncated"),
        ("R,,5,188.25,100,,188.36,200,,14,4,11,", "lines_invalid"),
        ("N,DTN,1,", "lines_truncated"),
        ("N,,1,,,Headline", "lines_invalid"),
        ("C,AAPL,X,", "lines_truncated"),
        ("C,AAPL,Z,,,,1.5,1,1,,19,", "lines_invalid"),
        ("F,MSFT,5,", "lines_unwatched"),
        ("R,MSFT,5,188.25,100,,188.36,200,,14,4,11,", "lines_unwatched"),
        ("C,MSFT,X,,,,1.5,1,1,,19,", "lines_unwatched"),
    ],
)
def test_line_that_is_no_good_is_counted_and_published_nowhere(text: str, counter: str) -> None:
    """Half understood is worse than not at all."""
    desk = Desk()
    desk.live()
    desk.feed(text)
    assert desk.take() == []
    assert desk.counted() == {counter: 1}


def test_sequences_of_the_rare_kinds_are_dense() -> None:
    """Loss detection holds for every topic."""
    desk = Desk()
    desk.live()
    for _ in range(3):
        desk.feed("F,AAPL,5,", regional(), "C,AAPL,X,,,,1.5,1,1,,19,", line("Q"))
    for kind in ("fundamental", "regional", "correction"):
        assert desk.answer(f"{kind},AAPL,")["sequence"] == 3
    sequences = [(frame["kind"], frame["sequence"]) for frame in desk.take()]
    assert len(set(sequences)) == len(sequences) == 9
    assert desk.answer("regional,AAPL,")["flags"] == SNAPSHOT


def test_other_letters_are_left_to_others() -> None:
    """A line of a kind unknown here is counted as unknown, not as rejected."""
    desk = Desk()
    desk.live()
    assert not desk.pipeline._rare.publish("Z", "Z,AAPL,1,", NOW_US)
    assert desk.take() == []
    assert desk.counted() == {}
