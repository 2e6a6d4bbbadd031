"""Demand: watches begin with the first wish and end some time after the last."""

import pytest

from gateway.clock import FakeClock
from gateway.policy.demand import Demand, Service

LEVEL1, REGIONAL = Service.LEVEL1, Service.REGIONAL
LINGER_S = 60


@pytest.fixture
def clock() -> FakeClock:
    """Measures how long watches linger."""
    return FakeClock()


@pytest.fixture
def demand(clock: FakeClock) -> Demand:
    """Nobody wants anything."""
    return Demand(clock, linger_ns=LINGER_S * 1_000_000_000)


def test_only_the_first_wish_opens_a_watch(demand: Demand) -> None:
    """A hundred consumers of one symbol cost the vendor's limit once."""
    assert demand.want("A", LEVEL1)
    assert not demand.want("A", LEVEL1)
    assert demand.count("A", LEVEL1) == 2


def test_a_watch_stays_until_the_last_wish_is_taken_back(demand: Demand) -> None:
    """One consumer that leaves must not cut off another."""
    demand.want("A", LEVEL1)
    demand.want("A", LEVEL1)
    demand.unwant("A", LEVEL1)
    assert demand.count("A", LEVEL1) == 1
    assert not demand.is_lingering("A", LEVEL1)
    demand.unwant("A", LEVEL1)
    assert demand.is_lingering("A", LEVEL1)


def test_services_of_one_symbol_are_counted_apart(demand: Demand) -> None:
    """Ending regional quotes must not end the trades, nor the other way round."""
    assert demand.want("A", LEVEL1)
    assert demand.want("A", REGIONAL)
    demand.unwant("A", LEVEL1)
    assert demand.is_lingering("A", LEVEL1)
    assert demand.count("A", REGIONAL) == 1
    assert not demand.is_lingering("A", REGIONAL)


def test_a_watch_lingers_and_then_ends_once(demand: Demand, clock: FakeClock) -> None:
    """A consumer that restarts finds its symbols warm; a vendor slot is given back in the end."""
    demand.want("A", LEVEL1)
    demand.unwant("A", LEVEL1)
    clock.advance(seconds=LINGER_S - 0.001)
    assert demand.ended() == []
    assert demand.is_watched("A", LEVEL1)
    clock.advance(seconds=0.001)
    assert demand.ended() == [("A", LEVEL1)]
    assert demand.ended() == []
    assert not demand.is_watched("A", LEVEL1)


def test_a_wish_inside_the_linger_keeps_the_watch(demand: Demand, clock: FakeClock) -> None:
    """The vendor is not asked again for what it still sends, and the old end is forgotten."""
    demand.want("A", LEVEL1)
    demand.unwant("A", LEVEL1)
    clock.advance(seconds=LINGER_S / 2)
    assert not demand.want("A", LEVEL1)
    assert not demand.is_lingering("A", LEVEL1)
    clock.advance(seconds=LINGER_S)
    assert demand.ended() == []
    demand.unwant("A", LEVEL1)
    clock.advance(seconds=LINGER_S - 1)
    assert demand.ended() == [], "the linger counts from the last wish"
    clock.advance(seconds=1)
    assert demand.ended() == [("A", LEVEL1)]


def test_a_wish_after_the_end_opens_a_new_watch(demand: Demand, clock: FakeClock) -> None:
    """Once the vendor was told to stop, it must be asked again."""
    demand.want("A", LEVEL1)
    demand.unwant("A", LEVEL1)
    clock.advance(seconds=LINGER_S)
    demand.ended()
    assert demand.want("A", LEVEL1)


def test_watches_end_in_the_order_in_which_they_were_left(demand: Demand, clock: FakeClock) -> None:
    """One that was wanted again in between moves to its new place."""
    for symbol in "ABC":
        demand.want(symbol, LEVEL1)
    for symbol in "ABC":
        demand.unwant(symbol, LEVEL1)
        clock.advance(seconds=1)
    demand.want("A", LEVEL1)
    demand.unwant("A", LEVEL1)
    clock.advance(seconds=LINGER_S - 3)
    assert demand.ended() == []
    clock.advance(seconds=2)
    assert demand.ended() == [("B", LEVEL1), ("C", LEVEL1)]
    clock.advance(seconds=1)
    assert demand.ended() == [("A", LEVEL1)]


def test_taking_back_what_was_never_wished_is_our_bug(demand: Demand) -> None:
    """A count below zero would silently end somebody else's watch later."""
    with pytest.raises(KeyError):
        demand.unwant("A", LEVEL1)
    demand.want("A", LEVEL1)
    demand.unwant("A", LEVEL1)
    with pytest.raises(KeyError):
        demand.unwant("A", LEVEL1)


def test_a_refused_symbol_does_not_linger(demand: Demand, clock: FakeClock) -> None:
    """There is nothing to keep warm; wishes that stand are not touched."""
    for service in Service:
        demand.want("A", service)
    demand.unwant("A", LEVEL1)
    demand.forget("A")
    assert not demand.is_watched("A", LEVEL1)
    assert demand.count("A", REGIONAL) == 1
    demand.forget("UNKNOWN")
    clock.advance(seconds=LINGER_S)
    assert demand.ended() == []


def test_everything_open_is_listed(demand: Demand) -> None:
    """After a reconnection the vendor is asked for exactly this."""
    demand.want("A", LEVEL1)
    demand.want("B", REGIONAL)
    demand.want("C", LEVEL1)
    demand.unwant("C", LEVEL1)
    assert demand.watched() == [("A", LEVEL1), ("B", REGIONAL), ("C", LEVEL1)]
    assert demand.count("C", LEVEL1) == 0


def test_without_linger_a_watch_ends_at_the_next_look(clock: FakeClock) -> None:
    """Where symbols are scarce, an operator may give slots back at once."""
    demand = Demand(clock, linger_ns=0)
    demand.want("A", LEVEL1)
    demand.unwant("A", LEVEL1)
    assert demand.ended() == [("A", LEVEL1)]
