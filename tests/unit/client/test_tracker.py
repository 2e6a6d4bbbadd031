"""Sequence tracking: what is good, lost, repeated, restarted."""

from gateway_client.tracker import BACKFILL, REPLAY, SNAPSHOT, TopicTracker, Verdict
from hypothesis import given
from hypothesis import strategies as st

EPOCH = 1_700_000_000_000


def tracker_at(sequence: int, epoch: int = EPOCH) -> TopicTracker:
    """A tracker that has seen one message."""
    tracker = TopicTracker()
    assert tracker.update(epoch, sequence, 0).verdict is Verdict.GOOD
    return tracker


def test_next_message_is_good() -> None:
    """The first message sets the position, the next one moves it."""
    tracker = tracker_at(41)
    assert tracker.update(EPOCH, 42, 0).verdict is Verdict.GOOD
    assert (tracker.epoch, tracker.sequence) == (EPOCH, 42)


def test_hole_names_what_is_missing() -> None:
    """`replay` needs the exact range."""
    assert tracker_at(5).update(EPOCH, 9, 0) == (Verdict.GAP, 6, 8)


def test_repeat_is_ignored_and_replay_is_not() -> None:
    """Only what was re-sent on purpose may come twice."""
    tracker = tracker_at(5)
    assert tracker.update(EPOCH, 5, 0).verdict is Verdict.REPEAT
    assert tracker.update(EPOCH, 3, SNAPSHOT).verdict is Verdict.REPEAT
    assert tracker.update(EPOCH, 3, REPLAY).verdict is Verdict.REPLAYED
    assert tracker.update(EPOCH, 3, BACKFILL).verdict is Verdict.REPLAYED
    assert tracker.update(EPOCH - 1, 9, REPLAY).verdict is Verdict.REPLAYED
    assert tracker.sequence == 5


def test_replay_sets_no_position() -> None:
    """A re-sent message says nothing of where the topic stands now."""
    tracker = TopicTracker()
    assert tracker.update(EPOCH, 3, REPLAY).verdict is Verdict.REPLAYED
    assert tracker.epoch == -1


def test_other_epoch_is_a_restart() -> None:
    """Any other epoch: a clock set back must not make the client deaf for ever."""
    for epoch in (EPOCH + 1, EPOCH - 1):
        tracker = tracker_at(5)
        assert tracker.update(epoch, 1, 0).verdict is Verdict.RESTART
        assert tracker.update(epoch, 2, 0).verdict is Verdict.GOOD


def test_epoch_zero_is_an_epoch() -> None:
    """Unknown is not a number of the wire."""
    assert tracker_at(5, epoch=0).update(0, 6, 0).verdict is Verdict.GOOD


def test_snapshot_ahead_tells_of_loss_and_behind_is_stale() -> None:
    """Both travel down one pipe, so the order proves what happened."""
    tracker = tracker_at(5)
    assert tracker.snapshot(EPOCH, 5).verdict is Verdict.GOOD
    assert tracker.snapshot(EPOCH, 8) == (Verdict.GAP, 6, 8)
    assert tracker.snapshot(EPOCH, 7).verdict is Verdict.REPEAT
    assert tracker.update(EPOCH, 9, 0).verdict is Verdict.GOOD
    assert tracker.snapshot(EPOCH + 1, 0).verdict is Verdict.RESTART


def test_snapshot_of_nothing_makes_the_first_message_good() -> None:
    """Sequence 0 means that nothing was published yet."""
    tracker = TopicTracker()
    assert tracker.snapshot(EPOCH, 0).verdict is Verdict.GOOD
    assert tracker.update(EPOCH, 1, 0).verdict is Verdict.GOOD


def test_tail_tells_of_a_lost_last_message() -> None:
    """Nothing comes after the last message to show the hole."""
    tracker = tracker_at(5)
    assert tracker.tail(EPOCH, 5).verdict is Verdict.GOOD
    assert tracker.tail(EPOCH + 1, 9).verdict is Verdict.GOOD
    assert tracker.tail(EPOCH, 7) == (Verdict.GAP, 6, 7)
    assert tracker.tail(EPOCH, 7).verdict is Verdict.GOOD


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.booleans())
def test_every_loss_is_told_exactly_once(kept: list[bool], has_tail: bool) -> None:
    """Whatever is lost between the first and the last message received, the holes add up."""
    tracker = TopicTracker()
    received: list[int] = []
    missing: list[int] = []
    for sequence, is_kept in enumerate(kept, start=1):
        if is_kept:
            verdict, first, last = tracker.update(EPOCH, sequence, 0)
            assert verdict in (Verdict.GOOD, Verdict.GAP)
            missing += range(first, last + 1) if verdict is Verdict.GAP else ()
            received.append(sequence)
    if has_tail and received:
        verdict, first, last = tracker.tail(EPOCH, len(kept))
        missing += range(first, last + 1) if verdict is Verdict.GAP else ()
    if received:
        end = len(kept) if has_tail else received[-1]
        assert sorted(received + missing) == list(range(received[0], end + 1))


@given(st.integers(0, 20), st.lists(st.booleans(), max_size=20), st.integers(0, 20))
def test_join_applies_each_change_once(before: int, lost: list[bool], at: int) -> None:
    """A consumer that counts changes ends with the right count wherever the snapshot falls.

    The topic's state is a counter: message n sets it to n, the snapshot carries it.
    """
    tracker = TopicTracker()
    total = before + len(lost)
    at = min(at, len(lost))
    seen_since_join: list[int] = []
    state: int | None = None
    for index in range(len(lost) + 1):
        if index == at:
            position = before + index
            if tracker.snapshot(EPOCH, position).verdict is not Verdict.REPEAT:
                state = position
        if index < len(lost) and not lost[index]:
            sequence = before + index + 1
            if tracker.update(EPOCH, sequence, 0).verdict is not Verdict.REPEAT:
                assert state is None or sequence > state
                state = sequence
                seen_since_join.append(sequence)
    assert seen_since_join == sorted(set(seen_since_join))
    delivered = [before + i + 1 for i, is_lost in enumerate(lost) if not is_lost]
    assert state == max([before + at, *delivered])
    assert tracker.sequence == state <= total


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8), st.integers(0, 7)), max_size=60))
def test_position_never_goes_back_within_an_epoch(steps: list[tuple[int, int, int]]) -> None:
    """No order of messages, replays and restarts confuses the position."""
    tracker = TopicTracker()
    for epoch, sequence, flags in steps:
        old = (tracker.epoch, tracker.sequence)
        verdict, first, last = tracker.update(epoch, sequence, flags)
        new = (tracker.epoch, tracker.sequence)
        if verdict in (Verdict.REPEAT, Verdict.REPLAYED):
            assert new == old
        else:
            assert new == (epoch, sequence)
            assert old[0] != epoch or sequence > old[1]
        if verdict is Verdict.GAP:
            assert (first, last) == (old[1] + 1, sequence - 1)
