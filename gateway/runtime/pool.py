"""Several connections to one port: each symbol has its own, the same one in every run.

A connection that breaks takes only its own symbols with it. More than one is worth having where
IQConnect serves one connection more slowly than it could serve two.
"""

from collections.abc import Sequence
from typing import Final, Generic, TypeVar

from gateway.control.lineage import AskLog
from gateway.normalize.depth_pipeline import DepthPipeline
from gateway.policy.shards import shard_of
from gateway.runtime.level1_link import Level1Link
from gateway.runtime.level2_link import Level2Link

L = TypeVar("L")


class Pool(Generic[L]):
    """The connections of one port.

    Args:
        links: One or more.
        asked: Where it is noted for which symbols the vendor was asked.
    """

    def __init__(self, links: Sequence[L], asked: AskLog) -> None:
        self.links: Final[tuple[L, ...]] = tuple(links)
        self.asked: Final = asked
        """When the vendor was asked for each symbol."""

    def place_of(self, symbol: str) -> int:
        """Which of the connections delivers a symbol, from 0."""
        return shard_of(symbol, len(self.links))

    def of(self, symbol: str) -> L:
        """The connection that delivers a symbol."""
        return self.links[self.place_of(symbol)]


class Level1Pool(Pool[Level1Link]):
    """Sends each request of the watch desk to its symbol's connection."""

    def watch(self, symbol: str) -> None:
        """Ask for a symbol's updates."""
        self.asked.note(symbol)
        self.of(symbol).watch(symbol)

    def unwatch(self, symbol: str) -> None:
        """End a symbol's updates."""
        self.asked.forget(symbol)
        self.of(symbol).unwatch(symbol)

    def refresh(self, symbol: str) -> None:
        """Ask for a watched symbol's values anew."""
        self.asked.note(symbol)
        self.of(symbol).refresh(symbol)

    def regional(self, symbol: str, *, is_on: bool) -> None:
        """Begin or end a symbol's regional quotes."""
        if is_on:
            self.asked.note(symbol)
        self.of(symbol).regional(symbol, is_on=is_on)


class Level2Pool(Pool[Level2Link[DepthPipeline]]):
    """Sends each request of the depth desk to its symbol's connection."""

    @property
    def is_wanted(self) -> bool:
        """Whether depth was ever asked for; before, there is no connection at all."""
        return self.links[0].is_wanted

    @property
    def is_classic(self) -> bool:
        """Whether IQConnect speaks the dialect before 6.2; all connections are to the same one."""
        return any(link.is_classic for link in self.links)

    @property
    def is_drained(self) -> bool:
        """Whether everything that has come was read."""
        return all(link.is_drained for link in self.links)

    def want(self) -> None:
        """Connect, if that has not been wanted before."""
        for link in self.links:
            link.want()

    def watch_orders(self, symbol: str) -> None:
        """Ask for orders, or market makers."""
        self.asked.note(symbol)
        self.of(symbol).watch_orders(symbol)

    def unwatch_orders(self, symbol: str) -> None:
        """End that."""
        self.of(symbol).unwatch_orders(symbol)

    def watch_levels(self, symbol: str) -> None:
        """Ask for price levels."""
        self.asked.note(symbol)
        self.of(symbol).watch_levels(symbol)

    def unwatch_levels(self, symbol: str) -> None:
        """End that."""
        self.of(symbol).unwatch_levels(symbol)
