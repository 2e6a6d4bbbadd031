"""Deep books: the extension's and those in Python hold the same through growth and decay."""

import random
from typing import Any, Final

import pytest

from gateway.wire.codec import make_pack
from tests.support import pipelines
from tests.support.books import AnyBook, make_level_book, make_order_book

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled")]
STEPS: Final = 20_000
LOOK_STEPS: Final = 500
"""All of it is compared after so many steps, and what each step answers in any case."""
ROWS_MAX: Final = 6_000
PACK: Final = make_pack()


def answer_of(book: Any, name: str, arguments: tuple[Any, ...]) -> object:
    """What a step answers, a row that is gone by what it says."""
    answer = getattr(book, name)(*arguments)
    if name == "delete":
        return row_told(answer)
    return [row_told(row) for row in answer] if name == "expire" else answer


def row_told(row: Any) -> object:
    """A row that is gone, by its attributes; anything else as it is."""
    names = ("side", "order_id", "market_maker", "price", "size", "priority", "precision")
    return tuple(getattr(row, name) for name in names) if hasattr(row, "order_id") else row


def all_of(book: AnyBook) -> object:
    """Everything a book says of itself."""
    return (
        (book.row_count, book.empty_rows, book.crossing()),
        (repr(book.top(3)), repr(book.top(100_000))),
        book.image(PACK),
    )


def compare(python: AnyBook, compiled: AnyBook, steps: list[tuple[str, tuple[Any, ...]]]) -> int:
    """Let the same happen to both; the most rows there were."""
    most = 0
    for number, (name, arguments) in enumerate(steps):
        told = answer_of(python, name, arguments)
        assert answer_of(compiled, name, arguments) == told, (number, name, arguments)
        most = max(most, python.row_count)
        if number % LOOK_STEPS == 0 or name in ("clear", "expire"):
            assert all_of(compiled) == all_of(python), (number, name, arguments)
    assert all_of(compiled) == all_of(python)
    return most


def growth(number: int) -> float:
    """How probable it is that a step adds rather than deletes: tides of some thousand steps."""
    return 0.9 if number // 4_000 % 2 == 0 else 0.25


def order_steps(rng: random.Random) -> list[tuple[str, tuple[Any, ...]]]:
    """Orders of many numbers beside a few hundred market makers."""
    steps: list[tuple[str, tuple[Any, ...]]] = []
    ids = [rng.choice((rng.randrange(2**64), number << 32, number)) for number in range(8_000)]
    makers = [f"M{number:03}" for number in range(150)] + [f"MD{number:02}" for number in range(50)]
    for number in range(STEPS):
        side, price = rng.choice("BA"), 1_000 + rng.randrange(400) / 4
        is_maker = rng.random() < 0.2
        order_id = None if is_maker else rng.choice(ids)
        maker = rng.choice(makers) if is_maker else rng.choice((None, "NSDQ"))
        key = (maker, side) if is_maker else order_id
        if rng.random() < growth(number):
            size, priority = rng.choice((0, 1, 2**63 - 1, 100)), rng.choice((None, 5, number))
            steps.append(("put", (key, side, order_id, maker, price, size, priority, None, number)))
        else:
            steps.append(("delete", (key,)))
        if rng.random() < 0.05:
            steps.append(("confirm", (key, number)))
        if rng.random() < 0.001:
            steps.append(("expire", (number - 3_000,)))
        if rng.random() < 0.0002:
            steps.append(("clear", (side,)))
    return steps


def level_steps(rng: random.Random) -> list[tuple[str, tuple[Any, ...]]]:
    """Levels over a wide range, below 0 as well."""
    steps: list[tuple[str, tuple[Any, ...]]] = []
    for number in range(STEPS):
        side, price = rng.choice("BA"), rng.randrange(-4_000, 4_000) / 8
        if rng.random() < growth(number):
            size = rng.choice((0, 1, 2**63 - 1, 100))
            steps.append(("put", (side, price, size, rng.choice((None, 0, 3)), 2)))
        else:
            steps.append(("delete", (side, price)))
        if rng.random() < 0.05:
            steps.append(("has", (side, price)))
        if rng.random() < 0.0002:
            steps.append(("clear", (side,)))
    return steps


@pytest.mark.parametrize("seed", range(3))
def test_orders(seed: int) -> None:
    """Thousands come, move and go, and the bound is reached."""
    python, compiled = (make_order_book(name, rows_max=ROWS_MAX) for name in pipelines.NAMES)
    assert compare(python, compiled, order_steps(random.Random(seed))) > 2_000


@pytest.mark.parametrize("seed", range(3))
def test_levels(seed: int) -> None:
    """The same for price levels."""
    python, compiled = (make_level_book(name, rows_max=ROWS_MAX // 2) for name in pipelines.NAMES)
    assert compare(python, compiled, level_steps(random.Random(seed))) == ROWS_MAX // 2
