"""The venues that quote equities: four-letter codes beside the vendor's market center ids."""

import re
from typing import Final

from gateway.simulator.conditions import EQUITY_CENTERS

_VENUES: Final = (
    ("NSDQ", "5", "NASDAQ"), ("NYSE", "7", "New York Stock Exchange"),
    ("ARCX", "11", "NYSE Arca"), ("EDGX", "26", "Cboe EDGX"), ("BATS", "18", "Cboe BZX"),
    ("CINN", "10", "NYSE National"), ("MEMX", "187", "Members Exchange"),
    ("BATY", "28", "Cboe BYX"), ("IEXG", "153", "Investors Exchange"), ("PHLX", "80", "NASDAQ PSX"),
    ("EDGA", "25", "Cboe EDGA"), ("NQBX", "12", "NASDAQ BX"), ("AMEX", "6", "NYSE American"),
    ("MPRL", "164", "MIAX Pearl"), ("CHXE", "8", "NYSE Chicago"),
)  # fmt: skip
_DESCRIPTIONS: Final = {code: text for code, _, text in _VENUES}
_LEVEL: Final = re.compile(r"MD(\d\d)")

CENTERS: Final = {code: center for code, center, _ in _VENUES}
"""Market center ids by venue code."""
CODES: Final = {center: code for code, center, _ in _VENUES}
"""Venue codes by market center id."""
REPORTING_FACILITIES: Final = frozenset({"19", "24"})
"""Centers that report trades made elsewhere: they quote nothing, so their prints take no order."""
QUOTING_CENTERS: Final = tuple(
    center for center in EQUITY_CENTERS if center not in REPORTING_FACILITIES
)
"""Market centers to draw an equity order's venue from, by their captured share of trades."""


def describe_maker(code: str) -> str:
    """What the port says about a market maker code; empty for one it does not know."""
    level = _LEVEL.fullmatch(code)
    if level is not None:
        return f"Market depth {int(level[1])}"
    return _DESCRIPTIONS.get(code, "")
