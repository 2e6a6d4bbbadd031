"""Message Contents: what a Q line says it is about, as a plan for publishing.

Source: letters C E O (a new trade: last-qualified, extended, other), b a (bid, ask), o h l c s
(open, high, low, close, settlement), v (volume); any order, at most one of C, E, O.
"""

from typing import Final, NamedTuple

from gateway.counters import Complaints, Counter

_KNOWN: Final = frozenset("CEObaohlcsv")
_BASES: Final = "CEO"
_AT_ONCE: Final = frozenset("ohlcs")
ENTRIES_MAX: Final = 4096


class Plan(NamedTuple):
    """What one combination of letters asks for."""

    basis: str | None
    """C, E or O when the line is a new trade; None otherwise."""
    has_quote: bool
    """Whether a side of the quote changed: b or a."""
    has_bid: bool
    """Whether the bid changed: its time is fresh."""
    has_ask: bool
    """Whether the ask changed: its time is fresh."""
    is_summary_due: bool
    """Whether a summary goes out at once: o, h, l, c, s, or v without a trade."""
    is_quote_only: bool
    """Whether the quote is all there is: the most frequent line by far."""


class PlanCache(dict[str, Plan]):
    """`cache[letters]` is the plan; unknown letters are ignored and counted every time.

    Args:
        complaints: Told of unknown letters and of more than one trade letter.
    """

    __slots__ = ("_complaints",)

    def __init__(self, complaints: Complaints) -> None:
        super().__init__()
        self._complaints = complaints

    def __missing__(self, letters: str) -> Plan:
        bases = [letter for letter in _BASES if letter in letters]
        has_trade = bool(bases)
        has_bid, has_ask = "b" in letters, "a" in letters
        is_summary_due = not _AT_ONCE.isdisjoint(letters) or ("v" in letters and not has_trade)
        has_quote = has_bid or has_ask
        plan = Plan(
            basis=bases[0] if bases else None,
            has_quote=has_quote,
            has_bid=has_bid,
            has_ask=has_ask,
            is_summary_due=is_summary_due,
            is_quote_only=has_quote and not has_trade and not is_summary_due,
        )
        if not _KNOWN.issuperset(letters) or len(bases) > 1:
            # Not remembered, so that every occurrence is counted and garbage takes no memory.
            self._complaints.complain(
                Counter.VALUES_INVALID, letters, "unknown or contradictory message contents"
            )
        elif len(letters) <= len(_KNOWN) and len(self) < ENTRIES_MAX:
            self[letters] = plan
        return plan
