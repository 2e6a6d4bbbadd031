"""An HTTP server alone, and clients that are plain sockets, which send what they like."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Mapping
from typing import Final, Self

from gateway.clock import SystemClock
from gateway.counters import Counter, Counters
from gateway.runtime.http_connection import HttpLimits
from gateway.runtime.http_messages import Handler
from gateway.runtime.http_server import HttpServer, open_http_socket
from tests.support.slack import SLACK
from tests.support.stage import Stage, open_stage

READ_S_MAX: Final = 8.0 * SLACK
GET: Final = "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Answer:
    """An HTTP answer, taken apart without the gateway's parser."""

    def __init__(self, head: bytes, body: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        self.version, status, self.reason = first.split(" ", 2)
        self.status = int(status)
        pairs = [line.split(": ", 1) for line in lines]
        self.headers = {name.lower(): value for name, value in pairs}
        assert len(self.headers) == len(pairs), "a header came twice"
        self.body = body

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8")


class Client:
    """One connection.

    Args:
        port: Where to connect.
        receive_buffer_bytes: The kernel's buffer for what we do not read; its default when 0.
    """

    def __init__(self, port: int, *, receive_buffer_bytes: int = 0) -> None:
        self._sock = socket.socket()
        if receive_buffer_bytes:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self._sock.settimeout(READ_S_MAX)
        try:
            self._sock.connect(("127.0.0.1", port))
        except OSError:
            self._sock.close()
            raise
        self._read = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self._sock.close()

    def send(self, data: bytes | str) -> None:
        """Send bytes as they are."""
        self._sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def get(self, path: str) -> Answer:
        """Ask on this connection and wait for the answer."""
        self.send(GET.format(path=path))
        return self.answer()

    def answer(self, *, is_head: bool = False) -> Answer:
        """Wait for the next answer with a known length."""
        head = self._until(b"\r\n\r\n")
        answer = Answer(head[:-4], b"")
        length = 0 if is_head else int(answer.headers["content-length"])
        answer.body = self._exactly(length)
        return answer

    def head(self) -> Answer:
        """Wait for an answer's head only."""
        return Answer(self._until(b"\r\n\r\n")[:-4], b"")

    def chunk(self) -> bytes:
        """Wait for the next chunk of a stream; empty at its end."""
        size = int(self._until(b"\r\n"), 16)
        data = self._exactly(size)
        assert self._exactly(2) == b"\r\n"
        return data

    def is_ended(self) -> bool:
        """Wait until the server ends the connection; False when it goes on and says something."""
        try:
            return not self._read and self._sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._read:
            self._more()
        end = self._read.index(mark) + len(mark)
        return self._take(end)

    def _exactly(self, count: int) -> bytes:
        while len(self._read) < count:
            self._more()
        return self._take(count)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._read[:count])
        del self._read[:count]
        return taken

    def _more(self) -> None:
        data = self._sock.recv(65_536)
        assert data, f"the connection ended after {bytes(self._read)!r:.300}"
        self._read += data


class Site:
    """A server in a stage's loop.

    Args:
        stage: Whose loop it is.
        handlers: By path.
        limits: What clients may take.
    """

    def __init__(self, stage: Stage, handlers: Mapping[str, Handler], limits: HttpLimits) -> None:
        self.stage = stage
        self.counters = Counters()
        listener = open_http_socket("127.0.0.1", 0)
        self.port = int(listener.getsockname()[1])
        self.server = stage.call(
            lambda: HttpServer(
                listener, limits=limits, is_local=True, clock=SystemClock(), counters=self.counters
            )
        )
        for path, handler in handlers.items():
            self.server.route(path, handler)
        self._task = stage.call(lambda: asyncio.ensure_future(self.server.run()))

    def client(self, *, receive_buffer_bytes: int = 0) -> Client:
        """One more connection."""
        return Client(self.port, receive_buffer_bytes=receive_buffer_bytes)

    def ask(self, request: bytes | str) -> Answer:
        """Send bytes over a connection of their own and wait for the answer."""
        with self.client() as client:
            client.send(request)
            return client.answer(is_head=request[:4] in ("HEAD", b"HEAD"))

    def count(self, counter: Counter) -> int:
        """How often something was counted."""
        return self.counters.value(counter)

    def close(self) -> None:
        """Stop it, and every connection."""

        async def stop() -> None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self.server.close()

        self.stage.run(stop())


@contextlib.contextmanager
def serving(handlers: Mapping[str, Handler], **limits: float) -> Iterator[Site]:
    """A server with some handlers, and limits where they differ."""
    with open_stage() as stage:
        site = Site(stage, handlers, HttpLimits(**limits))  # type: ignore[arg-type]
        try:
            yield site
        finally:
            site.close()
