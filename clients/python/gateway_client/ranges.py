"""Ranges of sequences, first and last included: joined, cut, subtracted. No I/O."""

from collections.abc import Iterable

Range = tuple[int, int]
"""First and last sequence, the first not above the last."""


def joined(ranges: Iterable[Range]) -> list[Range]:
    """Sort ranges and join those that touch or overlap."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def without(whole: Range, taken: Iterable[Range]) -> list[Range]:
    """Cut ranges out of another one.

    Args:
        whole: What to cut from.
        taken: What to cut out; in any order, and partly or wholly outside too.

    Returns:
        What is left, ascending.
    """
    first, last = whole
    left: list[Range] = []
    for taken_first, taken_last in joined(taken):
        if taken_last < first:
            continue
        if taken_first > last:
            break
        if taken_first > first:
            left.append((first, taken_first - 1))
        first = taken_last + 1
    if first <= last:
        left.append((first, last))
    return left


def size(ranges: Iterable[Range]) -> int:
    """Count the sequences of ranges that do not overlap."""
    return sum(last - first + 1 for first, last in ranges)
