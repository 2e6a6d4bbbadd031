"""The symbols of the seeded market."""

import enum
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.simulator.conditions import (
    CONTRACT_SIZES,
    EQUITY_CENTERS,
    NO_SIZES,
    QUOTE_CENTERS,
    ROUND_SIZES,
    UNIT_SIZES,
)
from gateway.simulator.eastern import Hours, day_date

QUIET_SYMBOL: Final = "ZYRX"
"""Its last trade is days old and nothing happens to it."""
TEST_SYMBOL: Final = "TST$Y"

EQUITY, INDEX, FUTURE, SPOT, FOREX = 1, 6, 8, 11, 16
"""Security types."""


class DepthKind(enum.Enum):
    """What an exchange tells of its book."""

    ORDERS = "orders"
    """Every order, and price levels too."""
    LEVELS = "levels"
    """Price levels only."""
    PRICES = "prices"
    """Price levels, which a request by order gets in the form of orders."""
    MAKERS = "makers"
    """Each venue's best price and size on each side."""
    NONE = "none"
    """Nothing."""


_DEPTH_OF_ROOT: Final = {"QNG": DepthKind.LEVELS, "@YM": DepthKind.PRICES}
"""Futures without market by order, by root."""

_KNOWN: Final = (
    ("AAPL", "APPLE INC", 238), ("MSFT", "MICROSOFT", 511), ("GOOGL", "ALPHABET INC CLASS A", 251),
    ("AMZN", "AMAZON.COM INC", 231), ("TSLA", "TESLA  INC.", 425), ("NVDA", "NVIDIA CORP", 176),
    ("META", "META PLATFORMS INC", 764), ("SPY", "SPDR S&P 500", 662), ("QQQ", "INVESCO QQQ", 590),
    ("AMD", "ADVANCED MICRO DEVICES", 160), ("GOOG", "ALPHABET INC CLASS C", 252),
    ("BRK.B", "BERKSHIRE HATHAWAY CLASS B", 493), ("BRK.A", "BERKSHIRE HATHAWAY CLASS A", 739000),
    ("JPM", "JPMORGAN CHASE & CO", 309), ("V", "VISA INC", 341), ("XOM", "EXXON MOBIL", 114),
    ("UNH", "UNITEDHEALTH GROUP", 340), ("JNJ", "JOHNSON & JOHNSON", 177), ("WMT", "WALMART", 104),
    ("PG", "PROCTER & GAMBLE", 157), ("MA", "MASTERCARD INC", 587), ("HD", "HOME DEPOT", 416),
    ("BAC", "BANK OF AMERICA", 51), ("KO", "COCA-COLA CO", 66), ("PFE", "PFIZER INC", 24),
    ("INTC", "INTEL CORP", 25), ("CSCO", "CISCO SYSTEMS", 67), ("DIS", "WALT DISNEY CO", 115),
    ("NFLX", "NETFLIX INC", 1203), ("AVGO", "BROADCOM INC", 346), ("ORCL", "ORACLE CORP", 302),
    ("CRM", "SALESFORCE INC", 243), ("COST", "COSTCO WHOLESALE", 963), ("T", "AT&T INC", 29),
    ("F", "FORD MOTOR CO", 12), ("GE", "GE AEROSPACE", 289), ("BA", "BOEING CO", 215),
    ("BF.B", "BROWN-FORMAN CLASS B", 29), ("PLTR", "PALANTIR TECHNOLOGIES", 171),
    ("SOFI", "SOFI TECHNOLOGIES", 28), ("NIO", "NIO INC", 7), ("IWM", "ISHARES RUSSELL 2000", 239),
    ("BAC-L", "BANK OF AMERICA PREFERRED L", 1260), ("NESN.Y", "NESTL\xc9 SA", 93),
)  # fmt: skip
_FUTURES: Final = (
    # root, name, decimals, tick in units of the last decimal, price in ticks, center, quarterly
    ("@ES", "E-MINI S&P 500", 2, 25, 26_600, "34", True),
    ("@NQ", "E-MINI NASDAQ 100", 2, 25, 97_200, "34", True),
    ("@YM", "E-MINI DOW", 2, 100, 46_300, "30", True),
    ("QCL", "CRUDE LIGHT", 2, 1, 6_450, "36", False),
    ("QGC", "GOLD", 2, 10, 36_900, "37", False),
    ("QNG", "NATURAL GAS", 2, 1, 310, "36", False),
)
_FOREX: Final = (
    ("EURUSD.FXCM", "EURO/US DOLLAR", 118_250), ("GBPUSD.FXCM", "POUND/US DOLLAR", 136_410),
    ("AUDUSD.FXCM", "AUSTRALIAN DOLLAR/US DOLLAR", 66_720),
    ("USDCHF.FXCM", "US DOLLAR/SWISS FRANC", 78_890),
    ("USDCAD.FXCM", "US DOLLAR/CANADIAN DOLLAR", 137_650),
)  # fmt: skip
_MONTHS: Final = "FGHJKMNQUVXZ"
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Instrument:
    """What does not change about a symbol during a day."""

    symbol: str
    """As the vendor spells it."""
    name: str
    """Company or contract name; may hold Latin-1 characters."""
    security_type: int
    """Vendor's security type id."""
    hours: Hours
    """When it trades."""
    decimals: int
    """Digits after the point in every price."""
    tick_units: int
    """Tick size in units of the last decimal."""
    start_ticks: int
    """Price around which it trades, in ticks."""
    spread_ticks_max: int
    """Widest spread, in ticks, 1 or more."""
    weight: float
    """How often something happens to it compared with others; 0 for never."""
    exchange: int
    """Exchange id; lines carry it as hex."""
    listed_market: int
    """Listed market id."""
    trade_centers: tuple[str, ...]
    """256 market centers to draw from, as text."""
    quote_centers: tuple[str, ...]
    """8 market centers to draw from, as text."""
    trade_sizes: tuple[int, ...]
    """256 sizes to draw from."""
    quote_size_unit: int
    """Quote sizes are multiples of this; 0 for an instrument without sizes."""

    @property
    def is_equity(self) -> bool:
        """Whether the equity rules on conditions and crosses apply."""
        return self.security_type == EQUITY

    @property
    def depth_kind(self) -> DepthKind:
        """What Level 2 can show of it."""
        if self.security_type == EQUITY:
            return DepthKind.MAKERS
        if self.security_type == FUTURE:
            return _DEPTH_OF_ROOT.get(self.symbol[:3], DepthKind.ORDERS)
        return DepthKind.NONE

    @property
    def has_aggressor(self) -> bool:
        """Only futures exchanges tell who crossed the spread."""
        return self.security_type == FUTURE


