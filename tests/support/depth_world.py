"""A world of Level 2 with one live symbol, whose books a test changes on both sides."""

from typing import Final

from gateway.counters import Counter
from tests.support.depth_bench import (
    EVENT_US,
    OPTIONS,
    classic,
    gone,
    level,
    level_gone,
    order,
)
from tests.support.depth_pair import DepthPair
from tests.support.depth_side import DepthOptions
from tests.support.pairs import Step

WORLD: Final = DepthOptions(utc_us=EVENT_US)
ROWS: Final = tuple(
    order("6", at, side, price)
    for at, (side, price) in enumerate(
        (("B", 100), ("A", 101), ("B", 98), ("A", 103), ("B", 96), ("A", 105)), 10
    )
)
LEVELS: Final = tuple(
    level("7", side, price)
    for side, price in (("B", 99), ("B", 98), ("B", 97), ("A", 101), ("A", 102), ("A", 103))
)
USUAL: Final = {
    "3": order("3", 77, "B", "99.5"),
    "4": order("4", 12, "B", "98.00"),
    "5": gone(12, "B"),
    "6": order("6", 12, "B", "98.00"),
    "0": order("0", "", "B", "98.00", priority=""),
    "7": level("7", "B", "98"),
    "8": level("8", "B", "98"),
    "9": level_gone("B", "98"),
    "2": classic("2", "99.25x5", "99.75x7"),
    "Z": classic("Z", "99.25x5", "99.75x7"),
}
"""A line of each letter that changes these books."""


def feed(*lines: str) -> Step:
    """Lines arrive in one chunk."""
    return ("feed", "".join(f"{line}\r\n" for line in lines).encode("latin-1"))


def begun(*rows: str, services: tuple[str, ...] = ("book", "orders")) -> list[Step]:
    """A world with a live book of `@ES`."""
    wanted = [("want", "@ES", service) for service in services]
    settled = [("wait", OPTIONS.settle_us), ("flush",)]
    return [("recover", 0, True), *wanted, feed(*rows), *settled]


def both(*steps: Step) -> list[Step]:
    """Live orders and live levels of one symbol, and what happens to them."""
    return [*begun(*ROWS, *LEVELS, services=("book", "orders", "levels")), *steps]


def count(pair: DepthPair, counter: Counter) -> int:
    """What a counter says of both."""
    return pair.sides[0].counters.value(counter)
