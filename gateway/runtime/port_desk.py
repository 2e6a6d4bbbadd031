"""What happens on one upstream port, told to the symbols, to consumers and to the log."""

from typing import Final, Protocol

from gateway.control.upstream_state import Recovery, UpstreamState
from gateway.counters import Counter, Counters
from gateway.errors import bounded
from gateway.iqfeed.events import Event, HandshakeTimedOut, ProtocolRefused, VendorErrorSeen
from gateway.iqfeed.link import Link
from gateway.iqfeed.system import ServerConnected, ServerDisconnected
from gateway.logs import get_logger
from gateway.model.enums import Cause
from gateway.runtime.port_errors import PortErrors, Retried
from gateway.wire.system import SystemTopics

CONTRADICTIONS_MAX: Final = 3
"""Seconds for which two ports may say the opposite of each other about DTN."""


class PortLink(Protocol):
    """What a desk needs of its connection."""

    @property
    def address(self) -> str:
        """Where it connects to."""
        ...

    @property
    def link(self) -> Link:
        """Its state."""
        ...

    @property
    def heard_ns(self) -> int | None:
        """When the last sign of life came, monotonic; None between connections."""
        ...

    def expect_server(self) -> None:
        """Note that IQConnect is connected to DTN again, by another port's word."""
        ...

    @property
    def retry(self) -> Retried:
        """What decides about the next attempt."""
        ...


