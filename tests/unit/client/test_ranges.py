"""Ranges of sequences against sets."""

from itertools import pairwise

import pytest
from gateway_client.ranges import Range, joined, size, without
from hypothesis import given
from hypothesis import strategies as st


def spans(last_max: int = 30) -> st.SearchStrategy[Range]:
    """Ranges within some bounds."""
    ends = st.tuples(st.integers(1, last_max), st.integers(1, last_max))
    return ends.map(lambda pair: (min(pair), max(pair)))


def members(ranges: list[Range]) -> set[int]:
    """Every sequence in them."""
    return {n for first, last in ranges for n in range(first, last + 1)}


@given(st.lists(spans(), max_size=8))
def test_joined_ranges_hold_the_same_and_never_touch(ranges: list[Range]) -> None:
    """A reader of the Gaps gets as few of them as there can be."""
    found = joined(ranges)
    assert members(found) == members(ranges)
    assert size(found) == len(members(ranges))
    assert all(left[1] + 1 < right[0] for left, right in pairwise(found))


@given(spans(), st.lists(spans(), max_size=8))
def test_what_is_cut_out_is_gone_and_nothing_else(whole: Range, taken: list[Range]) -> None:
    """What is left and what was taken make the whole."""
    left = without(whole, taken)
    assert members(left) == members([whole]) - members(taken)
    assert left == joined(left)


@pytest.mark.parametrize(
    ("taken", "left"),
    [([], [(3, 7)]), ([(1, 9)], []), ([(5, 5)], [(3, 4), (6, 7)]), ([(8, 9), (1, 3)], [(4, 7)])],
)
def test_cutting_by_example(taken: list[Range], left: list[Range]) -> None:
    """As one would write it down."""
    assert without((3, 7), taken) == left
