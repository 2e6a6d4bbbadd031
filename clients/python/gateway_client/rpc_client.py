"""The DEALER socket: many requests outstanding, each with its own deadline.

A request waits in our own outbox until the connection stands (IMMEDIATE), so one whose deadline has
passed is never sent late. When a request ran into its deadline and nothing was heard from the peer
for `silence_ns` since it was sent, the peer counts as vanished and the socket is made anew.
"""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import zmq

from gateway_client.errors import (
    DecodeError,
    GatewayClientError,
    InvalidArgument,
    NotConnected,
    RequestRefused,
    RequestTimedOut,
)
from gateway_client.keys import CurveKeys
from gateway_client.rpc_codec import REPLY_BYTES_MAX, Reply, decode_reply, encode_request
from gateway_client.subscriber import RECONNECT_MS, RECONNECT_MS_MAX, set_curve

OUTSTANDING_MAX: Final = 1_000
"""Requests that may wait for their replies."""
_NOBLOCK: Final = int(zmq.NOBLOCK)

Outcome = Reply | GatewayClientError
OnDone = Callable[[Outcome], None]


@dataclass(slots=True)
class _Request:
    method: str
    data: bytes
    deadline_ns: int
    on_done: OnDone
    sent_ns: int | None = None


@dataclass(slots=True)
class RpcCounters:
    """What the control side has counted."""

    requests: int = 0
    timeouts: int = 0
    late_replies: int = 0
    bad_replies: int = 0
    reopened: int = 0


