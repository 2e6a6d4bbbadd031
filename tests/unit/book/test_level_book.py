"""Books of price levels: each line replaces one level or removes it."""

from collections.abc import Callable

import pytest

from gateway.book.level_book import LevelBook
from gateway.wire.codec import make_pack
from tests.support.books import make_level_book, rows_of

ROWS_MAX = 3


@pytest.fixture
def book(pipeline_name: str) -> LevelBook:
    """Nothing was told yet."""
    return make_level_book(pipeline_name, rows_max=ROWS_MAX)


def test_a_level_is_added_and_then_replaced(book: LevelBook) -> None:
    """The vendor's size and number of orders stand for the level; nothing is added up."""
    assert book.put("B", 10.0, 5, 2, 3) is True
    assert book.put("B", 10.0, 7, None, 4) is False
    assert rows_of(book) == [("add", "B", 10.0, 7, None, 4)]
    assert book.top(1) == ([(10.0, 7, None)], [])


def test_both_sides_may_have_one_price(book: LevelBook) -> None:
    """A locked book is kept as it was told."""
    assert book.put("B", 10.0, 5, 2, 3) is True
    assert book.put("A", 10.0, 6, 2, 3) is True
    assert book.top(1) == ([(10.0, 5, 2)], [(10.0, 6, 2)])
    assert book.row_count == 2


def test_a_level_is_deleted_once(book: LevelBook) -> None:
    """The second deletion is the caller's to count, and harmless."""
    book.put("A", 10.0, 5, 2, 3)
    assert book.delete("B", 10.0) is False
    assert book.delete("A", 10.0) is True
    assert book.delete("A", 10.0) is False
    assert book.row_count == 0
    assert book.top(1) == ([], [])


def test_a_full_book_refuses_new_levels_only(book: LevelBook) -> None:
    """A vendor gone wild must not take the process's memory; what is known stays right."""
    for price in (1.0, 2.0):
        book.put("B", price, 1, 1, 2)
    book.put("A", 3.0, 1, 1, 2)
    assert book.put("A", 4.0, 1, 1, 2) is None
    assert book.put("A", 3.0, 9, 1, 2) is False
    assert book.row_count == ROWS_MAX
    assert book.top(9) == ([(2.0, 1, 1), (1.0, 1, 1)], [(3.0, 9, 1)])
    book.delete("B", 1.0)
    assert book.put("A", 4.0, 1, 1, 2) is True


def test_a_side_is_cleared_alone(book: LevelBook) -> None:
    """`S,CLEAR DEPTH` names one side."""
    book.put("B", 1.0, 1, 1, 2)
    book.put("B", 2.0, 0, 1, 2)
    book.put("A", 3.0, 0, 1, 2)
    assert book.clear("B") == 2
    assert book.clear("B") == 0
    assert (book.row_count, book.empty_rows) == (1, 1)
    assert book.clear("A") == 1
    assert (book.row_count, book.empty_rows) == (0, 0)


def test_levels_without_size_are_kept_and_counted(book: LevelBook) -> None:
    """The caller flags the book; whether 0 means gone is the vendor's to say."""
    counts = []
    for change in (("B", 1.0, 0), ("B", 1.0, 0), ("A", 2.0, 0), ("B", 1.0, 4), ("A", 2.0, 0)):
        book.put(*change, None, None)
        counts.append(book.empty_rows)
    assert counts == [1, 1, 2, 1, 1]
    book.put("B", 1.0, 0, None, None)
    assert book.empty_rows == 2
    assert book.top(1) == ([(1.0, 0, None)], [(2.0, 0, None)])
    book.delete("A", 2.0)
    assert book.empty_rows == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda book: book.put("B", 1.0, 1, 9, 2),
        lambda book: book.put("B", 1.5, 1, 1, 2),
        lambda book: book.delete("A", 2.0),
        lambda book: book.clear("B"),
    ],
    ids=["replace", "add", "delete", "clear"],
)
def test_an_image_shows_every_change(
    book: LevelBook, change: Callable[[LevelBook], object]
) -> None:
    """What was kept of the last image must not outlive what it was made from."""
    pack = make_pack()
    book.put("B", 1.0, 1, 1, 2)
    book.put("A", 2.0, 1, 1, 2)
    before = book.image(pack)
    change(book)
    after = book.image(pack)
    assert after != before
    assert after == (book.row_count, b"".join(map(pack, rows_of(book))))
    assert sorted(row[2] for row in rows_of(book)) == sorted(
        price for side in book.top(9) for price, _, _ in side
    )
