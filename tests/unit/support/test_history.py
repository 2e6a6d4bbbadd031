"""The history checker itself: one that accepts everything would prove nothing."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.history import BACKFILL, REPLAY, Account, History
from tests.support.intervals import Intervals

TOPIC = "trade,AAPL,"
EPOCH = 1_000


def body(sequence: int, *, epoch: int = EPOCH, flags: int = 0) -> list[object]:
    """The header of one message, as far as the checker reads it."""
    return [2, epoch, sequence, flags, 0, None]


def received(*sequences: int, epoch: int = EPOCH, topic: str = TOPIC) -> History:
    """The history of a consumer that received some sequences, in this order."""
    history = History()
    for sequence in sequences:
        history.note(topic, body(sequence, epoch=epoch), content=sequence)
    return history


def test_one_after_the_other_is_right() -> None:
    """A consumer may join anywhere; from there on every message counts."""
    history = received(7, 8, 9)
    history.note(TOPIC, body(1, epoch=EPOCH + 1))
    history.check()
    assert history.count == 4
    assert history.last(TOPIC) == (EPOCH + 1, 1)
    assert history.last("quote,AAPL,") == (0, 0)


@pytest.mark.parametrize(
    ("sequences", "words"),
    [
        ((1, 2, 4), "3 to 3 missing"),
        ((1, 2, 9, 10), "3 to 8 missing"),
        ((1, 2, 2), "sequence 2 after 2"),
        ((1, 2, 3, 2), "sequence 2 after 3"),
    ],
    ids=["hole", "wide-hole", "twice", "backwards"],
)
def test_what_is_wrong_is_said(sequences: tuple[int, ...], words: str) -> None:
    """The words must lead to the topic and the numbers."""
    history = received(*sequences)
    assert words in history.violations[0]
    with pytest.raises(AssertionError, match=words):
        history.check()


def test_nothing_at_all_proves_nothing() -> None:
    """A test whose consumer never heard a word must not be green."""
    history = History()
    history.note(f"~{'n' * 16}.{TOPIC}", body(1))
    with pytest.raises(AssertionError, match="empty"):
        history.check()


def test_an_older_epoch_is_backwards() -> None:
    """A gateway that lives in the past would restart every sequence."""
    history = received(1, 2)
    history.note(TOPIC, body(1, epoch=EPOCH - 1))
    with pytest.raises(AssertionError, match="epoch 999 after 1000"):
        history.check()


def test_a_declared_hole_is_no_violation() -> None:
    """What a consumer is told that it lost, it can act on; before or after it sees the hole."""
    after = received(1, 5)
    assert after.violations
    after.declare(TOPIC, EPOCH, 2, 4)
    after.check()
    before = received(1)
    before.declare(TOPIC, EPOCH, 2, 4)
    before.note(TOPIC, body(5))
    before.check()


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (2, 3, "4 to 4 missing"),
        (3, 4, "2 to 2 missing"),
        (1, 4, "1 to 1 declared, but received"),
        (2, 5, "5 to 5 declared, but received"),
        (4, 2, "empty hole"),
    ],
)
def test_a_hole_declared_too_small_or_too_large(first: int, last: int, words: str) -> None:
    """A consumer that declares everything missing would pass any other way."""
    history = received(1, 5)
    history.declare(TOPIC, EPOCH, first, last)
    with pytest.raises(AssertionError, match=words):
        history.check()


def test_a_message_of_a_hole_that_comes_late_is_backwards() -> None:
    """The place of a lost message is gone; only a replay may bring it."""
    history = received(1, 3, 2)
    history.declare(TOPIC, EPOCH, 2, 2)
    assert "sequence 2 after 3" in history.violations[0]


def test_a_hole_filled_by_replay_is_received_once() -> None:
    """Declared or not: a replayed message is there, and never a second time."""
    history = received(1, 5)
    history.declare(TOPIC, EPOCH, 2, 3)
    for sequence in (2, 3, 4):
        history.note(TOPIC, body(sequence, flags=REPLAY))
    history.check()
    run = history.run_of(TOPIC, EPOCH)
    assert run is not None
    assert (run.received, bool(run.declared)) == (Intervals([(1, 5)]), False)
    history.note(TOPIC, body(3, flags=REPLAY))
    with pytest.raises(AssertionError, match="3 replayed, but received before"):
        history.check()


def test_a_replay_of_what_came_live_is_twice() -> None:
    """A trade that is counted twice is money that is not there."""
    history = received(1, 2, 3)
    history.note(TOPIC, body(2, flags=REPLAY))
    with pytest.raises(AssertionError, match="replayed, but received before"):
        history.check()


def test_a_replay_that_leaves_a_hole_does_not_hide_it() -> None:
    """Filling most of a hole is not filling it."""
    history = received(1, 5)
    history.note(TOPIC, body(2, flags=REPLAY))
    history.note(TOPIC, body(4, flags=REPLAY))
    with pytest.raises(AssertionError, match="3 to 3 missing"):
        history.check()


def test_what_was_replayed_ahead_must_not_come_again() -> None:
    """After the lost end of a burst was replayed, the next live message is the one behind it."""
    history = received(1)
    history.note(TOPIC, body(2, flags=REPLAY))
    history.note(TOPIC, body(3))
    history.check()
    history.note(TOPIC, body(2))
    assert history.violations


def test_backfill_has_no_place_in_the_order() -> None:
    """It is the vendor's history and may overlap what came live."""
    history = received(5, 6)
    history.note(TOPIC, body(1, flags=BACKFILL))
    history.note(TOPIC, body(7))
    history.check()


