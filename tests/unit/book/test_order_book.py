"""Books of orders and of market makers: rows come, move and go, and levels follow."""

from collections.abc import Callable

import pytest

from gateway.book.order_book import OrderBook, RowKey
from gateway.wire.codec import make_pack
from tests.support.books import make_order_book, rows_of

ROWS_MAX = 6


@pytest.fixture
def book(pipeline_name: str) -> OrderBook:
    """Nothing was told yet."""
    return make_order_book(pipeline_name, rows_max=ROWS_MAX)


def put_order(  # noqa: PLR0917 - a table of rows reads best without keywords
    book: OrderBook,
    order_id: int,
    side: str,
    price: float,
    size: int,
    priority: int | None = None,
) -> bool | None:
    """Tell of an anonymous order."""
    return book.put(order_id, side, order_id, None, price, size, priority, 2, 0)


def put_maker(
    book: OrderBook, maker: str, side: str, price: float, *, size: int = 100, heard_us: int = 0
) -> bool | None:
    """Tell of a market maker's best row."""
    return book.put((maker, side), side, None, maker, price, size, None, 4, heard_us)


def keys_in_order(book: OrderBook) -> list[object]:
    """Order number, else market maker, of every row of the image."""
    return [row[2] if row[2] is not None else row[3] for row in rows_of(book)]


def test_orders_of_one_price_are_one_level(book: OrderBook) -> None:
    """The level's size and count are the sums of what stands there."""
    assert put_order(book, 1, "B", 10.0, 5) is True
    assert put_order(book, 2, "B", 10.0, 7) is True
    assert put_order(book, 3, "B", 9.0, 1) is True
    assert book.top(5) == ([(10.0, 12, 2), (9.0, 1, 1)], [])
    assert book.row_count == 3


def test_an_order_may_change_its_size(book: OrderBook) -> None:
    """The commonest change of all touches one level only."""
    put_order(book, 1, "A", 10.0, 5, 8)
    assert book.put(1, "A", 1, "NSDQ", 10.0, 3, 9, 5, 77) is False
    assert book.top(5) == ([], [(10.0, 3, 1)])
    assert rows_of(book) == [("add", "A", 1, "NSDQ", 10.0, 3, 9, 5)]
    row = book.delete(1)
    assert row is not None
    assert (row.heard_us, row.priority, row.precision) == (77, 9, 5)


def test_an_order_may_move_to_another_price(book: OrderBook) -> None:
    """The level it leaves shrinks or disappears, the one it joins grows or appears."""
    put_order(book, 1, "B", 10.0, 5)
    put_order(book, 2, "B", 10.0, 7)
    assert put_order(book, 2, "B", 11.0, 6) is False
    assert book.top(5) == ([(11.0, 6, 1), (10.0, 5, 1)], [])
    put_order(book, 1, "B", 11.0, 4)
    assert book.top(5) == ([(11.0, 10, 2)], [])


def test_an_order_may_change_sides(book: OrderBook) -> None:
    """Numbers are used again, so a row is what was told of it last."""
    put_order(book, 1, "B", 10.0, 5)
    assert put_order(book, 1, "A", 10.0, 6) is False
    assert book.top(5) == ([], [(10.0, 6, 1)])
    assert rows_of(book) == [("add", "A", 1, None, 10.0, 6, None, 2)]


def test_a_deleted_row_is_handed_back(book: OrderBook) -> None:
    """Its message names the side and the market maker, which a deletion may leave out."""
    put_order(book, 1, "B", 10.0, 5)
    put_order(book, 2, "B", 10.0, 7)
    row = book.delete(2)
    assert row is not None
    assert (row.order_id, row.side, row.price, row.size) == (2, "B", 10.0, 7)
    assert book.top(5) == ([(10.0, 5, 1)], [])
    assert book.delete(1) is not None
    assert (book.row_count, book.top(1)) == (0, ([], []))


def test_deleting_what_is_unknown_changes_nothing(book: OrderBook) -> None:
    """After a loss the vendor deletes rows we never saw."""
    put_order(book, 1, "B", 10.0, 5)
    unknown: tuple[RowKey, ...] = (2, ("NSDQ", "B"))
    for key in unknown:
        assert book.delete(key) is None
    assert book.top(5) == ([(10.0, 5, 1)], [])


def test_a_full_book_refuses_new_rows_only(book: OrderBook) -> None:
    """A vendor gone wild must not take the process's memory; what is known stays right."""
    for order_id in range(ROWS_MAX):
        put_order(book, order_id, "A", 10.0, 1)
    assert put_order(book, 99, "A", 9.0, 1) is None
    assert put_maker(book, "NSDQ", "A", 9.0) is None
    assert put_order(book, 0, "A", 11.0, 1) is False
    assert book.top(5) == ([], [(10.0, 5, 5), (11.0, 1, 1)])
    book.delete(0)
    assert put_order(book, 99, "A", 9.0, 1) is True


def test_a_side_is_cleared_alone(book: OrderBook) -> None:
    """`S,CLEAR DEPTH` names one side; rows of the other stay known by their keys."""
    put_order(book, 1, "B", 10.0, 5)
    put_order(book, 2, "B", 9.0, 0)
    put_maker(book, "NSDQ", "A", 11.0, size=0)
    assert book.clear("B") == 2
    assert (book.row_count, book.empty_rows, book.top(1)[0]) == (1, 1, [])
    assert book.clear("B") == 0
    assert book.clear("A") == 1
    assert (book.row_count, book.empty_rows, rows_of(book)) == (0, 0, [])
    assert book.delete(1) is None
    assert put_order(book, 1, "B", 10.0, 5) is True


