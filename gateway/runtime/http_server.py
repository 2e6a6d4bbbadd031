"""The HTTP server: probes, metrics and the page, for whoever looks; never market data.

It shares the interpreter with the feed thread, so what strangers can make it do is bounded: so
many requests and new connections a second, and the rest waits its turn. When all connections are
taken, the one that has kept us waiting longest makes room: neither clients that hang nor a flood
keep a probe out.
"""

import asyncio
import contextlib
import errno
import socket
import sys
from functools import partial
from typing import Final

from gateway.clock import Clock
from gateway.counters import Counter, Counters
from gateway.errors import ConfigError, bounded
from gateway.logs import get_logger
from gateway.policy.rate_limit import TokenBucket
from gateway.runtime.http_connection import HttpConnection, HttpLimits
from gateway.runtime.http_messages import Handler
from gateway.runtime.http_wire import HttpWire

BACKLOG: Final = 128
"""Connections that wait in the system, in their order."""
SEND_BUFFER_BYTES: Final = 65_536
RECEIVE_BUFFER_BYTES: Final = 16_384
BURST: Final = 32
"""Requests, and new connections, that need not wait for their turn after a quiet time."""
PATIENCE_NS: Final = 250_000_000
"""A client that has kept us waiting for less does not make room for another."""
ROOM_S_MAX: Final = 1.0
"""For a new connection to get room, before it is refused."""
ROOM_LOOK_S: Final = 0.05
EXHAUSTED_PAUSE_S: Final = 1.0
LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 34\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
    b"All connections are taken: retry.\n"
)


def open_http_socket(host: str, port: int) -> socket.socket:
    """Make the listening socket.

    Args:
        host: An address, or `localhost`.
        port: 0 takes any free one.

    Raises:
        ConfigError: The address cannot be bound; the text says why.
    """
    host = "127.0.0.1" if host == "localhost" else host
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setblocking(False)
        if sys.platform == "win32":
            # There the usual option would let another program take the port from us.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Handed down to what is accepted: who does not read costs so much, and no more.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(
            "http.bind cannot be bound",
            hint="Another gateway may be running: stop it, choose another port, or set "
            "http.enabled to false.",
            bind=f"{host}:{port}",
            reason=error.strerror or str(error),
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a listening socket is reached, such as `http://127.0.0.1:7702`."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


