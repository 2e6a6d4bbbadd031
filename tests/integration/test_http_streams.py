"""Answers without an end: each chunk as it comes, few at one time, gone with their clients."""

import asyncio
from collections.abc import AsyncGenerator, Iterator

import pytest

from gateway.counters import Counter
from gateway.runtime.http_messages import Handler, HttpRequest, Response, Stream, plain
from tests.support.http_site import GET, Site, serving
from tests.support.stage import wait_until


async def hello(_: HttpRequest) -> Response:
    """A whole answer."""
    return plain(200, "hello")


async def count(limit: int) -> AsyncGenerator[bytes, None]:
    """Some numbers, or numbers without an end."""
    number = 0
    while limit < 0 or number < limit:
        yield f"data: {number}\n\n".encode()
        number += 1
        await asyncio.sleep(0.005)


async def three(_: HttpRequest) -> Stream:
    """A stream that ends."""
    return Stream(count(3))


async def endless(_: HttpRequest) -> Stream:
    """One that does not."""
    return Stream(count(-1))


async def mute(_: HttpRequest) -> Stream:
    """One that never has anything to say."""

    async def nothing() -> AsyncGenerator[bytes, None]:
        await asyncio.Event().wait()
        yield b""

    return Stream(nothing())


async def breaking(_: HttpRequest) -> Stream:
    """One that breaks."""

    async def one() -> AsyncGenerator[bytes, None]:
        yield b"first"
        raise KeyError("secret detail")

    return Stream(one())


async def flooding(_: HttpRequest) -> Stream:
    """A lot, without a pause."""

    async def chunks() -> AsyncGenerator[bytes, None]:
        while True:
            yield b"x" * 65_536

    return Stream(chunks())


HANDLERS: dict[str, Handler] = {
    "/hello": hello,
    "/three": three,
    "/endless": endless,
    "/mute": mute,
    "/breaking": breaking,
    "/flood": flooding,
}


@pytest.fixture
def site() -> Iterator[Site]:
    """A server with room for two streams, and little time for clients that do not read."""
    with serving(HANDLERS, requests_per_second_max=10_000, write_s_max=0.4, streams_max=2) as site:
        yield site


def test_a_stream_comes_chunk_by_chunk_and_ends(site: Site) -> None:
    """Server-sent events need not wait for the end."""
    with site.client() as client:
        client.send(GET.format(path="/three"))
        head = client.head()
        assert head.headers["content-type"] == "text/event-stream"
        assert [client.chunk() for _ in range(4)] == [b"data: %d\n\n" % n for n in range(3)] + [b""]
        assert client.is_ended()
    assert site.server.stream_count == 0


def test_an_old_client_gets_a_stream_without_chunks(site: Site) -> None:
    """HTTP/1.0 knows no chunks: the end of the connection is the end of the stream."""
    with site.client() as client:
        client.send("GET /three HTTP/1.0\r\n\r\n")
        assert "transfer-encoding" not in client.head().headers
        assert client._exactly(27) == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
        assert client.is_ended()


@pytest.mark.parametrize("path", ["/endless", "/mute"])
def test_a_stream_ends_with_its_client(site: Site, path: str) -> None:
    """Also while it has nothing to say: pages that were closed must not fill the room."""
    with site.client() as client:
        client.send(GET.format(path=path))
        client.head()
        wait_until(lambda: site.server.stream_count == 1, what="a stream")
    wait_until(lambda: site.server.stream_count == 0, what="its end")


def test_streams_are_few_and_leave_room_for_others(site: Site) -> None:
    """Pages that stay open must not shut out probes."""
    with site.client() as first, site.client() as second, site.client() as third:
        for client in (first, second):
            client.send(GET.format(path="/endless"))
            client.head()
        third.send(GET.format(path="/endless"))
        assert third.answer().status == 503
        assert site.ask(GET.format(path="/hello")).status == 200
    wait_until(lambda: site.server.stream_count == 0, what="both ended")


def test_a_stream_whose_client_does_not_read_is_cut(site: Site) -> None:
    """Live figures pile up for whoever looks away."""
    with site.client(receive_buffer_bytes=4_096) as client:
        client.send(GET.format(path="/flood"))
        client.head()
        wait_until(lambda: site.count(Counter.HTTP_TIMED_OUT) == 1, what="cut")
    wait_until(lambda: site.server.stream_count == 0, what="given back")


def test_a_stream_that_breaks_does_not_look_complete(site: Site) -> None:
    """Without the last chunk the client knows that something is missing."""
    with site.client() as client:
        client.send(GET.format(path="/breaking"))
        client.head()
        assert client.chunk() == b"first"
        assert client.is_ended()
    assert site.count(Counter.HTTP_FAULTS) == 1
