"""Where the columns of one field set stand, as attributes: what the busiest loop reads."""

from collections.abc import Sequence
from typing import Final

from gateway.iqfeed.fields import Field
from gateway.normalize.columns import Columns
from gateway.normalize.symbols import Gap

VOLUME_DIGITS_MAX: Final = 19


class Level1Columns:
    """The indexes of every field that is read, after splitting a line at its commas.

    Args:
        names: The field set that IQConnect acknowledged, `Symbol` first.
    """

    def __init__(self, names: Sequence[str]) -> None:
        columns = Columns(names)
        self.part_count: Final = columns.part_count
        """Parts of a whole line after splitting."""
        self._is_complete = columns.is_complete
        self._is_usual = columns.is_usual
        at = columns.at
        self._contents_at = at(Field.MESSAGE_CONTENTS)
        self._bid_at, self._bid_size_at = at(Field.BID), at(Field.BID_SIZE)
        self._bid_time_at, self._bid_center_at = at(Field.BID_TIME), at(Field.BID_MARKET_CENTER)
        self._ask_at, self._ask_size_at = at(Field.ASK), at(Field.ASK_SIZE)
        self._ask_time_at, self._ask_center_at = at(Field.ASK_TIME), at(Field.ASK_MARKET_CENTER)
        self._price_at = at(Field.MOST_RECENT_TRADE)
        self._size_at = at(Field.MOST_RECENT_TRADE_SIZE)
        self._time_at = at(Field.MOST_RECENT_TRADE_TIME)
        self._date_at = at(Field.MOST_RECENT_TRADE_DATE)
        self._center_at = at(Field.MOST_RECENT_TRADE_MARKET_CENTER)
        self._conditions_at = at(Field.MOST_RECENT_TRADE_CONDITIONS)
        self._aggressor_at = at(Field.MOST_RECENT_TRADE_AGGRESSOR)
        self._trade_id_at, self._volume_at = at(Field.TICK_ID), at(Field.TOTAL_VOLUME)
        self._last_at, self._last_size_at = at(Field.LAST), at(Field.LAST_SIZE)
        self._last_time_at, self._last_date_at = at(Field.LAST_TIME), at(Field.LAST_DATE)
        self._last_center_at = at(Field.LAST_MARKET_CENTER)
        self._daily_at = [at(f) for f in (Field.OPEN, Field.HIGH, Field.LOW, Field.CLOSE)]
        self._settle_at, self._vwap_at = at(Field.SETTLE), at(Field.VWAP)
        self._interest_at = at(Field.OPEN_INTEREST)
        self._count_at = at(Field.NUMBER_OF_TRADES_TODAY)
        self._trade_at = (self._date_at, self._time_at, self._trade_id_at, self._price_at)
        self._quote_at = (self._bid_at, self._bid_size_at, self._ask_at, self._ask_size_at)

    def gap_between(
        self, before: str, after: Sequence[str], *, has_trade: bool, from_us: int, to_us: int
    ) -> Gap | None:
        """What happened between two lines of a symbol that nobody told us.

        Args:
            before: The last line before an interruption; empty when there was none.
            after: The columns of the first line behind it.
            has_trade: Whether that line is a new trade itself.
            from_us: When the line before was read, UTC.
            to_us: When the line after was read, UTC.

        Returns:
            The gap; None when no trade was missed, as far as the columns tell.
        """
        fields = before.split(",")
        if len(fields) < self.part_count or self._price_at < 0:
            return None
        grown = self._growth(fields, after)
        if self._is_same_trade(fields, after):
            return None
        if fields[self._date_at] != after[self._date_at] or grown is None:
            return Gap(from_us, to_us, None)
        missed = grown
        if has_trade and after[self._size_at].isdecimal():
            # The line's own print is not missing.
            missed -= int(after[self._size_at])
        if has_trade and missed == 0:
            return None
        return Gap(from_us, to_us, missed if missed > 0 else None)

    def is_same(self, before: str, after: Sequence[str]) -> bool:
        """Whether two lines of a symbol have the same quote and the same last trade."""
        fields = before.split(",")
        if len(fields) < self.part_count:
            return False
        is_same_quote = all(fields[at] == after[at] for at in self._quote_at)
        return is_same_quote and self._is_same_trade(fields, after)

    def _is_same_trade(self, before: Sequence[str], after: Sequence[str]) -> bool:
        is_same = all(before[at] == after[at] for at in self._trade_at)
        return is_same and not self._growth(before, after)

    def _growth(self, before: Sequence[str], after: Sequence[str]) -> int | None:
        """By how much the day's volume has grown; 0 after it began anew, None if unreadable."""
        volumes = before[self._volume_at], after[self._volume_at]
        if not all(volume.isdecimal() and len(volume) <= VOLUME_DIGITS_MAX for volume in volumes):
            return None
        return max(0, int(volumes[1]) - int(volumes[0]))
