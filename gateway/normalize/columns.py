"""Where each field stands in the lines of one negotiated field set."""

from collections.abc import Sequence
from typing import Final

from gateway.iqfeed.fields import Field

QUOTE_FIELDS: Final = (
    Field.MESSAGE_CONTENTS,
    Field.BID,
    Field.BID_SIZE,
    Field.BID_TIME,
    Field.BID_MARKET_CENTER,
    Field.ASK,
    Field.ASK_SIZE,
    Field.ASK_TIME,
    Field.ASK_MARKET_CENTER,
)
"""What a quote needs; in our own field set these come first, in this order."""
USED_FIELDS: Final = (
    *QUOTE_FIELDS,
    Field.MOST_RECENT_TRADE,
    Field.MOST_RECENT_TRADE_SIZE,
    Field.MOST_RECENT_TRADE_TIME,
    Field.MOST_RECENT_TRADE_DATE,
    Field.MOST_RECENT_TRADE_MARKET_CENTER,
    Field.MOST_RECENT_TRADE_CONDITIONS,
    Field.MOST_RECENT_TRADE_AGGRESSOR,
    Field.TICK_ID,
    Field.TOTAL_VOLUME,
    Field.LAST,
    Field.LAST_SIZE,
    Field.LAST_TIME,
    Field.LAST_DATE,
    Field.LAST_MARKET_CENTER,
    Field.OPEN,
    Field.HIGH,
    Field.LOW,
    Field.CLOSE,
    Field.SETTLE,
    Field.VWAP,
    Field.OPEN_INTEREST,
    Field.NUMBER_OF_TRADES_TODAY,
)
"""Every field that is read."""
MISSING_AT: Final = -1
"""Where a field that was not selected is read: an empty column added after the line's own."""


class Columns:
    """The positions of one acknowledged field set.

    Args:
        names: The acknowledged set, `Symbol` first.
    """

    __slots__ = ("_names", "has_quote_first", "is_complete", "is_usual", "part_count")

    def __init__(self, names: Sequence[str]) -> None:
        self._names: Final = [str(name) for name in names]
        self.part_count: Final = len(self._names) + 2
        """Parts of a whole line after splitting: letter, fields, and nothing after the last
        comma."""
        self.is_complete: Final = all(field in self._names for field in USED_FIELDS)
        """Whether no field that is read is missing."""
        self.has_quote_first: Final = self._names[1 : len(QUOTE_FIELDS) + 1] == list(QUOTE_FIELDS)
        """Whether a quote can be read without looking at the rest of the line."""

        self.is_usual: Final = self._names[1:] == [str(field) for field in USED_FIELDS]
        """Whether these are all the fields that are read, in our own order."""

    def at(self, field: Field) -> int:
        """The index of a field after splitting, `MISSING_AT` when it was not selected."""
        return self._names.index(field) + 1 if field in self._names else MISSING_AT
