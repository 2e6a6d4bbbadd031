"""The watch desk: between what consumers want, what the vendor is asked, and what the board says.

It is the feed thread's own; leases reach it as commands, subscriptions as they are read from the
data socket. It does no I/O: what to send upstream goes through `Upstream`.
"""

from collections.abc import Callable
from typing import Final, Protocol

from gateway.control.depth_desk import DepthDesk
from gateway.control.feed_commands import (
    ReadSnapshots,
    ReadStandings,
    ReadWatches,
    Standing,
    Unwatch,
    Watch,
    WatchReport,
)
from gateway.control.public_topics import is_symbol
from gateway.control.variant_desk import VariantDesk
from gateway.errors import GatewayError
from gateway.iqfeed.commands import check_symbol
from gateway.model.enums import Cause, SymbolState
from gateway.model.messages import Kind
from gateway.normalize.board import Board
from gateway.normalize.board_answers import BoardAnswers
from gateway.normalize.depth_answers import DepthAnswers
from gateway.normalize.symbols import BOARD_KINDS, BOOK_KINDS
from gateway.policy.demand import LEVEL1_SERVICES, LEVEL2_SERVICES, Demand, Service
from gateway.policy.subscriptions import Subscriptions
from gateway.wire.codec import Encoded
from gateway.wire.envelope import Body
from gateway.wire.topics import TopicName, is_private, parse_topic

SERVICES: Final = {
    **dict.fromkeys(BOARD_KINDS, Service.LEVEL1),
    Kind.REGIONAL: Service.REGIONAL,
    Kind.ORDER: Service.ORDERS,
    Kind.DEPTH: Service.LEVELS,
    Kind.BOOK: Service.BOOK,
}
"""The service that delivers a kind; kinds without one are not delivered yet."""


class Upstream(Protocol):
    """Where requests to the vendor go; they are forgotten while there is no connection."""

    def watch(self, symbol: str) -> None:
        """Ask for a symbol's updates."""
        ...

    def unwatch(self, symbol: str) -> None:
        """End a symbol's updates."""
        ...

    def refresh(self, symbol: str) -> None:
        """Ask for a watched symbol's values anew."""
        ...

    def regional(self, symbol: str, *, is_on: bool) -> None:
        """Begin or end a symbol's regional quotes."""
        ...


