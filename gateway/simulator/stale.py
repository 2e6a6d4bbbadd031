"""The columns of a symbol as an old P line shows them: a past day's last values."""

from collections.abc import Callable
from typing import Final

from gateway.simulator import symbol_state as column
from gateway.simulator.eastern import DAY_SECONDS, day_date, latest_weekday
from gateway.simulator.fields import MESSAGE_CONTENTS
from gateway.simulator.symbol_state import SymbolState

LAST_TIME: Final = "19:59:14.503633"
CONTENTS: Final = "Cbacv"
"""Time and letters of a captured P line."""
_PRICES: Final = (
    column.TRADE_PRICE, column.LAST_PRICE, column.BID_PRICE_COLUMN, column.ASK_PRICE_COLUMN,
)  # fmt: skip
_TIMES: Final = (column.TRADE_TIME, column.LAST_TIME, column.BID_TIME, column.ASK_TIME)
_DATES: Final = (column.TRADE_DATE, column.LAST_DATE)
_OF_TODAY: Final = (column.OPEN_COLUMN, column.HIGH_COLUMN, column.LOW_COLUMN)


class StaleColumns:
    """Shows every symbol as it stood at the end of the weekday before.

    Args:
        clock_second: What the time lines show.
    """

    def __init__(self, clock_second: Callable[[], int]) -> None:
        self._clock_second = clock_second

    def __call__(self, state: SymbolState) -> list[str]:
        """The columns of a P line, a copy."""
        columns = [*state.columns]
        day = latest_weekday(self._clock_second() // DAY_SECONDS - 1)
        price = columns[column.CLOSE_COLUMN] or columns[column.TRADE_PRICE]
        for place in _PRICES:
            columns[place] = price
        for place in _TIMES:
            columns[place] = LAST_TIME
        for place in _DATES:
            columns[place] = day_date(day).strftime("%m/%d/%Y")
        for place in _OF_TODAY:
            columns[place] = ""
        columns[column.TRADE_DAY_CODE] = str(day_date(day).day)
        columns[column.TOTAL_VOLUME] = "0"
        columns[MESSAGE_CONTENTS] = CONTENTS
        return columns
