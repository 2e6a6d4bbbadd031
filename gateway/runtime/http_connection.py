"""One HTTP connection's life: request, answer, and again, until one side has enough."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, Protocol

import h11

from gateway.clock import Clock
from gateway.counters import Counter, Counters
from gateway.errors import GatewayError
from gateway.runtime.http_messages import (
    SAFE_HEADERS,
    Handler,
    HttpRequest,
    Refused,
    Response,
    Stream,
    parse,
    plain,
)
from gateway.runtime.http_wire import HttpWire

RETRY_SOON: Final = (("Retry-After", "1"),)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What a client may take."""

    connections_max: int = 64
    """Connections at one time."""
    streams_max: int = 16
    """Of them, answers without an end."""
    requests_per_second_max: int = 100
    """All connections together; more wait for their turn."""
    header_bytes_max: int = 8_192
    """Request line and headers together."""
    request_s_max: float = 5.0
    """From a new connection, or a request's first byte, to the end of its head."""
    idle_s_max: float = 60.0
    """Between two requests of a connection."""
    answer_s_max: float = 5.0
    """For us to make an answer."""
    write_s_max: float = 5.0
    """For the client to take a whole answer, or a stream's next chunk."""


class Site(Protocol):
    """What a connection needs of the server."""

    @property
    def limits(self) -> HttpLimits:
        """What a client may take."""
        ...

    @property
    def hosts(self) -> frozenset[str]:
        """Names that clients may call us by; empty for any."""
        ...

    def handler_of(self, path: str) -> Handler | None:
        """Who answers a path."""
        ...

    def known(self) -> str:
        """The paths that are answered, in words."""
        ...

    async def turn(self) -> None:
        """Wait until one more request may be answered."""
        ...

    def take_stream(self) -> bool:
        """Take room for a stream; False when there is none."""
        ...

    def end_stream(self) -> None:
        """Give it back."""
        ...

    def is_crowded(self) -> bool:
        """Whether others wait for a connection."""
        ...


