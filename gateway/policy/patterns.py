"""Sets of symbols, written as patterns: `AAPL`, `@ES*`, `*`, with `?` for any one character."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

SYMBOL_CHARACTERS_MAX: Final = 64
"""Longest symbol part of a topic."""
OTHER: Final = "\0"
"""A character that no pattern spells: what lets it through lets every other one through."""


class Patterns:
    """A set of symbols.

    Args:
        patterns: As a client's file spells them; none for no symbol at all.
    """

    __slots__ = ("_exact", "_exact_sorted", "_globs", "_prefixes")

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        wanted = set(patterns)
        exact = {p for p in wanted if "*" not in p and "?" not in p}
        prefixes = {p[:-1] for p in wanted - exact if "*" not in p[:-1] and "?" not in p}
        others = wanted - exact - {f"{p}*" for p in prefixes}
        self._exact: Final = frozenset(exact)
        self._exact_sorted: Final = sorted(exact)
        self._prefixes: Final = tuple(sorted(prefixes))
        self._globs: Final = [(glob, _expression(glob)) for glob in sorted(others)]

    def __contains__(self, symbol: str) -> bool:
        if symbol in self._exact or symbol.startswith(self._prefixes):
            return True
        return any(expression.fullmatch(symbol) for _, expression in self._globs)

    def __bool__(self) -> bool:
        return bool(self._exact or self._prefixes or self._globs)

    def has_all(self, prefix: str) -> bool:
        """Whether every symbol that begins so is in the set.

        A pattern that takes a character which no pattern spells takes it as one of any: so it is
        enough to look at one symbol of each length.
        """
        if prefix.startswith(self._prefixes):
            return True
        if len(prefix) > SYMBOL_CHARACTERS_MAX:
            return False
        first = 0 if prefix else 1
        lengths = range(first, SYMBOL_CHARACTERS_MAX - len(prefix) + 1)
        return all(prefix + OTHER * length in self for length in lengths)

    def has_any(self, prefix: str) -> bool:
        """Whether some symbol that begins so is in the set."""
        return (
            prefix.startswith(self._prefixes)
            or _has_start(self._exact_sorted, prefix)
            or _has_start(self._prefixes, prefix)
            or any(_may_begin(glob, prefix) for glob, _ in self._globs)
        )


def _has_start(texts: Sequence[str], prefix: str) -> bool:
    """Whether one of sorted texts begins so."""
    place = bisect_left(texts, prefix)
    return place < len(texts) and texts[place].startswith(prefix)


def _expression(glob: str) -> re.Pattern[str]:
    """A regular expression that never tries a character twice for the same star."""
    first, *rest = [re.escape(part).replace(r"\?", ".") for part in glob.split("*")]
    if not rest:
        return re.compile(first, re.DOTALL)
    *middle, last = rest
    spans = "".join(f"(?>.*?{part})" for part in middle if part)
    return re.compile(f"{first}{spans}.*{last}", re.DOTALL)


def _may_begin(glob: str, prefix: str) -> bool:
    """Whether something that a pattern stands for begins so."""
    places = _past_stars(glob, {0})
    for character in prefix:
        reached = set()
        for place in places:
            if place == len(glob):
                continue
            if glob[place] == "*":
                reached.add(place)
            elif glob[place] in ("?", character):
                reached.add(place + 1)
        places = _past_stars(glob, reached)
    return bool(places)


def _past_stars(glob: str, places: set[int]) -> set[int]:
    """Places in a pattern, with those behind stars that stand for nothing."""
    found = set(places)
    for place in places:
        behind = place
        while behind < len(glob) and glob[behind] == "*":
            behind += 1
            found.add(behind)
    return found
