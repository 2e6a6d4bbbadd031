"""What was read and not published yet: bounded, in order."""

import pytest

from gateway.runtime.backlog import Backlog, Held

BYTES_MAX = 1_000


def count_lines(data: bytes) -> int:
    """How many lines a chunk ends."""
    return data.count(b"\n")


def held(lines: int, number: int = 0) -> Held:
    """A chunk of so many lines and a bit."""
    return Held(b"line\r\n" * lines + b"half", number, number)


def test_lines_are_counted_and_given_back_in_order() -> None:
    """The oldest goes first, or consumers would see the past after the present."""
    backlog = Backlog(10, bytes_max=BYTES_MAX, count_lines=count_lines)
    assert not backlog
    for number in range(3):
        backlog.put(held(number, number))
    assert backlog.lines == 3
    assert backlog.take().recv_us == 0
    assert [one.recv_us for one in backlog.take_all()] == [1, 2]
    assert (bool(backlog), backlog.lines) == (False, 0)


@pytest.mark.parametrize(("lines", "is_full"), [(9, False), (10, False), (11, True)])
def test_it_is_full_when_more_lines_wait_than_may(lines: int, *, is_full: bool) -> None:
    """That is when shedding begins, and not before."""
    backlog = Backlog(10, bytes_max=BYTES_MAX, count_lines=count_lines)
    backlog.put(held(lines))
    assert backlog.is_full is is_full


def test_it_is_full_of_bytes_without_an_end_of_a_line_too() -> None:
    """Lines that never end count as none and take memory all the same."""
    backlog = Backlog(10, bytes_max=BYTES_MAX, count_lines=count_lines)
    for _ in range(2):
        assert not backlog.is_full
        backlog.put(Held(b"x" * 501, 0, 0))
    assert (backlog.lines, backlog.is_full) == (0, True)
    backlog.take()
    assert not backlog.is_full


def test_nothing_is_left_of_a_lost_connection() -> None:
    """Half a line of it must not meet the next connection's first."""
    backlog = Backlog(10, bytes_max=BYTES_MAX, count_lines=count_lines)
    backlog.put(held(20))
    backlog.clear()
    assert (bool(backlog), backlog.is_full, backlog.lines) == (False, False, 0)
