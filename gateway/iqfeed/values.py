"""Strict readers of the vendor's values, and caches that make a repeated text cost one look-up.

A market repeats itself: the same few hundred prices, sizes and condition texts make up most of a
second's columns. So the hot path reads values as `cache[text]`: a hit is one dict look-up in C, a
miss calls `__missing__`, which checks the grammar and remembers the value. What is invalid is never
remembered: it is complained of every time it is seen, and hostile text cannot fill the cache.

Strict means that the text must be what the vendor writes. `float()` and `int()` alone would accept
`1_0`, ` 1 `, `nan`, `1e999` and digits of other scripts.
"""

import datetime
import re
from typing import Final, Generic, TypeVar

from gateway.counters import Complaints, Counter
from gateway.errors import bounded

PRICE_CHARACTERS_MAX: Final = 40
CONDITIONS_CHARACTERS_MAX: Final = 64
COUNT_MAX: Final = 2**63 - 1
ID_MAX: Final = 2**64 - 1
ENTRIES_MAX: Final = 32_768

_INTEGER_CHARACTERS_MAX: Final = 40

# `2938.` is legal: some futures come with a bare trailing dot.
_PRICE: Final = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_CONDITIONS: Final = re.compile(r"(?:[0-9A-F]{2})+")
_DATE: Final = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")

V = TypeVar("V", float, int, str)


def parse_price(text: str) -> float | None:
    """Read a price without complaining: None when the text is empty or not a price.

    Never a NaN, an infinity or a negative zero: 40 digits stay far below the largest double.
    """
    if len(text) <= PRICE_CHARACTERS_MAX and _PRICE.fullmatch(text):
        value = float(text)
        if value or text[0] != "-":
            return value
    return None


def parse_integer(text: str, *, maximum: int = COUNT_MAX) -> int | None:
    """Read ASCII digits without complaining: None when empty, something else, or too large."""
    # isdigit alone accepts the digits of other scripts; the length comes first because converting
    # a very long text is slow and, beyond 4,300 digits, an exception.
    if len(text) <= _INTEGER_CHARACTERS_MAX and text.isascii() and text.isdigit():
        value = int(text)
        if value <= maximum:
            return value
    return None


def read_price(text: str, complaints: Complaints) -> float | None:
    """Read a price.

    Args:
        text: Optional minus, digits, optional fraction; `2938.` and `.5` are legal.
        complaints: Told when the text is not a price.

    Returns:
        The double nearest to the text; None when the text is empty or not a price.
    """
    value = parse_price(text)
    if value is None and text:
        complaints.complain(Counter.VALUES_INVALID, text, "not a price")
    return value


def read_count(text: str, complaints: Complaints) -> int | None:
    """Read a size, a volume or a count: ASCII digits, 0 to 2^63-1; None when empty or invalid."""
    value = parse_integer(text)
    if value is None and text:
        complaints.complain(Counter.VALUES_INVALID, text, "not an integer of 0 to 2^63-1")
    return value


def read_id(text: str, complaints: Complaints) -> int | None:
    """Read an order or trade id: ASCII digits, 0 to 2^64-1; None when empty or invalid."""
    value = parse_integer(text, maximum=ID_MAX)
    if value is None and text:
        complaints.complain(Counter.VALUES_INVALID, text, "not an integer of 0 to 2^64-1")
    return value


def read_conditions(text: str, complaints: Complaints) -> str | None:
    """Read trade conditions: pairs of upper-case hex digits, verbatim.

    Args:
        text: At most 64 characters (the vendor has been seen to send 6).
        complaints: Told when the text is something else; an odd length means a corrupt line.

    Returns:
        The text itself; None when it is empty or invalid.
    """
    if not text:
        return None
    if len(text) <= CONDITIONS_CHARACTERS_MAX and _CONDITIONS.fullmatch(text):
        return text
    complaints.complain(Counter.VALUES_INVALID, text, "not pairs of hex digits")
    return None


def read_date(text: str, complaints: Complaints) -> tuple[int, int, int] | None:
    """Read a date spelled `MM/DD/YYYY`.

    Args:
        text: As the vendor writes it; two, two and four ASCII digits.
        complaints: Told when the text is not a date of the calendar.

    Returns:
        Year, month, day; None when the text is empty or not a date.
    """
    if not text:
        return None
    match = _DATE.fullmatch(text)
    if match is not None:
        month, day, year = map(int, match.groups())
        try:
            datetime.date(year, month, day)
        except ValueError:
            pass
        else:
            return year, month, day
    complaints.complain(Counter.VALUES_INVALID, text, "not a date MM/DD/YYYY")
    return None


class _ValueCache(dict[str, V | None], Generic[V]):
    """What the three caches share: bounded memory of texts that were valid.

    Args:
        complaints: Told of every invalid text, and counts `CACHE_RESETS`.
        entries_max: The cache is emptied when it holds this many texts, 2 or more.
    """

    __slots__ = ("_complaints", "_entries_max")

    def __init__(self, complaints: Complaints, *, entries_max: int = ENTRIES_MAX) -> None:
        if entries_max < 2:
            raise ValueError("entries_max must be 2 or more: the empty text takes one")
        super().__init__()
        self._complaints = complaints
        self._entries_max = entries_max
        self[""] = None

    def __missing__(self, text: str) -> V | None:
        value = self._read(text)
        if value is not None:
            if len(self) >= self._entries_max:
                self._empty(text)
            self[text] = value
        return value

    def _read(self, text: str) -> V | None:
        raise NotImplementedError

    def _empty(self, text: str) -> None:
        """Start over: cheaper than choosing what to evict, and the market soon refills it."""
        self.clear()
        self[""] = None
        detail = f"{type(self).__name__} held {self._entries_max} texts; next is {bounded(text)}"
        self._complaints.complain(Counter.CACHE_RESETS, text, detail)


class PriceCache(_ValueCache[float]):
    """`cache[text]` is the price, or None when the text is empty or not a price."""

    __slots__ = ()

    def _read(self, text: str) -> float | None:
        return read_price(text, self._complaints)


class SizeCache(_ValueCache[int]):
    """`cache[text]` is the size or count, or None when the text is empty or not one."""

    __slots__ = ()

    def _read(self, text: str) -> int | None:
        return read_count(text, self._complaints)


class ConditionsCache(_ValueCache[str]):
    """`cache[text]` is the text itself, or None when it is empty or not conditions."""

    __slots__ = ()

    def _read(self, text: str) -> str | None:
        return read_conditions(text, self._complaints)