def test_a_topic_that_was_left_begins_anew() -> None:
    """What was published while nobody asked is no loss, and what came before still counts."""
    history = received(1, 2)
    history.forget(TOPIC)
    history.note(TOPIC, body(9))
    history.check()
    history.note(TOPIC, body(11))
    with pytest.raises(AssertionError, match="10 to 10 missing"):
        history.check()


def test_a_snapshot_says_what_must_follow() -> None:
    """The message right behind the snapshot belongs to the consumer, and so do those before it."""
    joined = History()
    joined.join(TOPIC, EPOCH, 10)
    joined.note(TOPIC, body(12))
    with pytest.raises(AssertionError, match="11 to 11 missing"):
        joined.check()
    again = received(1, 2)
    again.join(TOPIC, EPOCH, 10)
    with pytest.raises(AssertionError, match="3 to 10 missing"):
        again.check()
    again.declare(TOPIC, EPOCH, 3, 10)
    again.note(TOPIC, body(11))
    again.check()


def test_all_that_the_reference_saw_is_accounted_for() -> None:
    """Received and declared add up to what was published."""
    consumer = received(3, 4, 8, 9)
    consumer.declare(TOPIC, EPOCH, 5, 7)
    consumer.note(TOPIC, body(6, flags=REPLAY))
    account = consumer.check_against(received(*range(1, 10)), [TOPIC])
    assert account == Account(published=7, received=5, declared=2)


def test_the_lost_end_of_a_burst_is_found() -> None:
    """Without a message behind it no consumer would notice; only the reference knows."""
    consumer = received(1, 2, 3)
    consumer.check()
    with pytest.raises(AssertionError, match="4 to 9 missing"):
        consumer.check_against(received(*range(1, 10)), [TOPIC])
    consumer.declare(TOPIC, EPOCH, 4, 9)
    consumer.check_against(received(*range(1, 10)), [TOPIC])


def test_a_lost_subscription_is_found() -> None:
    """A topic that brings nothing looks calm; libzmq loses subscriptions without a word."""
    consumer = received(1, topic="quote,AAPL,")
    reference = received(1, 2)
    reference.note("quote,AAPL,", body(1))
    with pytest.raises(AssertionError, match="trade,AAPL, epoch 1000: nothing was received"):
        consumer.check_against(reference, [TOPIC, "quote,AAPL,"])


