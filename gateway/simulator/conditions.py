"""Trade conditions, sizes and market centers as two captured equity tapes show them.

The basis of a trade is a function of its condition string. The weights are the captured
frequencies; the tables hold 1024 entries so that ten random bits pick one.
"""

from dataclasses import dataclass
from typing import Final

DRAW_COUNT: Final = 1024

OPENING_CROSS: Final = "8A42"
CLOSING_CROSS: Final = "4042"
OFFICIAL_OPEN: Final = "39"
OFFICIAL_CLOSE: Final = "2E"
HALT: Final = "21"
REOPENING: Final = "25"
CROSS_CENTER: Final = "5"

LAST_QUALIFIED: Final = frozenset({"01", "3D", "47", OPENING_CROSS, CLOSING_CROSS})
EXTENDED: Final = frozenset({"17", "173D", "1747"})
OTHER: Final = frozenset(
    {"4706", "19", "193E", "3E", OFFICIAL_OPEN, OFFICIAL_CLOSE, "3A", "8944", "05", "1317"}
)
ODD_LOT: Final = "87"


def codes(conditions: str) -> list[str]:
    """Split a condition string into its two-digit codes."""
    return [conditions[at : at + 2] for at in range(0, len(conditions), 2)]


def basis_of(conditions: str) -> str:
    """The basis of a trade: C last qualified, E extended, O other.

    Args:
        conditions: Two hex digits a condition, no separator.

    Returns:
        The letter; O for a string that the captures do not hold.
    """
    if ODD_LOT in codes(conditions):
        return "O"
    if conditions in LAST_QUALIFIED:
        return "C"
    return "E" if conditions in EXTENDED else "O"


@dataclass(frozen=True, slots=True)
class Draw:
    """One kind of trade that can be drawn."""

    conditions: str
    """The condition string."""
    basis: str
    """C, E or O."""
    is_odd_lot: bool
    """Whether its size is below a hundred."""


def _spread(weights: dict[str, int], *, count: int = DRAW_COUNT) -> tuple[str, ...]:
    """Repeat each text by its weight, largest first, and fill up with the first."""
    texts = [text for text, weight in weights.items() for _ in range(weight)]
    first = next(iter(weights))
    return tuple((texts + [first] * count)[:count])


def _draws(weights: dict[str, int]) -> tuple[Draw, ...]:
    kinds = {text: Draw(text, basis_of(text), ODD_LOT in codes(text)) for text in weights}
    return tuple(kinds[text] for text in _spread(weights))


REGULAR_DRAWS: Final = _draws({
    "01": 440, "87": 298, "3D": 206, "3D87": 49, "3E87": 5, "47": 5, "4706": 4, "3E": 3, "19": 3,
    "470687": 2, "1987": 2, "193E": 1, "193E87": 1, "8944": 2, "05": 1, "873D17": 1,
})  # fmt: skip
EXTENDED_DRAWS: Final = _draws({
    "17": 344, "8717": 390, "173D": 138, "873D17": 136, "1747": 3, "1317": 2, "114717": 2,
    "3A": 2, "873A": 2, "874717": 3,
})  # fmt: skip
PLAIN_DRAWS: Final = _draws({"01": DRAW_COUNT})

EQUITY_CENTERS: Final = _spread({
    "19": 80, "5": 43, "24": 33, "11": 28, "26": 25, "18": 11, "10": 8, "187": 7, "28": 6,
    "153": 5, "80": 3, "7": 2, "25": 2, "12": 1, "6": 1, "164": 1,
}, count=256)  # fmt: skip
QUOTE_CENTERS: Final = ("5", "11", "26", "18", "7", "28", "187", "5")

ROUND_SIZES: Final = (
    *([100] * 120), *([200] * 45), *([300] * 25), *([400] * 14), *([500] * 14), *([1000] * 9),
    *(110, 125, 150, 175, 250, 274, 350, 600, 700, 800, 900, 1200, 1500, 2000, 2500, 3000, 4000),
    *([100] * 12),
)  # fmt: skip
ODD_SIZES: Final = (
    *([1] * 40), *([2] * 20), *([5] * 20), *([10] * 26), *([20] * 14), *([25] * 14), *([50] * 26),
    *range(3, 99),
)  # fmt: skip
CONTRACT_SIZES: Final = (
    *([1] * 150), *([2] * 40), *([3] * 20), *([4] * 10), *([5] * 14), *([10] * 12),
    *(6, 7, 8, 9, 15, 20, 25, 30, 50, 100),
)  # fmt: skip
UNIT_SIZES: Final = (1,) * 256
NO_SIZES: Final = (0,) * 256
