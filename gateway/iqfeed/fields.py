"""The only home of the vendor's field names, spelled as the vendor spells them.

The order of a P or Q line's columns is the order of the connection's current field set, which the
vendor states in `S,CURRENT UPDATE FIELDNAMES`. Build column maps from that line, never from here.
"""

import enum
from typing import Final


class Field(enum.StrEnum):
    """Every dynamic field of protocols 6.1 and 6.2, by its vendor name."""

    SYMBOL = "Symbol"

    # Prices, ratios and other decimal numbers.
    SEVEN_DAY_YIELD = "7 Day Yield"
    ASK = "Ask"
    ASK_CHANGE = "Ask Change"
    AVERAGE_MATURITY = "Average Maturity"
    BID = "Bid"
    BID_CHANGE = "Bid Change"
    CHANGE = "Change"
    CHANGE_FROM_OPEN = "Change From Open"
    CLOSE = "Close"
    CLOSE_RANGE_1 = "Close Range 1"
    CLOSE_RANGE_2 = "Close Range 2"
    EXTENDED_TRADE = "Extended Trade"
    EXTENDED_TRADING_CHANGE = "Extended Trading Change"
    EXTENDED_TRADING_DIFFERENCE = "Extended Trading Difference"
    HIGH = "High"
    LAST = "Last"
    LOW = "Low"
    MARKET_CAPITALIZATION = "Market Capitalization"
    MOST_RECENT_TRADE = "Most Recent Trade"
    NET_ASSET_VALUE = "Net Asset Value"
    OPEN = "Open"
    OPEN_RANGE_1 = "Open Range 1"
    OPEN_RANGE_2 = "Open Range 2"
    PERCENT_CHANGE = "Percent Change"
    PERCENT_OFF_AVERAGE_VOLUME = "Percent Off Average Volume"
    PRICE_EARNINGS_RATIO = "Price-Earnings Ratio"
    RANGE = "Range"
    SETTLE = "Settle"
    SPREAD = "Spread"
    VOLATILITY = "Volatility"
    VWAP = "VWAP"

    # Sizes, counts and codes: whole numbers.
    ASK_MARKET_CENTER = "Ask Market Center"
    ASK_SIZE = "Ask Size"
    BID_MARKET_CENTER = "Bid Market Center"
    BID_SIZE = "Bid Size"
    DAYS_TO_EXPIRATION = "Days to Expiration"
    DECIMAL_PRECISION = "Decimal Precision"
    DELAY = "Delay"
    EXTENDED_TRADE_MARKET_CENTER = "Extended Trade Market Center"
    EXTENDED_TRADE_SIZE = "Extended Trade Size"
    FRACTION_DISPLAY_CODE = "Fraction Display Code"
    LAST_MARKET_CENTER = "Last Market Center"
    LAST_SIZE = "Last Size"
    MARKET_OPEN = "Market Open"
    MOST_RECENT_TRADE_AGGRESSOR = "Most Recent Trade Aggressor"
    MOST_RECENT_TRADE_DAY_CODE = "Most Recent Trade Day Code"
    MOST_RECENT_TRADE_MARKET_CENTER = "Most Recent Trade Market Center"
    MOST_RECENT_TRADE_SIZE = "Most Recent Trade Size"
    NUMBER_OF_TRADES_TODAY = "Number of Trades Today"
    OPEN_INTEREST = "Open Interest"
    PREVIOUS_DAY_VOLUME = "Previous Day Volume"
    TICK = "Tick"
    TICK_ID = "TickID"
    TOTAL_VOLUME = "Total Volume"

    # Times of day, `HH:MM:SS.ffffff`, US Eastern, without a date. Quotes have no date field.
    ASK_TIME = "Ask Time"
    BID_TIME = "Bid Time"
    EXTENDED_TRADE_TIME = "Extended Trade Time"
    LAST_TIME = "Last Time"
    MOST_RECENT_TRADE_TIME = "Most Recent Trade Time"

    # Dates, `MM/DD/YYYY`.
    EXTENDED_TRADE_DATE = "Extended Trade Date"
    LAST_DATE = "Last Date"
    MOST_RECENT_TRADE_DATE = "Most Recent Trade Date"
    SETTLEMENT_DATE = "Settlement Date"

    # Texts and letters.
    AVAILABLE_REGIONS = "Available Regions"
    EXCHANGE_ID = "Exchange ID"
    FINANCIAL_STATUS_INDICATOR = "Financial Status Indicator"
    MESSAGE_CONTENTS = "Message Contents"
    MOST_RECENT_TRADE_CONDITIONS = "Most Recent Trade Conditions"
    RESTRICTED_CODE = "Restricted Code"
    TYPE = "Type"


