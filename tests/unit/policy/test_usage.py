"""Who consumed which symbols, and when."""

from typing import Any

import pytest

from gateway.policy import usage
from gateway.policy.usage import UsageBook, Use, day_of

NOON = 1_767_182_400_000_000
"""2025-12-31T12:00:00Z."""
HOUR = 3_600_000_000
MIDNIGHT = NOON + 12 * HOUR


def rows(book: UsageBook, now_us: int = NOON + HOUR) -> list[dict[str, Any]]:
    """The day so far."""
    return list(book.rows(now_us))


def test_a_row_tells_user_symbol_kinds_and_times() -> None:
    """What an exchange's form asks for."""
    book = UsageBook(NOON)
    assert book.day == "2025-12-31"
    for kind in ("trade", "quote"):
        book.note(Use("bob", kind, "AAPL", NOON + 1, 1))
    book.note(Use("bob", "quote", "AAPL", NOON + 5, -1))
    book.note(Use("bob", "trade", "AAPL", NOON + 9, -1))
    book.note(Use("alice", "quote", "MSFT", NOON + 2, 0))
    assert rows(book) == [
        {
            "user": "alice",
            "symbol": "MSFT",
            "kinds": ["quote"],
            "first_us": NOON + 2,
            "last_us": NOON + 2,
            "connections": 0,
        },
        {
            "user": "bob",
            "symbol": "AAPL",
            "kinds": ["quote", "trade"],
            "first_us": NOON + 1,
            "last_us": NOON + 9,
            "connections": 2,
        },
    ]
    assert len(book) == 2


def test_what_is_heard_still_was_heard_until_now() -> None:
    """A consumer that stays all day is not one that left at once."""
    book = UsageBook(NOON)
    book.note(Use("bob", "quote", "AAPL", NOON, 1))
    assert rows(book, NOON + HOUR)[0]["last_us"] == NOON + HOUR


def test_what_is_heard_over_midnight_is_in_both_days() -> None:
    """Each day's file stands alone."""
    book = UsageBook(NOON)
    book.note(Use("bob", "quote", "AAPL", NOON, 1))
    book.note(Use("bob", "quote", "MSFT", NOON, 0))
    assert book.turn(NOON + HOUR) is None
    over = book.turn(MIDNIGHT + 5)
    assert over is not None
    assert [(row["symbol"], row["last_us"]) for row in over] == [
        ("AAPL", MIDNIGHT - 1),
        ("MSFT", NOON),
    ]
    assert book.day == "2026-01-01"
    (row,) = rows(book, MIDNIGHT + 9)
    assert (row["symbol"], row["first_us"], row["last_us"]) == ("AAPL", MIDNIGHT, MIDNIGHT + 9)


def test_an_end_without_a_beginning_is_nothing() -> None:
    """A bound may have swallowed the beginning."""
    book = UsageBook(NOON)
    book.note(Use("bob", "quote", "AAPL", NOON, -1))
    assert rows(book) == []
    book.note(Use("bob", "quote", "AAPL", NOON, 0))
    book.note(Use("bob", "quote", "AAPL", NOON, -1))
    assert rows(book)[0]["last_us"] == NOON


def test_more_than_a_day_may_hold_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the report says that something is missing."""
    monkeypatch.setattr(usage, "ROWS_MAX", 1)
    book = UsageBook(NOON)
    for symbol in ("A", "B", "C"):
        book.note(Use("bob", "quote", symbol, NOON, 1))
    assert book.dropped == 2
    assert rows(book)[-1] == {"dropped": 2}


def test_one_user_leaves_room_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots of symbols that were made up must not take the others' rows."""
    monkeypatch.setattr(usage, "USER_ROWS_MAX", 2)
    book = UsageBook(NOON)
    for symbol in ("A", "B", "C", "D", "A"):
        book.note(Use("eve", "quote", symbol, NOON, 0))
    book.note(Use("bob", "quote", "C", NOON, 1))
    assert [(row["user"], row["symbol"]) for row in rows(book)[:-1]] == [
        ("bob", "C"),
        ("eve", "A"),
        ("eve", "B"),
    ]
    assert rows(book)[-1] == {"dropped": 2}
    assert len(book) == 3


def test_rows_may_be_gone_over_while_others_are_noted() -> None:
    """The file is written in a thread, beside the day that goes on."""
    book = UsageBook(NOON)
    book.note(Use("bob", "quote", "A", NOON, 1))
    book.note(Use("bob", "quote", "B", NOON, 1))
    told = iter(book.rows(NOON + 5))
    assert next(told)["symbol"] == "A"
    book.note(Use("alice", "quote", "A", NOON, 1))
    book.note(Use("bob", "trade", "0", NOON, 1))
    assert [row["symbol"] for row in told] == ["B"]


def test_a_clock_set_back_a_little_leaves_the_day() -> None:
    """Yesterday is written already; set back by more, the clock was wrong."""
    book = UsageBook(MIDNIGHT + 5)
    book.note(Use("bob", "quote", "AAPL", MIDNIGHT + 5, 1))
    assert book.turn(MIDNIGHT - 2_000_000) is None
    assert book.day == "2026-01-01"
    over = book.turn(NOON)
    assert over is not None
    assert [row["last_us"] for row in over] == [MIDNIGHT + 5]
    assert book.day == "2025-12-31"
    assert rows(book, NOON + 9)[0]["first_us"] == NOON


def test_a_restart_goes_on_with_the_day() -> None:
    """A crash at noon must not lose the morning."""
    before = UsageBook(NOON)
    before.note(Use("bob", "quote", "AAPL", NOON, 1))
    before.note(Use("bob", "quote", "MSFT", NOON, 1))
    told = [*rows(before, NOON + 5), {"dropped": 3}]
    book = UsageBook(NOON + 10)
    book.note(Use("bob", "trade", "AAPL", NOON + 10, 1))
    book.restore(told)
    (aapl, msft, dropped) = rows(book, NOON + 20)
    assert (aapl["first_us"], aapl["last_us"], aapl["connections"]) == (NOON, NOON + 20, 2)
    assert aapl["kinds"] == ["quote", "trade"]
    assert msft["last_us"] == NOON + 5, "nobody hears it still"
    assert dropped == {"dropped": 3}


def test_days_are_utc() -> None:
    """Wherever the gateway stands."""
    assert (day_of(MIDNIGHT - 1), day_of(MIDNIGHT)) == ("2025-12-31", "2026-01-01")
