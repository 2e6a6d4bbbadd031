"""Who watches what, and the way of an event from a source to the sockets."""

import random
from collections.abc import Callable, Iterable
from typing import Protocol

from gateway.simulator import symbol_state as column
from gateway.simulator.changes import ASK, BID, EXTENDED, MASKS, QUALIFIED, TRADE
from gateway.simulator.counts import Counts
from gateway.simulator.deep_symbol import DeepSymbol
from gateway.simulator.eastern import time_line
from gateway.simulator.fields import MESSAGE_CONTENTS, LayoutCache
from gateway.simulator.fundamentals import fundamental_line
from gateway.simulator.recorder import TradeRecorder
from gateway.simulator.roster import Roster
from gateway.simulator.symbol_state import SymbolState
from gateway.simulator.watching import LOST, Watch


class Source(Protocol):
    """Where symbols and their events come from."""

    def state(self, symbol: str) -> SymbolState | None:
        """The state of a symbol; None when it does not exist."""
        ...

    def fundamental(self, symbol: str) -> dict[str, str]:
        """Fundamental values by name."""
        ...

    def depth(self, symbol: str) -> DeepSymbol | None:
        """A symbol with its whole book; None for one without depth."""
        ...

    def watch(self, symbol: str) -> None:
        """Somebody watches this symbol now."""
        ...

    def unwatch(self, symbol: str) -> None:
        """Nobody watches this symbol any more."""
        ...

    def late_quote(self, symbol: str) -> int:
        """Change flags of one more quote of a symbol; 0 when there is none."""
        ...

    def clock_second(self) -> int:
        """What the time lines show: seconds since the Eastern epoch."""
        ...


