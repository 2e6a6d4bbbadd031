"""S, T, E, n, q and M lines."""

import pytest

from gateway.iqfeed.admin import AutoconnectSet, Stats
from gateway.iqfeed.events import SystemLine
from gateway.iqfeed.system import (
    AllFieldNames,
    CurrentFields,
    CurrentProtocol,
    CustomerInfo,
    DepthCleared,
    FundamentalFieldNames,
    IpLine,
    KeyLine,
    MakerName,
    NoDepth,
    OtherSystem,
    ServerConnected,
    ServerDisconnected,
    ServerReconnectFailed,
    ServerTime,
    SymbolLimitReached,
    SymbolNotFound,
    VendorError,
    WatchedSymbols,
    parse_system,
)

LINES: dict[str, SystemLine] = {
    "S,SERVER CONNECTED": ServerConnected(),
    "S,SERVER DISCONNECTED": ServerDisconnected(),
    "S,SERVER RECONNECT FAILED": ServerReconnectFailed(),
    "S,CURRENT PROTOCOL,6.2": CurrentProtocol("6.2"),
    "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,Ask": CurrentFields(("Symbol", "Bid", "Ask")),
    "S,UPDATE FIELDNAMES,Ask,Bid": AllFieldNames(("Ask", "Bid")),
    "S,FUNDAMENTAL FIELDNAMES,Symbol,PE": FundamentalFieldNames(("Symbol", "PE")),
    "S,SYMBOL LIMIT REACHED,AAPL": SymbolLimitReached("AAPL"),
    "S,WATCHES,AAPL,MSFT": WatchedSymbols(("AAPL", "MSFT")),
    "S,KEY,99999": KeyLine("99999"),
    "S,IP,66.112.156.181 60004": IpLine(("66.112.156.181 60004",)),
    "S,AUTOCONNECT ON": AutoconnectSet(is_on=True),
    "T,20260916 15:56:43": ServerTime("20260916 15:56:43"),
    "n,AAPLX": SymbolNotFound("AAPLX"),
    "S,CLEAR DEPTH,@ESZ22,B": DepthCleared("@ESZ22", "B"),
    "S,CLEAR DEPTH,@ESZ22,A": DepthCleared("@ESZ22", "A"),
    "q,AAPL": NoDepth("AAPL"),
    "q,@ESZ22,what,ever": NoDepth("@ESZ22"),
    "M,MD02,Market depth 2": MakerName("MD02", "Market depth 2"),
    "M,NSDQ,Nasdaq, Inc.": MakerName("NSDQ", "Nasdaq, Inc."),
    "M,NSDQ": MakerName("NSDQ", ""),
    "E,!SYNTAX_ERROR!": VendorError("!SYNTAX_ERROR!"),
    "E,BeginDate, or so, is wrong": VendorError("BeginDate, or so, is wrong"),
}


@pytest.mark.parametrize("end", ["", ","])
@pytest.mark.parametrize(("line", "expected"), LINES.items())
def test_lines_are_read_with_and_without_a_comma_at_the_end(
    line: str, expected: SystemLine, end: str
) -> None:
    """IQConnect is inconsistent about it, from version to version and port to port."""
    assert parse_system(line + end) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "S",
        "S,",
        "S,KEYOK",
        "S,CURRENT PROTOCOL",
        "S,SYMBOL LIMIT REACHED",
        "S,KEY",
        "S,STATS,1,2",
        "S,NEVER SEEN,1",
        "s,SERVER CONNECTED",
        "T",
        "T,",
        "T,2026-09-16 15:56:43",
        "T,20260916 24:00:00",
        "T,20261316 15:56:43",
        "T,20260916 15:56:43.5",
        "n",
        "n,",
        "O",
        "O,",
        "q",
        "q,",
        "q,,AAPL",
        "M",
        "M,",
        "M,,Nasdaq",
        "S,CLEAR DEPTH",
        "S,CLEAR DEPTH,AAPL",
        "S,CLEAR DEPTH,AAPL,",
        "S,CLEAR DEPTH,,B,",
        "S,CLEAR DEPTH,AAPL,C,",
        "S,CLEAR DEPTH,AAPL,AB,",
        "X,what",
        "Q,AAPL,1,",
    ],
)
def test_what_is_not_understood_is_kept_whole(line: str) -> None:
    """An upgrade of IQConnect must not stop the feed, nor may junk count as a sign of time."""
    assert parse_system(line) == OtherSystem(line)


def test_error_loses_all_its_commas() -> None:
    """No-data errors come with two."""
    assert parse_system("E,!NO_DATA!,,") == VendorError("!NO_DATA!")


def test_customer_line_is_read() -> None:
    """The vendor's own symbol limit bounds what the gateway may promise."""
    line = (
        "S,CUST,real_time,66.112.156.225,60007,aQ3token,5.2.5.0,0, RT_TRADER COMTEX CME ,,500,"
        "QT_API,,"
    )
    assert parse_system(line) == CustomerInfo(
        is_delayed=False,
        service_type="real_time",
        version="5.2.5.0",
        exchanges=("RT_TRADER", "COMTEX", "CME"),
        max_symbols=500,
        flags="QT_API",
        expires=None,
    )


@pytest.mark.parametrize("token", ["token,", ",", ""])
def test_customer_line_may_lack_the_token(token: str) -> None:
    """Newer versions leave the column empty or out; the others must not shift."""
    line = f"S,CUST,delayed,66.112.156.225,60007,{token}6.2.0.25,0,NYSE,,10,QT_API,20261231,"
    customer = parse_system(line)
    assert isinstance(customer, CustomerInfo)
    assert customer.is_delayed
    assert (customer.version, customer.exchanges) == ("6.2.0.25", ("NYSE",))
    assert (customer.max_symbols, customer.flags, customer.expires) == (10, "QT_API", "20261231")


def test_customer_token_is_not_kept() -> None:
    """It is a credential; records end in logs."""
    assert "s3cret" not in repr(parse_system("S,CUST,real_time,1.2.3.4,1,s3cret,6.2.0.25,"))


def test_short_customer_line_says_what_it_can() -> None:
    """An absent limit is unknown, not zero."""
    customer = parse_system("S,CUST,delayed")
    assert isinstance(customer, CustomerInfo)
    assert customer.is_delayed
    assert customer.max_symbols is None
    assert customer.version is None


def test_stats_are_read_on_this_port_too() -> None:
    """They come on Level 1 after a request."""
    line = "S,STATS,1.2.3.4,60003,500,1,8,0,0,0,Apr 01 6:48PM,,Connected,6.2.0.15,1,1,1,1,1,1,1,"
    stats = parse_system(line)
    assert isinstance(stats, Stats)
    assert stats.is_connected
