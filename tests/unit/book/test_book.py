"""What all books share: crossing, both sides at once, and images that cost what has changed."""

from collections.abc import Callable

import pytest

from gateway.book.level_book import LevelBook
from tests.support.books import AnyBook, make_level_book, make_order_book, rows_of
from tests.support.pipelines import PYTHON


class Packer:
    """Encodes a row as its text and keeps what it was asked for."""

    def __init__(self) -> None:
        self.packed: list[object] = []

    def __call__(self, value: object) -> bytes:
        """Encode one row."""
        self.packed.append(value)
        return f"{value};".encode()

    def take(self) -> list[object]:
        """What was encoded since the last time."""
        packed, self.packed = self.packed, []
        return packed


@pytest.fixture
def pack() -> Packer:
    """Nothing was encoded yet."""
    return Packer()


@pytest.fixture
def book(pipeline_name: str) -> LevelBook:
    """Two levels on each side."""
    return two_levels(make_level_book(pipeline_name, rows_max=10))


@pytest.fixture
def packed_book() -> LevelBook:
    """The same in Python alone, which asks for each row to be encoded."""
    return two_levels(make_level_book(PYTHON, rows_max=10))


def two_levels(book: LevelBook) -> LevelBook:
    """Put two levels on each side."""
    for price, size in ((9.0, 90), (10.0, 100)):
        book.put("B", price, size, 1, 2)
        book.put("A", price + 2, size, 1, 2)
    return book


@pytest.mark.parametrize(
    ("bid", "ask", "crossing"),
    [
        (1.0, 2.0, None),
        (2.0, 2.0, "locked"),
        (2.0, 1.0, "crossed"),
        (-2.0, -1.0, None),
        (-1.0, -2.0, "crossed"),
    ],
)
def test_crossing_compares_the_best_prices(
    pipeline_name: str, bid: float, ask: float, crossing: str | None
) -> None:
    """A worse level behind the best must not hide what the best says, nor invent it."""
    book = make_level_book(pipeline_name, rows_max=10)
    for distance in (0.0, 5.0):
        book.put("B", bid - distance, 1, None, None)
        book.put("A", ask + distance, 1, None, None)
    assert book.crossing() == crossing


@pytest.mark.parametrize("side", ["B", "A"])
def test_a_book_with_one_side_is_not_crossed(pipeline_name: str, side: str) -> None:
    """Before the open a book often has buyers only."""
    book = make_level_book(pipeline_name, rows_max=10)
    assert book.crossing() is None
    book.put(side, 1.0, 1, None, None)
    assert book.crossing() is None


def test_the_top_has_bids_and_asks(book: LevelBook) -> None:
    """The two lists are what the `book` message carries."""
    assert book.top(1) == ([(10.0, 100, 1)], [(11.0, 90, 1)])
    assert book.top(9) == ([(10.0, 100, 1), (9.0, 90, 1)], [(11.0, 90, 1), (12.0, 100, 1)])


def test_an_image_has_all_rows_best_first(book: LevelBook) -> None:
    """Bids come before asks, so that a reader can stop where it has seen enough."""
    assert rows_of(book) == [
        ("add", "B", 10.0, 100, 1, 2),
        ("add", "B", 9.0, 90, 1, 2),
        ("add", "A", 11.0, 90, 1, 2),
        ("add", "A", 12.0, 100, 1, 2),
    ]


@pytest.mark.parametrize("make", [make_order_book, make_level_book])
def test_the_image_of_an_empty_book_is_empty(
    make: Callable[..., AnyBook], pipeline_name: str, pack: Packer
) -> None:
    """It is an image all the same: the reader learns that there is nothing."""
    assert make(pipeline_name, rows_max=1).image(pack) == (0, b"")


def test_a_book_that_stands_still_is_encoded_once(packed_book: LevelBook, pack: Packer) -> None:
    """A thousand consumers that join at once must not cost a thousand encodings."""
    first = packed_book.image(pack)
    assert len(pack.take()) == 4
    assert packed_book.image(pack) == first
    assert pack.take() == []


def test_only_levels_that_changed_are_encoded_again(packed_book: LevelBook, pack: Packer) -> None:
    """The rest of a deep book is joined from what it was."""
    book = packed_book
    book.image(pack)
    pack.take()
    book.put("B", 9.0, 91, 1, 2)
    book.put("A", 11.5, 5, 1, 2)
    book.delete("A", 12.0)
    count, _ = book.image(pack)
    assert count == 4
    assert pack.take() == [("add", "B", 9.0, 91, 1, 2), ("add", "A", 11.5, 5, 1, 2)]
    assert book.clear("A") == 2
    assert book.image(pack) == (2, b"('add', 'B', 10.0, 100, 1, 2);('add', 'B', 9.0, 91, 1, 2);")
    assert pack.take() == []
