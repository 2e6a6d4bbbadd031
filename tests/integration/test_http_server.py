"""The HTTP server against clients that are plain sockets: good, careless and hostile ones."""

import asyncio
import random
import socket
import time
from collections.abc import AsyncGenerator, Iterator

import pytest

from gateway.counters import Counter
from gateway.errors import ConfigError, FeedThreadFailed
from gateway.runtime.http_messages import Handler, HttpRequest, Refused, Response, Stream, plain
from gateway.runtime.http_server import open_http_socket, url_of
from tests.support.http_site import GET, Site, serving
from tests.support.slack import SLACK
from tests.support.stage import wait_until

BIG = b"x" * 3_000_000


async def hello(request: HttpRequest) -> Response:
    """Echo what was understood."""
    return plain(200, f"{request.method} {request.path} ?{request.query}")


async def big(_: HttpRequest) -> Response:
    """More than any kernel holds for a client that does not read."""
    return Response(200, BIG)


async def never(_: HttpRequest) -> Response:
    """No answer at all."""
    await asyncio.Event().wait()
    raise AssertionError


async def broken(_: HttpRequest) -> Response:
    """A mistake of ours."""
    raise KeyError("secret detail")


async def failed(_: HttpRequest) -> Response:
    """A part of the gateway that is gone."""
    raise FeedThreadFailed("the feed thread failed", reason="test")


async def picky(_: HttpRequest) -> Response:
    """A handler that says no itself."""
    raise Refused(400, "Say which one.")


async def mute(_: HttpRequest) -> Stream:
    """One that never has anything to say."""

    async def nothing() -> AsyncGenerator[bytes, None]:
        await asyncio.Event().wait()
        yield b""

    return Stream(nothing())


HANDLERS: dict[str, Handler] = {
    "/hello": hello,
    "/big": big,
    "/never": never,
    "/broken": broken,
    "/failed": failed,
    "/picky": picky,
    "/mute": mute,
}


@pytest.fixture
def site() -> Iterator[Site]:
    """A server with short limits and no pace that a test would notice."""
    with serving(
        HANDLERS,
        requests_per_second_max=10_000,
        request_s_max=0.4,
        idle_s_max=0.6,
        answer_s_max=0.4,
        write_s_max=0.4,
    ) as site:
        yield site


