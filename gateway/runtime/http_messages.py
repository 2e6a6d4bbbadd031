"""What HTTP handlers are handed and what they give back, and what may be asked at all."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import h11

NOTHING_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
"""For answers that are no page: a browser that shows one loads and runs nothing."""
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
SAFE_HEADERS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
"""On every answer. There is no header that lets another origin read: none may."""
_TARGET: Final = re.compile(
    rb"(?:https?://([^/?#\s]*))?(/[^?#\s]*)?(?:\?([^#\s]*))?", re.IGNORECASE
)
_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{0,5})?")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request that may be answered."""

    method: str
    """`GET` or `HEAD`."""
    path: str
    """Percent signs and all, such as `/livez`."""
    query: str
    """What stands behind `?`, as it was sent; empty for none."""
    headers: Mapping[str, str]
    """By name in lower case; of several with one name the last."""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    status: int
    """Such as 200."""
    body: bytes
    """May be shared by many answers: it is not copied."""
    content_type: str = TEXT
    """Of the body."""
    policy: str = NOTHING_POLICY
    """What a browser that shows the body may load; a page names its own."""
    headers: tuple[tuple[str, str], ...] = ()
    """Others, such as `Allow`."""


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer without an end, such as server-sent events."""

    chunks: AsyncGenerator[bytes, None]
    """Each goes out as it comes; closed when the client is gone. While it waits for its next chunk
    nothing is sent, so it should give one, such as a comment, every few seconds: a client that is
    gone without a word is noticed by it."""
    content_type: str = "text/event-stream"
    """Of the chunks together."""
    policy: str = NOTHING_POLICY
    """As for `Response`."""
    headers: tuple[tuple[str, str], ...] = field(default=())
    """Others."""


Handler = Callable[[HttpRequest], Awaitable[Response | Stream]]
"""Answers the requests of one path. It runs in the control loop: work of more than a few hundred
microseconds yields in between, and what several may ask for is kept for a second."""


class Refused(Exception):
    """A request that is answered with an error.

    Args:
        status: Such as 404.
        text: What is wrong and what to do, in plain words.
        headers: Others, such as `Allow`.
        is_final: Whether the connection ends with it: what follows cannot be told apart any more.
    """

    def __init__(
        self,
        status: int,
        text: str,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        is_final: bool = False,
    ) -> None:
        super().__init__(text)
        self.response: Final = plain(status, text, headers=headers)
        self.is_final: Final = is_final


def plain(status: int, text: str, *, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """An answer in words."""
    return Response(status, f"{text}\n".encode(), headers=headers)


def parse(request: h11.Request, *, hosts: frozenset[str]) -> HttpRequest:
    """Make of a request's head what handlers are handed.

    Args:
        request: As it was sent.
        hosts: Names that clients may call us by, in lower case; empty for any. A page of somebody
            else's, whose name was made to mean our address, calls us by that name.

    Raises:
        Refused: 400, 403, 405, 413, 421 or 505.
    """
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
    if not request.http_version.startswith(b"1."):
        raise Refused(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.", is_final=True)
    method = request.method.decode("latin-1")
    if method not in ("GET", "HEAD"):
        allow = (("Allow", "GET, HEAD"),)
        raise Refused(405, "Only GET and HEAD are answered here.", headers=allow, is_final=True)
    if headers.get("content-length", "0").strip("0") or "transfer-encoding" in headers:
        raise Refused(413, "No request here has a body: send a GET without one.", is_final=True)
    match = _TARGET.fullmatch(request.target)
    if match is None or not (match[1] or match[2]):
        raise Refused(400, "The request's target is no path, such as /livez.", is_final=True)
    named = [match[1].decode("latin-1")] if match[1] is not None else []
    named += [headers["host"]] if "host" in headers else []
    for name in named:
        host = _HOST.fullmatch(name.strip())
        if host is None:
            raise Refused(400, "The Host header is no host, such as localhost:7702.", is_final=True)
        if hosts and host[1].lower() not in hosts:
            known = ", ".join(sorted(hosts))
            raise Refused(
                421,
                f"This server listens on this machine only and is called {known}.",
                is_final=True,
            )
    if (
        headers.get("sec-fetch-site") == "cross-site"
        and headers.get("sec-fetch-mode") != "navigate"
    ):
        # It could read nothing, but hold streams that others need.
        raise Refused(403, "Pages of other sites are not answered.", is_final=True)
    path = (match[2] or b"/").decode("latin-1")
    return HttpRequest(method, path, (match[3] or b"").decode("latin-1"), headers)
