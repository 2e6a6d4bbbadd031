"""The same again and again is told once, then counted."""

from gateway.clock import FakeClock
from gateway.policy.folds import INTERVAL_NS, Folds


def test_the_first_is_told_at_once_and_the_rest_as_a_number() -> None:
    """A flood of refusals must neither fill the log nor be missing from it."""
    clock = FakeClock()
    folds: Folds[str] = Folds(clock)
    assert folds.note("a") == [("a", 1)]
    assert [folds.note("a") for _ in range(9)] == [[]] * 9
    assert folds.note("b") == [("b", 1)]
    clock.advance(seconds=INTERVAL_NS / 1e9)
    assert folds.due() == [("a", 9)]
    assert folds.due() == []


def test_what_goes_on_is_told_once_an_interval() -> None:
    """A steady attack is one line a minute."""
    clock = FakeClock()
    folds: Folds[str] = Folds(clock)
    told = []
    for _ in range(600):
        told += folds.note("a")
        clock.advance(seconds=INTERVAL_NS // 60 / 1e9)
    assert sum(count for _, count in told) >= 540
    assert len(told) <= 11


def test_what_has_ended_begins_anew() -> None:
    """The next attack is told at once."""
    clock = FakeClock()
    folds: Folds[str] = Folds(clock)
    folds.note("a")
    clock.advance(seconds=INTERVAL_NS / 1e9)
    assert folds.due() == []
    assert folds.note("a") == [("a", 1)]


def test_what_is_remembered_is_bounded_and_nothing_is_lost() -> None:
    """Addresses can be made up."""
    clock = FakeClock()
    folds: Folds[int] = Folds(clock, keys_max=3)
    told = [pair for number in (1, 1, 1, 2, 3, 4, 5) for pair in folds.note(number)]
    assert told == [(1, 1), (2, 1), (3, 1), (4, 1), (1, 2), (5, 1)]
