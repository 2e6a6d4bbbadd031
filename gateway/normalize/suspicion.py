"""What makes a quote or a trade implausible: it is published all the same, flagged, never mended.

Source: trade condition codes 21 HALT, 39 and 2E (official opening and closing prices, whose size is
0) from the vendor's table of trade conditions.
"""

import enum
from typing import Final

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
