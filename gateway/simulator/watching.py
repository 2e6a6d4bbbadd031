"""One socket's interest in one symbol."""

import enum
from typing import Final

from gateway.simulator.fields import Layout

SILENT: Final = 1
"""The symbol's lines stopped without a word."""
LOST: Final = 2
"""The socket is half-open: what is sent arrives nowhere."""


class Revival(enum.Enum):
    """What makes a silent symbol talk again."""

    REFRESH = "refresh"
    """A refresh, or a watch sent again."""
    WATCH = "watch"
    """Only a watch sent again; a refresh is answered, and that is all."""
    DEAF = "deaf"
    """Nothing a client sends: neither is answered."""


class Watch:
    """Where the lines of a symbol go, and in which layout.

    Args:
        pending: The socket's lines that wait for the next flush.
        layout: The socket's current field set.
        protocol: The socket's protocol.
        is_trades_only: Whether only trades are wanted.
    """

    __slots__ = ("is_trades_only", "layout", "mute", "pending", "protocol", "revival")

    def __init__(
        self, pending: list[str], *, layout: Layout, protocol: str, is_trades_only: bool
    ) -> None:
        self.pending = pending
        self.layout = layout
        self.protocol = protocol
        self.is_trades_only = is_trades_only
        self.mute = 0
        """Why nothing of the symbol reaches this socket: `SILENT`, `LOST`, both, or 0."""
        self.revival = Revival.REFRESH

    def silence(self, revival: Revival) -> None:
        """Let no more of the symbol reach this socket."""
        self.mute |= SILENT
        self.revival = revival

    def revive(self) -> None:
        """Let the symbol's lines come again."""
        self.mute &= ~SILENT
