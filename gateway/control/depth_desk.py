"""The depth desk: which Level 2 requests serve what consumers want of a symbol.

Consumers want orders, price levels, or a book of either. The vendor can be asked for orders and for
levels of a symbol, has both of some, one of others, and none of many, and says so only when asked.
So orders are asked for first where a book is wanted, and levels when the vendor has no orders; an
equity's levels are never asked for, because the vendor has none.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from gateway.clock import Clock
from gateway.counters import Counter, Counters
from gateway.model.enums import Cause, SymbolState
from gateway.model.messages import Kind
from gateway.normalize.depth_answers import state_of
from gateway.normalize.depth_board import DepthBoard
from gateway.normalize.depths import Depth
from gateway.policy.demand import LEVEL2_SERVICES, Demand, Service

EQUITY: Final = 1
"""The vendor's security type of shares."""
IMAGE_INTERVAL_US: Final = 10_000_000
"""One symbol's book is asked for anew at most this often."""
BUDGET_US: Final = 60_000_000
"""The time that the budget for all symbols is counted over."""


class DepthUpstream(Protocol):
    """Where Level 2 requests go; they are forgotten while there is no connection."""

    @property
    def is_classic(self) -> bool:
        """Whether the connection speaks the dialect before 6.2, which has no price levels."""
        ...

    def want(self) -> None:
        """Connect, if that has not been wanted before."""
        ...

    def watch_orders(self, symbol: str) -> None:
        """Ask for orders, or market makers."""
        ...

    def unwatch_orders(self, symbol: str) -> None:
        """End that."""
        ...

    def watch_levels(self, symbol: str) -> None:
        """Ask for price levels."""
        ...

    def unwatch_levels(self, symbol: str) -> None:
        """End that."""
        ...


