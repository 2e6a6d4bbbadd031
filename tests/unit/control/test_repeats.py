"""The same bytes from the same requester, at once: one request."""

import pytest

from gateway.clock import FakeClock
from gateway.control.repeats import BYTES_MAX, REPEAT_NS_MAX, REQUESTERS_MAX, Repeats


@pytest.fixture
def clock() -> FakeClock:
    """Stands still."""
    return FakeClock()


def test_only_the_last_request_of_the_same_requester_counts(clock: FakeClock) -> None:
    """What was asked in between shows that both were meant."""
    repeats: Repeats[str] = Repeats(clock)
    assert repeats.find(b"a", b"one") is None
    repeats.note(b"a", b"one", "first")
    assert repeats.find(b"a", b"one") == "first"
    assert repeats.find(b"b", b"one") is None
    assert repeats.find(b"a", b"two") is None
    repeats.note(b"a", b"two", "second")
    assert repeats.find(b"a", b"one") is None


def test_it_is_forgotten_in_time(clock: FakeClock) -> None:
    """Later the same bytes are another wish, and their answers hold no memory."""
    repeats: Repeats[str] = Repeats(clock)
    repeats.note(b"a", b"one", "first")
    clock.advance(seconds=REPEAT_NS_MAX / 1e9)
    assert repeats.find(b"a", b"one") == "first"
    clock.advance(seconds=1)
    assert repeats.find(b"a", b"one") is None
    repeats.expire()
    assert len(repeats._asked) == 0


def test_long_answers_are_not_kept(clock: FakeClock) -> None:
    """A thousand strategies that subscribe to thousands of symbols must not fill the memory."""
    repeats: Repeats[str] = Repeats(clock)
    for number in range(10):
        requester = str(number).encode()
        repeats.note(requester, b"x", f"answer {number}")
        repeats.weigh(requester, b"x", BYTES_MAX // 4)
        repeats.weigh(requester, b"x", BYTES_MAX // 4)
    held = [number for number in range(10) if repeats.find(str(number).encode(), b"x")]
    assert held == [6, 7, 8, 9]
    repeats.note(b"9", b"y", "another")
    repeats.weigh(b"9", b"y", 1)
    repeats.note(b"new", b"x", "one more")
    repeats.weigh(b"new", b"x", BYTES_MAX // 4 - 1)
    assert repeats.find(b"6", b"x") == "answer 6"


def test_requesters_are_bounded(clock: FakeClock) -> None:
    """A crowd of connections, each with one request."""
    repeats: Repeats[int] = Repeats(clock)
    for number in range(REQUESTERS_MAX + 10):
        repeats.note(str(number).encode(), b"x", number)
    assert len(repeats._asked) == REQUESTERS_MAX
    assert repeats.find(b"0", b"x") is None
    assert repeats.find(str(REQUESTERS_MAX + 9).encode(), b"x") == REQUESTERS_MAX + 9
