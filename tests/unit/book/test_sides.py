"""Sides: prices stay in order, and the best one is where the side says."""

import pytest

from gateway.book.sides import BookSide

PRICES = [3.5, -1.0, 2.25, 0.0]


def side_of(prices: list[float], *, is_bid: bool) -> BookSide:
    """A side with a level at each price, the size ten times the price's turn."""
    side = BookSide(is_bid=is_bid)
    for turn, price in enumerate(prices, 1):
        level = side.add(price)
        level.size, level.count = 10 * turn, turn
    return side


@pytest.mark.parametrize("is_bid", [True, False])
def test_an_empty_side_has_no_best_price(*, is_bid: bool) -> None:
    """Nobody may take 0 for a price."""
    side = BookSide(is_bid=is_bid)
    assert side.best is None
    assert side.top(5) == []
    assert list(side.best_first()) == []


def test_the_best_bid_is_the_highest_and_the_best_ask_the_lowest() -> None:
    """A negative price is lower than 0, as for oil in April 2020."""
    assert side_of(PRICES, is_bid=True).best == 3.5
    assert side_of(PRICES, is_bid=False).best == -1.0


def test_levels_are_listed_best_first() -> None:
    """Readers take the first as the top of the book, whatever the side."""
    bids, asks = side_of(PRICES, is_bid=True), side_of(PRICES, is_bid=False)
    assert bids.top(3) == [(3.5, 10, 1), (2.25, 30, 3), (0.0, 40, 4)]
    assert asks.top(3) == [(-1.0, 20, 2), (0.0, 40, 4), (2.25, 30, 3)]
    assert [level.price for level in bids.best_first()] == [3.5, 2.25, 0.0, -1.0]
    assert [level.price for level in asks.best_first()] == [-1.0, 0.0, 2.25, 3.5]


@pytest.mark.parametrize("is_bid", [True, False])
@pytest.mark.parametrize(("count", "listed"), [(0, 0), (1, 1), (4, 4), (5, 4), (1000, 4)])
def test_no_more_levels_are_listed_than_asked_for(count: int, listed: int, *, is_bid: bool) -> None:
    """A slice with a negative end would turn none into all."""
    assert len(side_of(PRICES, is_bid=is_bid).top(count)) == listed


def test_a_removed_level_leaves_the_others_in_order() -> None:
    """The second best becomes the best without sorting anything."""
    side = side_of(PRICES, is_bid=True)
    side.remove(3.5)
    side.remove(0.0)
    assert side.prices == [-1.0, 2.25]
    assert set(side.levels) == {-1.0, 2.25}
    assert side.best == 2.25


def test_a_cleared_side_is_the_same_side_without_levels() -> None:
    """Whoever holds the side sees it empty."""
    side = side_of(PRICES, is_bid=False)
    side.clear()
    assert (side.levels, side.prices, side.best) == ({}, [], None)
