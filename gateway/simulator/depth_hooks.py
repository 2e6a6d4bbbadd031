"""What a test may do to the books of a simulator, and what it may know of them."""

from gateway.simulator.deep_symbol import DeepSymbol
from gateway.simulator.depth_hub import DepthHub
from gateway.simulator.truth import (
    TrueLevel,
    TrueMaker,
    TrueOrder,
    true_levels,
    true_makers,
    true_orders,
)


class DepthHooks:
    """The part of a simulator that tests use on its books."""

    depth: DepthHub

    def flush(self) -> None:
        """Send what is queued on every data socket."""
        raise NotImplementedError

    def set_depth_silent(self, symbol: str, is_silent: bool) -> None:
        """Let one symbol's depth stop without a word on all sockets that watch it now.

        Its book and Level 1 go on. A watch that is sent again revives it on its socket with a
        summary; `False` revives it everywhere with CLEAR DEPTH and a summary.
        """
        self.depth.set_silent(symbol, is_silent=is_silent)
        self.flush()

    def reset_depth(self, symbol: str) -> None:
        """Empty a symbol's book and fill it anew, as a new session does."""
        self._book_of(symbol).reset_book()
        self.flush()

    def _book_of(self, symbol: str) -> DeepSymbol:
        found = self.depth.find(symbol)
        if found is None:
            raise KeyError(f"{symbol} has no depth")
        return found

    def true_orders(self, symbol: str) -> list[TrueOrder]:
        """Every order of a book now: bids first, best first, at equal prices by priority."""
        return true_orders(self._book_of(symbol))

    def true_makers(self, symbol: str) -> list[TrueMaker]:
        """The rows by venue that a Level 2 client of an equity should hold now."""
        return true_makers(self._book_of(symbol))

    def true_levels(self, symbol: str) -> tuple[list[TrueLevel], list[TrueLevel]]:
        """Bids and asks of a book by price now, best first."""
        return true_levels(self._book_of(symbol))
