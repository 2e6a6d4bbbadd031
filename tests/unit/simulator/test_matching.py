"""The matching book: price, then time; and sizes that add up."""

import random

import pytest

from gateway.simulator.matching import ADDED, CHANGED, DELETED, Fill, MatchingBook


def book_of(*orders: tuple[int, bool, int, int]) -> MatchingBook:
    """A book of orders: id, whether a bid, price, size."""
    book = MatchingBook()
    for order_id, is_bid, price, size in orders:
        enter(book, order_id, price, size, is_bid=is_bid)
    book.changes.clear()
    return book


def enter(
    book: MatchingBook, order_id: int, price: int, size: int, *, is_bid: bool
) -> list[tuple[int, int, int]]:
    """Enter an order; id, price and size of its fills."""
    fills = book.add(order_id, is_bid=is_bid, price=price, size=size, maker="5", stamp="t,d")
    return [fill[:3] for fill in fills]


def test_the_better_price_trades_first_and_then_the_longer_wait() -> None:
    """That is what price-time priority means."""
    book = book_of((1, False, 101, 5), (2, False, 100, 5), (3, False, 100, 5))
    assert enter(book, 4, 101, 12, is_bid=True) == [(2, 100, 5), (3, 100, 5), (1, 101, 2)]
    assert [(one.kind, one.order_id, one.size) for one in book.changes] == [
        (DELETED, 2, 5), (DELETED, 3, 5), (CHANGED, 1, 3),
    ]  # fmt: skip
    assert list(book.orders) == [1]


def test_what_a_limit_order_cannot_trade_rests() -> None:
    """The rest becomes the best price of its own side."""
    book = book_of((1, False, 100, 5))
    assert enter(book, 2, 100, 8, is_bid=True) == [(1, 100, 5)]
    best = book.bids.best()
    assert best is not None
    assert (best.price, best.size) == (100, 3)
    assert [one.kind for one in book.changes] == [DELETED, ADDED]
    assert book.asks.best() is None


def test_shrinking_keeps_the_place_and_growing_loses_it() -> None:
    """An exchange gives nothing for free."""
    book = book_of((1, True, 100, 5), (2, True, 100, 5), (3, True, 100, 5))
    priority = book.orders[1].priority
    book.resize(1, 2, stamp="t,d")
    assert book.orders[1].priority == priority
    book.resize(2, 9, stamp="t,d")
    assert book.orders[2].priority > book.orders[3].priority
    fills = book.take(is_buy=False, size=99, limit=1, stamp="t,d")
    assert [fill.order_id for fill in fills] == [1, 3, 2]
    assert sum(fill.size for fill in fills) == 16


def test_moving_an_order_queues_it_anew_or_trades_it() -> None:
    """A replaced order keeps its id and nothing else."""
    book = book_of((1, True, 100, 5), (2, True, 99, 5), (3, False, 102, 5))
    assert book.replace(1, price=99, size=4, stamp="t,d") == []
    assert [order.order_id for order in book.bids.levels[99].orders.values()] == [2, 1]
    (change,) = book.changes
    assert (change.kind, change.old_price, change.price, change.size) == (CHANGED, 100, 99, 4)
    assert book.replace(2, price=102, size=5, stamp="t,d") == [Fill(3, 102, 5, "5")]
    assert list(book.orders) == [1]
    assert book.replace(1, price=99, size=7, stamp="t,d") == []
    assert book.orders[1].size == 7


def test_an_order_cannot_be_entered_twice() -> None:
    """A mistake of the caller must not corrupt the sums."""
    book = book_of((1, True, 100, 5))
    with pytest.raises(ValueError, match="order 1"):
        enter(book, 1, 99, 5, is_bid=True)
    with pytest.raises(ValueError, match="size 0"):
        enter(book, 2, 99, 0, is_bid=True)


def check(book: MatchingBook, seed: int) -> None:
    """Everything that must hold between two events."""
    bid, ask = book.bids.best(), book.asks.best()
    assert bid is None or ask is None or bid.price < ask.price, seed
    held = 0
    for side in (book.bids, book.asks):
        assert side.prices == sorted(side.levels), seed
        by_maker: dict[tuple[str, int], int] = {}
        for price, level in side.levels.items():
            orders = list(level.orders.values())
            assert orders, seed
            assert level.size == sum(order.size for order in orders), seed
            assert all(order.price == price and order.size > 0 for order in orders), seed
            assert [one.priority for one in orders] == sorted(one.priority for one in orders), seed
            for order in orders:
                key = (order.maker, price)
                by_maker[key] = by_maker.get(key, 0) + order.size
            held += len(orders)
        told = {
            (maker, at): size for maker, all_ in side.makers.items() for at, size in all_.items()
        }
        assert told == by_maker, seed
        assert side.order_count == sum(len(level.orders) for level in side.levels.values()), seed
    assert held == len(book.orders), seed


@pytest.mark.parametrize("seed", range(8))
def test_the_book_stays_sound_whatever_is_done_to_it(seed: int) -> None:
    """Never crossed, never an empty level, and each sum is the sum of its orders."""
    print(f"seed={seed}")
    rng = random.Random(seed)
    book = MatchingBook()
    filled = entered = 0
    for order_id in range(1, 600):
        size = rng.randint(1, 9)
        entered += size
        fills = book.add(
            order_id, is_bid=rng.random() < 0.5, price=rng.randint(90, 110), size=size,
            maker=rng.choice(("5", "7", "11")), stamp="t,d",
        )  # fmt: skip
        filled += sum(fill.size for fill in fills)
        best = list(fills)
        assert best == sorted(best, key=lambda one: one.price) or best == sorted(
            best, key=lambda one: -one.price
        )
        if book.orders and rng.random() < 0.5:
            chosen = rng.choice(list(book.orders))
            action = rng.randrange(3)
            if action == 0:
                book.cancel(chosen, stamp="t,d")
            elif action == 1:
                book.resize(chosen, rng.randint(1, 9), stamp="t,d")
            else:
                book.replace(chosen, price=rng.randint(90, 110), size=3, stamp="t,d")
        check(book, seed)
        book.changes.clear()
    assert filled > 100
