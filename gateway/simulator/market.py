"""The seeded market: which symbols are awake, and what happens to them next.

The market makes events only for watched symbols, so that the asked rate is the delivered rate. A
caller hands over spans of time that never cross a full second; sessions and trading days change
on full seconds only.
"""

import random
from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from gateway.simulator.changes import CLOSE, VOLUME
from gateway.simulator.conditions import HALT, REOPENING
from gateway.simulator.deep_symbol import DeepSymbol
from gateway.simulator.eastern import (
    CLOSE_S,
    DAY_SECONDS,
    OPEN_S,
    SECOND_US,
    Hours,
    Moment,
    Session,
    moment_at,
)
from gateway.simulator.fields import INDEX
from gateway.simulator.instruments import DepthKind, Instrument, universe
from gateway.simulator.made_up_day import make_up_day
from gateway.simulator.seeded_symbol import SeededSymbol

CROSS_STEP_US: Final = 137
"""Time between two symbols' crosses."""
OFFICIAL_DELAY_US: Final = 21
"""Time from a cross to its official price."""
CROSSES_MAX: Final = SECOND_US // CROSS_STEP_US - 1


class Market:
    """Symbols drawn from a seed, and their events.

    Args:
        seed: Same seed, same market.
        equity_count: Equities in it.
        trade_share: Share of events that are trades.
        now_us: Eastern time it begins at.
        delay_minutes: What the field Delay shows; 0 for real time.
        depth_orders: Orders that a whole book keeps on each side, about.
    """

    def __init__(
        self,
        *,
        seed: int,
        equity_count: int,
        trade_share: float,
        now_us: int,
        delay_minutes: int = 0,
        depth_orders: int = 150,
    ) -> None:
        self._seed = seed
        self._depth_orders = depth_orders
        self._delay_text = str(delay_minutes)
        self._trade_share = trade_share
        self._rng = random.Random(f"{seed}/market")
        self.moment: Moment = moment_at(now_us // SECOND_US)
        self._latest_us = now_us
        self.first_day = self.moment.second // DAY_SECONDS
        self.instruments: dict[str, Instrument] = universe(
            seed, equity_count=equity_count, day=self.first_day
        )
        self._states: dict[str, SeededSymbol] = {}
        self._watched: dict[str, SeededSymbol] = {}
        self._halted: set[str] = set()
        self._awake: list[SeededSymbol] = []
        self._weights: list[float] = []
        self._total = 0.0
        self._is_stale = False

    def state(self, symbol: str) -> SeededSymbol | None:
        """The state of a symbol, made up when it is first asked for.

        Args:
            symbol: The vendor's spelling.

        Returns:
            The state; None for a symbol that does not exist.
        """
        state = self._states.get(symbol)
        if state is None:
            instrument = self.instruments.get(symbol)
            if instrument is None:
                return None
            state = self._states[symbol] = self._make(instrument)
            state.columns[INDEX["Delay"]] = self._delay_text
            make_up_day(state, self.moment)
        return state

    def _make(self, instrument: Instrument) -> SeededSymbol:
        if instrument.depth_kind is DepthKind.NONE:
            return SeededSymbol(instrument, seed=self._seed)
        return DeepSymbol(instrument, seed=self._seed, orders_per_side=self._depth_orders)

    def depth(self, symbol: str) -> DeepSymbol | None:
        """A symbol with its whole book, made when it is first asked for.

        Args:
            symbol: The vendor's spelling.

        Returns:
            The symbol; None for one that has no depth or does not exist.
        """
        state = self.state(symbol)
        if not isinstance(state, DeepSymbol):
            return None
        state.deepen()
        return state

    def can_change(self, state: SeededSymbol) -> bool:
        """Whether something can happen to a symbol now."""
        is_open = self.moment.sessions[state.hours] is not Session.CLOSED
        return is_open and state.instrument.weight > 0 and state.symbol not in self._halted

    def watch(self, symbol: str) -> None:
        """Let things happen to a symbol; it must exist."""
        state = self.state(symbol)
        if state is None:
            raise KeyError(symbol)
        self._watched[symbol] = state
        self._is_stale = True

    def unwatch(self, symbol: str) -> None:
        """Let nothing more happen to a symbol."""
        self._watched.pop(symbol, None)
        self._is_stale = True

    def reach(self, second: int) -> Iterator[tuple[SeededSymbol, int]]:
        """Enter a second; to be called before the events in it.

        Args:
            second: Seconds since the Eastern epoch, not before the current one.

        Yields:
            What the new second brings by itself: new trading days and crosses.
        """
        before, now = self.moment, moment_at(second)
        yield from self._enter(now)
        of_day = second % DAY_SECONDS
        if of_day in (OPEN_S, CLOSE_S) and before.second < second:
            yield from self._crosses(now, is_opening=of_day == OPEN_S)

    def jump(self, now_us: int) -> Iterator[tuple[SeededSymbol, int]]:
        """Enter another time without what lies between; it may be earlier.

        Args:
            now_us: Eastern microseconds.

        Yields:
            What another trading day brings.
        """
        self._latest_us = now_us
        yield from self._enter(moment_at(now_us // SECOND_US))

    def _enter(self, now: Moment) -> Iterator[tuple[SeededSymbol, int]]:
        before, self.moment = self.moment, now
        if before.sessions != now.sessions or before.days != now.days:
            self._is_stale = True
            for state in self._states.values():
                state.show_session(now)
                if state.day != now.days[state.hours]:
                    state.start_trading_day(now)
                    if state.symbol in self._watched:
                        flags = CLOSE | VOLUME
                        state.set_contents(flags)
                        yield state, flags

    def halt(self, symbol: str) -> tuple[SeededSymbol, int]:
        """Let nothing more happen to a symbol, behind a print that says so."""
        event = self._special_print(symbol, HALT, "O")
        self._halted.add(symbol)
        self._is_stale = True
        return event

    def resume(self, symbol: str) -> tuple[SeededSymbol, int]:
        """Let a halted symbol trade again, behind a print that says so."""
        self._halted.discard(symbol)
        self._is_stale = True
        return self._special_print(symbol, REOPENING, "C")

    @property
    def halted(self) -> list[str]:
        """Symbols that are halted."""
        return sorted(self._halted)

    def _special_print(self, symbol: str, conditions: str, basis: str) -> tuple[SeededSymbol, int]:
        state = self.state(symbol)
        if state is None:
            raise KeyError(symbol)
        flags = state.print_trade(
            state.bid,
            state.instrument.trade_sizes[0] if basis == "C" else 0,
            conditions=conditions,
            basis=basis,
            center=state.instrument.trade_centers[0],
            time=self._latest_time(),
            moment=self.moment,
        )
        state.set_contents(flags)
        return state, flags

    def _latest_time(self) -> str:
        """The time of the latest event, within the second that was reached."""
        offset = min(max(self._latest_us - self.moment.second * SECOND_US, 0), SECOND_US - 1)
        return f"{self.moment.prefix}{offset:06d}"

    def set_delay(self, minutes: int) -> None:
        """Say in the field Delay how late the data is."""
        self._delay_text = str(minutes)
        for state in self._states.values():
            state.columns[INDEX["Delay"]] = self._delay_text

    def _crosses(self, now: Moment, *, is_opening: bool) -> Iterator[tuple[SeededSymbol, int]]:
        is_trading_day = now.days[Hours.EQUITY] == now.second // DAY_SECONDS
        equities = [
            state
            for state in self._watched.values()
            if state.instrument.is_equity
            and state.instrument.weight > 0
            and is_trading_day
            and state.symbol not in self._halted
        ]
        for place, state in enumerate(equities[:CROSSES_MAX]):
            at_us = (place + 1) * CROSS_STEP_US
            times = (f"{now.prefix}{at_us:06d}", f"{now.prefix}{at_us + OFFICIAL_DELAY_US:06d}")
            for flags in state.crosses(times, now, is_opening=is_opening):
                yield state, flags
            self._latest_us = now.second * SECOND_US + at_us + OFFICIAL_DELAY_US

    def _wake(self) -> None:
        """Collect the symbols that something can happen to now."""
        sessions = self.moment.sessions
        self._awake = [
            state
            for state in self._watched.values()
            if sessions[state.hours] is not Session.CLOSED
            and state.instrument.weight > 0
            and state.symbol not in self._halted
        ]
        self._weights = list(accumulate(state.instrument.weight for state in self._awake))
        self._total = self._weights[-1] if self._weights else 0.0
        self._is_stale = False

    @property
    def is_quiet(self) -> bool:
        """Whether no watched symbol can have events now."""
        if self._is_stale:
            self._wake()
        return not self._awake

    def events(self, count: int, start_us: int, end_us: int) -> Iterator[tuple[SeededSymbol, int]]:
        """Let things happen, evenly spread over a part of one second.

        Args:
            count: How many events.
            start_us: Eastern microseconds, inside the second reached last.
            end_us: End of the span, not beyond that second's end.

        Yields:
            The symbol and its change flags; its columns show the event until the next one.
        """
        if self.is_quiet or count <= 0:
            return
        awake, weights, total = self._awake, self._weights, self._total
        random_, trade_share = self._rng.random, self._trade_share
        moment = self.moment
        prefix, second_us = moment.prefix, moment.second * SECOND_US
        # Crosses may already have used the first part of the span.
        start_us = max(start_us, self._latest_us)
        step = max(end_us - start_us, 0) / count
        offset, last = start_us - second_us, len(awake) - 1
        for place in range(count):
            draw = random_()
            state = awake[min(bisect(weights, draw * total), last)]
            # The digits that the symbol's choice leaves over are as good as new ones.
            jitter = draw * 4096.0 % 1.0
            # A second has a million microseconds, however late this batch is made.
            time = f"{prefix}{min(int(offset + (place + jitter) * step), 999_999):06d}"
            if random_() < trade_share:
                yield state, state.trade(time, moment)
            else:
                yield state, state.quote(time)
        self._latest_us = max(end_us, start_us)

    def late_quote(self, symbol: str) -> int:
        """One more quote change at the latest time, as one in flight when a watch ends.

        Args:
            symbol: A watched symbol.

        Returns:
            Change flags; 0 when the symbol's market is closed.
        """
        state = self._watched[symbol]
        if not self.can_change(state):
            return 0
        return state.quote(self._latest_time())
