"""The per-connection state machines: bytes of commands out, lines and time in, events out.

A session decides, its owner moves bytes:

1. `connection_made`, then loop: send `data_to_send()`; wait for bytes or `deadline_ns()`.
2. Bytes came: `heard`, then `receive_line` for each line that is no market data.
   The deadline passed: `handle_deadline`. The peer closed: `eof`.
3. Take every `next_event()` before the next `data_to_send()`: what an event makes the owner
   request belongs to the burst whose end is announced by `StreamStarted`.

A session serves one connection. After `CLOSED` make a new one: IQConnect forgets the protocol,
the field set and every watch with the connection.
"""

import re
from collections.abc import Sequence
from typing import ClassVar, Final

from gateway.iqfeed import commands
from gateway.iqfeed.admin import Stats, StatsSeen
from gateway.iqfeed.events import (
    FeedEnded,
    FeedHeard,
    FeedOpened,
    FeedSilent,
    FieldRefused,
    FieldsSelected,
    HandshakeTimedOut,
    ProtocolSelected,
    StreamStarted,
    SystemLine,
    VendorErrorSeen,
)
from gateway.iqfeed.fields import GATEWAY_FIELDS, Field
from gateway.iqfeed.link import Link, Session, Transitions
from gateway.iqfeed.streaming import (
    COMMANDS_PER_BATCH,
    COMMANDS_QUEUED_MAX,
    PROTOCOLS,
    StreamingSession,
)
from gateway.iqfeed.system import (
    CurrentFields,
    CurrentProtocol,
    OtherSystem,
    ServerTime,
    VendorError,
    parse_system,
)

__all__ = [
    "ADMIN_TRANSITIONS",
    "TRANSITIONS",
    "AdminSession",
    "Level1Session",
    "Link",
    "state_diagram",
]

FIELDS_REFUSED_MAX: Final = 8

_FIELD_REFUSED: Final = re.compile(r"(.+) is not a valid fieldset field\.?")

TRANSITIONS: Final[Transitions] = {
    Link.CONNECTING: {FeedOpened: Link.NEGOTIATING, FeedEnded: Link.CLOSED},
    Link.NEGOTIATING: {
        FieldsSelected: Link.RESUBSCRIBING,
        HandshakeTimedOut: Link.CLOSED,
        FeedEnded: Link.CLOSED,
    },
    Link.RESUBSCRIBING: {
        StreamStarted: Link.STREAMING,
        FeedSilent: Link.STALE,
        FeedEnded: Link.CLOSED,
    },
    Link.STREAMING: {FeedSilent: Link.STALE, FeedEnded: Link.CLOSED},
    Link.STALE: {FeedHeard: Link.STREAMING, FeedEnded: Link.CLOSED},
    Link.CLOSED: {},
}
"""Level 1: what each event does to the link."""

ADMIN_TRANSITIONS: Final[Transitions] = {
    Link.CONNECTING: {FeedOpened: Link.NEGOTIATING, FeedEnded: Link.CLOSED},
    Link.NEGOTIATING: {
        StatsSeen: Link.STREAMING,
        HandshakeTimedOut: Link.CLOSED,
        FeedEnded: Link.CLOSED,
    },
    Link.STREAMING: {FeedSilent: Link.STALE, FeedEnded: Link.CLOSED},
    Link.STALE: {FeedHeard: Link.STREAMING, FeedEnded: Link.CLOSED},
    Link.CLOSED: {},
}
"""Admin: the same without a field set; the first statistics line ends the handshake."""


def state_diagram(transitions: Transitions = TRANSITIONS) -> str:
    """Draw a transition table as a Mermaid state diagram, for documentation."""
    arrows = [
        f"    {link.name} --> {to.name}: {event.__name__}"
        for link, moves in transitions.items()
        for event, to in moves.items()
    ]
    return "\n".join(["stateDiagram-v2", "    [*] --> CONNECTING", *arrows, "    CLOSED --> [*]"])


