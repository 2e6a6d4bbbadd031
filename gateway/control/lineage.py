"""The lineage of a symbol's state: everything the feed thread knows that bears on it.

Gathered in one go, from memory, in the feed thread; put into words elsewhere (`explaining.py`).
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from gateway.clock import Clock
from gateway.health.facts import LinkReport
from gateway.model.messages import Kind
from gateway.normalize.board import Board
from gateway.normalize.depth_board import DepthBoard
from gateway.normalize.depths import Depth
from gateway.normalize.symbols import Symbol
from gateway.policy.demand import Demand, Service
from gateway.policy.subscriptions import Subscriptions
from gateway.wire.envelope import Topic
from gateway.wire.topics import PUBLIC_KINDS, topic_bytes

RECV_ITEM: Final = 4
"""Place of `recv_us` in a body."""


class AskLog:
    """When the vendor was asked for each symbol last.

    Args:
        clock: Stamps.
        symbol_count_max: Symbols remembered; the one asked for longest ago is forgotten first.
    """

    __slots__ = ("_asked_us", "_clock", "_symbol_count_max")

    def __init__(self, clock: Clock, *, symbol_count_max: int) -> None:
        self._clock = clock
        self._symbol_count_max = symbol_count_max
        self._asked_us: OrderedDict[str, int] = OrderedDict()

    def note(self, symbol: str) -> None:
        """Note that the vendor is asked for a symbol now."""
        self._asked_us[symbol] = self._clock.utc_us()
        self._asked_us.move_to_end(symbol)
        if len(self._asked_us) > self._symbol_count_max:
            self._asked_us.popitem(last=False)

    def forget(self, symbol: str) -> None:
        """Note that the vendor was told to stop."""
        self._asked_us.pop(symbol, None)

    def asked_us(self, symbol: str) -> int | None:
        """When it was asked last, UTC; None when it was not, or is not remembered."""
        return self._asked_us.get(symbol)


@dataclass(frozen=True, slots=True)
class Wish:
    """What consumers want of one service of a symbol."""

    service: Service
    """What the vendor delivers."""
    count: int
    """Wishes; 0 when the watch only lingers."""
    lingers_ns: int | None
    """How long it still lingers; None while somebody wants it."""


@dataclass(frozen=True, slots=True)
class LastMessage:
    """The last message of one topic."""

    topic: str
    """Kind with its variant."""
    sequence: int
    """Its sequence."""
    recv_us: int
    """When its line was read, UTC."""


@dataclass(frozen=True, slots=True)
class PortLineage:
    """How a symbol stands on one port."""

    state: str
    """The state's wire spelling."""
    cause: str | None
    """The cause's; None when there is none."""
    since_us: int
    """Since when it is in that state, UTC."""
    asked_us: int | None
    """When the vendor was asked last, UTC; None when it is not known."""
    last_line_us: int | None
    """When the last line was read, UTC; None before the first."""
    link: LinkReport
    """The connection that delivers it."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """Everything known of one symbol at one moment."""

    symbol: str
    """The vendor's string."""
    now_us: int
    """The moment, UTC."""
    now_ns: int
    """The same, monotonic."""
    is_known: bool
    """Whether the gateway has ever heard of the symbol."""
    wishes: tuple[Wish, ...]
    """By service."""
    subscription_count: int
    """Subscriptions to its topics on the data socket."""
    messages: tuple[LastMessage, ...]
    """By topic, of those that have a last value."""
    level1: PortLineage | None
    """None while nobody wants anything of Level 1."""
    level2: PortLineage | None
    """None while nobody wants its depth."""


