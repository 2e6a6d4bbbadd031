"""F, R, N and C lines: what they say, and when they are rejected whole."""

from collections.abc import Callable

import pytest

from gateway.counters import Complaints, Counter, Counters
from gateway.iqfeed.fundamentals import COLUMNS_MAX, fundamental_fields
from gateway.iqfeed.level1 import (
    Correction,
    News,
    Regional,
    parse_correction,
    parse_fundamental,
    parse_news,
    parse_regional,
)

REGIONAL = "R,AAPL,,188.3000,200,15:59:59,188.3100,300,15:59:58,14,4,5,"
CORRECTION = "C,SPY,I,O,07/16/2025,15:59:59.123456,619.0500,15000,859256116,198944,24,"
NEWS = "N,DTN,21816767840,AAPL:MSFT,20260916 152001,Shares rise, analysts say,"


def fundamental_line(**values: str) -> str:
    """An F line of protocol 6.2 with some columns filled."""
    columns = [""] * (COLUMNS_MAX + 1)
    columns[0], columns[1] = "F", "AAPL"
    for field in fundamental_fields("6.2"):
        columns[field.column] = values.pop(field.key, "")
    assert not values
    return ",".join(columns) + ","


def test_fundamental_columns_have_their_types(complaints: Complaints) -> None:
    """Each value type of the contract is exercised once."""
    line = fundamental_line(
        exchange_id="5",
        average_volume="28624000",
        high_52_week="97.9500",
        balance_sheet_date="03/31/2018",
        company_name="APPLE  INC.",
        session_open="09:30:00",
        dividend_yield="-0.5",
    )
    fundamental = parse_fundamental(line, complaints)
    assert fundamental is not None
    assert fundamental.symbol == "AAPL"
    assert fundamental.values == {
        "exchange_id": "5",
        "average_volume": 28624000,
        "high_52_week": 97.95,
        "balance_sheet_date": "2018-03-31",
        "company_name": "APPLE  INC.",
        "session_open": "09:30:00",
        "dividend_yield": -0.5,
    }
    assert not complaints.samples


def test_unreadable_fundamental_value_costs_only_itself(
    complaints: Complaints, counters: Counters
) -> None:
    """One odd column must not take the other fifty-six away."""
    line = fundamental_line(beta="n/a", sic="3571", pay_date="13/40/2020", session_close="25:00:00")
    fundamental = parse_fundamental(line, complaints)
    assert fundamental is not None
    assert fundamental.values == {"sic": "3571"}
    assert counters.value(Counter.VALUES_INVALID) == 3


def test_fundamental_may_have_fewer_columns(complaints: Complaints) -> None:
    """Older versions of IQConnect know fewer."""
    fundamental = parse_fundamental("F,AAPL,5,65.6,", complaints)
    assert fundamental is not None
    assert fundamental.values == {"exchange_id": "5", "price_earnings_ratio": 65.6}
    assert not complaints.samples


def test_fundamental_may_have_more_columns(complaints: Complaints, counters: Counters) -> None:
    """Newer versions append; what is known must stay readable, and the news be noticed."""
    line = fundamental_line(beta="1.27") + "new,"
    fundamental = parse_fundamental(line, complaints)
    assert fundamental is not None
    assert fundamental.values == {"beta": 1.27}
    assert counters.value(Counter.LINES_EXTRA_COLUMNS) == 1


def test_earlier_protocols_have_other_fundamental_columns(complaints: Complaints) -> None:
    """Reading a 6.0 line by the 6.1 layout would publish a date as an option root."""
    columns = [""] * 58
    columns[0:2] = "F", "MSFT"
    columns[3], columns[19], columns[22], columns[24] = "65.6", "1.49", "06", "MICROSOFT"
    columns[33], columns[35], columns[39], columns[41] = "7683198", "0.50 02/18/2003", "14", "7372"
    columns[54], columns[57] = "511210", "1"
    fundamental = parse_fundamental(",".join(columns) + ",", complaints, protocol="6.0")
    assert fundamental is not None
    assert fundamental.values == {
        "price_earnings_ratio": 65.6,
        "current_year_earnings_per_share": 1.49,
        "fiscal_year_end": 6,
        "company_name": "MICROSOFT",
        "common_shares_outstanding_thousands": 7683198.0,
        "split_factor_1": "0.50 02/18/2003",
        "format_code": 14,
        "sic": "7372",
        "naics": "511210",
        "option_multiple_deliverable": 1,
    }
    assert not complaints.samples


def test_regional_line_is_read(complaints: Complaints) -> None:
    """Sides, sizes and times must not be exchanged."""
    assert parse_regional(REGIONAL, complaints) == Regional(
        symbol="AAPL",
        bid=188.3,
        bid_size=200,
        bid_time="15:59:59",
        ask=188.31,
        ask_size=300,
        ask_time="15:59:58",
        market_center=5,
    )


def test_news_headline_keeps_its_commas(complaints: Complaints) -> None:
    """A headline is the rest of the line, and only one comma at its end is the vendor's."""
    assert parse_news(NEWS, complaints) == News(
        distributor="DTN",
        story_id="21816767840",
        symbols=("AAPL", "MSFT"),
        published="20260916 152001",
        headline="Shares rise, analysts say",
    )


