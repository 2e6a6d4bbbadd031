"""The state machine of a Level 2 connection; `session.py` says how an owner drives it.

Level 2 has two dialects. From protocol 6.2 on, orders and price levels are asked for separately.
Before it there is one request, spelled like Level 1's, for a table of market makers or levels; then
`is_classic` is true and a request for price levels has nothing to ask.
"""

from typing import ClassVar, Final

from gateway.iqfeed import commands
from gateway.iqfeed.events import (
    FeedEnded,
    FeedHeard,
    FeedOpened,
    FeedSilent,
    HandshakeTimedOut,
    ProtocolSelected,
    StreamStarted,
)
from gateway.iqfeed.link import Link, Transitions
from gateway.iqfeed.streaming import (
    COMMANDS_PER_BATCH,
    COMMANDS_QUEUED_MAX,
    PROTOCOLS,
    StreamingSession,
)

ORDERS_PROTOCOL: Final = "6.2"
"""First version with orders and price levels; versions are compared as texts, `d.d` each."""

LEVEL2_TRANSITIONS: Final[Transitions] = {
    Link.CONNECTING: {FeedOpened: Link.NEGOTIATING, FeedEnded: Link.CLOSED},
    Link.NEGOTIATING: {
        ProtocolSelected: Link.RESUBSCRIBING,
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
"""Level 2: as Level 1, but the protocol alone ends the handshake: there is no field set."""


class Level2Session(StreamingSession):
    """One Level 2 connection.

    The handshake: the protocol, and on its acknowledgement the client name and a time line each
    second, which no other line of a quiet market replaces as a sign of life. Data lines carry
    their own dates, so nothing waits for the first of them.

    Args:
        client_name: How IQConnect's statistics shall call this connection.
        protocol: Version to ask for first.
        silence_ns_max: Silence after which the link is stale.
        handshake_ns_max: Time from connection to agreed protocol.
        close_after_silence_ns: Further silence after which the connection is given up.
        keepalive_ns: Time between two requests for a sign of life; None for none.
        commands_per_batch: Queued commands a call of `data_to_send` hands out at most.
        commands_queued_max: Commands that may wait; more are refused.

    Raises:
        LocalProtocolError: A name or version that must not be sent.
    """

    transitions: ClassVar[Transitions] = LEVEL2_TRANSITIONS

    def __init__(
        self,
        *,
        client_name: str,
        protocol: str = PROTOCOLS[0],
        silence_ns_max: int,
        handshake_ns_max: int,
        close_after_silence_ns: int,
        keepalive_ns: int | None = None,
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

    @property
    def is_classic(self) -> bool:
        """Whether the agreed protocol is older than 6.2; False until one is agreed."""
        return self._is_protocol_selected and self.protocol < ORDERS_PROTOCOL

    def request_orders(self, symbol: str) -> bool:
        """Queue a request for a symbol's orders, or for its classic depth.

        Args:
            symbol: Upper case, checked again here.

        Returns:
            False when it was refused because too much waits already, the protocol, which decides
            the spelling, is not agreed yet, or the link is closed; it is then the caller's to
            count and to repeat.

        Raises:
            SymbolInvalid: It must not reach the vendor's command line.
        """
        builder = commands.watch_depth if self.is_classic else commands.watch_orders
        return self._request(builder(symbol))

    def release_orders(self, symbol: str) -> bool:
        """Queue the release of a symbol's orders or classic depth; as `request_orders`."""
        builder = commands.unwatch_depth if self.is_classic else commands.unwatch_orders
        return self._request(builder(symbol))

    def request_levels(self, symbol: str, levels_max: int) -> bool:
        """Queue a request for a symbol's price levels; classic connections have none to ask for.

        Args:
            symbol: Upper case, checked again here.
            levels_max: Levels a side; 0 leaves the number to DTN.

        Returns:
            As `request_orders`; True when there is nothing to ask.

        Raises:
            SymbolInvalid: It must not reach the vendor's command line.
            LocalProtocolError: The number is negative.
        """
        command = commands.watch_levels(symbol, levels_max=levels_max)
        return self.is_classic or self._request(command)

    def release_levels(self, symbol: str) -> bool:
        """Queue the release of a symbol's price levels; as `request_levels`."""
        command = commands.unwatch_levels(symbol)
        return self.is_classic or self._request(command)

    def _request(self, command: bytes) -> bool:
        # A command queued in one dialect would be sent in another if IQConnect refuses the first.
        return self.is_ready and super()._request(command)

    def _greet(self) -> None:
        self._outgoing.append(commands.timestamps_on())

    def _keepalive(self) -> bytes:
        # A request for a single time line is documented for Level 1 only; this one says "go on".
        return commands.timestamps_on()

    def _missing(self) -> str:
        return "protocol"