class DepthDesk:
    """Opens, keeps and closes Level 2 watches as demand comes and goes.

    Args:
        depths: The books.
        demand: Wishes by symbol and service, shared with Level 1's desk.
        upstream: Where requests go.
        clock: Counts the budget.
        counters: Where doubts are counted.
        images_per_minute_max: Budget for asking anew.
    """

    def __init__(
        self,
        *,
        depths: DepthBoard,
        demand: Demand,
        upstream: DepthUpstream,
        clock: Clock,
        counters: Counters,
        images_per_minute_max: int,
    ) -> None:
        self._depths = depths
        self._demand = demand
        self._upstream = upstream
        self._clock = clock
        self._counters = counters
        self._images_per_minute_max = images_per_minute_max
        self._images_us: deque[int] = deque()
        self._limited: dict[str, None] = {}
        self._variants: dict[str, dict[str, int]] = {}
        self.on_slot_freed: Callable[[], object] | None = None
        """Told when the vendor watches a symbol less."""
        self.on_limit: Callable[[], object] = lambda: None
        """Told when the vendor's limit refused a symbol."""

    def open(self, symbol: str) -> None:
        """Begin to want a symbol's depth, before the wish is counted.

        Raises:
            QuotaExceeded: The board has no room for another symbol.
        """
        if symbol in self._depths.depths:
            return
        depth = self._depths.open(symbol)
        self._upstream.want()
        for variant in self._variants.get(symbol, ()):
            self._depths.books.add(depth, variant)

    def review(self, symbol: str) -> None:
        """Bring what the vendor is asked for a symbol in line with what is wanted of it."""
        depth = self._depths.depths.get(symbol)
        if depth is None:
            return
        if not any(self._demand.is_watched(symbol, service) for service in LEVEL2_SERVICES):
            self._close(depth)
            return
        # Rows alone need no book: what nobody wants is not worked out.
        if not self._demand.is_watched(symbol, Service.BOOK):
            self._depths.books.drop(depth, "")
        elif "" not in depth.books and self._depths.books.add(depth, "") is not None:
            self._depths.mark(depth, 0)
        needed = self._needed(depth)
        if not needed:
            for kind in tuple(depth.asked):
                self._release(depth, kind)
            self._depths.refuse(depth, Cause.NO_DEPTH)
            return
        if depth.standing.state is SymbolState.REFUSED:
            if depth.standing.cause is not Cause.NO_DEPTH:
                return
            self._depths.open(symbol)
        for kind in sorted(needed - depth.asked, reverse=True):
            # "order" sorts behind "depth": orders are asked for first.
            self._depths.expect(depth, kind)
            self._ask(symbol, kind)
        for kind in depth.asked - needed:
            self._release(depth, kind)

    def forget_refused(self, symbol: str) -> None:
        """End a refused symbol's watch as soon as nobody wants it: nothing lingers there."""
        depth = self._depths.depths.get(symbol)
        if depth is not None and depth.standing.state is SymbolState.REFUSED:
            self._demand.forget(symbol, LEVEL2_SERVICES)
            self.review(symbol)

    def add_variant(self, symbol: str, variant: str) -> None:
        """Count a subscription to a variant; the first one makes its topic."""
        counts = self._variants.setdefault(symbol, {})
        counts[variant] = counts.get(variant, 0) + 1
        depth = self._depths.depths.get(symbol)
        if depth is not None and self._depths.books.add(depth, variant) is not None:
            self._depths.mark(depth, 0)

    def drop_variant(self, symbol: str, variant: str) -> None:
        """Take a subscription to a variant back; the last one ends its topic."""
        counts = self._variants.get(symbol, {})
        count = counts.pop(variant, 0) - 1
        if count > 0:
            counts[variant] = count
            return
        if not counts:
            self._variants.pop(symbol, None)
        depth = self._depths.depths.get(symbol)
        if depth is not None:
            self._depths.books.drop(depth, variant)
            for waiting in counts:
                # There is room for one that was one too many.
                if waiting not in depth.books and self._depths.books.add(depth, waiting):
                    self._depths.mark(depth, 0)

    def ask_again(self, shard: int = 0) -> None:
        """Ask a new connection for all its symbols: the vendor keeps nothing of the old one."""
        self._depths.recover_upstream(shard, is_new=True)
        for depth in self._depths.of_shard(shard):
            name = depth.symbol.name
            self._limited.pop(name, None)
            # What was refused gets one more chance with each connection.
            self._depths.open(name)
            self.review(name)

    def ask_refresh(self, shard: int = 0) -> None:
        """Ask for a connection's books anew after DTN was away: deletions may have been missed."""
        self._depths.recover_upstream(shard, is_new=False)
        for depth in self._depths.of_shard(shard):
            if depth.standing.state is not SymbolState.REFUSED:
                self._ask_anew(depth)

    def ask_on_request(self, depth: Depth) -> None:
        """Ask for one symbol's book anew; the caller keeps a budget of its own."""
        self._counters.add(Counter.BOOK_IMAGES_ASKED)
        self._ask_anew(depth)

    def ask_in_doubt(self, depth: Depth) -> bool:
        """Ask for one symbol's book anew, within the budget.

        Returns:
            Whether it was asked for; otherwise the caller may try again later.
        """
        now_us = self._clock.monotonic_ns() // 1000
        while self._images_us and now_us - self._images_us[0] > BUDGET_US:
            self._images_us.popleft()
        asked_us = depth.images_asked_us
        is_too_soon = asked_us and now_us - asked_us < IMAGE_INTERVAL_US
        if is_too_soon:
            return False
        if len(self._images_us) >= self._images_per_minute_max:
            self._counters.add(Counter.BOOK_IMAGES_REFUSED)
            return False
        self._images_us.append(now_us)
        depth.images_asked_us = now_us
        self._counters.add(Counter.BOOK_IMAGES_ASKED)
        self._ask_anew(depth)
        return True

    def note_no_depth(self, symbol: str) -> None:
        """The vendor has no depth of the kind asked for longest without an answer."""
        depth = self._depths.depths.get(symbol)
        if depth is None:
            return
        if not depth.expected:
            return
        self._depths.lack(depth, next(iter(depth.expected)))
        self.review(symbol)

    def note_not_found(self, symbol: str) -> None:
        """The vendor does not know a symbol."""
        self._refuse(symbol, Cause.SYMBOL_NOT_FOUND)

    def note_limit(self, symbol: str) -> None:
        """The vendor's symbol limit refused a symbol; it gets the next free slot."""
        if self._refuse(symbol, Cause.SYMBOL_LIMIT):
            self._limited[symbol] = None
            self.on_limit()

    def note_not_entitled(self) -> None:
        """The account may not see something; the vendor does not say what.

        Whatever has not been answered yet counts as refused. A row that comes after all brings its
        symbol to life again.
        """
        for depth in list(self._depths.depths.values()):
            if depth.standing.state is SymbolState.PENDING:
                self._depths.refuse(depth, Cause.NOT_ENTITLED)

    def retry_limited(self) -> None:
        """Give a freed slot to the symbol that has waited longest for one."""
        while self._limited:
            symbol = next(iter(self._limited))
            del self._limited[symbol]
            depth = self._depths.depths.get(symbol)
            if depth is not None and depth.standing.state is SymbolState.REFUSED:
                self._depths.open(symbol)
                depth.asked.clear()
                self.review(symbol)
                return

    def states(self, symbol: str) -> dict[str, tuple[str, str | None]]:
        """How each Level 2 kind of a symbol stands; empty while nobody wants its depth."""
        depth = self._depths.depths.get(symbol)
        if depth is None:
            return {}
        found = {kind.value: state_of(depth, kind) for kind in (Kind.ORDER, Kind.DEPTH, Kind.BOOK)}
        return {
            kind: (state.value, cause.value if cause else None)
            for kind, (state, cause) in found.items()
        }

    def _needed(self, depth: Depth) -> set[Kind]:
        """The requests that serve what is wanted, as far as the vendor is known to have it."""
        symbol, is_watched = depth.symbol.name, self._demand.is_watched
        has_orders = not depth.has_no_orders
        has_levels = not (
            depth.has_no_levels or self._upstream.is_classic or self._is_equity(depth)
        )
        needed: set[Kind] = set()
        is_book_wanted = is_watched(symbol, Service.BOOK)
        if has_orders and (is_book_wanted or is_watched(symbol, Service.ORDERS)):
            needed.add(Kind.ORDER)
        if has_levels and (
            is_watched(symbol, Service.LEVELS) or (is_book_wanted and not has_orders)
        ):
            needed.add(Kind.DEPTH)
        if not has_levels:
            depth.has_no_levels = True
        return needed

    def _is_equity(self, depth: Depth) -> bool:
        """Whether Level 1 has said that the symbol is a share."""
        topic = depth.symbol.topics.get(Kind.FUNDAMENTAL)
        if topic is None or topic.last is None:
            return False
        return bool(topic.last[6].get("security_type") == EQUITY)

    def _ask(self, symbol: str, kind: Kind) -> None:
        if kind is Kind.ORDER:
            self._upstream.watch_orders(symbol)
        else:
            self._upstream.watch_levels(symbol)

    def _release(self, depth: Depth, kind: Kind) -> None:
        if kind is Kind.ORDER:
            self._upstream.unwatch_orders(depth.symbol.name)
        else:
            self._upstream.unwatch_levels(depth.symbol.name)
        self._depths.release(depth, kind)

    def _ask_anew(self, depth: Depth) -> None:
        """Ask again on the same connection; the first summary row will clear the book."""
        # A watch that is repeated brings the summary again, and no line is missed in between, as
        # it would be between an end and a beginning.
        for kind in sorted(depth.asked, reverse=True):
            self._ask(depth.symbol.name, kind)
        self._depths.expect_anew(depth)

    def _refuse(self, symbol: str, cause: Cause) -> bool:
        depth = self._depths.depths.get(symbol)
        if depth is None:
            return False
        if depth.standing.state is not SymbolState.PENDING:
            for kind in tuple(depth.asked):
                # Late rows must not bring a ruin of the book back to life.
                self._release(depth, kind)
        depth.asked.clear()
        depth.expected.clear()
        self._depths.refuse(depth, cause)
        return True

    def _close(self, depth: Depth) -> None:
        symbol = depth.symbol.name
        self._limited.pop(symbol, None)
        was_asked = bool(depth.asked)
        for kind in list(depth.asked):
            if kind is Kind.ORDER:
                self._upstream.unwatch_orders(symbol)
            else:
                self._upstream.unwatch_levels(symbol)
        self._depths.close(depth)
        if was_asked and self.on_slot_freed is not None:
            self.on_slot_freed()
