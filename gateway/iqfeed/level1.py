"""The rarer Level 1 lines: fundamental (F), regional (R), news (N), correction (C), and system.

P and Q lines are not here: their columns depend on the negotiated field set, and reading them is
the hot path. A line that could only be half understood is rejected whole and counted, because a
field read from the wrong column is worse than a field that is missing. Vendor lines of these kinds
end with a comma, so one that does not was cut. Nothing raises, whatever the line.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.counters import Complaints, Counter
from gateway.errors import bounded
from gateway.iqfeed.fundamentals import COLUMNS_MAX, fundamental_fields
from gateway.iqfeed.values import (
    read_conditions,
    read_count,
    read_date,
    read_id,
    read_price,
)
from gateway.model.enums import CorrectionAction

DISTRIBUTOR_CHARACTERS_MAX: Final = 48

_REGIONAL_COLUMNS: Final = 12
_CORRECTION_COLUMNS: Final = 11
_NEWS_COLUMNS: Final = 6
_TIME: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?")
_DATE: Final = re.compile(r"[0-9]{2}/[0-9]{2}/[0-9]{4}")
_NEWS_TIME: Final = re.compile(r"[0-9]{8} [0-9]{6}")


@dataclass(frozen=True, slots=True)
class Fundamental:
    """What DTN knows about a symbol besides its market."""

    symbol: str
    """Verbatim."""
    values: dict[str, str | int | float]
    """Value by key; what was empty or invalid is left out. Dates are ISO texts."""


@dataclass(frozen=True, slots=True)
class Regional:
    """The quote of one market center."""

    symbol: str
    """Verbatim."""
    bid: float | None
    """Bid price."""
    bid_size: int | None
    """Shares or contracts at the bid."""
    bid_time: str
    """`HH:MM:SS`, US Eastern, verbatim and unchecked; empty when absent."""
    ask: float | None
    """Ask price."""
    ask_size: int | None
    """Shares or contracts at the ask."""
    ask_time: str
    """`HH:MM:SS`, US Eastern, verbatim and unchecked; empty when absent."""
    market_center: int | None
    """Vendor's code of the market center that quotes."""


@dataclass(frozen=True, slots=True)
class News:
    """One headline."""

    distributor: str
    """Vendor's code of the source; 1 to 48 printable ASCII characters without a blank."""
    story_id: str | None
    """Vendor's number of the story, as text."""
    symbols: tuple[str, ...]
    """Symbols it is about, verbatim; may be empty."""
    published: str
    """`YYYYMMDD HHMMSS`, US Eastern, checked to be spelled so; empty when absent or invalid."""
    headline: str | None
    """Verbatim, commas included."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A trade inserted into or struck from the record after the fact."""

    symbol: str
    """Verbatim."""
    action: str
    """`insert` or `delete`."""
    basis: str | None
    """How the trade is qualified: `C`, `E` or `O`; often absent."""
    trade_date: str
    """`MM/DD/YYYY`, checked to be spelled so; empty when absent."""
    trade_time: str
    """`HH:MM:SS.ffffff`, US Eastern, checked to be spelled so; empty when absent."""
    price: float | None
    """Price of the trade."""
    size: int | None
    """Shares or contracts."""
    trade_id: int | None
    """Vendor's TickID of the trade."""
    conditions: str | None
    """Two-hex-digit codes, verbatim."""
    market_center: int | None
    """Vendor's code of where the trade was made or reported."""


def parse_fundamental(
    line: str, complaints: Complaints, *, protocol: str = "6.2"
) -> Fundamental | None:
    """Read an F line.

    Args:
        line: The whole line, with fewer or more columns than known.
        complaints: Told of values that cannot be read and lines that are rejected.
        protocol: The version in force; 6.1 moved many columns.

    Returns:
        The symbol and its values; None when the line is rejected.
    """
    columns = line.split(",")
    if columns.pop():
        complaints.complain(Counter.LINES_TRUNCATED, line, "no comma at the end")
        return None
    if len(columns) < 2 or not columns[1]:
        complaints.complain(Counter.LINES_INVALID, line, "no symbol")
        return None
    if len(columns) > COLUMNS_MAX + 1:
        complaints.complain(Counter.LINES_EXTRA_COLUMNS, line, f"{len(columns)} columns")
    values: dict[str, str | int | float] = {}
    for column, key, value_type in fundamental_fields(protocol):
        if column >= len(columns):
            break
        value = _READERS[value_type](columns[column], complaints)
        if value is not None:
            values[key] = value
    return Fundamental(columns[1], values)