DEFAULT_FIELDS: Final[tuple[Field, ...]] = (
    Field.SYMBOL,
    Field.MOST_RECENT_TRADE,
    Field.MOST_RECENT_TRADE_SIZE,
    Field.MOST_RECENT_TRADE_TIME,
    Field.MOST_RECENT_TRADE_MARKET_CENTER,
    Field.TOTAL_VOLUME,
    Field.BID,
    Field.BID_SIZE,
    Field.ASK,
    Field.ASK_SIZE,
    Field.OPEN,
    Field.HIGH,
    Field.LOW,
    Field.CLOSE,
    Field.MESSAGE_CONTENTS,
    Field.MOST_RECENT_TRADE_CONDITIONS,
)
"""What a connection of protocol 5.0 to 6.2 has before it selects."""

GATEWAY_FIELDS: Final[tuple[Field, ...]] = (
    Field.MESSAGE_CONTENTS,
    Field.BID,
    Field.BID_SIZE,
    Field.BID_TIME,
    Field.BID_MARKET_CENTER,
    Field.ASK,
    Field.ASK_SIZE,
    Field.ASK_TIME,
    Field.ASK_MARKET_CENTER,
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
"""What the gateway selects. Quote columns come first: most lines are quotes, and a reader that
stops at the first columns it needs reads less. Symbol is always first and is never selected."""

LEGACY_DEFAULT_FIELDS: Final[tuple[str, ...]] = (
    "Symbol",
    "Exchange ID",
    "Last",
    "Change",
    "Percent Change",
    "Total Volume",
    "Incremental Volume",
    "High",
    "Low",
    "Bid",
    "Ask",
    "Bid Size",
    "Ask Size",
    "Tick",
    "Bid Tick",
    "Range",
    "Last Trade Time",
    "Open Interest",
    "Open",
    "Close",
    "Spread",
    "Strike",
    "Settle",
    "Delay",
    "Market Center",
    "Restricted Code",
    "Net Asset Value",
    "Average Maturity",
    "7 Day Yield",
    "Last Trade Date",
    "(Reserved)",
    "Extended Trading Last",
    "Expiration Date",
    "Regional Volume",
    "Net Asset Value 2",
    "Extended Trading Change",
    "Extended Trading Difference",
    "Price-Earnings Ratio",
    "Percent Off Average Volume",
    "Bid Change",
    "Ask Change",
    "Change From Open",
    "Market Open",
    "Volatility",
    "Market Capitalization",
    "Fraction Display Code",
    "Decimal Precision",
    "Days to Expiration",
    "Previous Day Volume",
    "Regions",
    "Open Range 1",
    "Close Range 1",
    "Open Range 2",
    "Close Range 2",
    "Number of Trades Today",
    "Bid Time",
    "Ask Time",
    "VWAP",
    "TickID",
    "Financial Status Indicator",
    "Settlement Date",
    "Trade Market Center",
    "Bid Market Center",
    "Ask Market Center",
    "Trade Time",
    "Available Regions",
)
"""The default of protocol 4.9, which a connection speaks until it sets one. Many of these names
are unknown to later protocols, so they are texts here and no members of `Field`."""
