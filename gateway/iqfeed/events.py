"""What a session tells its owner.

System lines that mean the same outside the session as on the wire (`ServerTime`, `ServerConnected`,
`SymbolNotFound`, …) are events themselves. They are in `system.py` and `admin.py` beside their
parsers, with `CustomerKnown` and `StatsSeen`. Here is the rest: what the session concludes.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """Base of everything `next_event()` can return."""


@dataclass(frozen=True, slots=True)
class SystemLine(Event):
    """Base of everything `parse_system()` can return: a line that carries no market data."""


@dataclass(frozen=True, slots=True)
class FeedOpened(Event):
    """The connection stands and the handshake begins."""


@dataclass(frozen=True, slots=True)
class ProtocolSelected(Event):
    """IQConnect acknowledged the protocol version."""

    version: str
    """The version in force, such as `6.2`; it decides the layout of F lines, and on Level 2 what
    can be asked for and in which words."""


@dataclass(frozen=True, slots=True)
class ProtocolRefused(Event):
    """IQConnect is older than the protocol version asked for; an older one is asked for next."""

    version: str
    """The version it does not know."""


@dataclass(frozen=True, slots=True)
class FieldRefused(Event):
    """IQConnect does not know a field; the rest is selected without it."""

    name: str
    """The vendor name that was dropped."""


@dataclass(frozen=True, slots=True)
class FieldsSelected(Event):
    """The handshake is done: protocol, field set and server time are known. Send watches now."""

    names: tuple[str, ...]
    """The columns of P and Q lines in order, `Symbol` first, as IQConnect acknowledged them."""


@dataclass(frozen=True, slots=True)
class StreamStarted(Event):
    """Every request that was queued has been handed out for sending; once per connection."""


@dataclass(frozen=True, slots=True)
class VendorErrorSeen(Event):
    """IQConnect sent an error line; it does not say which command it is about."""

    text: str
    """The vendor's words, verbatim, without trailing commas; not bounded."""


@dataclass(frozen=True, slots=True)
class FeedSilent(Event):
    """No byte came for too long: prices of this connection are stale from now on."""

    silent_ns: int
    """Time since the last byte, monotonic nanoseconds."""


@dataclass(frozen=True, slots=True)
class FeedHeard(Event):
    """Bytes came again after a silence."""


@dataclass(frozen=True, slots=True)
class HandshakeTimedOut(Event):
    """The handshake was not done in time; close the connection and try again later."""

    missing: str
    """What had not come: `protocol`, `fields`, `time` (Level 1) or `stats` (admin)."""


@dataclass(frozen=True, slots=True)
class FeedEnded(Event):
    """The connection is over; everything agreed on it is gone. Close it and start a new one."""

    reason: str
    """`closed` (by IQConnect), `silent`, `protocol_refused`, `fields_refused`, or `fields_changed`
    (P and Q lines no longer have the agreed columns)."""