def parse_regional(line: str, complaints: Complaints) -> Regional | None:
    """Read an R line.

    Args:
        line: `R,Symbol,Exchange,Bid,BidSize,BidTime,Ask,AskSize,AskTime,FractionDisplayCode,
            DecimalPrecision,MarketCenter,`
        complaints: Told of values that cannot be read and lines that are rejected.

    Returns:
        The market center's quote; None when the line is rejected.
    """
    columns = _columns(line, complaints, count=_REGIONAL_COLUMNS)
    if columns is None:
        return None
    return Regional(
        symbol=columns[1],
        bid=read_price(columns[3], complaints),
        bid_size=read_count(columns[4], complaints),
        bid_time=columns[5],
        ask=read_price(columns[6], complaints),
        ask_size=read_count(columns[7], complaints),
        ask_time=columns[8],
        market_center=read_count(columns[11], complaints),
    )


def parse_news(line: str, complaints: Complaints) -> News | None:
    """Read an N line.

    Args:
        line: `N,Distributor,StoryID,Symbols,YYYYMMDD HHMMSS,Headline`, with a comma at the end or
            without; the headline may contain commas, so a cut one cannot be recognized.
        complaints: Told of values that cannot be read and lines that are rejected.

    Returns:
        The headline; None when the line is rejected.
    """
    columns = line.split(",", _NEWS_COLUMNS - 1)
    if len(columns) < _NEWS_COLUMNS:
        complaints.complain(Counter.LINES_TRUNCATED, line, f"{len(columns)} columns")
        return None
    _, distributor, story_id, symbols, published, headline = columns
    # The distributor becomes part of a topic, so it must be as tame as a symbol.
    if (
        not 0 < len(distributor) <= DISTRIBUTOR_CHARACTERS_MAX
        or not (distributor.isascii() and distributor.isprintable())
        or " " in distributor
    ):
        complaints.complain(Counter.LINES_INVALID, line, "no usable distributor")
        return None
    if published and not _NEWS_TIME.fullmatch(published):
        complaints.complain(Counter.VALUES_INVALID, published, "not a time YYYYMMDD HHMMSS")
        published = ""
    return News(
        distributor=distributor,
        story_id=story_id or None,
        symbols=tuple(symbol for symbol in symbols.split(":") if symbol),
        published=published,
        headline=headline.removesuffix(",") or None,
    )


def parse_correction(line: str, complaints: Complaints) -> Correction | None:
    """Read a C line.

    Args:
        line: `C,Symbol,CorrectionType,TradeType,TradeDate,TradeTime,Price,Size,TickID,Conditions,
            MarketCenter,`. Some descriptions lack TradeType; live lines have it. A line without
            it would put a size where the price is, so what stands in the type, date and time
            columns is checked and the line rejected if it does not belong there.
        complaints: Told of values that cannot be read and lines that are rejected.

    Returns:
        The correction; None when the line is rejected.
    """
    columns = _columns(line, complaints, count=_CORRECTION_COLUMNS)
    if columns is None:
        return None
    action = _CORRECTION_ACTIONS.get(columns[2])
    basis, trade_date, trade_time = columns[3:6]
    if (
        action is None
        or basis not in ("", "C", "E", "O")
        or (trade_date and not _DATE.fullmatch(trade_date))
        or (trade_time and not _TIME.fullmatch(trade_time))
    ):
        complaints.complain(Counter.LINES_INVALID, line, "not a correction's layout")
        return None
    return Correction(
        symbol=columns[1],
        action=action,
        basis=basis or None,
        trade_date=trade_date,
        trade_time=trade_time,
        price=read_price(columns[6], complaints),
        size=read_count(columns[7], complaints),
        trade_id=read_id(columns[8], complaints),
        conditions=read_conditions(columns[9], complaints),
        market_center=read_count(columns[10], complaints),
    )


def _columns(line: str, complaints: Complaints, *, count: int) -> list[str] | None:
    """Split a line of fixed layout, letter included; None when it was cut or names no symbol."""
    columns = line.split(",")
    if columns.pop() or len(columns) < count:
        complaints.complain(Counter.LINES_TRUNCATED, line, f"{len(columns)} whole columns")
        return None
    if not columns[1]:
        complaints.complain(Counter.LINES_INVALID, line, "no symbol")
        return None
    if len(columns) > count:
        complaints.complain(Counter.LINES_EXTRA_COLUMNS, line, f"{len(columns)} columns")
    return columns


def _read_text(text: str, _: Complaints) -> str | None:
    return text or None


def _read_iso_date(text: str, complaints: Complaints) -> str | None:
    date = read_date(text, complaints)
    return None if date is None else "{:04}-{:02}-{:02}".format(*date)


def _read_time(text: str, complaints: Complaints) -> str | None:
    if text and not _TIME.fullmatch(text):
        complaints.complain(Counter.VALUES_INVALID, text, f"not a time of day: {bounded(text)}")
        return None
    return text or None


_CORRECTION_ACTIONS: Final[Mapping[str, str]] = {
    "I": CorrectionAction.INSERT.value,
    "X": CorrectionAction.DELETE.value,
}

_READERS: Final[Mapping[str, Callable[[str, Complaints], str | int | float | None]]] = {
    "text": _read_text,
    "number": read_price,
    "price": read_price,
    "integer": read_count,
    "date": _read_iso_date,
    "time": _read_time,
}
