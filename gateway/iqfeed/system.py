"""Lines that carry no market data: `S` system, `T` time, `E` error, `n` unknown symbol.

Level 2 adds `q`, a symbol without depth, and `M`, the name of a market maker.

IQConnect ends some of them with a comma and some without, and has changed its mind between
versions, so a trailing comma is never significant here. Nothing raises: a line that is not
understood is an `OtherSystem`, because an upgrade of IQConnect must not stop the feed.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.iqfeed.admin import parse_reply
from gateway.iqfeed.events import Event, SystemLine
from gateway.iqfeed.values import parse_integer

_TIME: Final = re.compile(
    r"[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]) "
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
)
_VERSION: Final = re.compile(r"[0-9]+(?:\.[0-9]+){2,3}")


@dataclass(frozen=True, slots=True)
class OtherSystem(SystemLine):
    """A line this version does not understand; to be ignored."""

    text: str
    """The whole line, not bounded."""


@dataclass(frozen=True, slots=True)
class ServerConnected(SystemLine):
    """IQConnect has a link to DTN; also sent again after a recovery."""


@dataclass(frozen=True, slots=True)
class ServerDisconnected(SystemLine):
    """IQConnect lost its link to DTN: this connection stays open, but its data is old."""


@dataclass(frozen=True, slots=True)
class ServerReconnectFailed(SystemLine):
    """IQConnect tried to reach DTN again and failed; it goes on trying."""


@dataclass(frozen=True, slots=True)
class ServerTime(SystemLine):
    """The vendor's clock: the once-a-second sign of life of a connection."""

    text: str
    """`YYYYMMDD HH:MM:SS`, US Eastern wall clock, checked to be spelled so."""


@dataclass(frozen=True, slots=True)
class CurrentProtocol(SystemLine):
    """The protocol version in force on this connection."""

    version: str
    """Such as `6.2`."""


@dataclass(frozen=True, slots=True)
class CurrentFields(SystemLine):
    """The columns of P and Q lines on this connection, or the unsolicited default."""

    names: tuple[str, ...]
    """Vendor names in order, `Symbol` first."""


@dataclass(frozen=True, slots=True)
class AllFieldNames(SystemLine):
    """Every dynamic field this IQConnect knows."""

    names: tuple[str, ...]
    """Vendor names."""


@dataclass(frozen=True, slots=True)
class FundamentalFieldNames(SystemLine):
    """What IQConnect calls the columns of F lines; known not to match them exactly."""

    names: tuple[str, ...]
    """Vendor names."""


@dataclass(frozen=True, slots=True)
class CustomerInfo(SystemLine):
    """What the login may do."""

    is_delayed: bool
    """True when the vendor says that prices are delayed."""
    service_type: str
    """The vendor's word: `real_time` or `delayed`; empty when absent."""
    version: str | None
    """Version of IQConnect."""
    exchanges: tuple[str, ...]
    """Entitlements, the vendor's words."""
    max_symbols: int | None
    """Symbols this login may watch; None when absent."""
    flags: str | None
    """Such as `QT_API`; None when absent."""
    expires: str | None
    """End of a trial, the vendor's text; None when absent."""


@dataclass(frozen=True, slots=True)
class CustomerKnown(Event):
    """A session learned what the login may do."""

    customer: CustomerInfo
    """What IQConnect says."""


@dataclass(frozen=True, slots=True)
class SymbolLimitReached(SystemLine):
    """A watch was refused because the login's symbol limit is used up; others live on."""

    symbol: str
    """The symbol that was refused, verbatim from the line."""


@dataclass(frozen=True, slots=True)
class SymbolNotFound(SystemLine):
    """DTN does not know a symbol."""

    symbol: str
    """Verbatim from the line."""


@dataclass(frozen=True, slots=True)
class VendorError(SystemLine):
    """An error, not tied to a command."""

    text: str
    """The vendor's words without trailing commas; not bounded."""


@dataclass(frozen=True, slots=True)
class WatchedSymbols(SystemLine):
    """Reply to a request for the connection's watches."""

    symbols: tuple[str, ...]
    """Symbols, verbatim."""


@dataclass(frozen=True, slots=True)
class KeyLine(SystemLine):
    """A legacy greeting; needs no answer."""

    key: str
    """The vendor's number."""


@dataclass(frozen=True, slots=True)
class IpLine(SystemLine):
    """The DTN servers IQConnect may use."""

    addresses: tuple[str, ...]
    """`address port` each."""