def universe(seed: int, *, equity_count: int, day: int) -> dict[str, Instrument]:
    """Every symbol of the market.

    Args:
        seed: Same seed, same symbols.
        equity_count: Equities, 10 or more.
        day: Days since the epoch; decides which futures are at the front.

    Returns:
        Instruments by symbol, most active equities first.
    """
    rng = random.Random(f"{seed}/universe")
    instruments = [
        *_equities(rng, equity_count),
        *_futures(day),
        *_forex(),
        _single("VIX.XO", "CBOE VOLATILITY INDEX", INDEX, Hours.INDEX, 1625, center=13),
        _single(TEST_SYMBOL, "DTN TEST SYMBOL", SPOT, Hours.ALWAYS, 10_000, center=27),
        _equity(QUIET_SYMBOL, "ZYROX MINING INTER", 0.0900, weight=0.0, exchange=1, listed=3),
    ]
    return {instrument.symbol: instrument for instrument in instruments}


def _equities(rng: random.Random, count: int) -> Iterator[Instrument]:
    seen = {QUIET_SYMBOL}
    for rank in range(count):
        symbol, name, price = _KNOWN[rank] if rank < len(_KNOWN) else _invented(rng, seen)
        seen.add(symbol)
        # Activity falls with rank as it does among real names, and has a long tail.
        weight = 60.0 / (rank + 6) ** 0.9
        exchange, listed = rng.choice(((5, 21), (5, 21), (5, 1), (7, 7), (7, 7), (11, 11)))
        yield _equity(symbol, name, price, weight=weight, exchange=exchange, listed=listed)


def _invented(rng: random.Random, seen: set[str]) -> tuple[str, str, float]:
    while True:
        stem = "".join(rng.choices(_LETTERS, k=rng.choice((3, 4, 4, 4))))
        symbol = stem + rng.choice(("",) * 18 + (".A", ".B"))
        if symbol not in seen:
            break
    ending = rng.choice(("INC", "CORP", "HOLDINGS", "THERAPEUTICS  INC", "ENERGY PARTNERS LP"))
    price = rng.choice((0.45, 1.6)) if rng.random() < 0.06 else rng.lognormvariate(3.4, 0.9)
    return symbol, f"{stem} {ending}", max(price, 0.4)


def _equity(
    symbol: str, name: str, price: float, *, weight: float, exchange: int, listed: int
) -> Instrument:
    # Below one dollar prices may move by a hundredth of a cent.
    tick_units = 1 if price < 1 else 100
    return Instrument(
        symbol, name, EQUITY, Hours.EQUITY, 4, tick_units,
        round(price * 10_000 / tick_units), 40 if price > 1000 else 4, weight, exchange, listed,
        EQUITY_CENTERS, QUOTE_CENTERS, ROUND_SIZES, 100,
    )  # fmt: skip


def _single(
    symbol: str, name: str, security_type: int, hours: Hours, ticks: int, *, center: int
) -> Instrument:
    is_index = security_type == INDEX
    return Instrument(
        symbol, name, security_type, hours, 2, 1, ticks, 3, 2.0, center, center,
        (str(center),) * 256, (str(center),) * 8, NO_SIZES if is_index else CONTRACT_SIZES,
        0 if is_index else 1,
    )  # fmt: skip


def _futures(day: int) -> Iterator[Instrument]:
    today = day_date(day)
    for root, name, decimals, tick_units, ticks, center, is_quarterly in _FUTURES:
        months = [3, 6, 9, 12] if is_quarterly else list(range(1, 13))
        # Contracts leave the board in the middle of their month (energy: of the month before).
        first = today.month + (1 if today.day > 14 or not is_quarterly else 0)
        ahead = [(m, today.year) for m in months if m >= first]
        ahead += [(m, today.year + 1) for m in months]
        symbols = [f"{root}{_MONTHS[m - 1]}{year % 100:02d}" for m, year in ahead[:2]]
        symbols += [f"{root}Z{today.year % 100:02d}", f"{root}#"]
        for place, symbol in enumerate(dict.fromkeys(symbols)):
            yield Instrument(
                symbol, f"{name} {symbol.removeprefix(root)}", FUTURE, Hours.FUTURE, decimals,
                tick_units, ticks, 2, 12.0 if place == 0 or symbol.endswith("#") else 2.0,
                int(center), int(center), (center,) * 256, (center,) * 8, CONTRACT_SIZES, 1,
            )  # fmt: skip


def _forex() -> Iterator[Instrument]:
    for symbol, name, ticks in _FOREX:
        yield Instrument(
            symbol, name, FOREX, Hours.FOREX, 5, 1, ticks, 6, 5.0, 74, 74, ("74",) * 256,
            ("74",) * 8, UNIT_SIZES, 1_000_000,
        )  # fmt: skip