def test_other_contents_are_found() -> None:
    """The same number must be the same message for everybody."""
    consumer, reference = received(1), received(1, 2)
    consumer.note(TOPIC, body(2), content=99)
    with pytest.raises(AssertionError, match="2 has other contents"):
        consumer.check_against(reference, [TOPIC])


def test_a_restart_declares_the_end_of_the_epoch_before() -> None:
    """Nobody can say what a dead gateway sent last; the new epoch must be whole."""
    reference = received(*range(1, 10))
    for sequence in (1, 2, 3):
        reference.note(TOPIC, body(sequence, epoch=EPOCH + 1), content=sequence)
    consumer = received(1, 2)
    consumer.note(TOPIC, body(1, epoch=EPOCH + 1), content=1)
    with pytest.raises(AssertionError, match="epoch 1001: 2 to 3 missing"):
        consumer.check_against(reference, [TOPIC])
    consumer.note(TOPIC, body(2, epoch=EPOCH + 1), content=2)
    consumer.note(TOPIC, body(3, epoch=EPOCH + 1), content=3)
    assert consumer.check_against(reference, [TOPIC]) == Account(5, 5, 0)


def test_a_reference_in_trouble_is_none() -> None:
    """What the reference itself missed was perhaps published."""
    reference = received(1, 5)
    with pytest.raises(AssertionError, match="2 to 4 missing"):
        received(1, 2).check_against(reference, [TOPIC])
    reference.declare(TOPIC, EPOCH, 2, 4)
    with pytest.raises(AssertionError, match="the reference itself"):
        received(1, 2).check_against(reference, [TOPIC])


FATES = st.lists(
    st.sampled_from(["received", "lost", "declared", "replayed", "declared and replayed"]),
    min_size=2,
    max_size=30,
)


@given(FATES)
def test_only_what_is_lost_and_not_declared_is_wrong(fates: list[str]) -> None:
    """Whatever happens to each message, exactly the undeclared losses are found."""
    fates = ["received", *fates, "received"]
    consumer = History()
    for sequence, fate in enumerate(fates, 1):
        if fate == "received":
            consumer.note(TOPIC, body(sequence))
    for sequence, fate in enumerate(fates, 1):
        if "declared" in fate:
            consumer.declare(TOPIC, EPOCH, sequence, sequence)
        if "replayed" in fate:
            consumer.note(TOPIC, body(sequence, flags=REPLAY))
    run = consumer.run_of(TOPIC, EPOCH)
    assert run is not None
    lost = {number for number, fate in enumerate(fates, 1) if fate == "lost"}
    assert {n for n in range(1, len(fates) + 1) if n in run.holes} == lost
    assert bool(consumer.violations) == bool(lost)
    if not lost:
        account = consumer.check_against(received(*range(1, len(fates) + 1)), [TOPIC])
        assert account.published == account.received + account.declared == len(fates)
        assert account.declared == fates.count("declared")


RUNS = st.lists(st.tuples(st.integers(0, 40), st.integers(-1, 6)), max_size=20)


@given(RUNS, RUNS, st.integers(0, 40), st.integers(0, 40))
def test_runs_are_a_set(
    added: list[tuple[int, int]], removed: list[tuple[int, int]], low: int, high: int
) -> None:
    """Runs of numbers must answer as the plain set does, or the checker errs."""
    runs, numbers = Intervals(), set[int]()
    for first, length in added:
        runs.add(first, first + length)
        numbers |= set(range(first, first + length + 1))
    other = Intervals([(first, first + length) for first, length in removed])
    gone = {n for first, length in removed for n in range(first, first + length + 1)}
    for result, expected in (
        (runs, numbers),
        (runs.minus(other), numbers - gone),
        (runs.within(low, high), {n for n in numbers if low <= n <= high}),
    ):
        assert {n for n in range(60) if n in result} == expected
        assert result.count == len(expected)
        assert bool(result) == bool(expected)
        pieces = list(result)
        assert all(a[1] + 1 < b[0] for a, b in itertools.pairwise(pieces)), pieces