class HttpServer:
    """Serves what handlers answer.

    Args:
        listener: As `open_http_socket` makes it; closed by `close`.
        limits: What clients may take.
        is_local: Whether the address is this machine's own, so that only its names are answered to.
        clock: Paces requests and stamps answers.
        counters: The control loop's own.
    """

    def __init__(
        self,
        listener: socket.socket,
        *,
        limits: HttpLimits,
        is_local: bool,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self.limits: Final = limits
        self.hosts: frozenset[str] = frozenset()
        """Names that clients may call us by; empty for any."""
        self._listener = listener
        if is_local:
            host = listener.getsockname()[0]
            self.hosts = frozenset((*LOCAL_NAMES, f"[{host}]" if ":" in host else host))
        self._clock = clock
        self._counters = counters
        self._log = get_logger("http")
        self._handlers: dict[str, Handler] = {}
        self._connections: dict[asyncio.Task[None], HttpConnection] = {}
        self._stream_count = 0
        self._is_crowded = False
        token_ns = 1_000_000_000 // limits.requests_per_second_max
        bucket = partial(TokenBucket, clock, tokens_max=BURST, token_ns=token_ns)
        self._request_turns = Turns(bucket(), counters)
        self._connection_turns = Turns(bucket(), counters)

    def route(self, path: str, handler: Handler) -> None:
        """Let a handler answer a path; before `run`.

        Args:
            path: Such as `/livez`; what stands behind `?` does not belong to it.
            handler: Called for GET and for HEAD.
        """
        self._handlers[path] = handler

    async def run(self) -> None:
        """Serve until cancelled.

        Cancel safety: every connection is reset.
        """
        try:
            while True:
                await self._connection_turns.take()
                await self._accept()
        finally:
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    def close(self) -> None:
        """Release the socket."""
        self._listener.close()

    def handler_of(self, path: str) -> Handler | None:
        """Who answers a path."""
        return self._handlers.get(path)

    def known(self) -> str:
        """The paths that are answered, in words."""
        return ", ".join(sorted(self._handlers))

    async def turn(self) -> None:
        """Wait until one more request may be answered."""
        await self._request_turns.take()

    def take_stream(self) -> bool:
        """Take room for a stream; False when there is none."""
        if self._stream_count >= self.limits.streams_max:
            return False
        self._stream_count += 1
        return True

    def end_stream(self) -> None:
        """Give it back."""
        self._stream_count -= 1

    def is_crowded(self) -> bool:
        """Whether connections should end with their answer, so that others get one."""
        return self._is_crowded or len(self._connections) >= self.limits.connections_max

    @property
    def connection_count(self) -> int:
        """Connections that stand."""
        return len(self._connections)

    @property
    def stream_count(self) -> int:
        """Of them, answers without an end."""
        return self._stream_count

    async def _accept(self) -> None:
        await self._wait_for_client()
        try:
            sock, _ = self._listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                self._counters.add(Counter.HTTP_REFUSED)
                await asyncio.sleep(EXHAUSTED_PAUSE_S)
            # Any other: the client was gone before it came.
            return
        with contextlib.ExitStack() as opened:
            opened.callback(sock.close)
            sock.setblocking(False)
            if not await self._make_room():
                self._counters.add(Counter.HTTP_REFUSED)
                with contextlib.suppress(OSError):
                    sock.send(_FULL)
                return
            opened.pop_all()
        wire = HttpWire(sock, header_bytes_max=self.limits.header_bytes_max)
        connection = HttpConnection(
            wire,
            site=self,
            clock=self._clock,
            counters=self._counters,
            on_fault=self._note_fault,
        )
        task = asyncio.create_task(connection.run(), name="http connection")
        self._connections[task] = connection
        task.add_done_callback(self._done)

    async def _wait_for_client(self) -> None:
        """Wait until somebody connects.

        The loop's own `sock_accept` would lose, open, what it accepts when it is cancelled.
        """
        loop = asyncio.get_running_loop()
        come = asyncio.Event()
        loop.add_reader(self._listener, come.set)
        try:
            await come.wait()
        finally:
            loop.remove_reader(self._listener)

    async def _make_room(self) -> bool:
        """Have room for one more connection; False when none can be made in time."""
        looks = 0
        try:
            while len(self._connections) >= self.limits.connections_max:
                self._is_crowded = True
                if looks >= ROOM_S_MAX / ROOM_LOOK_S:
                    return False
                looks += 1
                task = self._longest_wait()
                if task is None:
                    await asyncio.sleep(ROOM_LOOK_S)
                    continue
                self._counters.add(Counter.HTTP_DISPLACED)
                task.cancel()
                await asyncio.wait({task})
        finally:
            self._is_crowded = False
        return True

    def _longest_wait(self) -> asyncio.Task[None] | None:
        """The connection that has kept us waiting longest; None when none has, or not for long."""
        now_ns = self._clock.monotonic_ns()
        waits = [
            (connection.waiting_since_ns, task)
            for task, connection in self._connections.items()
            if connection.waiting_since_ns is not None
        ]
        since_ns, task = min(waits, key=lambda wait: wait[0], default=(now_ns, None))
        return task if now_ns - since_ns >= PATIENCE_NS else None

    def _done(self, task: asyncio.Task[None]) -> None:
        # One that is cancelled before it has begun does not close its socket itself.
        self._connections.pop(task).close()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._counters.add(Counter.HTTP_FAULTS)
            self._note_fault("", error)

    def _note_fault(self, path: str, error: BaseException) -> None:
        self._log.error("an HTTP answer failed", path=bounded(path), exc_info=error)


class Turns:
    """Lets so many pass a second, in the order in which they came.

    Args:
        bucket: How many.
        counters: Where those that had to wait are counted.
    """

    def __init__(self, bucket: TokenBucket, counters: Counters) -> None:
        self._bucket = bucket
        self._counters = counters
        self._queue = asyncio.Lock()

    async def take(self) -> None:
        """Wait for a turn.

        Cancel safety: the turn is not taken.
        """
        async with self._queue:
            wait_ns = self._bucket.wait_ns()
            if wait_ns:
                self._counters.add(Counter.HTTP_DELAYED)
            while wait_ns:
                await asyncio.sleep(wait_ns / 1e9)
                wait_ns = self._bucket.wait_ns()
            self._bucket.take()
