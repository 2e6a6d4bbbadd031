"""What the vendor refuses: unknown symbols, and symbols beyond the login's limit."""

import pytest

from gateway.model.enums import SymbolState
from gateway.policy.demand import Service
from tests.unit.control.desk_bench import Bench

LEVEL1, REGIONAL = Service.LEVEL1, Service.REGIONAL


@pytest.fixture
def bench() -> Bench:
    """A gateway whose upstream is whole."""
    return Bench()


def test_a_symbol_that_is_not_found_is_refused_and_says_so(bench: Bench) -> None:
    """Every reader of the symbol's state learns why nothing comes."""
    bench.desk.want("XYZZY", LEVEL1)
    bench.desk.note_not_found("XYZZY")
    assert bench.state("XYZZY") == (SymbolState.REFUSED, "symbol_not_found")
    bench.desk.note_not_found("NEVER ASKED")
    assert "NEVER ASKED" not in bench.board.symbols


def test_a_refused_symbol_ends_with_its_last_wish_and_without_an_unwatch(bench: Bench) -> None:
    """There is nothing to keep warm, and nothing the vendor would have to stop."""
    bench.desk.want("XYZZY", LEVEL1)
    bench.desk.want("XYZZY", LEVEL1)
    bench.desk.note_not_found("XYZZY")
    bench.upstream.take()
    bench.desk.unwant("XYZZY", LEVEL1)
    assert bench.state("XYZZY")[0] is SymbolState.REFUSED
    bench.desk.unwant("XYZZY", LEVEL1)
    assert bench.state("XYZZY")[0] is SymbolState.CLOSED
    bench.linger()
    assert bench.upstream.take() == []


def test_a_freed_slot_goes_to_the_symbol_that_waited_longest(bench: Bench) -> None:
    """Past the vendor's limit, symbols are served in order as others are given up."""
    for name in ("A", "B", "C"):
        bench.desk.want(name, LEVEL1)
    bench.hear("A")
    for name in ("B", "C"):
        bench.desk.note_limit(name)
    assert bench.state("B") == (SymbolState.REFUSED, "symbol_limit")
    bench.upstream.take()
    bench.desk.unwant("A", LEVEL1)
    bench.linger()
    assert bench.upstream.take() == ["unwatch A", "watch B"]
    assert bench.state("B")[0] is SymbolState.PENDING
    assert bench.state("C")[0] is SymbolState.REFUSED


def test_a_symbol_that_was_given_up_does_not_wait_for_a_slot(bench: Bench) -> None:
    """The slot goes to one that is still wanted."""
    for name in ("A", "B", "C"):
        bench.desk.want(name, LEVEL1)
    bench.desk.note_limit("B")
    bench.desk.note_limit("C")
    bench.desk.unwant("B", LEVEL1)
    bench.desk.unwant("A", LEVEL1)
    bench.upstream.take()
    bench.linger()
    assert bench.upstream.take() == ["unwatch A", "watch C"]


def test_a_limit_for_what_nobody_wants_any_more_is_ignored(bench: Bench) -> None:
    """The vendor's answer may cross our release on the way."""
    bench.desk.want("A", LEVEL1)
    bench.desk.unwant("A", LEVEL1)
    bench.linger()
    bench.desk.note_limit("A")
    bench.desk.note_limit("NEVER ASKED")
    assert bench.state("A")[0] is SymbolState.CLOSED
    bench.desk.want("B", LEVEL1)
    bench.desk.unwant("B", LEVEL1)
    bench.upstream.take()
    bench.linger()
    assert bench.upstream.take() == ["unwatch B"]


def test_both_services_of_a_waiting_symbol_get_the_freed_slot(bench: Bench) -> None:
    """What was asked for before the limit is asked for again, all of it."""
    bench.desk.want("A", LEVEL1)
    bench.desk.want("B", LEVEL1)
    bench.desk.want("B", REGIONAL)
    bench.desk.note_limit("B")
    bench.desk.unwant("A", LEVEL1)
    bench.upstream.take()
    bench.linger()
    assert bench.upstream.take() == ["unwatch A", "watch B", "regional on B"]


def test_one_of_two_consumers_that_leaves_keeps_the_place_in_the_queue(bench: Bench) -> None:
    """The other one still waits for a slot, and would wait for ever."""
    for name in ("A", "B", "B"):
        bench.desk.want(name, LEVEL1)
    bench.desk.note_limit("B")
    bench.desk.unwant("B", LEVEL1)
    bench.desk.unwant("A", LEVEL1)
    bench.upstream.take()
    bench.linger()
    assert bench.upstream.take() == ["unwatch A", "watch B"]


def test_a_symbol_that_came_alive_takes_no_slot_from_one_that_waits(bench: Bench) -> None:
    """Its regional quotes asked again and were accepted; the freed slot is for the next."""
    for name in ("A", "B", "C"):
        bench.desk.want(name, LEVEL1)
    bench.desk.note_limit("B")
    bench.desk.note_limit("C")
    bench.desk.want("B", REGIONAL)
    bench.hear("B")
    bench.desk.unwant("A", LEVEL1)
    bench.upstream.take()
    bench.linger()
    assert "watch C" in bench.upstream.take()


def test_the_queue_for_slots_begins_anew_with_a_connection(bench: Bench) -> None:
    """Everything has just been asked for: a freed slot must not ask a second time."""
    bench.desk.want("A", LEVEL1)
    bench.desk.want("B", LEVEL1)
    bench.desk.note_limit("B")
    bench.desk.ask_again()
    bench.desk.unwant("A", LEVEL1)
    bench.upstream.take()
    bench.linger()
    assert bench.upstream.take() == ["unwatch A"]


def test_a_symbol_that_only_lingers_takes_no_slot(bench: Bench) -> None:
    """The freed slot is for somebody who waits; whoever left does not."""
    bench.desk.want("A", LEVEL1)
    bench.hear("A")
    bench.desk.unwant("A", LEVEL1)
    bench.desk.want("B", LEVEL1)
    bench.desk.want("C", LEVEL1)
    bench.desk.unwant("B", LEVEL1)
    bench.desk.note_limit("C")
    assert bench.upstream.take()[-2:] == ["unwatch A", "watch C"]
    bench.desk.note_limit("B")
    assert bench.upstream.take() == []


def test_what_was_refused_itself_makes_no_room(bench: Bench) -> None:
    """Only a watch that stands is worth ending; the next one that lingers is, then."""
    for name in ("A", "B", "C"):
        bench.desk.want(name, LEVEL1)
    bench.desk.note_not_found("A")
    bench.hear("B")
    bench.demand.unwant("A", LEVEL1)
    bench.desk.unwant("B", LEVEL1)
    bench.upstream.take()
    bench.desk.note_limit("C")
    assert bench.upstream.take() == ["unwatch B", "watch C"]
    assert bench.desk.give_up_lingering() is False


def test_a_known_limit_makes_room_before_the_vendor_is_asked(bench: Bench) -> None:
    """A refusal that can be foreseen costs the consumer a round trip, and the vendor a line."""
    bench.desk.symbol_limit = lambda: 2
    for name in ("A", "B"):
        bench.desk.want(name, LEVEL1)
        bench.hear(name)
    bench.desk.unwant("A", LEVEL1)
    bench.upstream.take()
    bench.desk.want("B", REGIONAL)
    assert bench.upstream.take() == ["regional on B"]
    bench.desk.want("C", LEVEL1)
    assert bench.upstream.take() == ["unwatch A", "watch C"]
    bench.desk.want("D", LEVEL1)
    assert bench.upstream.take() == ["watch D"]
