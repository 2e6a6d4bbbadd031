"""What the HTTP server refuses: other names than its own, other methods, and what is no HTTP."""

from collections.abc import Iterator

import pytest

from gateway.counters import Counter
from gateway.runtime.http_messages import HttpRequest, Response, plain
from tests.support.http_site import GET, Site, serving


async def hello(request: HttpRequest) -> Response:
    """Echo what was understood."""
    return plain(200, f"{request.method} {request.path} ?{request.query}")


@pytest.fixture
def site() -> Iterator[Site]:
    """A server with one path."""
    with serving({"/hello": hello}, requests_per_second_max=10_000) as site:
        yield site


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:7702", "[::1]:7702"])
def test_names_of_this_machine_are_answered(site: Site, host: str) -> None:
    """Everybody who sits here calls it so."""
    assert site.ask(f"GET /hello HTTP/1.1\r\nHost: {host}\r\n\r\n").status == 200


@pytest.mark.parametrize(
    "head",
    [
        "GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost.evil.example:7702\r\n\r\n",
        "GET http://evil.example/hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET http://localhost/hello HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "GET /hello HTTP/1.0\r\nHost: evil.example\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: 127.0.0.2\r\n\r\n",
    ],
)
def test_other_names_are_refused(site: Site, head: str) -> None:
    """A page of a stranger can let its own name mean 127.0.0.1, and read what we answer to it."""
    with site.client() as client:
        client.send(head)
        answer = client.answer()
        assert answer.status == 421
        assert "localhost" in answer.text
        assert client.is_ended()


@pytest.mark.parametrize(
    ("site_name", "mode", "status"),
    [
        ("cross-site", "cors", 403),
        ("cross-site", "no-cors", 403),
        ("cross-site", "navigate", 200),
        ("same-origin", "cors", 200),
        ("none", "navigate", 200),
    ],
)
def test_pages_of_other_sites_hold_no_stream(
    site: Site, site_name: str, mode: str, status: int
) -> None:
    """They read nothing anyway; a link that is followed is a visit like any other."""
    head = "GET /hello HTTP/1.1\r\nHost: localhost\r\n"
    fetch = f"Sec-Fetch-Site: {site_name}\r\nSec-Fetch-Mode: {mode}\r\n\r\n"
    assert site.ask(head + fetch).status == status


def test_an_absolute_target_is_a_target(site: Site) -> None:
    """A server must take it, whoever sends it."""
    answer = site.ask("GET http://localhost:7702/hello?x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.text == "GET /hello ?x\n"


REFUSALS = {
    "no such path": ("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "/hello"),
    "a path that climbs": ("GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "/hello"),
    "post": ("POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab", 405, "GET"),
    "delete": ("DELETE /hello HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "HEAD"),
    "connect": ("CONNECT x:1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "GET"),
    "options": ("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "GET"),
    "a body": (
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab",
        413,
        "body",
    ),
    "chunks": (
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        413,
        "body",
    ),
    "two lengths": (
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        400,
        "HTTP/1.1",
    ),
    "no host": ("GET /hello HTTP/1.1\r\n\r\n", 400, "Host"),
    "two hosts": ("GET /hello HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400, "Host"),
    "an odd host": ("GET /hello HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, "Host"),
    "no path": ("GET hello HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "path"),
    "not HTTP": ("hello\r\n\r\n", 400, "HTTP/1.1"),
    "ZMTP": ("\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL\r\n\r\n", 400, "HTTP/1.1"),
    "a newer version": ("GET /hello HTTP/2.0\r\nHost: localhost\r\n\r\n", 505, "HTTP/1.1"),
    "a space in a name": ("GET /hello HTTP/1.1\r\nHost : localhost\r\n\r\n", 400, "HTTP/1.1"),
    "a long header": (
        f"GET / HTTP/1.1\r\nHost: localhost\r\nX: {'a' * 9_000}\r\n\r\n",
        431,
        "8192",
    ),
    "a long target": (f"GET /{'a' * 60_000} HTTP/1.1\r\nHost: localhost\r\n\r\n", 431, "8192"),
    "many headers": (
        f"GET / HTTP/1.1\r\nHost: localhost\r\n{'X: y' * 1}\r\n" + "A: b\r\n" * 3_000 + "\r\n",
        431,
        "8192",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_answered_is_refused_in_words(site: Site, name: str) -> None:
    """Whoever writes a client learns what is wrong, and nothing of ours breaks."""
    request, status, word = REFUSALS[name]
    answer = site.ask(request)
    assert answer.status == status
    assert word in answer.text
    assert site.count(Counter.HTTP_REFUSED) == 1
    assert site.count(Counter.HTTP_FAULTS) == 0
    assert site.ask(GET.format(path="/hello")).status == 200
    if status == 405:
        assert answer.headers["allow"] == "GET, HEAD"
