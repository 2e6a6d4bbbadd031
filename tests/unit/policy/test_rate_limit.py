"""Rate limits: bursts, pace, keys and windows, each with the wait that helps."""

import pytest

from gateway.clock import FakeClock
from gateway.policy.rate_limit import KeyedBuckets, TokenBucket, Window, as_ms

SECOND_NS = 1_000_000_000


@pytest.fixture
def clock() -> FakeClock:
    """Time that stands still."""
    return FakeClock(monotonic_ns=5 * SECOND_NS)


def test_a_bucket_allows_a_burst_and_then_a_pace(clock: FakeClock) -> None:
    """A person who clicks twice is served; a loop gets one a second."""
    bucket = TokenBucket(clock, tokens_max=3, token_ns=SECOND_NS)
    for _ in range(3):
        assert bucket.wait_ns() == 0
        bucket.take()
    assert bucket.wait_ns() == SECOND_NS
    clock.advance(seconds=0.4)
    assert bucket.wait_ns() == 600_000_000
    clock.advance(seconds=0.6)
    assert bucket.wait_ns() == 0
    bucket.take()
    assert bucket.wait_ns() == SECOND_NS


def test_a_bucket_never_holds_more_than_its_size(clock: FakeClock) -> None:
    """A night without requests must not be paid back in the morning."""
    bucket = TokenBucket(clock, tokens_max=2, token_ns=SECOND_NS)
    clock.advance(seconds=10_000)
    for _ in range(2):
        assert bucket.wait_ns() == 0
        bucket.take()
    assert bucket.wait_ns() == SECOND_NS


def test_what_is_given_back_can_be_taken_again(clock: FakeClock) -> None:
    """A request that could not be done must not cost the next one."""
    bucket = TokenBucket(clock, tokens_max=1, token_ns=SECOND_NS)
    bucket.take()
    bucket.give_back()
    assert bucket.wait_ns() == 0
    bucket.give_back()
    bucket.take()
    assert bucket.wait_ns() == SECOND_NS, "what was given back twice is no token more"


def test_keys_do_not_share(clock: FakeClock) -> None:
    """One greedy requester takes nothing from another."""
    buckets = KeyedBuckets(clock, tokens_max=1, token_ns=5 * SECOND_NS, keys_max=10)
    buckets.take("a")
    assert buckets.wait_ns("a") == 5 * SECOND_NS
    assert buckets.wait_ns("b") == 0
    buckets.give_back("a")
    buckets.give_back("never taken")
    assert buckets.wait_ns("a") == 0


def test_the_key_used_longest_ago_is_forgotten_first(clock: FakeClock) -> None:
    """Endless new keys must not be endless memory."""
    buckets = KeyedBuckets(clock, tokens_max=1, token_ns=SECOND_NS, keys_max=2)
    buckets.take("a")
    buckets.take("b")
    buckets.take("a")
    buckets.take("c")
    assert buckets.wait_ns("b") == 0
    assert buckets.wait_ns("a") > 0
    assert buckets.wait_ns("c") > 0


def test_a_window_allows_so_many_in_any_stretch(clock: FakeClock) -> None:
    """A bucket would allow nearly twice as many in the worst ten seconds."""
    window = Window(clock, count_max=2, length_ns=10 * SECOND_NS)
    window.take()
    clock.advance(seconds=4)
    assert window.wait_ns() == 0
    window.take()
    assert window.wait_ns() == 6 * SECOND_NS
    clock.advance(seconds=6)
    assert window.wait_ns() == 0
    window.take()
    assert window.wait_ns() == 4 * SECOND_NS


def test_a_window_takes_back_what_was_not_done(clock: FakeClock) -> None:
    """A refused request must not use up everybody's budget."""
    window = Window(clock, count_max=1, length_ns=10 * SECOND_NS)
    window.give_back()
    window.take()
    window.give_back()
    assert window.wait_ns() == 0


@pytest.mark.parametrize(("wait_ns", "wait_ms"), [(0, 0), (1, 1), (1_000_000, 1), (1_000_001, 2)])
def test_a_wait_is_rounded_up(wait_ns: int, wait_ms: int) -> None:
    """Who waits as long as told is not refused again."""
    assert as_ms(wait_ns) == wait_ms
