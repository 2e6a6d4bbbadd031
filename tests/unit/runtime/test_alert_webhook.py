"""Alerts sent to a web address: a real server, which answers, fails, hangs, drips and redirects."""

import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import pytest

from gateway.runtime.alert_sinks import Failure, Letter
from gateway.runtime.alert_webhook import AlertWebhook

TOKEN = "t0ken-t0ken"  # noqa: S105 - made up
LETTER = Letter("raised", "a", "a", "warning", b'{"code": "a"}')
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Server(socketserver.ThreadingTCPServer):
    """Answers every request with the same bytes, some time apart."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: bytes, *, pause_s: float = 0.0, hang: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.pause_s = pause_s
        self.is_hanging = hang
        self.requests: list[bytes] = []
        self.is_over = threading.Event()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}/hook?a=b"


class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    server: Server
    timeout: ClassVar[float] = 20.0

    def handle(self) -> None:
        """Read a request and answer."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = self.rfile.readline()
            if not piece:
                return
            head += piece
        length = next(
            int(row.split(b":")[1])
            for row in head.split(b"\r\n")
            if row.lower().startswith(b"content-length")
        )
        self.server.requests.append(head + self.rfile.read(length))
        if self.server.is_hanging:
            self.server.is_over.wait(20.0)
            return
        for place in range(0, len(self.server.answer), 1 if self.server.pause_s else 10_000):
            if self.server.is_over.wait(self.server.pause_s):
                return
            try:
                self.wfile.write(
                    self.server.answer[place : place + (1 if self.server.pause_s else 10_000)]
                )
            except OSError:
                return


@contextmanager
def serving(answer: bytes, *, pause_s: float = 0.0, hang: bool = False) -> Iterator[Server]:
    """A server in a thread."""
    with Server(answer, pause_s=pause_s, hang=hang) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.is_over.set()
            server.shutdown()
            thread.join(10.0)


def webhook(url: str, *, seconds_max: float = 10.0, token: str = TOKEN) -> AlertWebhook:
    """The way to a server."""
    return AlertWebhook(url, token=token, seconds_max=seconds_max, agent="iqfeed-gateway/1")


def test_a_letter_is_posted_as_json_with_the_token() -> None:
    """What a receiver of any make expects."""
    with serving(OK) as server:
        assert webhook(server.url).deliver(LETTER) is None
        assert webhook(server.url, token="").deliver(LETTER) is None
    first, second = server.requests
    head, _, body = first.partition(b"\r\n\r\n")
    assert json.loads(body) == {"code": "a"}
    rows = head.decode().split("\r\n")
    assert rows[0] == "POST /hook?a=b HTTP/1.1"
    assert "Content-Type: application/json" in rows
    assert f"Authorization: Bearer {TOKEN}" in rows
    assert b"Authorization" not in second


@pytest.mark.parametrize(
    ("status", "is_delivered", "is_final"),
    [
        (200, True, False),
        (204, True, False),
        (301, False, True),
        (307, False, True),
        (401, False, True),
        (404, False, True),
        (408, False, False),
        (429, False, False),
        (500, False, False),
        (503, False, False),
    ],
)
def test_an_answer_says_whether_another_attempt_is_worth_it(
    status: int, is_delivered: bool, is_final: bool
) -> None:
    """A receiver that restarts is tried again; one that refuses is not."""
    answer = f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n".encode()
    with serving(answer) as server:
        failure = webhook(server.url).deliver(LETTER)
    assert (failure is None) is is_delivered
    if failure is not None:
        assert str(status) in failure.reason
        assert failure.is_final is is_final
        assert failure.is_unsent is (status in (429, 503))


@pytest.mark.parametrize("scheme", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://{host}/x"])
def test_a_redirect_is_never_followed(scheme: str) -> None:
    """The token must not be carried to wherever an answer points."""
    with serving(OK) as other:
        location = scheme.format(host=f"127.0.0.1:{other.server_address[1]}")
        head = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        with serving(head.encode()) as server:
            failure = webhook(server.url).deliver(LETTER)
        assert failure == Failure("answered 302, and redirects are not followed", is_final=True)
        assert other.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 999999 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500 + b"\r\n",
        b"x" * 200_000,
        TOKEN.encode() + b" \r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_failure_in_words(answer: bytes) -> None:
    """Whatever listens there: it is told without quoting it."""
    with serving(answer) as server:
        failure = webhook(server.url).deliver(LETTER)
    assert failure is not None
    assert not failure.is_final
    assert TOKEN not in failure.reason
    assert len(failure.reason) < 200


def test_nobody_there_is_a_failure_in_words() -> None:
    """The address and the token stay out of it."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    failure = webhook(f"http://127.0.0.1:{port}/s3cret-path").deliver(LETTER)
    assert failure is not None
    assert "refused" in failure.reason
    assert failure.is_unsent
    assert "s3cret" not in failure.reason
    unknown = webhook("http://no-such-host.invalid/").deliver(LETTER)
    assert unknown is not None
    assert unknown.reason


def test_a_server_that_hangs_is_left_after_its_time() -> None:
    """It has as long as the setting says."""
    with serving(b"", hang=True) as server:
        started_s = time.monotonic()
        failure = webhook(server.url, seconds_max=0.3).deliver(LETTER)
        assert time.monotonic() - started_s < 5.0
    assert failure is not None
    assert "timed out" in failure.reason
    assert not failure.is_unsent


def test_an_answer_that_drips_is_broken_off() -> None:
    """A byte a moment never times out by itself; whoever waits breaks the connection."""
    with serving(OK * 100, pause_s=0.05) as server:
        way = webhook(server.url, seconds_max=10.0)
        outcomes: list[Failure | None] = []
        thread = threading.Thread(target=lambda: outcomes.append(way.deliver(LETTER)))
        thread.start()
        deadline_s = time.monotonic() + 10.0
        while not server.requests:
            assert time.monotonic() < deadline_s
            time.sleep(0.005)
        way.abort()
        thread.join(5.0)
        assert not thread.is_alive()
    assert outcomes[0] is not None


def test_aborting_nothing_is_nothing() -> None:
    """The end of the gateway may come at any moment."""
    webhook("http://127.0.0.1:1/").abort()


def test_https_checks_the_certificate() -> None:
    """A server that cannot prove its name gets neither alert nor token."""
    with serving(OK) as server:
        url = server.url.replace("http://", "https://")
        failure = webhook(url, seconds_max=1.0).deliver(LETTER)
    assert failure is not None
    assert server.requests == []