@dataclass(frozen=True, slots=True)
class DepthCleared(SystemLine):
    """One side of a symbol's depth is gone; what comes next builds it anew (Level 2)."""

    symbol: str
    """Verbatim from the line."""
    side: str
    """`A`, the asks, or `B`, the bids."""


@dataclass(frozen=True, slots=True)
class NoDepth(SystemLine):
    """DTN knows a symbol but has no depth of the kind that was asked for (Level 2)."""

    symbol: str
    """Verbatim from the line."""


@dataclass(frozen=True, slots=True)
class MakerName(SystemLine):
    """Who stands behind a market maker's code (Level 2)."""

    market_maker: str
    """The code, such as `NSDQ`; `MD01` and so on are levels of a future's depth, not makers."""
    description: str
    """The vendor's words, commas included; not bounded."""


def parse_system(line: str) -> SystemLine:
    """Read one line that is not market data.

    Args:
        line: Any line without its terminator.

    Returns:
        What it says; `OtherSystem` when it is not understood. Never raises.
    """
    letter, _, rest = line.partition(",")
    match letter:
        case "S":
            parsed = _parse_s(rest)
        case "T":
            text = rest.removesuffix(",")
            parsed = ServerTime(text) if _TIME.fullmatch(text) else None
        case "n":
            symbol = rest.removesuffix(",")
            parsed = SymbolNotFound(symbol) if symbol else None
        case "E":
            parsed = VendorError(rest.rstrip(","))
        case "q":
            # What may follow the symbol is not documented.
            symbol = rest.partition(",")[0]
            parsed = NoDepth(symbol) if symbol else None
        case "M":
            maker, _, description = rest.partition(",")
            parsed = MakerName(maker, description.removesuffix(",")) if maker else None
        case _:
            parsed = None
    return OtherSystem(line) if parsed is None else parsed


def _parse_s(rest: str) -> SystemLine | None:
    verb, *fields = rest.removesuffix(",").split(",")
    parser = _S_PARSERS.get(verb)
    return parse_reply(verb, fields) if parser is None else parser(fields)


def _parse_protocol(fields: Sequence[str]) -> CurrentProtocol | None:
    return CurrentProtocol(fields[0]) if fields else None


def _parse_symbol_limit(fields: Sequence[str]) -> SymbolLimitReached | None:
    return SymbolLimitReached(fields[0]) if fields else None


def _parse_clear_depth(fields: Sequence[str]) -> DepthCleared | None:
    if len(fields) < 2 or not fields[0] or fields[1] not in ("A", "B"):
        return None
    return DepthCleared(fields[0], fields[1])


def _parse_key(fields: Sequence[str]) -> KeyLine | None:
    return KeyLine(fields[0]) if fields else None


def _parse_customer(fields: Sequence[str]) -> CustomerInfo:
    # service type, address, port, token, version, (deprecated), exchanges, (deprecated),
    # symbol limit, flags, expiry. The newest builds leave the token's column out altogether.
    columns = list(fields)
    if len(columns) > 3 and _VERSION.fullmatch(columns[3]):
        columns.insert(3, "")
    columns += [""] * (11 - len(columns))
    return CustomerInfo(
        is_delayed=columns[0] == "delayed",
        service_type=columns[0],
        version=columns[4] or None,
        exchanges=tuple(columns[6].split()),
        max_symbols=parse_integer(columns[8]),
        flags=columns[9] or None,
        expires=columns[10] or None,
    )


_S_PARSERS: Final[Mapping[str, Callable[[Sequence[str]], SystemLine | None]]] = {
    "SERVER CONNECTED": lambda _: ServerConnected(),
    "SERVER DISCONNECTED": lambda _: ServerDisconnected(),
    "SERVER RECONNECT FAILED": lambda _: ServerReconnectFailed(),
    "CURRENT PROTOCOL": _parse_protocol,
    "CURRENT UPDATE FIELDNAMES": lambda fields: CurrentFields(tuple(fields)),
    "UPDATE FIELDNAMES": lambda fields: AllFieldNames(tuple(fields)),
    "FUNDAMENTAL FIELDNAMES": lambda fields: FundamentalFieldNames(tuple(fields)),
    "CUST": _parse_customer,
    "SYMBOL LIMIT REACHED": _parse_symbol_limit,
    "CLEAR DEPTH": _parse_clear_depth,
    "WATCHES": lambda fields: WatchedSymbols(tuple(fields)),
    "KEY": _parse_key,
    "IP": lambda fields: IpLine(tuple(fields)),
}
