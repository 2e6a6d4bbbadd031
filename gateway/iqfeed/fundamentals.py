"""Where the F line keeps what, by protocol version."""

from collections.abc import Sequence
from typing import Final

from gateway.model.messages import FUNDAMENTAL_FIELDS, FundamentalField

COLUMNS_MAX: Final = 57
"""Columns of an F line after its letter, in every version."""

_EARLIER_PROTOCOLS: Final = frozenset({"5.0", "5.1", "5.2", "6.0"})


def _earlier_column(column: int) -> int | None:
    """Where protocols 5.0 to 6.0 keep a column of 6.1; None when they do not have it.

    They have reserved columns (14 to 16, 18, 23, 34, 37), a short interest (17) and a market
    center (38) that 6.1 removed, and nothing of what 6.1 added at the end.
    """
    if column > 48:
        return None
    for first, shift in ((30, 9), (28, 7), (18, 6), (14, 5)):
        if column >= first:
            return column + shift
    return column


_EARLIER_FIELDS: Final = tuple(
    FundamentalField(earlier, field.key, field.value_type)
    for field in FUNDAMENTAL_FIELDS
    if (earlier := _earlier_column(field.column)) is not None
)


def fundamental_fields(protocol: str) -> Sequence[FundamentalField]:
    """The columns of an F line that have a meaning, in the line's order.

    Args:
        protocol: The version in force on the connection, such as `6.2`.
    """
    return _EARLIER_FIELDS if protocol in _EARLIER_PROTOCOLS else FUNDAMENTAL_FIELDS