class Hub:
    """Watches of one login and the fan-out of its lines.

    Args:
        source: Symbols and events.
        counts: Where everything is counted.
        rng: Decides when corrections happen.
        roster: The login's symbols, shared by all ports.
        correction_every: Mean number of trades between corrections; 0 for none.
        recorder: Keeps the trades sent; None to keep nothing.
    """

    def __init__(
        self,
        source: Source,
        counts: Counts,
        *,
        rng: random.Random,
        roster: Roster,
        correction_every: int,
        recorder: TradeRecorder | None,
    ) -> None:
        self.source = source
        self.counts = counts
        self.layouts = LayoutCache()
        self._rng = rng
        self._roster = roster
        self._correction_every = correction_every
        self._until_correction = self._next_correction()
        self._recorder = recorder
        self._watched: dict[str, SymbolState] = {}
        self.line_end = "\r\n"
        """What follows the last column of F, P and Q: more columns, or only the line end."""
        self.stale_columns: Callable[[SymbolState], list[str]] | None = None
        """Makes the columns that P lines show instead of the current ones; None for those."""

    def _next_correction(self) -> int:
        every = self._correction_every
        return self._rng.randint(1, 2 * every) if every else -1

    @property
    def symbol_count(self) -> int:
        """Different symbols watched now, over all sockets and ports."""
        return len(self._roster)

    @property
    def watch_count(self) -> int:
        """Watches over all sockets."""
        return sum(len(state.watches) for state in self._watched.values())

    def has_room_for(self, symbol: str) -> bool:
        """Whether the login may watch this symbol; a symbol counts once for all sockets."""
        return self._roster.has_room_for(symbol)

    def add(self, state: SymbolState, watch: Watch) -> None:
        """Begin a watch."""
        state.watches.append(watch)
        if state.symbol not in self._watched:
            self._watched[state.symbol] = state
            self._roster.enter(state.symbol)

    def remove(self, state: SymbolState, watch: Watch) -> None:
        """End a watch and its regional part."""
        state.watches.remove(watch)
        self.remove_regional(state, watch)
        if not state.watches:
            del self._watched[state.symbol]
            self._roster.leave(state.symbol)

    def remove_regional(self, state: SymbolState, watch: Watch) -> None:
        """End only the regional part of a watch."""
        if watch in state.regional_watches:
            state.regional_watches.remove(watch)

    def snapshot(self, state: SymbolState, watch: Watch) -> None:
        """Queue F and P for one socket."""
        self.counts.snapshots_sent += 1
        values = self.source.fundamental(state.symbol)
        watch.pending.append(f"{fundamental_line(values, watch.protocol)}{self.line_end}")
        if watch.layout.needs_derived:
            state.render_derived()
        state.columns[MESSAGE_CONTENTS] = state.snapshot_contents()
        columns = state.columns if self.stale_columns is None else self.stale_columns(state)
        watch.pending.append(f"P,{watch.layout.body(columns)},{self.line_end}")

    def publish(self, events: Iterable[tuple[SymbolState, int]]) -> None:
        """Queue each event's line on every socket that wants it.

        Args:
            events: Symbol and change flags; each is rendered before the next is drawn.
        """
        counts = self.counts
        masks = MASKS
        line_end = self.line_end
        for state, flags in events:
            mask = masks[flags]
            columns = state.columns
            state.stale |= flags
            rendered = None
            is_kept_back = False
            line = ""
            for watch in state.watches:
                layout = watch.layout
                if not mask & layout.mask or (watch.is_trades_only and not flags & TRADE):
                    continue
                if watch.mute:
                    is_kept_back = True
                    self._keep_back(watch)
                    continue
                if layout is not rendered:
                    if layout.needs_derived:
                        state.render_derived()
                    line = f"Q,{layout.body(columns)},{line_end}"
                    rendered = layout
                watch.pending.append(line)
            if state.publish_depth is not None:
                state.publish_depth()
            if state.regional_watches and flags & (BID | ASK):
                self._send_regional(state)
            if rendered is None:
                counts.trades_unsent += is_kept_back and flags & TRADE > 0
                continue
            counts.events += 1
            if flags & TRADE:
                self._count_trade(state, flags)
            else:
                counts.quotes_sent += 1

    def _keep_back(self, watch: Watch) -> None:
        if watch.mute & LOST:
            self.counts.lines_lost += 1
        else:
            self.counts.lines_silenced += 1

    def _count_trade(self, state: SymbolState, flags: int) -> None:
        counts = self.counts
        if flags & QUALIFIED:
            counts.trades_sent_c += 1
        elif flags & EXTENDED:
            counts.trades_sent_e += 1
        else:
            counts.trades_sent_o += 1
        if self._recorder is not None:
            self._recorder.record(state)
        self._until_correction -= 1
        if self._until_correction == 0:
            self._until_correction = self._next_correction()
            self._correct(state)

    def _correct(self, state: SymbolState) -> None:
        """Take back the latest print, in the two forms real lines have."""
        columns = state.columns
        price, size = columns[column.TRADE_PRICE], columns[column.TRADE_SIZE]
        tick_id, center = columns[column.TICK_ID], columns[column.TRADE_CENTER]
        lines = [f"C,{state.symbol},X,,,,{price},{size},{tick_id},,{center},\r\n"]
        if self._rng.random() < 0.5:
            conditions = columns[column.TRADE_CONDITIONS]
            lines.append(
                f"C,{state.symbol},I,{state.last_basis},{columns[column.TRADE_DATE]},,{price},{size},"
                f"{tick_id},{conditions},{center},\r\n"
            )
        for watch in state.watches:
            if watch.protocol == "6.2" and not watch.mute:
                watch.pending.extend(lines)
                self.counts.corrections_sent += 1

    def _send_regional(self, state: SymbolState) -> None:
        """The quote of the venue that changed, beside the national one."""
        line = regional_line(state)
        for watch in state.regional_watches:
            if watch.mute:
                self._keep_back(watch)
                continue
            watch.pending.append(line)
            self.counts.regionals_sent += 1

    def watches_of(self, symbol: str) -> list[Watch]:
        """Who watches a symbol now, over all sockets."""
        state = self._watched.get(symbol)
        return [] if state is None else [*state.watches]

    def late_update(self, state: SymbolState) -> None:
        """Let one more update of a symbol reach everyone, a leaving watch included."""
        flags = self.source.late_quote(state.symbol)
        if flags:
            self.publish([(state, flags)])

    def time_text(self) -> str:
        """The T line of now, without its line end."""
        return time_line(self.source.clock_second())


def regional_line(state: SymbolState) -> str:
    """An `R` line in the current layout, with its line end."""
    columns = state.columns
    return (
        f"R,{state.symbol},,{columns[column.BID_PRICE_COLUMN]},{columns[column.BID_SIZE]},"
        f"{columns[column.BID_TIME][:8]},{columns[column.ASK_PRICE_COLUMN]},"
        f"{columns[column.ASK_SIZE]},{columns[column.ASK_TIME][:8]},14,"
        f"{columns[column.DECIMAL_PRECISION]},{columns[column.BID_CENTER]},\r\n"
    )
