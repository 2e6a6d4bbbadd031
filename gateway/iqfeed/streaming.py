"""What the two streaming ports, Level 1 and Level 2, share: the dialect and the queue of requests.

Both begin by agreeing on a protocol version, and an IQConnect that is too old for one is asked for
the next older one. Both then send many requests, one batch at a time so that a restart with a
thousand symbols does not flood IQConnect, and say once when the first burst is out.
"""

import re
from collections import deque
from typing import Final

from gateway.iqfeed import commands
from gateway.iqfeed.admin import Stats, StatsSeen
from gateway.iqfeed.events import (
    ProtocolRefused,
    ProtocolSelected,
    StreamStarted,
    SystemLine,
    VendorErrorSeen,
)
from gateway.iqfeed.link import Link, Session
from gateway.iqfeed.system import (
    CurrentProtocol,
    CustomerInfo,
    CustomerKnown,
    OtherSystem,
    ServerConnected,
    ServerDisconnected,
    VendorError,
    parse_system,
)

COMMANDS_PER_BATCH: Final = 200
COMMANDS_QUEUED_MAX: Final = 20_000
PROTOCOLS: Final = ("6.2", "6.1", "6.0", "5.2")
"""Versions to try, best first. Older ones have no `Most Recent Trade … Time` with a fraction."""

AWAY_PATIENCE: Final = 12
"""How many times as long a connection may be silent that says it has no link to DTN."""

_PROTOCOL_REFUSED: Final = re.compile(r"(\S+) is not a valid protocol\.?")
_READY: Final = frozenset({Link.RESUBSCRIBING, Link.STREAMING, Link.STALE})