def test_a_path_is_answered_with_what_keeps_browsers_safe(site: Site) -> None:
    """Whatever shows the answer must neither guess its type, nor run it, nor keep it."""
    answer = site.ask("GET /hello?a=1&b=%20 HTTP/1.1\r\nHost: localhost:7702\r\n\r\n")
    assert (answer.status, answer.text) == (200, "GET /hello ?a=1&b=%20\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert site.count(Counter.HTTP_REQUESTS) == 1


def test_head_is_get_without_the_body(site: Site) -> None:
    """A load balancer asks with HEAD, and the connection must still be in step after it."""
    with site.client() as client:
        client.send("HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = client.answer(is_head=True)
        assert (answer.status, answer.headers["content-length"]) == (200, "14")
        assert client.get("/hello").text == "GET /hello ?\n"


def test_a_connection_is_kept(site: Site) -> None:
    """A scraper that comes each second should not connect each second."""
    with site.client() as client:
        for _ in range(5):
            assert client.get("/hello").status == 200
        assert site.server.connection_count == 1


def test_requests_behind_each_other_are_answered_in_their_order(site: Site) -> None:
    """Pipelining is allowed by the protocol; mixing up answers is not."""
    with site.client() as client:
        client.send("".join(GET.format(path=f"/hello?{number}") for number in range(20)))
        assert [client.answer().text for _ in range(20)] == [
            f"GET /hello ?{number}\n" for number in range(20)
        ]


def test_an_old_client_is_answered_and_let_go(site: Site) -> None:
    """Simple probes speak HTTP/1.0, some without a Host."""
    with site.client() as client:
        client.send("GET /hello HTTP/1.0\r\n\r\n")
        assert client.answer().text == "GET /hello ?\n"
        assert client.is_ended()


def test_a_path_that_is_unknown_does_not_end_the_connection(site: Site) -> None:
    """A browser asks for an icon nobody has, and goes on."""
    with site.client() as client:
        assert client.get("/favicon.ico").status == 404
        assert client.get("/hello").status == 200


def test_garbage_ends_in_an_answer_or_an_end(site: Site) -> None:
    """Any bytes at all: refused in words, or let go; never a fault, never a wait without an end."""
    seed = 20_261_127
    print(f"seed {seed}")
    chance = random.Random(seed)
    alphabet = [
        b"GET ",
        b"/hello",
        b" HTTP/1.1",
        b"\r\n",
        b"\r",
        b"\n",
        b"Host: localhost",
        b":",
        b"\0",
    ]
    for _ in range(150):
        pieces = [
            chance.choice(alphabet)
            if chance.random() < 0.7
            else chance.randbytes(chance.randrange(40))
            for _ in range(chance.randrange(1, 12))
        ]
        with site.client() as client:
            client.send(b"".join(pieces))
            client._sock.shutdown(socket.SHUT_WR)
            try:
                while client._sock.recv(65_536):
                    pass
            except ConnectionResetError:
                continue
    assert site.count(Counter.HTTP_FAULTS) == 0
    wait_until(lambda: site.server.connection_count == 0, what="every connection gone")
    assert site.ask(GET.format(path="/hello")).status == 200


def test_a_request_that_drips_is_given_up(site: Site) -> None:
    """A client that sends a byte now and then would hold its connection for ever."""
    with site.client() as client:
        started_s = time.monotonic()
        client.send("GET /hello HTTP/1.1\r\n")
        answer = client.answer()
        took_s = time.monotonic() - started_s
        assert (answer.status, client.is_ended()) == (408, True)
        assert 0.35 < took_s < 0.4 + 1.0 * SLACK
    assert site.count(Counter.HTTP_TIMED_OUT) == 1


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_client_that_asks_nothing_is_let_go(site: Site, asked_before: bool) -> None:
    """Connections are few; those that nobody uses are given back."""
    with site.client() as client:
        if asked_before:
            assert client.get("/hello").status == 200
        assert client.is_ended()
    wait_until(lambda: site.server.connection_count == 0, what="given back")


def test_a_client_that_does_not_read_is_cut(site: Site) -> None:
    """Its answer would wait in our memory for ever."""
    with site.client(receive_buffer_bytes=4_096) as client:
        client.send(GET.format(path="/big"))
        assert client.head().status == 200
        wait_until(lambda: site.count(Counter.HTTP_TIMED_OUT) == 1, what="cut")
        with pytest.raises((ConnectionResetError, AssertionError)):
            client._exactly(len(BIG))
    assert site.server.connection_count == 0


def test_a_client_that_reads_gets_a_large_answer_whole(site: Site) -> None:
    """The limit is for those who do not read."""
    assert site.ask(GET.format(path="/big")).body == BIG


def test_an_answer_that_is_not_made_in_time_is_a_503(site: Site) -> None:
    """A probe that hangs tells nothing; one that fails does."""
    answer = site.ask(GET.format(path="/never"))
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_a_fault_of_ours_is_a_500_without_details(site: Site) -> None:
    """The log is for details; a stranger gets none."""
    with site.client() as client:
        answer = client.get("/broken")
        assert answer.status == 500
        assert "secret" not in answer.text
        assert client.get("/hello").status == 200
    assert site.count(Counter.HTTP_FAULTS) == 1


def test_a_part_that_failed_is_a_503_in_words(site: Site) -> None:
    """What the gateway raises on purpose says what is wrong."""
    answer = site.ask(GET.format(path="/failed"))
    assert answer.status == 503
    assert "the feed thread failed" in answer.text


def test_a_handler_may_refuse(site: Site) -> None:
    """Such as a page that is asked for something it does not have."""
    assert site.ask(GET.format(path="/picky")).text == "Say which one.\n"


def test_who_keeps_us_waiting_longest_makes_room() -> None:
    """Clients that hang must not shut out a probe."""
    with serving({"/hello": hello}, connections_max=4, request_s_max=30.0) as site:
        hanging = [site.client() for _ in range(4)]
        for client in hanging:
            client.send("GET /hello HTTP/1.1\r\nHost: lo")
        wait_until(lambda: site.server.connection_count == 4, what="all taken")
        assert site.ask(GET.format(path="/hello")).status == 200
        assert hanging[0].is_ended()
        hanging[1].send("calhost\r\n\r\n")
        assert hanging[1].answer().status == 200
        assert site.count(Counter.HTTP_DISPLACED) == 1
        for client in hanging:
            client.close()


def test_where_all_connections_are_taken_each_ends_with_its_answer() -> None:
    """So that the next client need not cut anybody off."""
    limits = {"connections_max": 2, "requests_per_second_max": 10_000}
    with serving(HANDLERS, **limits) as site, site.client() as one:
        assert "connection" not in one.get("/hello").headers
        with site.client() as two:
            assert two.get("/hello").headers["connection"] == "close"
            assert two.is_ended()


def test_when_all_connections_work_another_is_refused() -> None:
    """None that we keep waiting is thrown out for it."""
    with serving({"/mute": mute}, connections_max=2) as site:
        with site.client() as first, site.client() as second:
            for client in (first, second):
                client.send(GET.format(path="/mute"))
                client.head()
            answer = site.ask(GET.format(path="/mute"))
            assert answer.status == 503
            assert answer.headers["connection"] == "close"
        wait_until(lambda: site.server.connection_count == 0, what="both gone")
        with site.client() as client:
            client.send(GET.format(path="/mute"))
            assert client.head().status == 200
            assert not site.server.is_crowded()


def test_a_flood_is_paced() -> None:
    """However fast a client asks, what it costs us has a ceiling."""
    with serving({"/hello": hello}, requests_per_second_max=100) as site, site.client() as client:
        started_s = time.monotonic()
        for _ in range(132):
            assert client.get("/hello").status == 200
        assert time.monotonic() - started_s > 0.95  # 32 at once, 100 a second after that.
        assert site.count(Counter.HTTP_DELAYED) > 0


def test_a_reset_in_the_middle_is_nobodys_fault(site: Site) -> None:
    """Clients that die are weather."""
    for sent in ("", "GET /he", GET.format(path="/big")):
        client = site.client()
        client.send(sent)
        client._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    wait_until(lambda: site.server.connection_count == 0, what="all gone")
    assert site.count(Counter.HTTP_FAULTS) == 0


def test_an_end_closes_every_connection(site: Site) -> None:
    """A gateway that stops must not be kept by those who look at it."""
    with site.client() as idle, site.client() as streaming, site.client() as waiting:
        idle.get("/hello")
        streaming.send(GET.format(path="/mute"))
        streaming.head()
        waiting.send(GET.format(path="/never"))
        site.stage.run(_stop(site))
        assert [client.is_ended() for client in (idle, streaming, waiting)] == [True, True, True]


async def _stop(site: Site) -> None:
    site._task.cancel()
    await asyncio.gather(site._task, return_exceptions=True)


def test_an_address_that_is_taken_is_named() -> None:
    """Two servers on one port would share its clients by chance."""
    with open_http_socket("localhost", 0) as first:
        port = first.getsockname()[1]
        assert url_of(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(ConfigError, match=r"http\.bind cannot be bound"):
            open_http_socket("127.0.0.1", port)


def test_version_6_addresses_work() -> None:
    """`[::1]` is a loopback address like any other."""
    try:
        listener = open_http_socket("::1", 0)
    except ConfigError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with listener:
        assert url_of(listener).startswith("http://[::1]:")


def test_no_client_is_needed_to_close() -> None:
    """A server that nobody ever asked ends as well."""
    with serving({"/hello": hello}) as site:
        port = site.port
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
