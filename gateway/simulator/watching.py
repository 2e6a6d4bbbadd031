"""One socket's interest in one symbol."""

from gateway.simulator.fields import Layout


class Watch:
    """Where the lines of a symbol go, and in which layout.

    Args:
        pending: The socket's lines that wait for the next flush.
        layout: The socket's current field set.
        protocol: The socket's protocol.
        is_trades_only: Whether only trades are wanted.
    """

    __slots__ = ("is_trades_only", "layout", "pending", "protocol")

    def __init__(
        self, pending: list[str], *, layout: Layout, protocol: str, is_trades_only: bool
    ) -> None:
        self.pending = pending
        self.layout = layout
        self.protocol = protocol
        self.is_trades_only = is_trades_only