class StreamingSession(Session):
    """One connection that streams what it is asked for.

    A port adds `_greet`, what is said once the protocol is agreed, its table of transitions, and
    its requests. What is queued waits until the link is ready.

    Args:
        client_name: How IQConnect's statistics shall call this connection.
        protocol: Version to ask for first.
        silence_ns_max: Silence after which the link is stale; a time line comes each second.
        handshake_ns_max: Time the handshake may take.
        close_after_silence_ns: Further silence after which the connection is given up.
        keepalive_ns: Time between two requests for a sign of life; None for none.
        commands_per_batch: Queued commands a call of `data_to_send` hands out at most.
        commands_queued_max: Commands that may wait; more are refused.

    Raises:
        LocalProtocolError: A name or version that must not be sent.
    """

    def __init__(
        self,
        *,
        client_name: str,
        protocol: str,
        silence_ns_max: int,
        handshake_ns_max: int,
        close_after_silence_ns: int,
        keepalive_ns: int | None = None,
        commands_per_batch: int,
        commands_queued_max: int,
    ) -> None:
        super().__init__(
            silence_ns_max=silence_ns_max,
            handshake_ns_max=handshake_ns_max,
            close_after_silence_ns=close_after_silence_ns,
        )
        # Built here although sent later: what cannot be sent is refused before a connection is
        # wasted on it.
        commands.set_protocol(protocol)
        self._client_name_command = commands.set_client_name(client_name)
        self.protocol = protocol
        self._is_protocol_selected = False
        self._is_stream_started = False
        self._commands_per_batch = commands_per_batch
        self._commands_queued_max = commands_queued_max
        self._queue: deque[bytes] = deque()
        self._keepalive_ns = keepalive_ns
        self._keepalive_at_ns: int | None = None
        self._is_server_away = False

    @property
    def is_ready(self) -> bool:
        """Whether the handshake is done and the connection stands: requests are sent."""
        return self.link in _READY

    @property
    def has_more_to_send(self) -> bool:
        """Whether to call `data_to_send`: something is due, or the stream is about to start."""
        is_pending = bool(self._queue) or not self._is_stream_started
        return bool(self._outgoing) or (self.is_ready and is_pending)

    @property
    def queued_count(self) -> int:
        """Requests that wait to be sent."""
        return len(self._queue)

    def deadline_ns(self) -> int | None:
        """When `handle_deadline` must be called at the latest; None when nothing is awaited."""
        deadline_ns = self._link_deadline_ns()
        keepalive_ns = self._keepalive_at_ns if self.is_ready else None
        if keepalive_ns is None or deadline_ns is None:
            return deadline_ns if keepalive_ns is None else keepalive_ns
        return min(deadline_ns, keepalive_ns)

    def handle_deadline(self, *, now_ns: int) -> None:
        """Conclude what follows from the time, and ask for a sign of life when it is time to."""
        super().handle_deadline(now_ns=now_ns)
        due_ns = self._keepalive_at_ns
        if due_ns is not None and self._keepalive_ns is not None and now_ns >= due_ns:
            self._keepalive_at_ns = now_ns + self._keepalive_ns
            if self.is_ready:
                self._outgoing.append(self._keepalive())

    def data_to_send(self) -> bytes:
        """Everything due to be sent, at most one batch of the queued requests.

        Returns:
            Whole commands; they count as sent once returned. While `has_more_to_send`, call
            again, after a pause if IQConnect shall be spared.
        """
        if self.is_ready:
            for _ in range(min(len(self._queue), self._commands_per_batch)):
                self._outgoing.append(self._queue.popleft())
            if not self._queue and not self._is_stream_started:
                self._is_stream_started = True
                self._emit(StreamStarted())
        return super().data_to_send()

    def _request(self, command: bytes) -> bool:
        """Queue a command; False when too much waits already or the link is closed."""
        if self.link is Link.CLOSED or len(self._queue) >= self._commands_queued_max:
            return False
        self._queue.append(command)
        return True

    def expect_server(self, now_ns: int) -> None:
        """Note that IQConnect is connected to DTN again, by another port's word.

        From now on this connection's silence is judged as always: if it stood for the whole outage,
        it has something to say.
        """
        if self._is_server_away:
            self._is_server_away = False
            self._heard_ns = now_ns

    def _patience_ns(self) -> int:
        # Without a link to DTN there may be no time lines: opening the connection anew would help
        # nobody.
        factor = AWAY_PATIENCE if self._is_server_away else 1
        return factor * super()._patience_ns()

    def _begin(self) -> None:
        self._outgoing.append(commands.set_protocol(self.protocol))
        if self._keepalive_ns is not None:
            self._keepalive_at_ns = self._opened_ns + self._keepalive_ns

    def _keepalive(self) -> bytes:
        """What asks for a sign of life."""
        raise NotImplementedError

    def _greet(self) -> None:
        """Say what follows the agreement on a protocol."""
        raise NotImplementedError

    def _receive(self, line: str) -> None:
        match parse_system(line):
            case VendorError(text):
                self._emit(VendorErrorSeen(text))
                # Errors name no command: only while hands are shaken can one be about ours.
                if self.link is Link.NEGOTIATING:
                    self._receive_refusal(text)
            case CurrentProtocol(version):
                self._receive_protocol(version)
            case CustomerInfo() as customer:
                self._emit(CustomerKnown(customer))
            case Stats() as stats:
                self._emit(StatsSeen(stats))
            case OtherSystem():
                pass
            case event:
                self._receive_event(event)

    def _receive_event(self, event: SystemLine) -> None:
        """Take a line that means the same outside the session."""
        if isinstance(event, ServerDisconnected | ServerConnected):
            self._is_server_away = isinstance(event, ServerDisconnected)
        self._emit(event)

    def _receive_refusal(self, text: str) -> None:
        """Take an error that came during the handshake."""
        if match := _PROTOCOL_REFUSED.fullmatch(text):
            self._retreat(match[1])

    def _receive_protocol(self, version: str) -> None:
        if self._is_protocol_selected or version != self.protocol:
            return
        self._is_protocol_selected = True
        self._emit(ProtocolSelected(version))
        self._outgoing.append(self._client_name_command)
        self._greet()

    def _retreat(self, version: str) -> None:
        """Ask for the next older protocol."""
        if self._is_protocol_selected or version != self.protocol:
            return
        self._emit(ProtocolRefused(version))
        older = PROTOCOLS[PROTOCOLS.index(version) + 1 :] if version in PROTOCOLS else ()
        if not older:
            self._end("protocol_refused")
            return
        self.protocol = older[0]
        self._begin()
