"""What must be noticed about Level 1 symbols although no line says it: no answer, and silence.

IQConnect confirms a watch by nothing but the symbol's first lines, and can stop one symbol while
all others go on. So whatever has no answer is asked for again, and a symbol that has become
improbably quiet is audited: its values are asked for, and compared with what is known. The audit
costs two lines; a quiet symbol is never a reason to open a connection anew.

How quiet is improbable follows from how active the symbol was. Looks are taken at regular times; if
a share `a` of them used to find a new line, `n` looks that find none happen by chance in `(1-a)^n`
of all cases. Beyond one in ten thousand the symbol is a suspect. One that traded all the time is
suspected within two seconds, one that trades once a minute within ten minutes, and at the close of
the market every symbol once.
"""

import math
from collections.abc import Callable
from typing import Final

from gateway.clock import Clock
from gateway.counters import Counter, Counters
from gateway.model.enums import Cause, Flag, SymbolState
from gateway.normalize.board import Board
from gateway.normalize.symbols import Symbol
from gateway.policy.rate_limit import TokenBucket

SLICES: Final = 5
"""Calls of `look` for one look at every symbol."""
ANSWER_NS_MAX: Final = 2_000_000_000
"""How long an answer may take before the vendor is asked again."""
AUDIT_NS_MAX: Final = 1_200_000_000
"""How long the answer to an audit may take: the watch stands, and IQConnect is near."""
WAIT_DOUBLINGS_MAX: Final = 4
"""Waits for later answers grow up to sixteen times as long."""
CHANCE_MAX: Final = 1e-4
"""A silence that is less probable than this is looked into."""
ACTIVITY_MAX: Final = 0.98
"""However active a symbol was, two looks in a row may find nothing."""
ACTIVITY_MIN: Final = 0.002
"""A symbol that is quieter is not audited at all: nothing would be proved."""
LOOKS_REMEMBERED: Final = 64
"""Looks that an activity stands for: what a symbol did in the last quarter of a minute."""
LOOKS_MIN: Final = 6
"""Looks without which nothing is known of a symbol's pace."""
HEARD_AFTER_NS: Final = 300_000_000
"""A connection must have been heard so long after a question for its silence to be an answer."""
REASON_US_MAX: Final = 5_000_000
"""How long a symbol stays in doubt after its last implausible message."""
SECOND_NS: Final = 1_000_000_000
_SUSPECT: Final = int(Flag.SUSPECT)


