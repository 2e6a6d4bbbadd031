"""Level 1 lines captured from real IQConnects, through the pipeline, beside what a human reads.

The lines themselves are the vendor's and stay outside the project. Each live one is listed here
by its file and place; expected values are spelled out by hand from the line, never computed.
"""

from pathlib import Path

import pytest

from tests.unit.normalize.line_desk import (
    EPOCH,
    ITEMS,
    NOW_US,
    SNAPSHOT,
    Desk,
    Frame,
    Options,
    utc_us,
)

pytestmark = [pytest.mark.captured, pytest.mark.usefixtures("pipeline_name")]

DEFAULT = [
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
]
EXTENDED = [*DEFAULT, "Most Recent Trade Date", "Volatility", "VWAP"]


def lines_of(samples: Path, name: str) -> list[str]:
    """The captured lines of a file, without the comments about their origin."""
    text = (samples / name).read_bytes().decode("latin-1")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def desk_at(wall: str, names: list[str], symbol: str) -> Desk:
    """A pipeline whose session clock stands shortly after a line was captured."""
    desk = Desk(Options(names=names, now=wall))
    opened = desk.board.open(symbol)
    desk.board.hear(opened)
    desk.raw.clear()
    return desk


def expected(desk: Desk, kind: str, symbol: str, **items: object) -> Frame:
    """A frame whose items are nil but for those named; headers as for a first message."""
    number = {"quote": 1, "trade": 2, "summary": 3, "fundamental": 4, "correction": 11}[kind]
    header = {
        "kind": kind,
        "symbol": symbol,
        "type": number,
        "epoch": EPOCH,
        "sequence": 1,
        "flags": 0,
        "recv_us": desk.clock.utc_us(),
        "event_us": None,
    }
    return header | dict.fromkeys(ITEMS[number].split()) | items


def test_quote_update_of_the_default_fields(samples: Path) -> None:
    """Contents `ba`: a quote and nothing else; the trade columns repeat an old print."""
    desk = desk_at("2020-02-14 16:53:24", DEFAULT, "AAPL")
    desk.feed(lines_of(samples, "l1_default_csharp_tests.txt")[0])
    assert desk.take() == [
        expected(
            desk, "quote", "AAPL", bid=322.68, bid_size=100, ask=322.87, ask_size=100, merged=1
        )
    ]
    assert desk.counted() == {}


def test_summary_of_the_default_fields(samples: Path) -> None:
    """A P line with the letters of a trade: quote and summary as snapshot, and no trade."""
    desk = desk_at("2021-03-10 20:00:00", DEFAULT, "AAPL")
    desk.feed(lines_of(samples, "l1_default_csharp_tests.txt")[2])
    assert desk.take() == [
        expected(
            desk,
            "quote",
            "AAPL",
            flags=SNAPSHOT,
            bid=188.25,
            bid_size=100,
            ask=188.36,
            ask_size=100,
            merged=1,
        ),
        expected(
            desk,
            "summary",
            "AAPL",
            flags=SNAPSHOT,
            close=187.97,
            total_volume=0,
            last_conditions="8801",
            merged=1,
        ),
    ]
    assert desk.counted() == {}


def test_trade_update_with_its_date(samples: Path) -> None:
    """Contents `Cbacv` with the date 04/01/2021: trade, quote, and a summary at once."""
    desk = desk_at("2021-04-01 20:00:00", EXTENDED, "AAPL")
    desk.feed(lines_of(samples, "l1_default_csharp_tests.txt")[1])
    assert desk.take() == [
        expected(
            desk,
            "trade",
            "AAPL",
            event_us=1_617_321_593_475_143,
            price=123.0,
            size=50,
            market_center=11,
            conditions="400142",
            basis="C",
            total_volume=0,
            bid=123.0,
            ask=123.05,
        ),
        expected(
            desk, "quote", "AAPL", bid=123.0, bid_size=1700, ask=123.05, ask_size=200, merged=1
        ),
        expected(
            desk,
            "summary",
            "AAPL",
            close=123.0,
            total_volume=0,
            vwap=0.0,
            last_conditions="400142",
            merged=1,
        ),
    ]
    assert utc_us("2021-04-01 19:59:53.475143") == 1_617_321_593_475_143
    assert desk.counted() == {}


def test_none_of_the_captured_price_lines_is_left_out(samples: Path) -> None:
    """Three lines are known; a fourth must not go unread."""
    lines = lines_of(samples, "l1_default_csharp_tests.txt")
    assert [line[:6] for line in lines] == ["Q,AAPL", "Q,AAPL", "P,AAPL"]


