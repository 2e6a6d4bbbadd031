"""What makes a quote or a trade implausible: it is published all the same, flagged, never mended.

Source: trade condition codes 21 HALT, 39 and 2E (official opening and closing prices, whose size is
0) from the vendor's table of trade conditions.
"""

import enum
from dataclasses import dataclass
from typing import Final

from gateway.counters import Counter

_HALT: Final = "21"
_OFFICIAL: Final = frozenset({"39", "2E"})


class Reason(enum.StrEnum):
    """Why a message is flagged SUSPECT; in the details of the symbol's `state`."""

    CROSSED = "crossed"
    """The bid is above the ask."""
    LOCKED = "locked"
    """The bid is the ask."""
    PRICE_NOT_POSITIVE = "price_not_positive"
    """A price is zero or negative; legal for spreads."""
    SIZE_ZERO = "size_zero"
    """A trade of nothing, of an instrument whose trades have sizes."""
    OUT_OF_ORDER = "out_of_order"
    """Older than what was published before it."""
    PRICE_OUT_OF_RANGE = "price_out_of_range"
    """A price beyond what any instrument is worth; such as two columns that became one."""
    PRICE_JUMP = "price_jump"
    """A trade further from the last one than the settings allow."""
    VALUE_UNREADABLE = "value_unreadable"
    """A price or size that is no number, such as `NaN` or a negative size; published as nil."""


COUNTERS: Final = {
    Reason.CROSSED: Counter.SUSPECT_CROSSED,
    Reason.LOCKED: Counter.SUSPECT_LOCKED,
    Reason.PRICE_NOT_POSITIVE: Counter.SUSPECT_PRICE_NOT_POSITIVE,
    Reason.SIZE_ZERO: Counter.SUSPECT_SIZE_ZERO,
    Reason.OUT_OF_ORDER: Counter.LINES_OUT_OF_ORDER,
    Reason.PRICE_OUT_OF_RANGE: Counter.SUSPECT_PRICE_OUT_OF_RANGE,
    Reason.PRICE_JUMP: Counter.SUSPECT_PRICE_JUMP,
    Reason.VALUE_UNREADABLE: Counter.SUSPECT_VALUE_UNREADABLE,
}
"""How often each was the reason."""


@dataclass(frozen=True, slots=True)
class PriceLimits:
    """Which prices are implausible, whatever stands beside them."""

    price_max: float = 10_000_000.0
    """Beyond it, either way, a price is out of range; 0 for no limit."""
    jump_max: float = 0.0
    """A trade may be so far from the last one, as a share of that; 0 for any distance."""

    def is_usual(self, price: float | None) -> bool:
        """Whether a price alone gives no reason for doubt."""
        return price is None or (price > 0 and (not self.price_max or price <= self.price_max))

    def doubt(self, price: float | None) -> Reason | None:
        """What is implausible about a price alone."""
        is_beyond = price is not None and self.price_max and abs(price) > self.price_max
        return Reason.PRICE_OUT_OF_RANGE if is_beyond else None

    def is_jump(self, price: float, last: float | None) -> bool:
        """Whether a trade is too far from the one before it; nothing is far from zero or nil."""
        if not self.jump_max or not last:
            return False
        return abs(price - last) > self.jump_max * abs(last)


ANY_PRICE: Final = PriceLimits()


def doubt_quote(bid: float | None, ask: float | None) -> Reason | None:
    """What is implausible about two prices; None when nothing is."""
    if bid is not None and ask is not None and bid >= ask:
        return Reason.LOCKED if bid == ask else Reason.CROSSED
    if (bid is not None and bid <= 0) or (ask is not None and ask <= 0):
        return Reason.PRICE_NOT_POSITIVE
    return None


def doubt_trade(
    price: float, size: int | None, conditions: str | None, *, has_sizes: bool
) -> Reason | None:
    """What is implausible about a print; None when nothing is.

    Args:
        price: As published.
        size: As published.
        conditions: Codes of two characters each, one after the other.
        has_sizes: Whether the symbol's trades are known to have sizes; an index's have none.
    """
    if price <= 0:
        return Reason.PRICE_NOT_POSITIVE
    if size == 0 and has_sizes and _OFFICIAL.isdisjoint(codes_of(conditions)):
        return Reason.SIZE_ZERO
    return None


def is_halt(conditions: str | None) -> bool:
    """Whether a print tells that trading is halted."""
    return _HALT in codes_of(conditions)


def codes_of(conditions: str | None) -> list[str]:
    """The codes of a print: `"873D17"` has three."""
    if conditions is None:
        return []
    return [conditions[at : at + 2] for at in range(0, len(conditions), 2)]