class Level1Care:
    """Looks after the symbols of all Level 1 connections.

    Args:
        board: The symbols.
        clock: Monotonic for waits, UTC for stamps.
        counters: Where audits are counted.
        refreshes_per_second_max: Budget for asking the vendor; what is over it waits. One half is
            for audits: symbols that never answer, however many, must not keep them waiting.
        heard_ns: When a connection was heard last, monotonic; None while there is none.
        on_audit: Asks for a symbol's values.
        on_unanswered: Asks for a symbol anew: its watch may have been lost.
    """

    def __init__(
        self,
        board: Board,
        *,
        clock: Clock,
        counters: Counters,
        refreshes_per_second_max: int,
        heard_ns: Callable[[int], int | None],
        on_audit: Callable[[str], object],
        on_unanswered: Callable[[str], object],
    ) -> None:
        self._board = board
        self._clock = clock
        self._counters = counters
        self._audits = _half_of(refreshes_per_second_max, clock)
        self._repeats = _half_of(refreshes_per_second_max, clock)
        self._heard_ns = heard_ns
        self._on_audit = on_audit
        self._on_unanswered = on_unanswered
        self._left: list[Symbol] = []
        self._slice = 0
        self._call = 0

    def look(self) -> None:
        """Look at the next share of the symbols; call it `SLICES` times for one look at all."""
        if self._call == 0:
            self._left = list(self._board.wanted())
            self._slice = -(-len(self._left) // SLICES)
        self._call = (self._call + 1) % SLICES
        now_ns = self._clock.monotonic_ns()
        down_causes = self._board.down_causes
        for symbol in self._left[: self._slice]:
            if down_causes[symbol.shard] is not None:
                # Whatever was asked is asked again when the connection is whole.
                symbol.attention.answered()
                symbol.attention.is_audited = False
            elif symbol.is_live:
                self._look_at_live(symbol, now_ns)
            elif symbol.state is not SymbolState.REFUSED:
                self._look_at_waiting(symbol, now_ns)
        del self._left[: self._slice]

    def _look_at_waiting(self, symbol: Symbol, now_ns: int) -> None:
        """Ask again for a symbol whose first lines do not come."""
        attention = symbol.attention
        if not attention.asked_us:
            attention.asked_us = now_ns // 1000
        elif self._is_overdue(symbol, now_ns) and self._may_ask(self._repeats):
            self._counters.add(Counter.WATCHES_REPEATED)
            attention.tries += 1
            attention.asked_us = now_ns // 1000
            self._on_unanswered(symbol.name)

    def _look_at_live(self, symbol: Symbol, now_ns: int) -> None:
        attention = symbol.attention
        is_new = symbol.last_line_us != attention.seen_line_us
        attention.seen_line_us = symbol.last_line_us
        if is_new:
            attention.learn(LOOKS_REMEMBERED)
            if not attention.is_audited:
                attention.answered()
        else:
            attention.quiet_looks += 1
        if attention.reason is not None:
            self._judge_reason(symbol)
        if attention.is_audited:
            if self._is_overdue(symbol, now_ns) and self._is_heard(symbol):
                self._give_up(symbol)
        elif not is_new and self._is_improbable(symbol) and self._may_ask(self._audits):
            self._counters.add(Counter.SYMBOLS_AUDITED)
            attention.is_audited = True
            attention.asked_us = now_ns // 1000
            self._on_audit(symbol.name)

    def _is_improbable(self, symbol: Symbol) -> bool:
        """Whether a symbol's silence needs an explanation."""
        attention = symbol.attention
        activity = min(attention.activity, ACTIVITY_MAX)
        is_known = attention.looks >= LOOKS_MIN and activity >= ACTIVITY_MIN
        if not is_known or symbol.cause is Cause.HALTED:
            return False
        return attention.quiet_looks * math.log1p(-activity) < math.log(CHANCE_MAX)

    def _give_up(self, symbol: Symbol) -> None:
        """Doubt a symbol whose values are not even told when asked for."""
        symbol.attention.found_silent()
        symbol.has_old_values = True
        self._counters.add(Counter.SYMBOLS_SILENT)
        self._board.change(symbol, SymbolState.STALE, Cause.SYMBOL_SILENT)
        self._counters.add(Counter.WATCHES_REPEATED)
        symbol.attention.asked_us = self._clock.monotonic_ns() // 1000
        self._on_unanswered(symbol.name)

    def _judge_reason(self, symbol: Symbol) -> None:
        """Trust a symbol again whose implausible messages are over."""
        last = symbol.quote.last
        is_quote_doubted = last is not None and bool(last[3] & _SUSPECT)
        is_recent = self._clock.utc_us() - symbol.attention.reason_us <= REASON_US_MAX
        if not is_quote_doubted and not is_recent:
            self._board.trust(symbol)

    def _is_overdue(self, symbol: Symbol, now_ns: int) -> bool:
        attention = symbol.attention
        first_ns = AUDIT_NS_MAX if attention.is_audited else ANSWER_NS_MAX
        wait_ns = first_ns << min(attention.tries, WAIT_DOUBLINGS_MAX)
        return now_ns - attention.asked_us * 1000 >= wait_ns

    def _is_heard(self, symbol: Symbol) -> bool:
        """Whether the connection is alive, so that it is the symbol alone that is silent."""
        heard_ns = self._heard_ns(symbol.shard)
        asked_ns = symbol.attention.asked_us * 1000
        return heard_ns is not None and heard_ns - asked_ns >= HEARD_AFTER_NS

    def _may_ask(self, budget: TokenBucket | None) -> bool:
        """Take one from a budget, if there is one; who gets none is looked at again soon."""
        if budget is None or budget.wait_ns():
            self._counters.add(Counter.REFRESHES_REFUSED)
            return False
        budget.take()
        return True


def _half_of(per_second_max: int, clock: Clock) -> TokenBucket | None:
    """Half of so many questions a second, as many at once; None when none may be asked."""
    if not per_second_max:
        return None
    return TokenBucket(
        clock, tokens_max=max(1, per_second_max // 2), token_ns=2 * SECOND_NS // per_second_max
    )
