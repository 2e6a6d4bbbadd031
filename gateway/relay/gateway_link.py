"""The relay's way to the gateway's control socket: requests passed on, each with its deadline.

A DEALER numbers what passes with ids of the relay's own, so that two consumers may use the same.
Replies are passed on as they came but for the id, which is replaced without unpacking the rest: a
snapshot of thousands of topics would hold up the relay thread.
"""

import asyncio
import contextlib
from typing import Any, Final

import zmq
import zmq.asyncio

from gateway.clock import Clock
from gateway.counters import Counter, Counters
from gateway.errors import DecodeError, RequestTimedOut, UpstreamDown
from gateway.logs import get_logger
from gateway.model.protocol import PROTOCOL_VERSION
from gateway.relay.upstream import UseKeys
from gateway.runtime.rpc_call import Whole
from gateway.wire.codec import find_id, pack_once, unpack_reply

CONNECT_MS_MAX: Final = 1_000
"""How long a request waits for the connection: the gateway may just be restarting."""
REPLY_MS: Final = 50
"""The gateway is given this much less time than the caller gives, so that what it says when the
time is over still arrives."""
REPLY_BYTES_MAX: Final = 268_435_456
"""Longer replies end the connection; whole books of many symbols are some tens of megabytes."""
ERROR_BYTES_MAX: Final = 4_096
"""Longer replies are results: the text of an error is bounded."""
RETRY_MS: Final = 1_000
ANEW_NS_MIN: Final = 3_000_000_000
HEARTBEAT_MS: Final = 5_000
HEARTBEAT_TIMEOUT_MS: Final = 15_000
RECONNECT_MS: Final = 100
RECONNECT_MS_MAX: Final = 1_000


