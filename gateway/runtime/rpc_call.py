"""One request of the control socket, and a reply that is made elsewhere."""

from dataclasses import dataclass
from typing import Any

from gateway.control.upstream_requests import Caller
from gateway.model.methods import Request


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