class LineageDesk:
    """Gathers lineages; used in the feed thread only.

    Args:
        board: Symbols and their states.
        depths: Their books.
        demand: What consumers want.
        subscriptions: Pairs on the data socket.
        asked: When Level 1 was asked for a symbol.
        depth_asked: When Level 2 was.
        clock: Ages.
    """

    def __init__(
        self,
        *,
        board: Board,
        depths: DepthBoard,
        demand: Demand,
        subscriptions: Subscriptions,
        asked: AskLog,
        depth_asked: AskLog,
        clock: Clock,
    ) -> None:
        self._board = board
        self._depths = depths
        self._demand = demand
        self._subscriptions = subscriptions
        self._asked = asked
        self._depth_asked = depth_asked
        self._clock = clock

    def look(self, name: str, *, level1: LinkReport, level2: LinkReport) -> Lineage:
        """Gather what is known of a symbol.

        Args:
            name: The symbol.
            level1: The connection that delivers its prices.
            level2: The connection that delivers its books.
        """
        symbol = self._board.symbols.get(name)
        depth = self._depths.depths.get(name)
        now_ns, now_us = self._clock.monotonic_ns(), self._clock.utc_us()
        is_level1 = symbol is not None and (symbol.is_wanted_level1 or depth is None)
        return Lineage(
            symbol=name,
            now_us=now_us,
            now_ns=now_ns,
            is_known=symbol is not None,
            wishes=tuple(self._wishes(name, now_ns)),
            subscription_count=self._count_subscriptions(name, depth),
            messages=tuple(_messages(symbol, depth)),
            level1=self._level1(symbol, level1) if symbol is not None and is_level1 else None,
            level2=self._level2(depth, level2, now_ns, now_us) if depth is not None else None,
        )

    def _wishes(self, name: str, now_ns: int) -> list[Wish]:
        wishes = []
        for service in Service:
            until_ns = self._demand.lingers_until_ns(name, service)
            lingers_ns = None if until_ns is None else max(0, until_ns - now_ns)
            count = self._demand.count(name, service)
            if count or lingers_ns is not None:
                wishes.append(Wish(service, count, lingers_ns))
        return wishes

    def _count_subscriptions(self, name: str, depth: Depth | None) -> int:
        count = self._subscriptions.count
        total = sum(count(topic_bytes(kind, name)) for kind in PUBLIC_KINDS)
        keys = [] if depth is None else [(Kind.BOOK, variant) for variant in depth.books if variant]
        symbol = self._board.symbols.get(name)
        if symbol is not None:
            for kind, topic in symbol.topics.items():
                keys += [(kind, variant) for variant in topic.variants or ()]
        return total + sum(count(topic_bytes(kind, name, variant)) for kind, variant in keys)

    def _level1(self, symbol: Symbol, link: LinkReport) -> PortLineage:
        return PortLineage(
            state=symbol.state.value,
            cause=symbol.cause.value if symbol.cause is not None else None,
            since_us=symbol.since_us,
            asked_us=self._asked.asked_us(symbol.name),
            last_line_us=symbol.last_line_us,
            link=link,
        )

    def _level2(self, depth: Depth, link: LinkReport, now_ns: int, now_us: int) -> PortLineage:
        standing = depth.standing
        age_us = now_ns // 1000 - depth.heard_us
        return PortLineage(
            state=standing.state.value,
            cause=standing.cause.value if standing.cause is not None else None,
            since_us=standing.since_us,
            asked_us=self._depth_asked.asked_us(depth.symbol.name),
            last_line_us=now_us - age_us if depth.heard_us else None,
            link=link,
        )


def _messages(symbol: Symbol | None, depth: Depth | None) -> list[LastMessage]:
    if symbol is None:
        return []
    topics: list[tuple[str, Topic]] = [(kind.value, t) for kind, t in symbol.topics.items()]
    for kind, base in symbol.topics.items():
        variants = (base.variants or {}).items()
        topics += [(f"{kind}@{variant}", made.topic) for variant, made in variants]
    if depth is not None:
        # The base topic of `book` is among the symbol's own.
        books = depth.books.items()
        topics += [(f"book@{variant}", book.topic) for variant, book in books if variant]
    found = [
        LastMessage(name, topic.sequence, topic.last[RECV_ITEM])
        for name, topic in topics
        if topic.last is not None
    ]
    if depth is not None:
        # Of rows nothing but the book is kept: the last one's moment is the books'.
        found += [
            LastMessage(topic.prefix.partition(b",")[0].decode(), topic.sequence, depth.recv_us)
            for topic in (depth.order_topic, depth.depth_topic)
            if topic.sequence and depth.recv_us
        ]
    return found
