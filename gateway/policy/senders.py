"""Whose a connection is, as its handshake has proven."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a frame."""

    user: str = ""
    """The client's name, that of its file; empty without keys."""
    grant: int = 0
    """Number of what let its connection in; 0 without keys."""
    is_next_key: bool = False
    """Whether it came in by the address where the gateway's next key holds."""


ANYBODY: Final = Sender()
"""Whoever sends anything to a gateway without keys."""
