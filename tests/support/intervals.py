"""Sets of whole numbers that are kept as runs: millions of sequences in a few tuples."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Self


class Intervals:
    """A set of integers; each run is (first, last), both inside.

    Args:
        runs: What it holds at the beginning.
    """

    def __init__(self, runs: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in runs:
            self.add(first, last)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._firsts, self._lasts, strict=True)

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Intervals) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Intervals({list(self)})"

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    @property
    def first(self) -> int:
        """The smallest number."""
        return self._firsts[0]

    @property
    def last(self) -> int:
        """The greatest number."""
        return self._lasts[-1]

    def copy(self) -> Self:
        """Another set with the same numbers."""
        return type(self)(self)

    def add(self, first: int, last: int) -> None:
        """Put `first` to `last` in, both included; nothing when `last` is smaller."""
        if last < first:
            return
        if self._lasts and first == self._lasts[-1] + 1:
            # Nearly every message: the next one.
            self._lasts[-1] = last
            return
        begin = bisect_right(self._firsts, first)
        if begin and self._lasts[begin - 1] >= first - 1:
            begin -= 1
        end = bisect_right(self._firsts, last + 1)
        if begin < end:
            first = min(first, self._firsts[begin])
            last = max(last, self._lasts[end - 1])
        self._firsts[begin:end] = [first]
        self._lasts[begin:end] = [last]

    def remove(self, first: int, last: int) -> None:
        """Take `first` to `last` out, as far as they are in."""
        kept = list(self.outside(first, last))
        self._firsts = [run[0] for run in kept]
        self._lasts = [run[1] for run in kept]

    def outside(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The runs without `first` to `last`."""
        for low, high in self:
            if high < first or low > last:
                yield low, high
                continue
            if low < first:
                yield low, first - 1
            if high > last:
                yield last + 1, high

    def within(self, first: int, last: int) -> "Intervals":
        """What is in from `first` to `last`."""
        cut = Intervals()
        for low, high in self:
            cut.add(max(low, first), min(high, last))
        return cut

    def minus(self, *others: "Intervals") -> "Intervals":
        """What is in this set and in none of the others."""
        left = Intervals(self)
        for other in others:
            for first, last in other:
                if not left:
                    return left
                left.remove(first, last)
        return left
