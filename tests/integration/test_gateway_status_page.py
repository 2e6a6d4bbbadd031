"""The status page of a running gateway, asked for with plain sockets."""

import itertools
import json
import socket
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Self

import pytest

from tests.support.incident import equities
from tests.support.slack import SLACK
from tests.support.stage import Stage, simulated, wait_until

pytestmark = pytest.mark.slow
STREAMS_MAX = 16
ROWS_PER_EVENT_MAX = 500
READ_S_MAX = 8.0 * SLACK


class Reader:
    """One HTTP request over a connection of its own, read as it comes."""

    def __init__(self, stage: Stage, path: str) -> None:
        address = urllib.parse.urlsplit(stage.gateway.endpoints["http"])
        assert address.port is not None
        self._sock = socket.create_connection(("127.0.0.1", address.port), READ_S_MAX)
        self._sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self._file = self._sock.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.headers: dict[str, str] = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode("ascii").partition(": ")
            self.headers[name.lower()] = value
        self._text = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave."""
        self._file.close()
        self._sock.close()

    def body(self) -> bytes:
        """A body of known length."""
        return self._file.read(int(self.headers["content-length"]))

    def event(self, name: str) -> Any:
        """The value of the next event of a name."""
        while True:
            while b"\n\n" not in self._text:
                length = int(self._file.readline(), 16)
                assert length, "the stream has ended"
                self._text += self._file.read(length)
                self._file.readline()
            told, _, self._text = self._text.partition(b"\n\n")
            if told.startswith(f"event: {name}\n".encode()):
                return json.loads(told.split(b"\ndata: ")[1])


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A gateway with a few hundred live symbols."""
    with simulated(equity_count=700, symbol_limit=1_000) as stage:
        symbols = equities(stage.simulator, 600)
        stage.requester().result("subscribe", client="desk", symbols=symbols, kinds=["l1"])
        yield stage


def test_the_page_comes_with_its_policy(stage: Stage) -> None:
    """What a browser needs to run it safely is in the headers."""
    with Reader(stage, "/") as reader:
        assert reader.status == 200
        assert reader.headers["content-type"] == "text/html; charset=utf-8"
        policy = reader.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'sha256-")
        assert reader.headers["cache-control"] == "no-store"
        assert reader.headers["x-content-type-options"] == "nosniff"
        body = reader.body()
    assert body.startswith(b"<!doctype html>")
    assert body.rstrip().endswith(b"</html>")


def test_a_stream_begins_with_everything_and_goes_on_each_second(stage: Stage) -> None:
    """A page knows all of it at once, and hears every second that the gateway lives."""
    wait_until(lambda: states(stage) == {"live": 600}, what="all live", seconds=15.0)
    with Reader(stage, "/events") as reader:
        assert reader.status == 200
        assert reader.headers["content-type"] == "text/event-stream"
        rows: dict[str, list[Any]] = {}
        is_complete = False
        while not is_complete:
            told = reader.event("symbols")
            assert len(told.get("rows", [])) <= ROWS_PER_EVENT_MAX
            rows |= {row[0]: row for row in told.get("rows", [])}
            is_complete = told.get("complete", False)
        assert len(rows) == 600
        assert {row[1] for row in rows.values()} == {"live"}
        statuses = [reader.event("status") for _ in range(3)]
    hello = stage.requester().result("hello")
    for status in statuses:
        assert status["gateway"]["epoch"] == hello["epoch"]
        assert status["gateway"]["id"] == hello["gateway_id"]
        assert status["pages"] == 1
    moments = [status["gateway"]["now_us"] for status in statuses]
    assert max(after - before for before, after in itertools.pairwise(moments)) < 2_000_000 * SLACK


def test_sixteen_pages_may_be_open_and_the_next_is_told_so(stage: Stage) -> None:
    """A forgotten wall of browsers must not cost the feed its processor."""
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader(stage, "/events")) for _ in range(STREAMS_MAX)]
        for reader in readers:
            assert reader.event("status")["gateway"]["id"] == "test"
        with Reader(stage, "/events") as refused:
            assert refused.status == 503
            assert b"taken" in refused.body()
        readers[0].close()

        def is_free() -> bool:
            with Reader(stage, "/events") as reader:
                return reader.status == 200

        wait_until(is_free, what="room for another page")


def test_nothing_is_asked_of_the_feed_thread_without_a_page(stage: Stage) -> None:
    """Only who looks pays for it."""
    hub = stage.gateway._hub
    assert hub.page_count == 0
    assert hub._tasks == []
    with Reader(stage, "/events") as reader:
        reader.event("consumers")
        assert hub.page_count == 1
    wait_until(lambda: hub.page_count == 0, what="the page is gone")
    assert hub._tasks == []


def states(stage: Stage) -> dict[str, int]:
    """Symbols by state, as the gateway counts them."""
    found: dict[str, int] = stage.requester().result("metrics")["topics"]["symbols"]
    return found
