"""Drives the seeded market in real time: small batches, seconds, headlines."""

import asyncio
import random
from collections.abc import Callable
from typing import Final

from gateway.simulator.counts import Counts
from gateway.simulator.deep_symbol import DeepSymbol
from gateway.simulator.depth_hub import DepthHub
from gateway.simulator.eastern import SECOND_US, MarketClock
from gateway.simulator.fundamentals import fundamental_values
from gateway.simulator.hub import Hub
from gateway.simulator.market import Market
from gateway.simulator.news import NewsDesk
from gateway.simulator.options import Burst, SimulatorOptions
from gateway.simulator.symbol_state import SymbolState

CATCH_UP_S: Final = 0.25
"""A late batch makes at most this many seconds' worth of events; the rest is counted."""
EVENTS_AT_ONCE_MAX: Final = 5000
"""Nor does it make more than these, or a few batches' worth: sockets must be served in between."""
DELAY_S: Final = 15 * 60
"""How far a delayed account's data is behind."""


class MarketSource:
    """The seeded market as a source of symbols.

    Args:
        options: What the simulator was told.
        clock: Eastern time.
    """

    def __init__(self, options: SimulatorOptions, clock: MarketClock) -> None:
        self.clock = clock
        self._options = options
        self.delay_us = DELAY_S * SECOND_US if options.is_delayed else 0
        """How far the data is behind the time lines."""
        self.market = Market(
            seed=options.seed,
            equity_count=options.equity_count,
            trade_share=options.trade_share,
            now_us=clock.now_us() - self.delay_us,
            delay_minutes=DELAY_S // 60 if options.is_delayed else 0,
            depth_orders=options.depth_orders,
        )
        self._fundamentals: dict[str, dict[str, str]] = {}

    def state(self, symbol: str) -> SymbolState | None:
        """The state of a symbol; None when it does not exist."""
        return self.market.state(symbol)

    def fundamental(self, symbol: str) -> dict[str, str]:
        """Fundamental values by name."""
        values = self._fundamentals.get(symbol)
        if values is None:
            market = self.market
            values = self._fundamentals[symbol] = fundamental_values(
                market.instruments[symbol], seed=self._options.seed, day=market.first_day
            )
        return values

    def depth(self, symbol: str) -> DeepSymbol | None:
        """A symbol with its book; None for one that has no depth."""
        return self.market.depth(symbol)

    def change_unseen(self, symbol: DeepSymbol) -> None:
        """Let a book change while nobody can hear of it, if its market is open."""
        if self.market.can_change(symbol):
            symbol.change_unseen()

    def watch(self, symbol: str) -> None:
        """Somebody watches this symbol now."""
        self.market.watch(symbol)

    def unwatch(self, symbol: str) -> None:
        """Nobody watches this symbol any more."""
        self.market.unwatch(symbol)

    def late_quote(self, symbol: str) -> int:
        """Change flags of one more quote of a symbol; 0 when its market is closed."""
        return self.market.late_quote(symbol)

    def clock_second(self) -> int:
        """What the time lines show."""
        return self.clock.now_us() // SECOND_US


class Pace:
    """How many events are due, without loss by rounding.

    Args:
        rate: Events a second.
        counts: Where lateness is counted.
        batch_s: Seconds between two batches.
    """

    def __init__(self, rate: float, counts: Counts, *, batch_s: float) -> None:
        self._rate = rate
        self._counts = counts
        self._batch_s = batch_s
        self._carry = 0.0

    def due(self, span_us: int, factor: float) -> int:
        """Events that belong into a span.

        Args:
            span_us: Its length.
            factor: How many times the normal rate.

        Returns:
            How many to make now; what a late host cannot make is counted and left out.
        """
        rate = self._rate * factor
        due = rate * span_us / SECOND_US + self._carry
        count = int(due)
        self._carry = due - count
        at_once = max(EVENTS_AT_ONCE_MAX, int(4 * rate * self._batch_s))
        limit = min(int(rate * CATCH_UP_S) + 1, at_once)
        if count > limit:
            self._counts.events_skipped += count - limit
            return limit
        return count


