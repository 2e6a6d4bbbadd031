"""One request of the control socket, and a reply that is made elsewhere."""

from dataclasses import dataclass
from typing import Any

import pydantic

from gateway.control.upstream_requests import Caller
from gateway.errors import InvalidParams, UnsupportedVersion
from gateway.model.methods import Request
from gateway.model.protocol import PROTOCOL_VERSION


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked to be one."""

    request: Request
    """What is asked."""
    raw: dict[str, Any]
    """The same as it was sent, with what this version does not know."""
    caller: Caller
    """Who sent it."""
    deadline_ms: int
    """The caller's time, or the default."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A reply that somebody else has made, id and all."""

    reply: bytes
    """Packed."""
    is_ok: bool = True
    """Whether it brings a result, not an error."""


def parse_request(raw: object) -> Request:
    """Check the envelope of a request.

    Raises:
        InvalidParams: Not a request.
        UnsupportedVersion: Not a version we speak.
    """
    try:
        request = Request.model_validate(raw)
    except pydantic.ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "request"
        raise InvalidParams(
            f"{where}: {problem['msg']}", hint="Send a map with v, id, method and params."
        ) from error
    if request.v != PROTOCOL_VERSION:
        raise UnsupportedVersion("unknown protocol version", v=request.v)
    return request
