"""Replies of the admin port: the statistics line of every second, and what follows a command."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.iqfeed.events import Event, SystemLine
from gateway.iqfeed.values import parse_integer, parse_price

_STATS_FIELDS: Final = 19
_CLIENT_STATS_FIELDS: Final = 9
_CLIENT_STARTED: Final = re.compile(r"[0-9]{8} [0-9]{6}")


@dataclass(frozen=True, slots=True)
class Stats(SystemLine):
    """IQConnect about itself; None is a field that was empty or could not be read."""

    server_ip: str | None
    """DTN server it is connected to."""
    server_port: int | None
    """Port of that server."""
    max_symbols: int | None
    """Symbols this login may watch, all connections together."""
    symbol_count: int | None
    """Symbols watched now, all connections together."""
    client_count: int | None
    """Programs connected to IQConnect."""
    last_update_age_s: int | None
    """Seconds since it last heard from DTN."""
    reconnections: int | None
    """Times it reconnected to DTN."""
    reconnection_attempts: int | None
    """Times it tried to."""
    started: str | None
    """Start time as text, such as `Aug 20 2:42PM`: no year, no zone."""
    market_time: str | None
    """The market's time, spelled like `started`."""
    is_connected: bool
    """Whether it is logged in to DTN."""
    version: str | None
    """Version of IQConnect, such as `6.2.0.25`."""
    login_id: str | None
    """Login id without quotes."""
    received_kb: float | None
    """Received from DTN since the start, kilobytes."""
    received_kb_per_s: float | None
    """Received from DTN, kilobytes a second."""
    received_kb_per_s_average: float | None
    """Received from DTN since the start, kilobytes a second."""
    sent_kb: float | None
    """Sent to clients since the start, kilobytes."""
    sent_kb_per_s: float | None
    """Sent to clients, kilobytes a second."""
    sent_kb_per_s_average: float | None
    """Sent to clients since the start, kilobytes a second."""


@dataclass(frozen=True, slots=True)
class StatsSeen(Event):
    """A session received a statistics line: on the admin port each second."""

    stats: Stats
    """What it says."""


@dataclass(frozen=True, slots=True)
class ClientStats(SystemLine):
    """One client connection as IQConnect sees it; None is a field that could not be read."""

    port: str
    """`admin`, `level1`, `level2`, `lookup`, or the vendor's number when it is another one."""
    client_id: str
    """IQConnect's number of the connection."""
    name: str
    """What the client called itself; may be empty."""
    started: str | None
    """Connection time, `YYYYMMDD HHMMSS`."""
    symbol_count: int | None
    """Symbols watched on it."""
    regional_symbol_count: int | None
    """Symbols with regional quotes on it."""
    received_kb: float | None
    """Received from the client, kilobytes. Sources disagree on the order of this and the next."""
    sent_kb: float | None
    """Sent to the client, kilobytes."""
    queued_kb: float | None
    """Waiting for the client to read, kilobytes: the vendor's sign of a slow reader."""


@dataclass(frozen=True, slots=True)
class ClientAppRegistered(SystemLine):
    """`S,REGISTER CLIENT APP` was accepted."""


@dataclass(frozen=True, slots=True)
class LoginIdSet(SystemLine):
    """The login id IQConnect will use."""

    login_id: str
    """As acknowledged, without quotes."""


@dataclass(frozen=True, slots=True)
class PasswordSet(SystemLine):
    """A password was accepted; the masked text is not kept."""


@dataclass(frozen=True, slots=True)
class AutoconnectSet(SystemLine):
    """Whether IQConnect logs in by itself."""

    is_on: bool
    """True when it does."""


@dataclass(frozen=True, slots=True)
class LoginInfoSaved(SystemLine):
    """Whether IQConnect keeps the login on disk."""

    is_saved: bool
    """True when it does."""


def parse_stats(fields: Sequence[str]) -> Stats | None:
    """Read an `S,STATS` line.

    Args:
        fields: What follows `S,STATS,`; a trailing empty field and later additions are ignored.

    Returns:
        The statistics; None when there are fewer than 19 fields.
    """
    if len(fields) < _STATS_FIELDS:
        return None
    return Stats(
        server_ip=fields[0] or None,
        server_port=parse_integer(fields[1]),
        max_symbols=parse_integer(fields[2]),
        symbol_count=parse_integer(fields[3]),
        client_count=parse_integer(fields[4]),
        last_update_age_s=parse_integer(fields[5]),
        reconnections=parse_integer(fields[6]),
        reconnection_attempts=parse_integer(fields[7]),
        started=fields[8] or None,
        market_time=fields[9] or None,
        # The whole field, because "Not Connected" contains "Connected".
        is_connected=fields[10] == "Connected",
        version=fields[11] or None,
        login_id=_unquoted(fields[12]) or None,
        received_kb=parse_price(fields[13]),
        received_kb_per_s=parse_price(fields[14]),
        received_kb_per_s_average=parse_price(fields[15]),
        sent_kb=parse_price(fields[16]),
        sent_kb_per_s=parse_price(fields[17]),
        sent_kb_per_s_average=parse_price(fields[18]),
    )


def parse_client_stats(fields: Sequence[str]) -> ClientStats | None:
    """Read an `S,CLIENTSTATS` line.

    Args:
        fields: What follows `S,CLIENTSTATS,`.

    Returns:
        The statistics; None when there are fewer than 9 fields.
    """
    if len(fields) < _CLIENT_STATS_FIELDS:
        return None
    return ClientStats(
        port=_CLIENT_PORTS.get(fields[0], fields[0]),
        client_id=fields[1],
        name=fields[2],
        started=fields[3] if _CLIENT_STARTED.fullmatch(fields[3]) else None,
        symbol_count=parse_integer(fields[4]),
        regional_symbol_count=parse_integer(fields[5]),
        received_kb=parse_price(fields[6]),
        sent_kb=parse_price(fields[7]),
        queued_kb=parse_price(fields[8]),
    )


def parse_reply(verb: str, fields: Sequence[str]) -> SystemLine | None:
    """Read any other line of the admin port.

    Args:
        verb: What follows `S,`, such as `CURRENT LOGINID`.
        fields: What follows the verb.

    Returns:
        The reply; None when the verb is not one of the admin port.
    """
    match verb:
        case "STATS":
            return parse_stats(fields)
        case "CLIENTSTATS":
            return parse_client_stats(fields)
        case "CURRENT LOGINID":
            return LoginIdSet(_unquoted(fields[0]) if fields else "")
        case _:
            return _FIXED_REPLIES.get(verb)


def _unquoted(text: str) -> str:
    # IQConnect repeats the quotes of its own command line, with a backslash or without.
    return text.strip('\\"')


_CLIENT_PORTS: Final = {"0": "admin", "1": "level1", "2": "level2", "3": "lookup"}

_FIXED_REPLIES: Final[dict[str, SystemLine]] = {
    "REGISTER CLIENT APP COMPLETED": ClientAppRegistered(),
    "CURRENT PASSWORD": PasswordSet(),
    "AUTOCONNECT ON": AutoconnectSet(is_on=True),
    "AUTOCONNECT OFF": AutoconnectSet(is_on=False),
    "LOGIN INFO SAVED": LoginInfoSaved(is_saved=True),
    "LOGIN INFO NOT SAVED": LoginInfoSaved(is_saved=False),
}