class MarketPump:
    """Makes the market's lines at the asked rate.

    Args:
        source: The market.
        hub: Where the lines go.
        depth: Where the lines of books go.
        counts: Where lateness is counted.
        options: Rate, burst profile, batch length, news.
        send_second: Told of each second that begins; sends the time lines.
        send_news: Given each headline.
        flush: Sends what the hub queued.
    """

    def __init__(
        self,
        source: MarketSource,
        hub: Hub,
        depth: DepthHub,
        counts: Counts,
        *,
        options: SimulatorOptions,
        send_second: Callable[[int], None],
        send_news: Callable[[str], None],
        flush: Callable[[], None],
    ) -> None:
        self._source = source
        self._hub = hub
        self._depth = depth
        self._counts = counts
        self._batch_s = options.batch_ms / 1000
        self._burst = None if options.burst is None else Burst.parse(options.burst)
        self._pace = Pace(options.rate, counts, batch_s=self._batch_s)
        self._depth_pace = Pace(options.depth_rate, counts, batch_s=self._batch_s)
        self._news_interval_s = options.news_interval_s
        self._send_second = send_second
        self._send_news = send_news
        self._flush = flush
        symbols = list(source.market.instruments)
        self._desk = NewsDesk(random.Random(f"{options.seed}/news"), symbols)
        self._start_us = self._reached_us = source.clock.now_us()
        self.is_held = False
        """Whether nothing may happen; the seconds go on."""
        self.extra_factor = 1.0
        """How many times the usual events happen, beside the profile's bursts."""
        self.active = asyncio.Event()
        """Set while there is somebody to send to and the link is up."""

    async def run(self) -> None:
        """Pump until cancelled."""
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while True:
            if not self.active.is_set():
                await self.active.wait()
                # Nothing happens in a market that nobody can see.
                self._reached_us = self._source.clock.now_us()
                next_at = loop.time()
            self.advance(self._source.clock.now_us())
            self._flush()
            next_at = max(next_at + self._batch_s, loop.time())
            # The pace is the point here; asyncio.sleep(0) at least lets commands be read.
            await asyncio.sleep(next_at - loop.time())

    def advance(self, now_us: int) -> None:
        """Make everything that happens up to now, second by second.

        Args:
            now_us: Eastern time; not before the last call's.
        """
        while self._reached_us < now_us:
            start_us = self._reached_us
            next_second = start_us // SECOND_US + 1
            end_us = min(next_second * SECOND_US, now_us)
            if not self.is_held:
                self._move(start_us, end_us)
            self._reached_us = end_us
            if end_us == next_second * SECOND_US:
                self._begin_second(next_second)

    def skew(self, skew_us: int) -> None:
        """Let time be off by so much from now on; what lies between does not happen."""
        jump_us = self._source.clock.skew(skew_us)
        if not jump_us:
            return
        self._reached_us += jump_us
        self._start_us += jump_us
        self._jump()

    def set_delayed(self, *, is_delayed: bool) -> None:
        """Let the data be late from now on, or no more; what lies between does not happen."""
        delay_s = DELAY_S if is_delayed else 0
        self._source.delay_us = delay_s * SECOND_US
        self._source.market.set_delay(delay_s // 60)
        self._jump()

    def _jump(self) -> None:
        market = self._source.market
        self._hub.publish(market.jump(self._reached_us - self._source.delay_us))

    def _move(self, start_us: int, end_us: int) -> None:
        """Let the market move during a part of one second."""
        market, delay_us = self._source.market, self._source.delay_us
        start_us, span_us = start_us - delay_us, end_us - start_us
        if market.moment.second != start_us // SECOND_US:
            self._hub.publish(market.reach(start_us // SECOND_US))
        factor = self.extra_factor
        if self._burst is not None:
            factor *= self._burst.factor_at((self._reached_us - self._start_us) / SECOND_US)
        count = self._pace.due(span_us, factor)
        self._hub.publish(market.events(count, start_us, start_us + span_us))
        deep = self._depth_pace.due(span_us, factor)
        if deep and self._depth.channels:
            self._depth.advance(deep, start_us + span_us - 1, can_change=market.can_change)

    def _begin_second(self, second: int) -> None:
        self._send_second(second)
        delay_s = self._source.delay_us // SECOND_US
        if not self.is_held:
            self._hub.publish(self._source.market.reach(second - delay_s))
        if self._news_interval_s and second % self._news_interval_s == 0:
            self._send_news(self._desk.headline(second))