def test_a_side_that_was_cleared_is_freed_at_once() -> None:
    """Rows point to their level: only the garbage collector could free them otherwise."""
    book = OrderBook(rows_max=ROWS_MAX)
    put_order(book, 1, "B", 10.0, 5)
    level = book.rows[1].level
    assert book.clear("B") == 1
    assert level.rows == {}
    assert book.rows == {}


def test_rows_without_size_are_kept_and_counted(book: OrderBook) -> None:
    """The caller flags the book; whether 0 means gone is the vendor's to say."""
    counts = []
    for price, size in ((10.0, 0), (10.0, 0), (11.0, 0), (11.0, 3), (11.0, 4), (10.0, 0)):
        put_order(book, 1, "B", price, size)
        counts.append(book.empty_rows)
    assert counts == [1, 1, 1, 0, 0, 1]
    assert book.top(1) == ([(10.0, 0, 1)], [])
    book.delete(1)
    assert book.empty_rows == 0


def test_only_old_rows_of_market_makers_expire(book: OrderBook) -> None:
    """The vendor forgets to delete them; orders and `MD01` are price levels it does delete."""
    put_order(book, 1, "B", 10.0, 5)
    put_maker(book, "MD01", "B", 10.0, heard_us=1)
    put_maker(book, "MDX1", "B", 10.0, heard_us=1)
    put_maker(book, "MD012", "A", 11.0, size=0, heard_us=2)
    put_maker(book, "NSDQ", "A", 11.0, heard_us=3)
    put_maker(book, "ARCX", "A", 12.0, heard_us=4)
    assert book.expire(1) == []
    expired = book.expire(3)
    assert [(row.market_maker, row.side) for row in expired] == [("MDX1", "B"), ("MD012", "A")]
    assert book.top(5) == ([(10.0, 105, 2)], [(11.0, 100, 1), (12.0, 100, 1)])
    assert (book.row_count, book.empty_rows) == (4, 0)


def test_a_row_told_of_again_is_young(book: OrderBook) -> None:
    """A market maker that repeats its price is still there."""
    put_maker(book, "NSDQ", "B", 10.0, heard_us=1)
    put_maker(book, "NSDQ", "B", 10.0, heard_us=9)
    assert book.expire(9) == []


def test_expiry_begins_again_with_the_next_market_maker(book: OrderBook) -> None:
    """A book without any is not searched, which must not outlast their absence."""
    put_order(book, 1, "B", 10.0, 5)
    assert book.expire(100) == []
    put_maker(book, "NSDQ", "B", 10.0, heard_us=1)
    assert len(book.expire(100)) == 1
    assert book.expire(100) == []
    put_maker(book, "NSDQ", "B", 10.0, heard_us=1)
    assert len(book.expire(100)) == 1
    assert book.row_count == 1


def test_orders_of_one_price_stand_by_priority(book: OrderBook) -> None:
    """The first in the queue trades first; numbers decide between equal priorities."""
    put_order(book, 5, "B", 10.0, 1, 30)
    put_order(book, 9, "B", 10.0, 1, 20)
    put_order(book, 7, "B", 10.0, 1, 20)
    put_order(book, 6, "B", 11.0, 1, 40)
    assert keys_in_order(book) == [6, 7, 9, 5]


def test_market_makers_of_one_price_stand_by_name(book: OrderBook) -> None:
    """The order of arrival would differ between two gateways."""
    for maker in ("NSDQ", "ARCX", "EDGX"):
        put_maker(book, maker, "A", 10.0)
    assert keys_in_order(book) == ["ARCX", "EDGX", "NSDQ"]


def test_rows_of_one_price_that_lack_something_have_an_order_too(book: OrderBook) -> None:
    """A row without priority or number comes last, one without a name before those with one."""
    put_maker(book, "NSDQ", "B", 10.0)
    book.put(("", "B"), "B", None, None, 10.0, 1, None, None, 0)
    put_order(book, 3, "B", 10.0, 1)
    put_order(book, 2, "B", 10.0, 1)
    put_order(book, 4, "B", 10.0, 1, 2**64 - 1)
    assert keys_in_order(book) == [4, 2, 3, None, "NSDQ"]


@pytest.mark.parametrize(
    "change",
    [
        lambda book: put_order(book, 2, "B", 10.0, 99),
        lambda book: put_order(book, 2, "B", 9.0, 1),
        lambda book: put_order(book, 2, "A", 10.0, 1),
        lambda book: put_order(book, 4, "B", 10.0, 1),
        lambda book: book.delete(2),
        lambda book: book.delete(3),
        lambda book: book.clear("B"),
        lambda book: book.expire(1),
    ],
    ids=["size", "price", "side", "new", "one of two", "last of its level", "clear", "expire"],
)
def test_an_image_shows_every_change(
    book: OrderBook, change: Callable[[OrderBook], object]
) -> None:
    """What was kept of the last image must not outlive what it was made from."""
    pack = make_pack()
    put_order(book, 1, "B", 10.0, 1)
    put_order(book, 2, "B", 10.0, 1)
    put_order(book, 3, "A", 11.0, 1)
    put_maker(book, "NSDQ", "A", 11.0)
    before = book.image(pack)
    change(book)
    after, rows = book.image(pack), rows_of(book)
    assert after != before
    assert after == (book.row_count, b"".join(map(pack, rows)))
    sizes = {side: sum(row[5] for row in rows if row[1] == side) for side in "BA"}
    assert [sum(size for _, size, _ in side) for side in book.top(9)] == [*sizes.values()]
