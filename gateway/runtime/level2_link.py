"""One TCP connection to IQConnect's Level 2 port, owned by the feed thread.

Few gateways are asked for depth, and an account without it may have no Level 2 port at all. So the
connection is made when depth is first wanted, and kept from then on.
"""

from collections.abc import Callable

from gateway.clock import Clock
from gateway.counters import Counter, Counters
from gateway.iqfeed.events import Event, ProtocolSelected
from gateway.iqfeed.level2_session import Level2Session
from gateway.policy.retry import Retry
from gateway.runtime.feed_link import FeedLink, P
from gateway.runtime.link_parts import LinkOptions


class Level2Link(FeedLink[Level2Session, P]):
    """Keeps one Level 2 connection open, once it is wanted.

    Args:
        options: Where and how to connect.
        make_session: Makes the state machine of each new connection.
        make_pipeline: Makes the pipeline once, given where system lines go.
        retry: Decides when to try again.
        clock: Monotonic for deadlines, UTC for stamps.
        counters: Where connections are counted.
        price_levels_max: Price levels a side to ask for; 0 leaves the number to DTN.
    """

    def __init__(
        self,
        options: LinkOptions,
        *,
        make_session: Callable[[], Level2Session],
        make_pipeline: Callable[[Callable[[str], None]], P],
        retry: Retry,
        clock: Clock,
        counters: Counters,
        price_levels_max: int,
    ) -> None:
        super().__init__(
            options,
            make_session=make_session,
            make_pipeline=make_pipeline,
            retry=retry,
            clock=clock,
            counters=counters,
        )
        self._price_levels_max = price_levels_max
        self._is_begun = False
        self._is_wanted = False
        self._is_closed = False

    @property
    def is_wanted(self) -> bool:
        """Whether depth was ever asked for; before, there is no connection and no deadline."""
        return self._is_wanted

    @property
    def is_classic(self) -> bool:
        """Whether the agreed protocol is older than 6.2; False without a connection."""
        return self._session is not None and self._session.is_classic

    def begin(self) -> None:
        """Connect as soon as depth is wanted; before, nothing was tried."""
        self._is_begun = True
        if self._is_wanted:
            super().begin()

    def want(self) -> None:
        """Connect at the next `tick` and stay connected; later calls change nothing."""
        if not self._is_wanted and not self._is_closed:
            self._is_wanted = True
            if self._is_begun:
                super().begin()

    def watch_orders(self, symbol: str) -> None:
        """Ask for a symbol's orders or market makers; on a classic connection for its depth.

        Nothing is asked before the handshake is done: then everything is asked for anew.
        """
        session = self._ready_session
        if session is not None:
            self._counters.add(Counter.WATCHES_SENT)
            self._count_refused(session.request_orders(symbol))

    def unwatch_orders(self, symbol: str) -> None:
        """End a symbol's orders, market makers or classic depth."""
        session = self._ready_session
        if session is not None:
            self._count_refused(session.release_orders(symbol))

    def watch_levels(self, symbol: str) -> None:
        """Ask for a symbol's price levels; a classic connection has none to ask for."""
        session = self._ready_session
        if session is not None:
            if not session.is_classic:
                self._counters.add(Counter.WATCHES_SENT)
            self._count_refused(session.request_levels(symbol, self._price_levels_max))

    def unwatch_levels(self, symbol: str) -> None:
        """End a symbol's price levels."""
        session = self._ready_session
        if session is not None:
            self._count_refused(session.release_levels(symbol))

    def close(self) -> None:
        """Close for good: a wish that comes later does not open it again."""
        self._is_closed = True
        super().close()

    def _note(self, event: Event) -> None:
        # The base has told the pipeline; there is no field set to wait for.
        if isinstance(event, ProtocolSelected):
            self.retry.connected()
