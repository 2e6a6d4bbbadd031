"""The vendor's Level 1 field names, per protocol, and how a field set turns columns into a line.

Every symbol keeps one list of rendered columns, in the order of `NAMES`. A `Layout` picks the
columns of one field set; equal field sets share a layout, so that one rendering serves them all.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Final

PROTOCOLS: Final = ("4.9", "5.0", "5.1", "5.2", "6.0", "6.1", "6.2")
PROTOCOL_AT_CONNECT: Final = "4.9"

# The complete list of dynamic fields; Symbol leads because it is field 1 of every line.
NAMES: Final = (
    "Symbol", "7 Day Yield", "Ask", "Ask Change", "Ask Market Center", "Ask Size", "Ask Time",
    "Available Regions", "Average Maturity", "Bid", "Bid Change", "Bid Market Center", "Bid Size",
    "Bid Time", "Change", "Change From Open", "Close", "Close Range 1", "Close Range 2",
    "Days to Expiration", "Decimal Precision", "Delay", "Exchange ID", "Extended Trade",
    "Extended Trade Date", "Extended Trade Market Center", "Extended Trade Size",
    "Extended Trade Time", "Extended Trading Change", "Extended Trading Difference",
    "Financial Status Indicator", "Fraction Display Code", "High", "Last", "Last Date",
    "Last Market Center", "Last Size", "Last Time", "Low", "Market Capitalization", "Market Open",
    "Message Contents", "Most Recent Trade", "Most Recent Trade Aggressor",
    "Most Recent Trade Conditions", "Most Recent Trade Date", "Most Recent Trade Day Code",
    "Most Recent Trade Market Center", "Most Recent Trade Size", "Most Recent Trade Time",
    "Net Asset Value", "Number of Trades Today", "Open", "Open Interest", "Open Range 1",
    "Open Range 2", "Percent Change", "Percent Off Average Volume", "Previous Day Volume",
    "Price-Earnings Ratio", "Range", "Restricted Code", "Settle", "Settlement Date", "Spread",
    "Tick", "TickID", "Total Volume", "Type", "Volatility", "VWAP",
)  # fmt: skip
INDEX: Final = {name: index for index, name in enumerate(NAMES)}

DEFAULT_NAMES: Final = (
    "Symbol", "Most Recent Trade", "Most Recent Trade Size", "Most Recent Trade Time",
    "Most Recent Trade Market Center", "Total Volume", "Bid", "Bid Size", "Ask", "Ask Size",
    "Open", "High", "Low", "Close", "Message Contents", "Most Recent Trade Conditions",
)  # fmt: skip

# 4.9 and before: each name beside the column that fills it, or "" for one that stays empty.
LEGACY_FIELDS: Final = (
    ("Symbol", "Symbol"), ("Exchange ID", "Exchange ID"), ("Last", "Last"), ("Change", "Change"),
    ("Percent Change", "Percent Change"), ("Total Volume", "Total Volume"),
    ("Incremental Volume", "Most Recent Trade Size"), ("High", "High"), ("Low", "Low"),
    ("Bid", "Bid"), ("Ask", "Ask"), ("Bid Size", "Bid Size"), ("Ask Size", "Ask Size"),
    ("Tick", "Tick"), ("Bid Tick", ""), ("Range", "Range"),
    ("Last Trade Time", "Most Recent Trade Time"), ("Open Interest", "Open Interest"),
    ("Open", "Open"), ("Close", "Close"), ("Spread", "Spread"), ("Strike", ""),
    ("Settle", "Settle"), ("Delay", "Delay"), ("Market Center", ""),
    ("Restricted Code", "Restricted Code"), ("Net Asset Value", "Net Asset Value"),
    ("Average Maturity", "Average Maturity"), ("7 Day Yield", "7 Day Yield"),
    ("Last Trade Date", "Most Recent Trade Date"), ("(Reserved)", ""),
    ("Extended Trading Last", "Extended Trade"), ("Expiration Date", ""),
    ("Regional Volume", ""), ("Net Asset Value 2", ""),
    ("Extended Trading Change", "Extended Trading Change"),
    ("Extended Trading Difference", "Extended Trading Difference"),
    ("Price-Earnings Ratio", "Price-Earnings Ratio"),
    ("Percent Off Average Volume", "Percent Off Average Volume"), ("Bid Change", "Bid Change"),
    ("Ask Change", "Ask Change"), ("Change From Open", "Change From Open"),
    ("Market Open", "Market Open"), ("Volatility", "Volatility"),
    ("Market Capitalization", "Market Capitalization"),
    ("Fraction Display Code", "Fraction Display Code"),
    ("Decimal Precision", "Decimal Precision"), ("Days to Expiration", "Days to Expiration"),
    ("Previous Day Volume", "Previous Day Volume"), ("Regions", "Available Regions"),
    ("Open Range 1", "Open Range 1"), ("Close Range 1", "Close Range 1"),
    ("Open Range 2", "Open Range 2"), ("Close Range 2", "Close Range 2"),
    ("Number of Trades Today", "Number of Trades Today"), ("Bid Time", "Bid Time"),
    ("Ask Time", "Ask Time"), ("VWAP", "VWAP"), ("TickID", "TickID"),
    ("Financial Status Indicator", "Financial Status Indicator"),
    ("Settlement Date", "Settlement Date"),
    ("Trade Market Center", "Most Recent Trade Market Center"),
    ("Bid Market Center", "Bid Market Center"), ("Ask Market Center", "Ask Market Center"),
    ("Trade Time", "Most Recent Trade Time"), ("Available Regions", "Available Regions"),
)  # fmt: skip
LEGACY_NAMES: Final = tuple(name for name, _ in LEGACY_FIELDS)
_LEGACY_SOURCE: Final = dict(LEGACY_FIELDS)

TIME_NAMES: Final = (
    "Ask Time", "Bid Time", "Extended Trade Time", "Last Time", "Most Recent Trade Time",
)  # fmt: skip
MILLISECOND_NAMES: Final = tuple(f"{name}MS" for name in TIME_NAMES)
_SINCE_6_1: Final = ("Most Recent Trade Aggressor", "Most Recent Trade Day Code")

DERIVED_NAMES: Final = (
    "Ask Change", "Bid Change", "Change", "Change From Open", "Extended Trading Change",
    "Extended Trading Difference", "Percent Change", "Percent Off Average Volume", "Range",
    "Spread", "VWAP",
)  # fmt: skip
"""Columns IQConnect calculates; rendered only for the field sets that ask for them."""

MESSAGE_CONTENTS: Final = INDEX["Message Contents"]


def mask_of(*names: str) -> int:
    """A bit per named column."""
    mask = 0
    for name in names:
        mask |= 1 << INDEX[name]
    return mask


_DERIVED_MASK: Final = mask_of(*DERIVED_NAMES)


def names_of(protocol: str) -> tuple[str, ...]:
    """Every field name a protocol knows, as `S,REQUEST ALL UPDATE FIELDNAMES` lists them."""
    if protocol == "4.9":
        return LEGACY_NAMES
    if protocol in ("6.1", "6.2"):
        return NAMES
    names = tuple(name for name in NAMES if name not in _SINCE_6_1)
    return names + MILLISECOND_NAMES if protocol == "5.1" else names


def default_names(protocol: str) -> tuple[str, ...]:
    """The field set a connection has until it selects another."""
    if protocol == "4.9":
        return LEGACY_NAMES
    if protocol == "5.1":
        return tuple(f"{name}MS" if name in TIME_NAMES else name for name in DEFAULT_NAMES)
    return DEFAULT_NAMES


def _as_is(text: str) -> str:
    return text


def _to_seconds(text: str) -> str:
    return text[:8]


def _to_milliseconds(text: str) -> str:
    return text[:12]


class Layout:
    """One field set of one protocol: which columns, in which order, spelled how.

    Args:
        protocol: The connection's protocol.
        names: Field names the protocol knows, Symbol first, at least two.
    """

    __slots__ = ("_getter", "_spelled", "mask", "names", "needs_derived")

    def __init__(self, protocol: str, names: Sequence[str]) -> None:
        self.names = tuple(names)
        sources = [_source_of(protocol, name) for name in names]
        # An unfilled legacy field reads Net Asset Value, which no simulated symbol has.
        columns = [INDEX[source or "Net Asset Value"] for source in sources]
        self._getter = itemgetter(*columns)
        self.mask = 0
        for column in columns:
            # Message Contents describes a change and is none itself.
            self.mask |= 0 if column == MESSAGE_CONTENTS else 1 << column
        self.needs_derived = bool(self.mask & _DERIVED_MASK)
        spelled = [_spelling_of(protocol, name) for name in names]
        is_plain = all(spelling is _as_is for spelling in spelled) and "Last Trade Time" not in (
            self.names
        )
        self._spelled = None if is_plain else spelled

    def body(self, columns: list[str]) -> str:
        """The fields of a P or Q line, without its letter and line end."""
        values: tuple[str, ...] = self._getter(columns)
        if self._spelled is None:
            return ",".join(values)
        texts = [spell(text) for spell, text in zip(self._spelled, values, strict=True)]
        if "Last Trade Time" in self.names:
            texts[self.names.index("Last Trade Time")] += _legacy_letter(columns[MESSAGE_CONTENTS])
        return ",".join(texts)


def _source_of(protocol: str, name: str) -> str:
    if protocol == "4.9":
        return _LEGACY_SOURCE[name]
    return name.removesuffix("MS") if name in MILLISECOND_NAMES else name


def _spelling_of(protocol: str, name: str) -> Callable[[str], str]:
    if name in MILLISECOND_NAMES:
        return _to_milliseconds
    has_seconds_only = protocol in ("4.9", "5.0", "5.1")
    is_time = name in TIME_NAMES or name in ("Last Trade Time", "Trade Time")
    return _to_seconds if has_seconds_only and is_time else _as_is


def _legacy_letter(contents: str) -> str:
    """What changed, as the letter that 4.9 glues to Last Trade Time."""
    for letters, legacy in (("CO", "t"), ("E", "T"), ("b", "b"), ("a", "a")):
        if any(letter in contents for letter in letters):
            return legacy
    return "o"


class LayoutCache:
    """Hands equal field sets the same layout."""

    __slots__ = ("_layouts",)

    def __init__(self) -> None:
        self._layouts: dict[tuple[str, tuple[str, ...]], Layout] = {}

    def get(self, protocol: str, names: tuple[str, ...]) -> Layout:
        """The layout of a field set.

        Args:
            protocol: The connection's protocol.
            names: Names the protocol knows, Symbol first, at least two.

        Returns:
            A layout that may be shared.
        """
        dialect = protocol if protocol in ("4.9", "5.0", "5.1") else "5.2"
        key = (dialect, names)
        layout = self._layouts.get(key)
        if layout is None:
            if len(self._layouts) >= 256:
                self._layouts.clear()
            layout = self._layouts[key] = Layout(dialect, names)
        return layout