class PortDesk:
    """Keeps the symbols of one port in line with what is known of the upstream.

    A port says what is lost and how it recovers in `_lose` and `_recover`, and what its own events
    mean in `_take`.

    Args:
        port: `level1` or `level2`; of several connections the second is `level1.2`.
        subject: What is not live when the port is not, for the log.
        link: The connection; its events come here.
        ports: State of every port's link, shared by all desks.
        system: Where transitions are published.
        counters: Where vendor errors are counted.
        errors: Where what goes wrong is reported.
    """

    def __init__(
        self,
        *,
        port: str,
        subject: str,
        link: PortLink,
        ports: dict[str, str],
        system: SystemTopics,
        counters: Counters,
        errors: PortErrors,
    ) -> None:
        self._port = port
        self._subject = subject
        self._port_link = link
        self._system = system
        self._counters = counters
        self._errors = errors
        self._log = get_logger("upstream")
        self.state: Final = UpstreamState()
        """Why what this port delivers is or is not live."""
        self.ports: Final = ports
        """State of every port's link."""
        ports[port] = Link.CLOSED.value
        self._is_connected = False
        self._failures = 1
        self._contradictions = 0
        self._heard_ns: int | None = None
        self._seconds_heard = 0

    def note_behind(self, *, is_behind: bool) -> None:
        """Note whether this process did not run for a while, so that what it reads is old."""
        self.state.note_behind(is_behind=is_behind)
        self._settle()

    def note_admin(self, *, is_connected: bool | None, is_login_lost: bool) -> None:
        """Note what the admin port says of the link to DTN."""
        if is_connected:
            self._port_link.expect_server()
        self.state.note_admin(is_connected, is_login_lost=is_login_lost)
        self._settle()

    def note_second(self) -> None:
        """Believe the admin port in the end; call it once a second.

        Its statistics come each second, so an outage may end before they have told of it. A
        connection that died meanwhile would then wait for a word about DTN that nobody sends. And
        that word may be lost: lines that come every second are proof enough. Without them the port
        may be away while others are not, as Level 2 has servers of its own.
        """
        is_contradicted = self.state.is_contradicted
        self._contradictions = self._contradictions + 1 if is_contradicted else 0
        heard_ns, self._heard_ns = self._heard_ns, self._port_link.heard_ns
        is_heard = is_contradicted and self._heard_ns != heard_ns
        self._seconds_heard = self._seconds_heard + 1 if is_heard else 0
        if self._seconds_heard >= CONTRADICTIONS_MAX:
            self._log.warning("DTN is connected, though nobody said so", port=self._port)
            self.state.note_server(is_connected=True)
            self._settle()
        elif self._contradictions == CONTRADICTIONS_MAX:
            self._port_link.expect_server()

    def on_session_event(self, event: Event) -> None:
        """Act on what the session says."""
        match event:
            case ServerConnected():
                self.state.note_server(is_connected=True)
            case ServerDisconnected():
                self.state.note_server(is_connected=False)
            case VendorErrorSeen(text):
                self._counters.add(Counter.VENDOR_ERRORS)
                self._log.warning("vendor error", port=self._port, text=bounded(text))
                self._errors.note_vendor(text)
            case ProtocolRefused(version):
                self._log.warning(
                    "protocol refused, trying an older one", port=self._port, version=version
                )
            case HandshakeTimedOut(missing):
                self._log.warning("handshake timed out", port=self._port, missing=missing)
                self._errors.note_handshake(missing)
            case _:
                pass
        self._take(event)
        self.note_link()
        self._settle()

    def on_link_lost(self, reason: str) -> None:
        """Note that the connection is gone, or could not be made."""
        address = self._port_link.address
        if self._is_connected:
            self._log.warning("connection to IQConnect lost", at=address, reason=reason)
        elif self._failures & (self._failures - 1) == 0:
            # The 1st, 2nd, 4th, 8th … attempt: the log says so for as long as it lasts.
            self._log.warning(
                "IQConnect does not answer, trying again",
                at=address,
                attempt=self._failures,
                reason=reason,
                hint=f"start IQConnect and log in, or correct iqconnect.host and {self._port}_port",
            )
        self._errors.note_loss(
            reason,
            was_connected=self._is_connected,
            address=address,
            retry=self._port_link.retry,
        )
        self._failures += 1
        self._is_connected = False
        self.note_link()

    def note_link(self) -> None:
        """Follow the link's state wherever it may have moved."""
        link = self._port_link.link
        if link.value != self.ports[self._port]:
            self.state.note_link(link)
            self._settle(to_state=link.value)

    def note_port(self, port: str, state: str) -> None:
        """Publish that a port's link has another state."""
        before = self.ports[port]
        if state == before:
            return
        self.ports[port] = state
        self._announce(port, before, state)

    @property
    def is_used(self) -> bool:
        """Whether the port is used at all; what is not used is not told."""
        return True

    def _note_connected(self) -> None:
        self._is_connected, self._failures = True, 1
        self._log.info("connected to IQConnect", port=self._port, at=self._port_link.address)

    def _settle(self, *, to_state: str = "") -> None:
        """Bring every symbol in line with what is known of the upstream, and tell."""
        before = self.state.cause
        recovery = self.state.settle()
        cause = self.state.cause
        if to_state:
            self.note_port(self._port, to_state)
        elif cause is not before and self.is_used:
            self._announce(self._port, self.ports[self._port], self.ports[self._port])
        if cause is not None:
            # Consumers first, the log afterwards.
            self._lose(cause)
            if cause is not before and self.is_used:
                self._log.warning(f"{self._subject} are not live", cause=cause.value)
        elif recovery is not Recovery.NONE:
            self._recover(recovery)
            self._log.info(f"{self._subject} are live", recovery=recovery.value)

    def _announce(self, port: str, before: str, after: str) -> None:
        cause = self.state.cause
        self._system.announce_feed(
            port=port,
            from_state=before,
            to_state=after,
            cause=cause.value if cause is not None else None,
        )

    def _take(self, event: Event) -> None:
        """Act on an event that only this port knows."""
        raise NotImplementedError

    def _lose(self, cause: Cause) -> None:
        """Mark what the port delivers as not to be trusted."""
        raise NotImplementedError

    def _recover(self, recovery: Recovery) -> None:
        """Do what brings it back."""
        raise NotImplementedError
