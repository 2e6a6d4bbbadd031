"""Who is subscribed to what, with libzmq's habits: repeated gains, one loss, no name."""

from collections.abc import Callable, Hashable

import pytest

from gateway.policy.subscriptions import DEAD_SWEEPS_BEFORE_REMOVAL, Subscriptions

TOPIC, OTHER = b"quote,A,", b"quote,AAPL,"


def alive(*connections: int) -> Callable[[Hashable], bool]:
    """Say that these connections, and no others, still exist."""
    return lambda connection: connection in connections


@pytest.fixture
def subscriptions() -> Subscriptions:
    """Nobody is subscribed; at most three topics a connection."""
    return Subscriptions(per_connection_max=3)


def test_a_pair_is_counted_once(subscriptions: Subscriptions) -> None:
    """A peer repeats subscriptions but takes them back once: counting twice would leak a watch."""
    assert subscriptions.add(1, TOPIC)
    assert not subscriptions.add(1, TOPIC)
    assert subscriptions.count(TOPIC) == 1
    assert subscriptions.remove(1, TOPIC, alive(1))
    assert subscriptions.count(TOPIC) == 0
    assert not subscriptions.remove(1, TOPIC, alive(1))


def test_pairs_of_different_connections_and_topics_are_apart(subscriptions: Subscriptions) -> None:
    """One consumer that leaves must not cut off another."""
    subscriptions.add(1, TOPIC)
    subscriptions.add(2, TOPIC)
    subscriptions.add(1, OTHER)
    assert subscriptions.topics() == {TOPIC: 2, OTHER: 1}
    assert (subscriptions.pair_count, subscriptions.connection_count()) == (3, 2)
    subscriptions.remove(1, TOPIC, alive(1, 2))
    assert not subscriptions.holds(1, TOPIC)
    assert subscriptions.holds(2, TOPIC)
    assert subscriptions.holds(1, OTHER)


def test_nothing_is_left_of_a_connection_that_took_everything_back(
    subscriptions: Subscriptions,
) -> None:
    """A gateway that runs for months must not remember each connection it ever had."""
    for topic in (TOPIC, OTHER):
        subscriptions.add(1, topic)
    for topic in (TOPIC, OTHER):
        subscriptions.remove(1, topic, alive(1))
    assert subscriptions.topics() == {}
    assert (subscriptions.pair_count, subscriptions.connection_count()) == (0, 0)


def test_a_loss_without_a_name_is_the_visibly_dead_holders(subscriptions: Subscriptions) -> None:
    """After a disconnect libzmq does not say whose it was; the living keep what they have."""
    for connection in (1, 2, 3):
        subscriptions.add(connection, TOPIC)
    assert subscriptions.remove(None, TOPIC, alive(1, 3))
    assert [subscriptions.holds(connection, TOPIC) for connection in (1, 2, 3)] == [
        True,
        False,
        True,
    ]


def test_a_loss_without_a_name_never_costs_the_living(subscriptions: Subscriptions) -> None:
    """It may be of a peer that was refused, or gone before it was counted."""
    subscriptions.add(1, TOPIC)
    assert not subscriptions.remove(None, TOPIC, alive(1))
    subscriptions.add(2, TOPIC)
    assert not subscriptions.remove(None, TOPIC, alive(1, 2))
    assert subscriptions.count(TOPIC) == 2


def test_a_loss_of_what_nobody_holds_is_ignored(subscriptions: Subscriptions) -> None:
    """Refused subscriptions are taken back as well; no count may fall below zero."""
    assert not subscriptions.remove(None, TOPIC, alive())
    assert not subscriptions.remove(1, TOPIC, alive(1))
    assert subscriptions.pair_count == 0


def test_a_loss_under_a_name_that_is_gone_is_like_one_without(subscriptions: Subscriptions) -> None:
    """The descriptor may be closed by the time the frame is read: another name, the same peer."""
    subscriptions.add(1, TOPIC)
    subscriptions.add(2, TOPIC)
    assert subscriptions.remove(99, TOPIC, alive(1))
    assert subscriptions.holds(1, TOPIC)
    assert not subscriptions.holds(2, TOPIC)


def test_a_dead_connection_is_swept_after_a_second_look(subscriptions: Subscriptions) -> None:
    """Its unsubscriptions may still be on their way; what never comes is removed in the end."""
    subscriptions.add(1, TOPIC)
    subscriptions.add(2, TOPIC)
    subscriptions.add(2, OTHER)
    for _ in range(DEAD_SWEEPS_BEFORE_REMOVAL - 1):
        assert subscriptions.sweep(alive(1)) == []
    assert sorted(subscriptions.sweep(alive(1))) == [TOPIC, OTHER]
    assert subscriptions.topics() == {TOPIC: 1}
    assert subscriptions.connection_count() == 1
    assert subscriptions.sweep(alive(1)) == []


def test_a_connection_that_is_seen_again_is_not_swept(subscriptions: Subscriptions) -> None:
    """One look that failed must not count for ever."""
    subscriptions.add(1, TOPIC)
    for _ in range(3):
        assert subscriptions.sweep(alive()) == []
        assert subscriptions.sweep(alive(1)) == []
    assert subscriptions.holds(1, TOPIC)


def test_what_came_late_is_not_swept_again(subscriptions: Subscriptions) -> None:
    """A loss reported between two sweeps is counted once."""
    subscriptions.add(1, TOPIC)
    subscriptions.sweep(alive())
    subscriptions.remove(None, TOPIC, alive())
    assert subscriptions.sweep(alive()) == []
    subscriptions.add(1, TOPIC)
    assert subscriptions.sweep(alive()) == [], "a new life begins with no strikes"


def test_a_connection_may_have_so_many_topics(subscriptions: Subscriptions) -> None:
    """Each costs memory that a stranger must not decide about; others are not affected."""
    for number in range(3):
        assert not subscriptions.is_full(1)
        subscriptions.add(1, b"quote,%d," % number)
    assert subscriptions.is_full(1)
    assert not subscriptions.is_full(2)
    subscriptions.remove(1, b"quote,0,", alive(1))
    assert not subscriptions.is_full(1)


def test_a_living_connection_takes_back_only_what_is_its_own(subscriptions: Subscriptions) -> None:
    """A peer that was refused at its limit unsubscribes too, and must not end others' watches."""
    subscriptions.add(1, TOPIC)
    subscriptions.remove(2, TOPIC, alive(1, 2))
    assert subscriptions.holds(1, TOPIC)
    assert subscriptions.count(TOPIC) == 1


def test_a_holder_whose_death_shows_late_is_not_counted_twice(subscriptions: Subscriptions) -> None:
    """The loss can be read before the descriptor is closed; the living keep their watch."""
    subscriptions.add(1, TOPIC)
    subscriptions.add(2, TOPIC)
    # Connection 2 has died, which does not show yet, and its loss comes without a name.
    subscriptions.remove(None, TOPIC, alive(1, 2))
    for _ in range(DEAD_SWEEPS_BEFORE_REMOVAL):
        subscriptions.sweep(alive(1))
    assert subscriptions.count(TOPIC) == 1
