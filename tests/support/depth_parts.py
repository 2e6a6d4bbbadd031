"""What stands around a pipeline of Level 2 in a test: books, their desk, answers and care."""

from collections.abc import Callable
from typing import Any

from gateway.clock import FakeClock
from gateway.control.depth_desk import DepthDesk
from gateway.counters import Complaints, Counters
from gateway.normalize.board import Board
from gateway.normalize.depth_answers import DepthAnswers
from gateway.normalize.depth_care import DepthCare
from gateway.normalize.depths import BookOptions
from gateway.normalize.suspicion import ANY_PRICE, PriceLimits
from gateway.normalize.values import Values
from gateway.policy.demand import Demand
from tests.support.pipelines import make_depth_board


class FakeDepthUpstream:
    """Keeps what the vendor was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_wanted = False
        self.is_classic = False

    def want(self) -> None:
        """Note the wish for a connection."""
        self.is_wanted = True

    def watch_orders(self, symbol: str) -> None:
        """Note the request."""
        self.asked.append(f"WOR,{symbol}")

    def unwatch_orders(self, symbol: str) -> None:
        """Note the request."""
        self.asked.append(f"ROR,{symbol}")

    def watch_levels(self, symbol: str) -> None:
        """Note the request."""
        self.asked.append(f"WPL,{symbol}")

    def unwatch_levels(self, symbol: str) -> None:
        """Note the request."""
        self.asked.append(f"RPL,{symbol}")

    def take(self) -> list[str]:
        """What was asked since the last look."""
        asked, self.asked = self.asked, []
        return asked


class DepthParts:
    """Books and whoever works with them, joined as the gateway joins them.

    Args:
        name: Whose books: one of `tests.support.pipelines.NAMES`; the board must be of the same.
        board: The symbols.
        clock: Of everything here.
        counters: Where books are counted.
        demand: Wishes, perhaps shared with Level 1.
        options: What of the settings decides.
        images_per_minute_max: Budget for asking anew.
        shard_count: Level 2 connections.
    """

    def __init__(
        self,
        name: str,
        board: Board,
        *,
        clock: FakeClock,
        counters: Counters,
        demand: Demand,
        options: BookOptions,
        images_per_minute_max: int,
        shard_count: int = 1,
    ) -> None:
        self._clock, self._counters = clock, counters
        self.depths = make_depth_board(
            name, board, clock=clock, counters=counters, options=options, shard_count=shard_count
        )
        self.upstream = FakeDepthUpstream()
        self.desk = DepthDesk(
            depths=self.depths,
            demand=demand,
            upstream=self.upstream,
            clock=clock,
            counters=counters,
            images_per_minute_max=images_per_minute_max,
        )
        self.answers = DepthAnswers(board, self.depths, clock=clock)
        self.care = DepthCare(
            self.depths,
            clock=clock,
            counters=counters,
            on_doubt=self.desk.ask_in_doubt,
            on_review=self.desk.review,
        )

    def of_pipeline(
        self,
        complaints: Complaints,
        on_system_line: Callable[[str], None],
        *,
        line_bytes_max: int,
        limits: PriceLimits = ANY_PRICE,
    ) -> dict[str, Any]:
        """What `DepthPipeline` takes."""
        return {
            "board": self.depths,
            "values": Values(complaints, limits=limits),
            "clock": self._clock,
            "counters": self._counters,
            "complaints": complaints,
            "on_system_line": on_system_line,
            "line_bytes_max": line_bytes_max,
        }
