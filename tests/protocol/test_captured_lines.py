"""Lines captured from real IQConnects, beside the values a human reads in them.

The lines themselves are the vendor's and stay outside the project; what is spelled out here is how
each of them must be understood, and that none is left out.
"""

from pathlib import Path

import pytest

from gateway.counters import Complaints, Counters
from gateway.iqfeed.admin import AutoconnectSet, LoginIdSet, PasswordSet, Stats
from gateway.iqfeed.events import SystemLine
from gateway.iqfeed.level1 import Correction, parse_correction, parse_fundamental
from gateway.iqfeed.system import (
    CurrentProtocol,
    OtherSystem,
    ServerTime,
    VendorError,
    parse_system,
)

pytestmark = pytest.mark.captured


def lines_of(samples: Path, name: str) -> list[str]:
    """The captured lines of a file, without the comments about their origin."""
    text = (samples / name).read_bytes().decode("latin-1")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def stats(
    *,
    market_time: str,
    received_kb: float,
    received_average: float,
    sent_kb: float,
    sent_per_s: float,
    sent_average: float,
) -> Stats:
    """What the two statistics lines of one login have in common."""
    return Stats(
        server_ip="66.112.156.227",
        server_port=60003,
        max_symbols=500,
        symbol_count=1,
        client_count=8,
        last_update_age_s=0,
        reconnections=0,
        reconnection_attempts=0,
        started="Apr 01 6:48PM",
        market_time=market_time,
        is_connected=True,
        version="6.2.0.15",
        login_id="497214",
        received_kb=received_kb,
        received_kb_per_s=0.04,
        received_kb_per_s_average=received_average,
        sent_kb=sent_kb,
        sent_kb_per_s=sent_per_s,
        sent_kb_per_s_average=sent_average,
    )


SYSTEM: dict[str, list[SystemLine | None]] = {
    "admin_kamaiu.txt": [
        stats(
            market_time="Apr 01 08:49PM",
            received_kb=3.24,
            received_average=0.05,
            sent_kb=50.27,
            sent_per_s=1.34,
            sent_average=0.72,
        ),
        AutoconnectSet(is_on=True),
        CurrentProtocol("6.0"),
        LoginIdSet("3244"),
        PasswordSet(),
        stats(
            market_time="Apr 01 08:54PM",
            received_kb=10.27,
            received_average=0.03,
            sent_kb=366.45,
            sent_per_s=1.14,
            sent_average=0.96,
        ),
    ],
    "admin_lookup_mpdroog.txt": [
        Stats(
            server_ip=None,
            server_port=None,
            max_symbols=0,
            symbol_count=0,
            client_count=1,
            last_update_age_s=0,
            reconnections=0,
            reconnection_attempts=0,
            started=None,
            market_time=None,
            is_connected=False,
            version="6.2.0.25",
            login_id="490914",
            received_kb=0.0,
            received_kb_per_s=0.0,
            received_kb_per_s_average=0.0,
            sent_kb=0.08,
            sent_kb_per_s=0.08,
            sent_kb_per_s_average=0.08,
        ),
        ServerTime("20230530 05:58:26"),
        CurrentProtocol("6.2"),
        # Three replies of the lookup port, which are not this protocol's.
        None,
        None,
        None,
        VendorError("!NO_DATA!"),
        VendorError("Unauthorized user ID."),
        VendorError("!SYNTAX_ERROR!"),
    ],
    "proto_errors_misc.txt": [
        VendorError("6.2 is not a valid protocol."),
        VendorError("Invalid number of parameters."),
        VendorError("!SYNTAX_ERROR!"),
        VendorError("Unauthorized user ID."),
        VendorError("!NO_DATA!"),
    ],
}


@pytest.mark.parametrize("name", SYSTEM)
def test_captured_system_lines_say_what_a_human_reads(samples: Path, name: str) -> None:
    """Descriptions of this protocol contradict each other; captured lines settle it."""
    lines = lines_of(samples, name)
    expected = [
        OtherSystem(line) if system_line is None else system_line
        for line, system_line in zip(lines, SYSTEM[name], strict=True)
    ]
    assert [parse_system(line) for line in lines] == expected


def test_captured_corrections_say_what_a_human_reads(samples: Path) -> None:
    """Two public descriptions lack the trade type that every live line has."""
    complaints = Complaints(Counters())
    lines = lines_of(samples, "l1_C_tradeframe.txt")
    assert [parse_correction(line, complaints) for line in lines] == [
        Correction("SPY", "delete", None, "", "", 619.05, 15000, 1296380724, None, 19),
        Correction("SPY", "insert", "O", "07/16/2025", "", 619.05, 15000, 859256116, "198944", 24),
        Correction("GLD", "delete", None, "", "", 309.32, 52000, 859326789, None, 24),
        Correction("SLV", "delete", None, "", "", 34.42, 250, 909457745, None, 19),
    ]
    assert not complaints.samples


COMMON = {
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
}
CURRENT_ONLY = {
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


@pytest.mark.parametrize(
    ("index", "protocol", "values"), [(0, "6.2", COMMON | CURRENT_ONLY), (1, "6.0", COMMON)]
)
def test_captured_fundamentals_say_what_a_human_reads(
    samples: Path, index: int, protocol: str, values: dict[str, object]
) -> None:
    """One company before and after the columns moved: the same facts under the same keys."""
    complaints = Complaints(Counters())
    line = lines_of(samples, "l1_fundamental_csharp_tests.txt")[index]
    fundamental = parse_fundamental(line, complaints, protocol=protocol)
    assert fundamental is not None
    assert (fundamental.symbol, fundamental.values) == ("MSFT", values)
    assert not complaints.samples
