"""Demand: what is asked of the vendor is the union of what consumers ask of us.

Wishes are counted per symbol and service. The first one opens a watch; after the last one the
watch lingers for a while, so that a consumer that restarts finds its symbols still warm.
"""

import enum
from collections.abc import Iterable
from typing import Final

from gateway.clock import Clock


class Service(enum.Enum):
    """What the vendor can be asked to deliver for one symbol."""

    LEVEL1 = "level1"
    """Trades, quotes, summaries and fundamentals (`w`)."""
    REGIONAL = "regional"
    """Quotes of each market center (`S,REGON`); includes the Level 1 watch."""
    ORDERS = "orders"
    """Every order, or each market maker's best row (Level 2)."""
    LEVELS = "levels"
    """Price levels (Level 2)."""
    BOOK = "book"
    """The best levels of a symbol, from orders where the vendor has them, else from levels."""


LEVEL1_SERVICES: Final = (Service.LEVEL1, Service.REGIONAL)
LEVEL2_SERVICES: Final = (Service.ORDERS, Service.LEVELS, Service.BOOK)


class Demand:
    """Counts wishes and says when a watch begins and ends.

    Args:
        clock: Measures how long a watch lingers.
        linger_ns: How long a watch outlives its last wish.
    """

    __slots__ = ("_clock", "_linger_ns", "_lingering", "_open", "_wishes")

    def __init__(self, clock: Clock, *, linger_ns: int) -> None:
        self._clock = clock
        self._linger_ns = linger_ns
        self._wishes: dict[tuple[str, Service], int] = {}
        self._lingering: dict[tuple[str, Service], int] = {}
        self._open: dict[str, int] = {}

    @property
    def symbol_count(self) -> int:
        """How many different symbols are watched, lingering ones included."""
        return len(self._open)

    def is_open(self, symbol: str) -> bool:
        """Whether any watch of a symbol is open, wanted or lingering."""
        return symbol in self._open

    def want(self, symbol: str, service: Service) -> bool:
        """Count one wish more.

        Returns:
            Whether a watch must be opened now; not when one is open or still lingers.
        """
        key = (symbol, service)
        count = self._wishes.get(key, 0)
        self._wishes[key] = count + 1
        if count or self._lingering.pop(key, None) is not None:
            return False
        self._open[symbol] = self._open.get(symbol, 0) + 1
        return True

    def unwant(self, symbol: str, service: Service) -> None:
        """Take one wish back; after the last one the watch begins to linger.

        A wish that was never counted is our own bug: counts below zero would end others' watches.
        """
        key = (symbol, service)
        count = self._wishes[key] - 1
        if count:
            self._wishes[key] = count
            return
        del self._wishes[key]
        self._lingering[key] = self._clock.monotonic_ns() + self._linger_ns

    def ended(self) -> list[tuple[str, Service]]:
        """The watches whose linger is over; each is named once."""
        now_ns = self._clock.monotonic_ns()
        over: list[tuple[str, Service]] = []
        # Insertion order is deadline order: the linger is the same for all.
        for key, deadline_ns in self._lingering.items():
            if deadline_ns > now_ns:
                break
            over.append(key)
        for key in over:
            self._close(key)
        return over

    def give_up_lingering(self) -> list[tuple[str, Service]]:
        """End the watches of the symbol that nobody wants for longest: its place is needed.

        Returns:
            Its watches; empty when every symbol is wanted.
        """
        for symbol, _ in self._lingering:
            held = [(symbol, service) for service in Service]
            if not any(key in self._wishes for key in held):
                over = [key for key in held if key in self._lingering]
                for key in over:
                    self._close(key)
                return over
        return []

    def _close(self, key: tuple[str, Service]) -> None:
        del self._lingering[key]
        symbol = key[0]
        count = self._open[symbol] - 1
        if count:
            self._open[symbol] = count
        else:
            del self._open[symbol]

    def forget(self, symbol: str, services: Iterable[Service] = Service) -> None:
        """Drop a symbol's lingering watches: the vendor refused it, nothing is there to keep."""
        for service in services:
            if (symbol, service) in self._lingering:
                self._close((symbol, service))

    def count(self, symbol: str, service: Service) -> int:
        """How many wishes there are; 0 for one that only lingers."""
        return self._wishes.get((symbol, service), 0)

    def is_watched(self, symbol: str, service: Service) -> bool:
        """Whether a watch is open, wanted or lingering."""
        key = (symbol, service)
        return key in self._wishes or key in self._lingering

    def watched(self) -> list[tuple[str, Service]]:
        """Every open watch, wanted or lingering."""
        return [*self._wishes, *self._lingering]

    def lingers_until_ns(self, symbol: str, service: Service) -> int | None:
        """When a watch that nobody wants ends, monotonic; None when it does not linger."""
        return self._lingering.get((symbol, service))

    def is_lingering(self, symbol: str, service: Service) -> bool:
        """Whether the watch is kept although nobody wants it."""
        return (symbol, service) in self._lingering