@dataclass(slots=True)
class RpcClient:
    """One control connection; every method belongs to the reader thread."""

    context: "zmq.Context[zmq.Socket[bytes]]"
    """The client's ZeroMQ context."""
    endpoint: str
    """Where the gateway answers."""
    curve: CurveKeys | None
    """Keys, if any."""
    silence_ns: int
    """Silence, in nanoseconds, after which an unanswered request means that the peer is gone."""
    counters: RpcCounters = field(default_factory=RpcCounters)
    socket: "zmq.Socket[bytes]" = field(init=False)
    _requests: dict[int, _Request] = field(default_factory=dict)
    _outbox: deque[int] = field(default_factory=deque)
    _deadlines: list[tuple[int, int]] = field(default_factory=list)
    _next_id: int = 1
    _heard_ns: int = 0
    _unanswered_since_ns: int | None = None
    _is_unconnected: bool = False
    """Whether a request ran into its deadline without having found a connection."""

    def __post_init__(self) -> None:
        self.socket = self._open()

    def _open(self) -> "zmq.Socket[bytes]":
        socket = self.context.socket(zmq.DEALER)
        socket.linger = 0
        socket.immediate = True
        socket.maxmsgsize = REPLY_BYTES_MAX
        socket.reconnect_ivl = RECONNECT_MS
        socket.reconnect_ivl_max = RECONNECT_MS_MAX
        set_curve(socket, self.curve)
        socket.connect(self.endpoint)
        return socket

    @property
    def capacity(self) -> int:
        """Requests that may wait for their replies."""
        return OUTSTANDING_MAX

    @property
    def outstanding_count(self) -> int:
        """Requests waiting for their replies."""
        return len(self._requests)

    @property
    def has_unsent(self) -> bool:
        """Whether requests wait for the connection: poll for writing then."""
        return bool(self._outbox)

    def request(
        self,
        method: str,
        params: dict[str, Any],
        *,
        timeout_ns: int,
        now_ns: int,
        on_done: OnDone,
    ) -> None:
        """Send a request; `on_done` is called exactly once, at the deadline at the latest.

        Args:
            method: Name of the method.
            params: Its parameters.
            timeout_ns: Time to wait, nanoseconds.
            now_ns: Monotonic time.
            on_done: Gets the reply or the error; called at once when nothing can be sent.
        """
        if len(self._requests) >= OUTSTANDING_MAX:
            on_done(
                RequestRefused(
                    "too many requests outstanding",
                    code="busy",
                    hint="Wait for replies before asking more.",
                    retry_ms=100,
                    method=method,
                )
            )
            return
        request_id = self._next_id
        self._next_id += 1
        try:
            data = encode_request(request_id, method, params, deadline_ms=timeout_ns // 1_000_000)
        except InvalidArgument as error:
            on_done(error)
            return
        if len(self._deadlines) > 2 * OUTSTANDING_MAX:
            # Most of them belong to requests answered long before their deadline.
            self._deadlines = [entry for entry in self._deadlines if entry[1] in self._requests]
            heapq.heapify(self._deadlines)
        deadline_ns = now_ns + timeout_ns
        self._requests[request_id] = _Request(method, data, deadline_ns, on_done)
        heapq.heappush(self._deadlines, (deadline_ns, request_id))
        self._outbox.append(request_id)
        self.counters.requests += 1
        if self._is_unconnected:
            # Nothing was sent on it. libzmq gives an address up for good when the other end has
            # refused our key, which it may take tomorrow.
            self._is_unconnected = False
            self._reopen(NotConnected("no connection to the gateway", method=method))
        elif self._is_peer_gone(now_ns):
            self._reopen(NotConnected("the gateway does not answer any more", method=method))
        self.flush(now_ns)

    def _is_peer_gone(self, now_ns: int) -> bool:
        since_ns = self._unanswered_since_ns
        return since_ns is not None and now_ns - since_ns >= self.silence_ns

    def _reopen(self, error: GatewayClientError) -> None:
        """Replace the socket; replies to what was sent on the old one cannot come any more."""
        self.socket.close()
        self.socket = self._open()
        self.counters.reopened += 1
        self._unanswered_since_ns = None
        for request_id, request in list(self._requests.items()):
            if request.sent_ns is not None:
                self._finish(request_id, error)

    def flush(self, now_ns: int) -> None:
        """Send what waits, as far as the connection takes it."""
        while self._outbox:
            request = self._requests.get(self._outbox[0])
            if request is not None:
                try:
                    self.socket.send(request.data, _NOBLOCK)
                except zmq.Again:
                    return
                request.sent_ns = now_ns
                self._is_unconnected = False
            self._outbox.popleft()

    def receive(self, now_ns: int) -> None:
        """Read the replies that have arrived."""
        while True:
            try:
                frames = self.socket.recv_multipart(_NOBLOCK)
            except zmq.Again:
                return
            self._heard_ns = now_ns
            self._unanswered_since_ns = None
            try:
                reply = decode_reply(frames[-1])
            except DecodeError:
                self.counters.bad_replies += 1
                continue
            request = self._requests.get(reply.id)
            if request is None:
                self.counters.late_replies += 1
                continue
            if reply.error is not None:
                reply.error.facts["method"] = request.method
            self._finish(reply.id, reply if reply.error is None else reply.error)

    def expire(self, now_ns: int) -> None:
        """End the requests whose deadline has passed."""
        while self._deadlines and self._deadlines[0][0] <= now_ns:
            _, request_id = heapq.heappop(self._deadlines)
            request = self._requests.get(request_id)
            if request is None:
                continue
            self.counters.timeouts += 1
            if request.sent_ns is None:
                self._outbox.remove(request_id)
                self._is_unconnected = True
                error = RequestTimedOut(
                    "no connection to the gateway",
                    hint="Check that the gateway runs, and that endpoint and keys are right.",
                    method=request.method,
                    endpoint=self.endpoint,
                )
            else:
                error = RequestTimedOut("no reply in time", method=request.method)
                if self._heard_ns < request.sent_ns and self._unanswered_since_ns is None:
                    self._unanswered_since_ns = request.sent_ns
            self._finish(request_id, error)

    def deadline_ns(self) -> int | None:
        """Monotonic time of the next deadline."""
        while self._deadlines and self._deadlines[0][1] not in self._requests:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def close(self, error: GatewayClientError) -> None:
        """Close for good; every outstanding request ends with the error."""
        self.socket.close()
        self._outbox.clear()
        for request_id in list(self._requests):
            self._finish(request_id, error)

    def _finish(self, request_id: int, outcome: Outcome) -> None:
        self._requests.pop(request_id).on_done(outcome)
