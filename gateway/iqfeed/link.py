"""The state of a connection to IQConnect, and what every kind of session shares."""

import enum
from collections import deque
from collections.abc import Mapping
from typing import ClassVar

from gateway.iqfeed.events import (
    Event,
    FeedEnded,
    FeedHeard,
    FeedOpened,
    FeedSilent,
    HandshakeTimedOut,
)


class Link(enum.Enum):
    """Where a connection stands."""

    CONNECTING = "connecting"
    NEGOTIATING = "negotiating"
    RESUBSCRIBING = "resubscribing"
    STREAMING = "streaming"
    STALE = "stale"
    CLOSED = "closed"

    # Enum hashes by name through Python code, and a link is looked up several times a round.
    __hash__ = object.__hash__


Transitions = Mapping[Link, Mapping[type[Event], Link]]
"""For each link, where an event moves it; an event that is not listed leaves it alone."""


class Session:
    """What every kind of connection shares: the link, its events, and signs of life.

    Args:
        silence_ns_max: Silence after which the link is stale, monotonic nanoseconds.
        handshake_ns_max: Time the handshake may take.
        close_after_silence_ns: Further silence after which the connection is given up.
    """

    transitions: ClassVar[Transitions]

    def __init__(
        self, *, silence_ns_max: int, handshake_ns_max: int, close_after_silence_ns: int
    ) -> None:
        self.link = Link.CONNECTING
        self._silence_ns_max = silence_ns_max
        self._handshake_ns_max = handshake_ns_max
        self._close_after_silence_ns = close_after_silence_ns
        self._opened_ns = 0
        self._heard_ns = 0
        self._events: deque[Event] = deque()
        self._outgoing: list[bytes] = []

    def connection_made(self, now_ns: int) -> None:
        """The connection stands: begin the handshake.

        Args:
            now_ns: Monotonic nanoseconds, as everywhere here.
        """
        if self.link is not Link.CONNECTING:
            return
        self._opened_ns = self._heard_ns = now_ns
        self._emit(FeedOpened())
        self._begin()

    @property
    def heard_ns(self) -> int:
        """When the last sign of life came, monotonic."""
        return self._heard_ns

    def heard(self, now_ns: int) -> None:
        """The end of a line arrived, whatever the line says: a sign of life."""
        self._heard_ns = now_ns
        if self.link is Link.STALE:
            self._emit(FeedHeard())

    def receive_line(self, line: str, *, now_ns: int) -> None:
        """Take a line that is no market data.

        Args:
            line: Without its terminator; anything, unknown lines are ignored.
            now_ns: When it was read.
        """
        if self.link in (Link.CONNECTING, Link.CLOSED):
            return
        self.heard(now_ns)
        self._receive(line)

    def eof(self, now_ns: int) -> None:
        """The peer closed the connection, or it broke."""
        del now_ns  # Part of the interface every input has; nothing depends on it here.
        self._end("closed")

    def deadline_ns(self) -> int | None:
        """When `handle_deadline` must be called at the latest; None when nothing is awaited."""
        return self._link_deadline_ns()

    def _link_deadline_ns(self) -> int | None:
        """When the link moves unless something comes."""
        match self.link:
            case Link.NEGOTIATING:
                return self._opened_ns + self._handshake_ns_max
            case Link.RESUBSCRIBING | Link.STREAMING:
                return self._heard_ns + self._patience_ns()
            case Link.STALE:
                return self._heard_ns + self._patience_ns() + self._close_after_silence_ns
            case _:
                return None

    def handle_deadline(self, *, now_ns: int) -> None:
        """Conclude what follows from the time; harmless when called early.

        One step a call: after a suspended process wakes up, the link is first stale, and bytes that
        wait in the socket can still save it before the next call closes it.
        """
        deadline_ns = self._link_deadline_ns()
        if deadline_ns is None or now_ns < deadline_ns:
            return
        if self.link is Link.NEGOTIATING:
            self._emit(HandshakeTimedOut(self._missing()))
        elif self.link is Link.STALE:
            self._end("silent")
        else:
            self._emit(FeedSilent(now_ns - self._heard_ns))

    def next_event(self) -> Event | None:
        """The oldest event not yet taken; None when there is none."""
        return self._events.popleft() if self._events else None

    def data_to_send(self) -> bytes:
        """Everything due to be sent; it counts as sent once returned."""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        return data

    def _patience_ns(self) -> int:
        """How much silence is usual now."""
        return self._silence_ns_max

    def _begin(self) -> None:
        raise NotImplementedError

    def _receive(self, line: str) -> None:
        raise NotImplementedError

    def _missing(self) -> str:
        raise NotImplementedError

    def _end(self, reason: str) -> None:
        if self.link is not Link.CLOSED:
            self._emit(FeedEnded(reason))

    def _emit(self, event: Event) -> None:
        """Queue an event and move the link; the only writer of `link`."""
        self._events.append(event)
        self.link = self.transitions[self.link].get(type(event), self.link)
        if self.link is Link.CLOSED:
            self._outgoing.clear()
