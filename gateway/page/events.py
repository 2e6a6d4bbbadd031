"""Server-sent events: how what the page is told is written down."""

import json
import math
from typing import Any, Final

RETRY: Final = b"retry: 1000\n\n"
"""Tells a browser to come back after a second when the stream breaks."""


def as_json(value: object) -> str:
    """Write a value as JSON on one line that any browser can read.

    Everything beyond ASCII is escaped, lone surrogates included, so no text can end an event or
    break its encoding. NaN and infinity, which JSON does not have, become null.
    """
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), separators=(",", ":"), allow_nan=False)


def event(name: str, data: str) -> bytes:
    """Make an event of JSON.

    Args:
        name: What the page's script listens for.
        data: One line, as `as_json` writes it.
    """
    return f"event: {name}\ndata: {data}\n\n".encode("ascii")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
