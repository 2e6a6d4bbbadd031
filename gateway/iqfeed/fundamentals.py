"""Where the F line keeps what, by protocol version."""

from typing import Final

FUNDAMENTAL_FIELDS: Final[tuple[tuple[int, str, str], ...]] = (
    (2, "exchange_id", "text"),
    (3, "price_earnings_ratio", "number"),
    (4, "average_volume", "integer"),
    (5, "high_52_week", "price"),
    (6, "low_52_week", "price"),
    (7, "calendar_year_high", "price"),
    (8, "calendar_year_low", "price"),
    (9, "dividend_yield", "number"),
    (10, "dividend_amount", "number"),
    (11, "dividend_rate", "number"),
    (12, "pay_date", "date"),
    (13, "ex_dividend_date", "date"),
    (14, "current_year_earnings_per_share", "number"),
    (15, "next_year_earnings_per_share", "number"),
    (16, "five_year_growth_percent", "number"),
    (17, "fiscal_year_end", "integer"),
    (18, "company_name", "text"),
    (19, "root_option_symbols", "text"),
    (20, "percent_held_by_institutions", "number"),
    (21, "beta", "number"),
    (22, "leaps", "text"),
    (23, "current_assets_millions", "number"),
    (24, "current_liabilities_millions", "number"),
    (25, "balance_sheet_date", "date"),
    (26, "long_term_debt_millions", "number"),
    (27, "common_shares_outstanding_thousands", "number"),
    (28, "split_factor_1", "text"),
    (29, "split_factor_2", "text"),
    (30, "format_code", "integer"),
    (31, "precision", "integer"),
    (32, "sic", "text"),
    (33, "historical_volatility", "number"),
    (34, "security_type", "integer"),
    (35, "listed_market", "integer"),
    (36, "high_52_week_date", "date"),
    (37, "low_52_week_date", "date"),
    (38, "calendar_year_high_date", "date"),
    (39, "calendar_year_low_date", "date"),
    (40, "year_end_close", "price"),
    (41, "maturity_date", "date"),
    (42, "coupon_rate", "number"),
    (43, "expiration_date", "date"),
    (44, "strike_price", "price"),
    (45, "naics", "text"),
    (46, "exchange_root", "text"),
    (47, "option_premium_multiplier", "number"),
    (48, "option_multiple_deliverable", "integer"),
    (49, "session_open", "time"),
    (50, "session_close", "time"),
    (51, "base_currency", "text"),
    (52, "contract_size", "number"),
    (53, "contract_months", "text"),
    (54, "minimum_tick_size", "number"),
    (55, "first_delivery_date", "date"),
    (56, "figi", "text"),
    (57, "security_subtype", "integer"),
)
"""Column number after the letter, key, and value type, as of protocol 6.1."""

COLUMNS_MAX: Final = 57
"""Columns of an F line after its letter, in every version."""


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


EARLIER_FUNDAMENTAL_FIELDS: Final[tuple[tuple[int, str, str], ...]] = tuple(
    (earlier, key, kind)
    for column, key, kind in FUNDAMENTAL_FIELDS
    if (earlier := _earlier_column(column)) is not None
)
"""The same for protocols 5.0 to 6.0."""