class Level1Session(StreamingSession):
    """One Level 1 connection.

    The handshake: protocol first, because the dialect decides everything else; then, on its
    acknowledgement, client name, field set, one time line, and news. The first list of field
    names that arrives may be the unsolicited default, so only the one that equals the request
    counts. Watches wait until it came: lines in flight could still have the old columns.

    Args:
        client_name: How IQConnect's statistics shall call this connection.
        protocol: Version to ask for first.
        field_names: Columns to select, without `Symbol`.
        silence_ns_max: Silence after which the link is stale; a time line comes each second.
        handshake_ns_max: Time from connection to agreed field set.
        close_after_silence_ns: Further silence after which the connection is given up.
        keepalive_ns: Time between two requests for a sign of life; None for none.
        is_news_wanted: Whether to ask for headlines.
        commands_per_batch: Queued commands a call of `data_to_send` hands out at most.
        commands_queued_max: Commands that may wait; more are refused.

    Raises:
        LocalProtocolError: A name, version or field that must not be sent.
    """

    transitions: ClassVar[Transitions] = TRANSITIONS

    def __init__(
        self,
        *,
        client_name: str,
        protocol: str = PROTOCOLS[0],
        field_names: Sequence[str] = GATEWAY_FIELDS,
        silence_ns_max: int,
        handshake_ns_max: int,
        close_after_silence_ns: int,
        keepalive_ns: int | None = None,
        is_news_wanted: bool,
        commands_per_batch: int = COMMANDS_PER_BATCH,
        commands_queued_max: int = COMMANDS_QUEUED_MAX,
    ) -> None:
        super().__init__(
            client_name=client_name,
            protocol=protocol,
            silence_ns_max=silence_ns_max,
            handshake_ns_max=handshake_ns_max,
            close_after_silence_ns=close_after_silence_ns,
            keepalive_ns=keepalive_ns,
            commands_per_batch=commands_per_batch,
            commands_queued_max=commands_queued_max,
        )
        commands.select_fields(field_names)  # What cannot be selected is refused at once.
        self._field_names = [str(name) for name in field_names]
        self._fields_refused = 0
        self._are_fields_selected = False
        self._is_time_known = False
        self._is_news_wanted = is_news_wanted

    def request_watch(self, symbol: str) -> bool:
        """Queue a watch.

        Args:
            symbol: Upper case, checked again here.

        Returns:
            False when it was refused because too much waits already or the link is closed; it is
            then the caller's to count and to repeat.

        Raises:
            SymbolInvalid: It must not reach the vendor's command line.
        """
        return self._request(commands.watch(symbol))

    def request_unwatch(self, symbol: str) -> bool:
        """Queue the release of a watch; as `request_watch`."""
        return self._request(commands.unwatch(symbol))

    def request_refresh(self, symbol: str) -> bool:
        """Queue a request for fresh F and P lines; as `request_watch`."""
        return self._request(commands.refresh(symbol))

    def request_regional(self, symbol: str, is_on: bool) -> bool:
        """Queue the beginning or end of regional quotes; as `request_watch`."""
        builder = commands.regional_on if is_on else commands.regional_off
        return self._request(builder(symbol))

    def _keepalive(self) -> bytes:
        return commands.request_time()

    def _missing(self) -> str:
        if not self._is_protocol_selected:
            return "protocol"
        return "time" if self._are_fields_selected else "fields"

    def _greet(self) -> None:
        self._outgoing.append(commands.select_fields(self._field_names))
        self._outgoing.append(commands.request_time())
        if self._is_news_wanted:
            self._outgoing.append(commands.news_on())

    def _receive_event(self, event: SystemLine) -> None:
        if isinstance(event, CurrentFields):
            self._receive_fields(event.names)
            return
        super()._receive_event(event)
        if isinstance(event, ServerTime) and not self._is_time_known:
            self._is_time_known = True
            self._finish_handshake()

    def _receive_refusal(self, text: str) -> None:
        if match := _FIELD_REFUSED.fullmatch(text):
            self._drop_field(match[1])
        else:
            super()._receive_refusal(text)

    def _receive_fields(self, names: tuple[str, ...]) -> None:
        is_ours = list(names) == [Field.SYMBOL, *self._field_names]
        if self._are_fields_selected:
            if not is_ours:
                # From here on columns would be read from the wrong places: refuse to guess.
                self._end("fields_changed")
        elif is_ours and self._is_protocol_selected:
            self._are_fields_selected = True
            self._finish_handshake()

    def _finish_handshake(self) -> None:
        if self._are_fields_selected and self._is_time_known:
            self._emit(FieldsSelected((str(Field.SYMBOL), *self._field_names)))

    def _drop_field(self, name: str) -> None:
        """Select again without a field that this IQConnect does not know."""
        if self._are_fields_selected or name not in self._field_names:
            return
        self._emit(FieldRefused(name))
        self._field_names.remove(name)
        self._fields_refused += 1
        if not self._field_names or self._fields_refused > FIELDS_REFUSED_MAX:
            self._end("fields_refused")
            return
        self._outgoing.append(commands.select_fields(self._field_names))


class AdminSession(Session):
    """One admin connection: a statistics line each second, and commands about the login.

    Args:
        client_name: How IQConnect's statistics shall call this connection.
        protocol: Version to ask for; nothing depends on the answer.
        silence_ns_max: Silence after which the link is stale.
        handshake_ns_max: Time until the first statistics line.
        close_after_silence_ns: Further silence after which the connection is given up.

    Raises:
        LocalProtocolError: A name or version that must not be sent.
    """

    transitions: ClassVar[Transitions] = ADMIN_TRANSITIONS

    def __init__(
        self,
        *,
        client_name: str,
        protocol: str = PROTOCOLS[0],
        silence_ns_max: int,
        handshake_ns_max: int,
        close_after_silence_ns: int,
    ) -> None:
        super().__init__(
            silence_ns_max=silence_ns_max,
            handshake_ns_max=handshake_ns_max,
            close_after_silence_ns=close_after_silence_ns,
        )
        self._greeting = [commands.set_protocol(protocol), commands.set_client_name(client_name)]

    def request(self, command: bytes) -> bool:
        """Queue a command built by `gateway.iqfeed.commands`.

        Returns:
            False when the connection does not stand or too much waits already.
        """
        is_open = self.link not in (Link.CONNECTING, Link.CLOSED)
        if not is_open or len(self._outgoing) >= COMMANDS_PER_BATCH:
            return False
        self._outgoing.append(command)
        return True

    def _begin(self) -> None:
        self._outgoing.extend(self._greeting)

    def _missing(self) -> str:
        return "stats"

    def _receive(self, line: str) -> None:
        match parse_system(line):
            case Stats() as stats:
                self._emit(StatsSeen(stats))
            case VendorError(text):
                self._emit(VendorErrorSeen(text))
            case CurrentProtocol(version):
                self._emit(ProtocolSelected(version))
            case OtherSystem():
                pass
            case event:
                self._emit(event)