class WatchDesk:
    """Opens, keeps and closes watches as demand comes and goes.

    Args:
        board: Symbols and their states.
        demand: Wishes by symbol and service.
        subscriptions: Pairs on the data socket.
        upstream: Where requests to the vendor go.
        depth: The desk for what Level 2 delivers.
        board_answers: Answers snapshots of what Level 1 delivers.
        depth_answers: Answers snapshots of what Level 2 does.
        is_auto_watch: Whether a subscription that names a symbol is a wish for it.
    """

    def __init__(
        self,
        *,
        board: Board,
        demand: Demand,
        subscriptions: Subscriptions,
        upstream: Upstream,
        depth: DepthDesk,
        board_answers: BoardAnswers,
        depth_answers: DepthAnswers,
        is_auto_watch: bool,
    ) -> None:
        self._board = board
        self._demand = demand
        self._subscriptions = subscriptions
        self._upstream = upstream
        self._depth = depth
        self._board_answers = board_answers
        self._depth_answers = depth_answers
        self._variants = VariantDesk(board, depth)
        depth.on_slot_freed = self._retry_limited
        depth.on_limit = self.give_up_lingering
        self._is_auto_watch = is_auto_watch
        self._limited: dict[str, None] = {}
        self._counted: dict[tuple[str, Kind, str], int] = {}
        self._uncounted: dict[tuple[str, Kind, str], int] = {}
        self.symbol_limit: Callable[[], int | None] = lambda: None
        """How many symbols the vendor lets the login watch; None while it has not said."""
        self.refused_wishes = 0
        """Subscriptions that could not be counted as wishes."""

    def want(self, symbol: str, service: Service) -> None:
        """Count one wish; the first one asks the vendor.

        Raises:
            QuotaExceeded: The board has no room for another symbol.
        """
        self._make_room(symbol)
        if service in LEVEL2_SERVICES:
            self._depth.open(symbol)
            self._demand.want(symbol, service)
            self._depth.review(symbol)
            return
        if not self._demand.is_watched(symbol, service):
            self._board.open(symbol)
            self._variants.attach(symbol)
            self._ask(symbol, service)
        self._demand.want(symbol, service)

    def unwant(self, symbol: str, service: Service) -> None:
        """Take one wish back; the watch lingers, unless the vendor refused it."""
        self._demand.unwant(symbol, service)
        if service in LEVEL2_SERVICES:
            self._depth.forget_refused(symbol)
            return
        known = self._board.symbols.get(symbol)
        if known is not None and known.state is SymbolState.REFUSED:
            self._demand.forget(symbol, LEVEL1_SERVICES)
            self._close_if_unwanted(symbol)

    def note_subscription(self, name: TopicName) -> None:
        """Count a new subscription of the data socket as a wish, when auto-watch is on.

        System topics, news, kinds that are not delivered, and symbols that the vendor must not be
        asked for are no wishes.

        Args:
            name: A complete public topic.
        """
        if name.variant and not (is_symbol(name.symbol) and self._variants.add(name)):
            return
        service = SERVICES.get(name.kind)
        if service is None or not self._is_auto_watch:
            return
        key = (name.symbol, name.kind, name.variant)
        try:
            check_symbol(name.symbol)
            self.want(name.symbol, service)
        except GatewayError:
            # Not counted, so it must not be taken back either; the snapshot says why not.
            self._uncounted[key] = self._uncounted.get(key, 0) + 1
            self.refused_wishes += 1
            return
        self._counted[key] = self._counted.get(key, 0) + 1

    def drop_subscription(self, name: TopicName) -> None:
        """Take back the wish of a subscription that ended."""
        if name.variant and not (is_symbol(name.symbol) and self._variants.drop(name)):
            return
        service = SERVICES.get(name.kind)
        if service is None:
            return
        key = (name.symbol, name.kind, name.variant)
        # All of them want the same: while one is left that was not counted, a wish stays for it.
        if _take_one(self._uncounted, key):
            return
        # A wish that is not counted any more is a slip of ours, and must not end the feed.
        if _take_one(self._counted, key) and self._demand.count(name.symbol, service):
            self.unwant(name.symbol, service)

    def close_lingering(self) -> None:
        """End the watches that nobody wanted back in time."""
        for symbol, service in self._demand.ended():
            self._end(symbol, service)

    def _end(self, symbol: str, service: Service) -> None:
        """Close what is left of a watch that has ended."""
        if service in LEVEL2_SERVICES:
            self._depth.review(symbol)
            return
        if service is Service.REGIONAL:
            self._upstream.regional(symbol, is_on=False)
        self._close_if_unwanted(symbol)

    def _make_room(self, symbol: str) -> None:
        """Free a place of the vendor's limit for a symbol that is not watched yet."""
        limit = self.symbol_limit()
        if limit is None or self._demand.is_open(symbol):
            return
        if self._demand.symbol_count >= limit:
            self.give_up_lingering()

    def give_up_lingering(self) -> bool:
        """End the watch of the symbol that nobody wants for longest; False when there is none.

        What the vendor refuses takes no place, and ending it frees none.
        """
        while over := self._demand.give_up_lingering():
            known = self._board.symbols.get(over[0][0])
            has_place = known is not None and known.state is not SymbolState.REFUSED
            for symbol, service in over:
                self._end(symbol, service)
            if has_place:
                return True
        return False

    def ask_again(self, shard: int = 0) -> None:
        """Ask a new connection for all its symbols: the vendor keeps nothing of the old one."""
        self._board.recover_upstream(shard)
        known = self._board.symbols
        for symbol, service in self._demand.watched():
            if service in LEVEL2_SERVICES or known[symbol].shard != shard:
                continue
            self._limited.pop(symbol, None)
            # What was refused gets one more chance with each connection.
            self._board.open(symbol)
            self._ask(symbol, service)

    def ask_refresh(self, shard: int = 0) -> None:
        """Ask for all values anew after DTN was away: not every symbol gets a P line by itself."""
        for symbol in self._board.recover_upstream(shard):
            self._upstream.refresh(symbol.name)

    def ask_values(self, symbol: str) -> None:
        """Ask for one symbol's values anew; its watch stands."""
        self._upstream.refresh(symbol)

    def ask_anew(self, symbol: str) -> None:
        """Make a symbol's watch anew: the vendor may have lost it."""
        services = [s for s in LEVEL1_SERVICES if self._demand.is_watched(symbol, s)]
        if services:
            self._upstream.unwatch(symbol)
        for service in services:
            self._ask(symbol, service)

    def note_not_found(self, symbol: str) -> None:
        """The vendor does not know a symbol."""
        self._board.refuse(symbol, Cause.SYMBOL_NOT_FOUND)
        if self._limited:
            # If it was given a freed slot, the slot is free again.
            self._retry_limited()

    def note_limit(self, symbol: str) -> None:
        """The vendor's symbol limit refused a symbol; it gets the next free slot."""
        if self._board.refuse(symbol, Cause.SYMBOL_LIMIT) is not None:
            self._limited[symbol] = None
            # A freed place goes to whoever waits longest, perhaps to this one.
            self.give_up_lingering()

    def watch(self, command: Watch) -> list[Standing]:
        """Count a lease's wishes and say how each symbol stands."""
        standings = []
        for symbol, services in command.wishes:
            error = None
            try:
                for service in services:
                    self.want(symbol, service)
            except GatewayError as refused:
                error = refused.code
            standings.append(self._standing(symbol, error))
        return standings

    def unwatch(self, command: Unwatch) -> None:
        """Take a lease's wishes back."""
        for symbol, services in command.wishes:
            for service in services:
                if self._demand.count(symbol, service):
                    self.unwant(symbol, service)

    def standings(self, command: ReadStandings) -> list[Standing]:
        """Say how symbols stand."""
        return [self._standing(symbol, None) for symbol in command.symbols]

    def snapshots(self, command: ReadSnapshots) -> list[tuple[str, Body | Encoded | None]]:
        """Answer snapshots by request instead of by subscription."""
        answers: list[tuple[str, Body | Encoded | None]] = []
        for topic in command.topics:
            # UTF-8, so that a character the vendor has not is no other symbol's spelling.
            name = parse_topic(topic.encode())
            is_known = name is not None and not name.nonce and name.kind is not Kind.SYS
            answers.append((topic, self.answer(name) if name and is_known else None))
        return answers

    def answer(self, name: TopicName) -> Body | Encoded:
        """Answer a snapshot request from memory, whichever port the kind comes from."""
        answers = self._depth_answers if name.kind in BOOK_KINDS else self._board_answers
        return answers.answer(name)

    def report(self, command: ReadWatches) -> WatchReport:
        """List watches and subscriptions, cut at the command's limit."""
        entries_max = command.entries_max
        watched = self._demand.watched()
        # Private topics are their owners' secrets: who knows a token can pass for its client.
        topics = [
            (topic, count)
            for topic, count in self._subscriptions.topics().items()
            if not is_private(topic)
        ]
        watches = [
            {
                "symbol": symbol,
                "service": service.value,
                "wishes": self._demand.count(symbol, service),
                "lingering": self._demand.is_lingering(symbol, service),
                "state": self._standing(symbol, None).state,
            }
            for symbol, service in watched[:entries_max]
        ]
        return WatchReport(
            watches=watches,
            topics=[
                {"topic": topic.decode("ascii", "replace"), "connections": count}
                for topic, count in topics[:entries_max]
            ],
            connection_count=self._subscriptions.connection_count(),
            peers=[],
            is_complete=max(len(watched), len(topics)) <= entries_max,
        )

    def _ask(self, symbol: str, service: Service) -> None:
        if service is Service.REGIONAL:
            self._upstream.regional(symbol, is_on=True)
        else:
            self._upstream.watch(symbol)

    def _close_if_unwanted(self, symbol: str) -> None:
        if any(self._demand.is_watched(symbol, service) for service in LEVEL1_SERVICES):
            return
        known = self._board.symbols.get(symbol)
        if known is None or known.state is SymbolState.CLOSED:
            return
        was_refused = known.state is SymbolState.REFUSED
        self._limited.pop(symbol, None)
        self._board.close(known)
        if was_refused:
            return
        self._upstream.unwatch(symbol)
        self._retry_limited()

    def _retry_limited(self) -> None:
        """Give a freed slot to the symbol that has waited longest for one, on either port."""
        self._depth.retry_limited()
        while self._limited:
            symbol = next(iter(self._limited))
            del self._limited[symbol]
            known = self._board.symbols.get(symbol)
            services = self._services_wanted(symbol)
            # One that came alive, or that only lingers, needs no slot.
            if services and known is not None and known.state is SymbolState.REFUSED:
                for service in services:
                    self._board.open(symbol)
                    self._ask(symbol, service)
                return

    def _services_wanted(self, symbol: str) -> list[Service]:
        return [service for service in LEVEL1_SERVICES if self._demand.count(symbol, service)]

    def _standing(self, name: str, error: str | None) -> Standing:
        symbol = self._board.symbols.get(name)
        if symbol is None:
            closed = SymbolState.CLOSED.value
            return Standing(name, closed, Cause.NOT_SUBSCRIBED.value, {}, error=error)
        return Standing(
            name,
            symbol.state.value,
            symbol.cause.value if symbol.cause else None,
            {kind.value: topic.sequence for kind, topic in symbol.topics.items()},
            self._depth.states(name),
            error,
        )


def _take_one(counts: dict[tuple[str, Kind, str], int], key: tuple[str, Kind, str]) -> bool:
    """Count one less; False when there was none."""
    count = counts.get(key, 0)
    if count > 1:
        counts[key] = count - 1
    elif count:
        del counts[key]
    return bool(count)