class GatewayLink:
    """Asks the gateway; used in the control loop only.

    Args:
        context: Of the relay's control.
        endpoint: The gateway's control socket.
        clock: For deadlines.
        counters: The control loop's own.
        use_keys: Gives a socket that is to connect the relay's keys.
    """

    def __init__(
        self,
        context: zmq.asyncio.Context,
        endpoint: str,
        *,
        clock: Clock,
        counters: Counters,
        use_keys: UseKeys = lambda _: None,
    ) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._counters = counters
        self._log = get_logger("relay")
        self._waiting: dict[int, asyncio.Future[tuple[bytes, slice]]] = {}
        self._next_id = 1
        self._heard_ns = 0
        self._dealer = context.socket(zmq.DEALER)
        self._dealer.setsockopt(zmq.LINGER, 0)
        self._dealer.setsockopt(zmq.MAXMSGSIZE, REPLY_BYTES_MAX)
        # Nothing is queued for a gateway that is away: it would be done long after its deadline.
        self._dealer.setsockopt(zmq.IMMEDIATE, 1)
        self._dealer.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        self._dealer.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MS_MAX)
        # Always drained, so heartbeats are safe; they find a half-open connection.
        self._dealer.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
        self._dealer.setsockopt(zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
        if endpoint.startswith("tcp://["):
            self._dealer.setsockopt(zmq.IPV6, 1)
        use_keys(self._dealer)
        self._dealer.connect(endpoint)
        self._connected_ns = clock.monotonic_ns()
        self._writable = zmq.asyncio.Poller()
        self._writable.register(self._dealer, zmq.POLLOUT)

    async def run(self) -> None:
        """Read replies until cancelled.

        Cancel safety: who waits runs into the deadline.
        """
        while True:
            frames = await self._dealer.recv_multipart()
            self._heard_ns = self._clock.monotonic_ns()
            try:
                reply_id, place = find_id(frames[-1])
            except DecodeError as error:
                self._counters.add(Counter.FRAMES_INVALID)
                self._log.warning("the gateway sent what is no reply", reason=str(error))
                continue
            waiting = self._waiting.get(reply_id) if isinstance(reply_id, int) else None
            if waiting is None or waiting.done():
                self._counters.add(Counter.RPC_REPLIES_LATE)
            else:
                waiting.set_result((frames[-1], place))

    def close(self) -> None:
        """Release the socket."""
        self._dealer.close(linger=0)

    async def forward(self, request: dict[str, Any], *, deadline_ms: int) -> Whole:
        """Pass a request on.

        Args:
            request: As the caller sent it, checked to be one.
            deadline_ms: The caller's time, or the default.

        Returns:
            The gateway's reply with the caller's id.

        Raises:
            UpstreamDown: There is no connection to the gateway, or nothing is heard on it.
            RequestTimedOut: The gateway lives, and did not answer this in time.

        Cancel safety: the gateway does what it was asked all the same.
        """
        self._counters.add(Counter.RPC_FORWARDED)
        reply, place = await self._exchange(request, deadline_ms=deadline_ms)
        own_id = pack_once(request.get("id"))
        # Errors are short; what is long is not looked into.
        is_ok = len(reply) > ERROR_BYTES_MAX or self._read(reply, request["method"])["ok"]
        return Whole(b"".join((reply[: place.start], own_id, reply[place.stop :])), is_ok)

    async def ask(self, method: str, params: object, *, deadline_ms: int) -> dict[str, Any]:
        """Ask something for the relay's own answer.

        Returns:
            The gateway's reply, unpacked: a result or an error.

        Raises:
            UpstreamDown: As `forward`.
            RequestTimedOut: As `forward`.
        """
        request = {"v": PROTOCOL_VERSION, "method": method, "params": params}
        reply, _ = await self._exchange(request, deadline_ms=deadline_ms)
        return self._read(reply, method)

    def _read(self, reply: bytes, method: str) -> dict[str, Any]:
        """Unpack a reply.

        Raises:
            UpstreamDown: It is none.
        """
        try:
            return unpack_reply(reply)
        except DecodeError as error:
            # To the caller it is no mistake of its own.
            self._counters.add(Counter.FRAMES_INVALID)
            raise self._down("what answers is no gateway", method) from error

    async def _exchange(self, request: dict[str, Any], *, deadline_ms: int) -> tuple[bytes, slice]:
        method = request["method"]
        started_ns = self._clock.monotonic_ns()
        request_id, self._next_id = self._next_id, self._next_id + 1
        future: asyncio.Future[tuple[bytes, slice]] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = future
        try:
            await self._await_connection(method, min(deadline_ms, CONNECT_MS_MAX))
            waited_ms = (self._clock.monotonic_ns() - started_ns) // 1_000_000
            left_ms = max(1, deadline_ms - waited_ms)
            upstream_ms = max(1, left_ms - min(REPLY_MS, left_ms // 10))
            data = pack_once(request | {"id": request_id, "deadline_ms": upstream_ms})
            async with asyncio.timeout(left_ms / 1000):
                await self._dealer.send(data)
                return await future
        except TimeoutError as error:
            self._counters.add(Counter.RPC_UNANSWERED)
            if self._heard_ns < started_ns:
                raise self._down("nothing is heard from the gateway", method) from error
            raise RequestTimedOut(
                "not answered in time", method=method, deadline_ms=deadline_ms
            ) from error
        finally:
            del self._waiting[request_id]

    async def _await_connection(self, method: str, wait_ms: int) -> None:
        """Wait for a connection that takes requests.

        Raises:
            UpstreamDown: There is none.
        """
        if not await self._writable.poll(wait_ms):
            self._connect_anew()
            self._counters.add(Counter.RPC_UNANSWERED)
            raise self._down("no connection to the gateway", method)

    def _connect_anew(self) -> None:
        """Begin to connect once more, but not too often.

        libzmq gives an address up for good when the other end has refused our key, which it may
        take tomorrow.
        """
        now_ns = self._clock.monotonic_ns()
        if now_ns - self._connected_ns < ANEW_NS_MIN:
            return
        self._connected_ns = now_ns
        with contextlib.suppress(zmq.ZMQError):
            self._dealer.disconnect(self._endpoint)
        self._dealer.connect(self._endpoint)

    def _down(self, text: str, method: str) -> UpstreamDown:
        return UpstreamDown(
            text,
            hint="Check that the gateway behind this relay runs; `health` of the relay says "
            "since when nothing is heard. Retry after retry_ms.",
            method=method,
            upstream=self._endpoint,
            retry_ms=RETRY_MS,
        )