class HttpConnection:
    """Serves one client.

    Args:
        wire: The connection.
        site: What is served, and what a client may take.
        clock: Stamps answers, and says since when the client keeps us waiting.
        counters: The control loop's own.
        on_fault: Told of an exception that a handler did not mean to raise.
    """

    def __init__(
        self,
        wire: HttpWire,
        *,
        site: Site,
        clock: Clock,
        counters: Counters,
        on_fault: Callable[[str, BaseException], object],
    ) -> None:
        self._wire = wire
        self._site = site
        self._clock = clock
        self._counters = counters
        self._on_fault = on_fault
        self.waiting_since_ns: int | None = clock.monotonic_ns()
        """Since when we wait for the client, monotonic; None while it waits for us."""

    async def run(self) -> None:
        """Serve until the connection ends.

        Cancel safety: the connection is reset.
        """
        try:
            begin_s_max = self._site.limits.request_s_max
            while await self._serve_one(begin_s_max):
                begin_s_max = self._site.limits.idle_s_max
        except TimeoutError:
            self._counters.add(Counter.HTTP_TIMED_OUT)
            self._wire.reset()
        except OSError:
            # The client is gone: there is nobody to tell.
            self._wire.reset()
        except asyncio.CancelledError:
            self._wire.reset()
            raise
        finally:
            self.close()

    def close(self) -> None:
        """Release the socket; more than once does no harm."""
        self._wire.close()

    async def _serve_one(self, begin_s_max: float) -> bool:
        """Serve one request; whether another may follow."""
        head = None
        try:
            with self._waiting():
                head = await self._wire.read_request(
                    begin_s_max=begin_s_max, head_s_max=self._site.limits.request_s_max
                )
            if head is None:
                return False
            await self._site.turn()
            self._counters.add(Counter.HTTP_REQUESTS)
            request = parse(head, hosts=self._site.hosts)
            self._wire.end_request()
            answer = await self._answer(request)
        except Refused as refused:
            return await self._refuse(refused, head)
        if isinstance(answer, Stream):
            await self._stream(answer, request)
            return False
        return await self._respond(answer, request.method, is_last=self._site.is_crowded())

    async def _refuse(self, refused: Refused, head: h11.Request | None) -> bool:
        """Answer with an error; whether another request may follow."""
        is_slow = refused.response.status == HTTPStatus.REQUEST_TIMEOUT
        self._counters.add(Counter.HTTP_TIMED_OUT if is_slow else Counter.HTTP_REFUSED)
        method = head.method.decode("latin-1") if head is not None else ""
        is_last = refused.is_final or self._site.is_crowded()
        is_more = await self._respond(refused.response, method, is_last=is_last)
        if refused.is_final:
            with self._waiting():
                await self._wire.linger()
        return is_more

    async def _answer(self, request: HttpRequest) -> Response | Stream:
        """Let the path's handler answer, within its time.

        Raises:
            Refused: There is none, or it has no answer.
        """
        handler = self._site.handler_of(request.path)
        if handler is None:
            raise Refused(404, f"There is nothing here. Known are {self._site.known()}.")
        work = asyncio.ensure_future(handler(request))
        try:
            await asyncio.wait({work}, timeout=self._site.limits.answer_s_max)
        finally:
            if not work.done():
                work.cancel()
        if not work.done():
            self._counters.add(Counter.HTTP_TIMED_OUT)
            return plain(503, "No answer could be made in time.", headers=RETRY_SOON)
        error = work.exception()
        if error is None:
            return work.result()
        if isinstance(error, Refused):
            raise error
        if isinstance(error, GatewayError):
            return plain(503, f"{error}. {error.hint}", headers=RETRY_SOON)
        self._counters.add(Counter.HTTP_FAULTS)
        self._on_fault(request.path, error)
        return plain(500, "The answer could not be made; the gateway's log says why.")

    async def _respond(self, response: Response, method: str, *, is_last: bool) -> bool:
        """Send a whole answer; whether another request may follow."""
        length = (("Content-Length", str(len(response.body))),)
        events: list[h11.Event] = [
            self._head_of(response, response.status, *length, is_last=is_last)
        ]
        if method != "HEAD":
            events.append(h11.Data(data=response.body))
        events.append(h11.EndOfMessage())
        with self._waiting():
            await self._wire.send(*events, seconds_max=self._site.limits.write_s_max)
        return not is_last and self._wire.next_request()

    async def _stream(self, stream: Stream, request: HttpRequest) -> None:
        """Send chunks as they come until one side has enough."""
        if not self._site.take_stream():
            await stream.chunks.aclose()
            self._counters.add(Counter.HTTP_REFUSED)
            busy = plain(503, "All streams are taken: try again later.", headers=RETRY_SOON)
            await self._respond(busy, request.method, is_last=True)
            return
        try:
            head = self._head_of(stream, 200, is_last=True)
            await self._wire.send(head, seconds_max=self._site.limits.write_s_max)
            if request.method != "HEAD":
                await self._send_chunks(stream, request.path)
        finally:
            self._site.end_stream()
            await stream.chunks.aclose()

    async def _send_chunks(self, stream: Stream, path: str) -> None:
        gone = asyncio.ensure_future(self._wire.wait_for_end())
        following: asyncio.Future[bytes] | None = None
        error: BaseException | None
        try:
            while True:
                following = asyncio.ensure_future(anext(stream.chunks))
                await asyncio.wait({gone, following}, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    return
                error = following.exception()
                if error is not None:
                    break
                data = h11.Data(data=following.result())
                await self._wire.send(data, seconds_max=self._site.limits.write_s_max)
            if isinstance(error, StopAsyncIteration):
                await self._wire.send(h11.EndOfMessage(), seconds_max=self._site.limits.write_s_max)
            else:
                self._counters.add(Counter.HTTP_FAULTS)
                self._on_fault(path, error)
        finally:
            # A generator that runs cannot be closed: its end is waited for.
            works = [work for work in (gone, following) if work is not None]
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    def _head_of(
        self, answer: Response | Stream, status: int, *more: tuple[str, str], is_last: bool
    ) -> h11.Response:
        headers = [
            ("Date", formatdate(self._clock.utc_us() / 1e6, usegmt=True)),
            ("Content-Type", answer.content_type),
            ("Content-Security-Policy", answer.policy),
            *SAFE_HEADERS,
            *answer.headers,
            *more,
        ]
        if is_last:
            headers.append(("Connection", "close"))
        return h11.Response(
            status_code=status, reason=HTTPStatus(status).phrase.encode(), headers=headers
        )

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        """While we wait for the client, it may have to make room for another."""
        self.waiting_since_ns = self._clock.monotonic_ns()
        try:
            yield
        finally:
            self.waiting_since_ns = None
