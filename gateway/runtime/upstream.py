"""What happens upstream, told to the board, to consumers and to the log."""

from gateway.control.upstream_state import Recovery, UpstreamState
from gateway.control.watch_desk import WatchDesk
from gateway.counters import Counter, Counters
from gateway.errors import bounded
from gateway.iqfeed.events import (
    Event,
    FieldRefused,
    FieldsSelected,
    HandshakeTimedOut,
    ProtocolRefused,
    VendorErrorSeen,
)
from gateway.iqfeed.link import Link
from gateway.iqfeed.system import (
    CustomerKnown,
    ServerConnected,
    ServerDisconnected,
    SymbolLimitReached,
    SymbolNotFound,
)
from gateway.logs import get_logger
from gateway.normalize.board import Board
from gateway.runtime.level1_link import Level1Link
from gateway.wire.system import SystemTopics


class UpstreamDesk:
    """Keeps every symbol in line with what is known of the upstream.

    Args:
        link: The Level 1 connection; its events come here.
        board: Symbols and their states.
        desk: Asks the vendor again after a loss.
        system: Where transitions are published.
        counters: Where vendor errors are counted.
    """

    def __init__(
        self,
        *,
        link: Level1Link,
        board: Board,
        desk: WatchDesk,
        system: SystemTopics,
        counters: Counters,
    ) -> None:
        self._link = link
        self._board = board
        self._desk = desk
        self._system = system
        self._counters = counters
        self._log = get_logger("upstream")
        self.state = UpstreamState()
        """Why prices are or are not live."""
        self.ports = {"level1": Link.CLOSED.value, "admin": Link.CLOSED.value}
        """State of each port's link."""
        self.max_symbols: int | None = None
        """The login's symbol limit as the vendor states it."""
        self._is_connected = False
        self._failures = 1
        self.is_delayed = False
        """Whether the account's prices are delayed."""
        link.owner = self

    def note_behind(self, *, is_behind: bool) -> None:
        """Note whether this process did not run for a while, so that what it reads is old."""
        self.state.note_behind(is_behind=is_behind)
        self._settle()

    def note_admin(self, state: str, *, is_connected: bool | None) -> None:
        """Note what the admin port says."""
        self.state.note_admin(is_connected)
        self._note_port("admin", state)
        self._settle()

    def on_session_event(self, event: Event) -> None:
        """Act on what the Level 1 session says."""
        match event:
            case SymbolNotFound(symbol):
                self._desk.note_not_found(symbol)
            case SymbolLimitReached(symbol):
                self._desk.note_limit(symbol)
            case ServerConnected():
                self.state.note_server(is_connected=True)
            case ServerDisconnected():
                self.state.note_server(is_connected=False)
            case CustomerKnown(customer):
                self.max_symbols = customer.max_symbols
                self.is_delayed = customer.is_delayed
                self._board.set_delayed(customer.is_delayed)
            case VendorErrorSeen(text):
                self._counters.add(Counter.VENDOR_ERRORS)
                self._log.warning("vendor error", text=bounded(text))
            case FieldRefused(name):
                self._log.warning("field refused, going on without it", field=name)
            case ProtocolRefused(version):
                self._log.warning("protocol refused, trying an older one", version=version)
            case FieldsSelected():
                self._is_connected, self._failures = True, 1
                self._log.info("connected to IQConnect", at=self._link.address)
            case HandshakeTimedOut(missing):
                self._log.warning("handshake timed out", missing=missing)
            case _:
                pass
        self.note_link()
        self._settle()

    def on_link_lost(self, reason: str) -> None:
        """Note that the Level 1 connection is gone, or could not be made."""
        if self._is_connected:
            self._log.warning("connection to IQConnect lost", at=self._link.address, reason=reason)
        elif self._failures & (self._failures - 1) == 0:
            # The 1st, 2nd, 4th, 8th … attempt: the log says so for as long as it lasts.
            self._log.warning(
                "IQConnect does not answer, trying again",
                at=self._link.address,
                attempt=self._failures,
                reason=reason,
                hint="start IQConnect and log in, or correct iqconnect.host and level1_port",
            )
        self._failures += 1
        self._is_connected = False
        self.note_link()

    def note_link(self) -> None:
        """Follow the link's state wherever it may have moved."""
        link = self._link.link
        if link.value != self.ports["level1"]:
            self.state.note_link(link)
            self._settle(port="level1", to_state=link.value)

    def _settle(self, *, port: str | None = None, to_state: str = "") -> None:
        """Bring every symbol in line with what is known of the upstream, and tell."""
        before = self.state.cause
        recovery = self.state.settle()
        cause = self.state.cause
        if port is not None:
            self._note_port(port, to_state)
        elif cause is not before:
            self._system.announce_feed(
                port="level1",
                from_state=self.ports["level1"],
                to_state=self.ports["level1"],
                cause=cause.value if cause is not None else None,
            )
        if cause is not None:
            # Consumers first, the log afterwards.
            self._link.pipeline.flush_all()
            self._board.lose_upstream(cause)
            if cause is not before:
                self._log.warning("prices are not live", cause=cause.value)
        elif recovery is not Recovery.NONE:
            self._recover(recovery)
            self._log.info("prices are live", recovery=recovery.value)

    def _recover(self, recovery: Recovery) -> None:
        match recovery:
            case Recovery.ASK_AGAIN:
                self._desk.ask_again()
            case Recovery.REFRESH:
                self._desk.ask_refresh()
            case Recovery.RESUME:
                self._board.resume_upstream()
            case Recovery.NONE:
                pass

    def _note_port(self, port: str, state: str) -> None:
        before = self.ports[port]
        if state == before:
            return
        self.ports[port] = state
        cause = self.state.cause
        self._system.announce_feed(
            port=port,
            from_state=before,
            to_state=state,
            cause=cause.value if cause is not None else None,
        )