def test_news_may_lack_everything_but_its_source(complaints: Complaints) -> None:
    """Without a distributor there is no topic to publish on; the rest can be absent."""
    assert parse_news("N,DTN,,,,", complaints) == News("DTN", None, (), "", None)


def test_news_with_a_strange_time_keeps_its_headline(
    complaints: Complaints, counters: Counters
) -> None:
    """The words matter more than the minute."""
    news = parse_news("N,DTN,1,,yesterday,Words", complaints)
    assert news == News("DTN", "1", (), "", "Words")
    assert counters.value(Counter.VALUES_INVALID) == 1


@pytest.mark.parametrize("distributor", ["", "A B", "D\x00", "\xc4", "D\x7f", "D" * 49])
def test_news_of_unusable_distributor_is_rejected(
    complaints: Complaints, counters: Counters, distributor: str
) -> None:
    """The distributor becomes a topic: what it contains reaches every subscriber's filter."""
    assert parse_news(f"N,{distributor},1,,,Words", complaints) is None
    assert counters.value(Counter.LINES_INVALID) == 1


def test_correction_line_is_read(complaints: Complaints) -> None:
    """The live layout has the trade type in column 3."""
    assert parse_correction(CORRECTION, complaints) == Correction(
        symbol="SPY",
        action="insert",
        basis="O",
        trade_date="07/16/2025",
        trade_time="15:59:59.123456",
        price=619.05,
        size=15000,
        trade_id=859256116,
        conditions="198944",
        market_center=24,
    )


def test_deletion_may_name_little(complaints: Complaints) -> None:
    """Live deletions leave type, date, time and conditions empty."""
    correction = parse_correction("C,SPY,X,,,,619.0500,15000,1296380724,,19,", complaints)
    assert correction is not None
    assert (correction.action, correction.basis, correction.conditions) == ("delete", None, None)
    assert (correction.trade_date, correction.trade_time) == ("", "")


@pytest.mark.parametrize(
    "line",
    [
        "C,AAPL,I,03/30/2021,19:59:14.503633,183.3600,13,101123,8801,17,,",
        "C,AAPL,I,,03/30/2021,183.3600,13,101123,8801,17,,",
        "C,AAPL,I,C,19:59:14.503633,183.3600,13,101123,8801,17,,",
        "C,AAPL,I,,19:59:14.503633,,183.3600,13,101123,8801,17,",
        "C,AAPL,,C,,,183.3600,13,101123,8801,17,",
        "C,AAPL,i,C,,,183.3600,13,101123,8801,17,",
        "C,AAPL,I,S,,,183.3600,13,101123,8801,17,",
        "C,,I,C,,,183.3600,13,101123,8801,17,",
    ],
)
def test_shifted_correction_is_rejected_whole(
    complaints: Complaints, counters: Counters, line: str
) -> None:
    """A layout without the trade type would publish a size as a price."""
    assert parse_correction(line, complaints) is None
    assert counters.value(Counter.LINES_INVALID) == 1


@pytest.mark.parametrize(
    ("parse", "line"),
    [
        (parse_fundamental, "F,AAPL,5,65.6,286,"),
        (parse_regional, REGIONAL),
        (parse_correction, CORRECTION),
    ],
)
def test_a_line_cut_anywhere_is_rejected(
    complaints: Complaints,
    parse: Callable[[str, Complaints], object],
    line: str,
) -> None:
    """A size of 15 cut from 15000 looks like a size; the comma at the end is the proof."""
    for end in range(1, len(line)):
        parsed = parse(line[:end], complaints)
        if line[end - 1] != "," or parse is not parse_fundamental:
            assert parsed is None, line[:end]


def test_a_cut_additional_column_rejects_the_line_too(
    complaints: Complaints, counters: Counters
) -> None:
    """Where a line was cut cannot be known; what is left proves nothing."""
    assert parse_regional(REGIONAL + "1", complaints) is None
    assert parse_correction(CORRECTION + "1", complaints) is None
    assert counters.value(Counter.LINES_TRUNCATED) == 2


def test_a_cut_news_line_is_rejected_before_its_headline(
    complaints: Complaints, counters: Counters
) -> None:
    """Half a headline cannot be told from a whole one, half a header can."""
    assert parse_news("N,DTN,1,AAPL,20260916 152001", complaints) is None
    assert counters.value(Counter.LINES_TRUNCATED) == 1


def test_additional_columns_are_noticed_and_ignored(
    complaints: Complaints, counters: Counters
) -> None:
    """The vendor appends columns; the known ones stay where they are."""
    assert parse_regional(REGIONAL + "1,", complaints) == parse_regional(REGIONAL, complaints)
    assert parse_correction(CORRECTION + "1,", complaints) is not None
    assert counters.value(Counter.LINES_EXTRA_COLUMNS) == 2


@pytest.mark.parametrize("line", ["F,", "F,,", "F,,5,", "F", ""])
def test_fundamental_without_a_symbol_is_rejected(complaints: Complaints, line: str) -> None:
    """There would be nobody to publish it for."""
    assert parse_fundamental(line, complaints) is None
    assert len(complaints.samples) == 1


def test_regional_without_a_symbol_is_rejected(complaints: Complaints, counters: Counters) -> None:
    """There would be nobody to publish it for."""
    assert parse_regional(REGIONAL.replace("AAPL", ""), complaints) is None
    assert counters.value(Counter.LINES_INVALID) == 1