def test_captured_line_of_a_wider_set_is_not_read_by_a_narrower_one(samples: Path) -> None:
    """The same line by the 16 default names: three columns too many, counted, none shifted."""
    desk = desk_at("2021-04-01 20:00:00", DEFAULT, "AAPL")
    desk.feed(lines_of(samples, "l1_default_csharp_tests.txt")[1])
    trade, quote, summary = desk.take()
    assert (trade["price"], quote["ask"], summary["vwap"]) == (123.0, 123.05, None)
    assert desk.counted() == {"lines_extra_columns": 1}


def test_captured_line_of_a_narrower_set_is_rejected_by_a_wider_one(samples: Path) -> None:
    """The other way round columns are missing, and no one can say which."""
    desk = desk_at("2020-02-14 16:53:24", EXTENDED, "AAPL")
    desk.feed(lines_of(samples, "l1_default_csharp_tests.txt")[0])
    assert desk.take() == []
    assert desk.counted() == {"lines_truncated": 1}


def test_captured_fundamental(samples: Path) -> None:
    """Every one of the 57 columns that holds something, under its name."""
    desk = desk_at("2018-05-10 12:00:00", DEFAULT, "MSFT")
    desk.feed(lines_of(samples, "l1_fundamental_csharp_tests.txt")[0])
    fields = {
        "exchange_id": "5",
        "price_earnings_ratio": 65.6,
        "average_volume": 28_624_000,
        "high_52_week": 97.95,
        "low_52_week": 67.14,
        "calendar_year_high": 97.95,
        "calendar_year_low": 83.83,
        "current_year_earnings_per_share": 1.49,
        "five_year_growth_percent": 0.06,
        "fiscal_year_end": 6,
        "company_name": "MICROSOFT",
        "root_option_symbols": "MSFT",
        "percent_held_by_institutions": 76.8,
        "beta": 1.27,
        "current_assets_millions": 159_851.0,
        "current_liabilities_millions": 64_527.0,
        "balance_sheet_date": "2018-03-31",
        "long_term_debt_millions": 76_073.0,
        "common_shares_outstanding_thousands": 7_683_198.0,
        "split_factor_1": "0.50 02/18/2003",
        "split_factor_2": "0.50 03/29/1999",
        "format_code": 14,
        "precision": 4,
        "sic": "7372",
        "historical_volatility": 24.82,
        "security_type": 1,
        "listed_market": 21,
        "high_52_week_date": "2018-05-10",
        "low_52_week_date": "2017-05-18",
        "calendar_year_high_date": "2018-05-10",
        "calendar_year_low_date": "2018-02-09",
        "year_end_close": 85.54,
        "naics": "511210",
        "session_open": "09:00:00",
        "session_close": "17:00:00",
        "base_currency": "USD",
        "contract_size": 125_000.0,
        "contract_months": "HMUZ",
        "minimum_tick_size": 0.1,
        "first_delivery_date": "2016-01-01",
        "figi": "TEST",
        "security_subtype": 1,
    }
    assert desk.take() == [expected(desk, "fundamental", "MSFT", fields=fields)]
    assert desk.counted() == {}


CORRECTIONS: list[tuple[str, dict[str, object]]] = [
    (
        "SPY",
        {
            "action": "delete",
            "price": 619.05,
            "size": 15_000,
            "trade_id": 1_296_380_724,
            "market_center": 19,
        },
    ),
    (
        "SPY",
        {
            "action": "insert",
            "basis": "O",
            "price": 619.05,
            "size": 15_000,
            "trade_id": 859_256_116,
            "conditions": "198944",
            "market_center": 24,
        },
    ),
    (
        "GLD",
        {
            "action": "delete",
            "price": 309.32,
            "size": 52_000,
            "trade_id": 859_326_789,
            "market_center": 24,
        },
    ),
    (
        "SLV",
        {
            "action": "delete",
            "price": 34.42,
            "size": 250,
            "trade_id": 909_457_745,
            "market_center": 19,
        },
    ),
]


def test_captured_corrections(samples: Path) -> None:
    """Live lines with a trade type, most other columns empty; a date without a time is no time."""
    lines = lines_of(samples, "l1_C_tradeframe.txt")
    for line, (symbol, items) in zip(lines, CORRECTIONS, strict=True):
        desk = desk_at("2025-07-16 16:30:00", DEFAULT, symbol)
        desk.feed(line)
        assert desk.take() == [expected(desk, "correction", symbol, **items)]
        assert desk.counted() == {}


def test_captured_lines_in_one_read_give_the_same_frames(samples: Path) -> None:
    """However they come in, lines are independent of each other."""
    lines = lines_of(samples, "l1_default_csharp_tests.txt")
    together, apart = (desk_at("2021-04-01 20:00:00", DEFAULT, "AAPL") for _ in range(2))
    together.feed(*lines, recv_us=NOW_US)
    data = "".join(f"{line}\r\n" for line in lines).encode("latin-1")
    for index in range(len(data)):
        apart.pipeline.feed(data[index : index + 1], NOW_US)
    assert together.raw == apart.raw
