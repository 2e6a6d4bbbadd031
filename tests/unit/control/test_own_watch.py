"""The gateway's own lease: held to what the file lists, nobody else's, and never half changed."""

from types import SimpleNamespace
from typing import cast

import pytest

from gateway.control.feed_commands import Watch
from gateway.control.own_watch import OwnWatch, Steps
from gateway.errors import InvalidParams, LeaseExpired, Overloaded
from gateway.health.facts import FeedHistory
from gateway.policy.demand import Service
from gateway.policy.leases import OWN_CLIENT, OWN_LEASE_S, Claim
from tests.unit.control.desk_bench import Bench

LEVEL1 = Service.LEVEL1


def claims(*symbols: str, kinds: tuple[str, ...] = ("quote", "trade")) -> tuple[Claim, ...]:
    """A list of symbols."""
    return tuple(Claim(symbol, kinds) for symbol in symbols)


@pytest.fixture
def bench() -> Bench:
    """A gateway whose upstream is whole."""
    return Bench()


@pytest.fixture
def own(bench: Bench) -> OwnWatch:
    """Its own watch, of nothing yet."""
    return OwnWatch(bench.leases, bench.history)


def test_what_is_listed_is_watched_and_what_is_not_any_more_lingers(
    bench: Bench, own: OwnWatch
) -> None:
    """A reload touches only what changed: the others' prices go on without a break."""
    bench.run(own.change(claims("A", "B")))
    assert bench.upstream.take() == ["watch A", "watch B"]
    bench.run(own.change(claims("B", "C")))
    assert bench.upstream.take() == ["watch C"]
    assert [bench.demand.count(s, LEVEL1) for s in "ABC"] == [0, 1, 1]
    assert own.as_map() == {"symbols": 2, "held": 2, "refused": 0}
    bench.run(own.change(()))
    assert not bench.leases.living()
    bench.linger()
    assert bench.demand.symbol_count == 0


def test_other_kinds_of_a_symbol_do_not_end_its_watch(bench: Bench, own: OwnWatch) -> None:
    """A book that is added must not cost the quotes a moment."""
    bench.run(own.change(claims("A")))
    bench.run(own.change(claims("A", kinds=("quote", "book"))))
    assert bench.demand.count("A", LEVEL1) == 1
    assert bench.demand.count("A", Service.BOOK) == 1
    bench.run(own.change(claims("A", kinds=("book",))))
    assert bench.demand.count("A", LEVEL1) == 0
    assert bench.demand.count("A", Service.BOOK) == 1


def test_nothing_listed_is_no_lease(bench: Bench, own: OwnWatch) -> None:
    """Who has no file sees nothing of it."""
    bench.run(own.change(()))
    assert not bench.leases.living()
    assert bench.leases.revision == 0


def test_no_client_can_give_it_back(bench: Bench, own: OwnWatch) -> None:
    """Its name is none that a request can spell, and its id is told to who may see all."""
    bench.run(own.change(claims("A")))
    (lease,) = bench.leases.living()
    with pytest.raises(LeaseExpired):
        bench.leases.renew("desk", lease.lease_id)
    with pytest.raises(InvalidParams, match="client"):
        bench.ask("unsubscribe", client=OWN_CLIENT)
    assert bench.demand.count("A", LEVEL1) == 1


def test_it_does_not_end_and_is_not_kept(bench: Bench, own: OwnWatch) -> None:
    """The file is read anew at the next start: a lease of yesterday's list would watch both."""
    bench.run(own.change(claims("A")))
    bench.clock.advance(seconds=OWN_LEASE_S * 3)
    assert bench.run(bench.requests.expire_leases()) == {"expired": 0}
    assert bench.leases.own().expires_ns > bench.clock.monotonic_ns()
    assert bench.leases.as_records() == []


def test_it_is_counted_against_nobody(bench: Bench, own: OwnWatch) -> None:
    """A long list must not take the place of a client."""
    bench.run(own.change(claims(*(f"S{n}" for n in range(50)))))
    bench.leases.set_limits(leases_per_client_max=1, symbols_per_client_max=1, client_count_max=1)
    assert bench.subscribe("X")["lease_id"]


def test_what_finds_no_room_is_told_and_not_held(own: OwnWatch) -> None:
    """A symbol that silently is not watched is found out at the opening bell."""
    bench = Bench(symbol_count_max=1)
    own = OwnWatch(bench.leases, bench.history)
    bench.run(own.change(claims("A", "B")))
    assert own.as_map() == {"symbols": 2, "held": 1, "refused": 1}
    (issue,) = own.issues()
    assert (issue.code, issue.level) == ("symbols_file_refused", "warning")
    assert "'B'" in issue.message
    bench.run(own.change(claims("A")))
    assert list(own.issues()) == []


def test_more_than_the_login_may_watch_is_told(bench: Bench) -> None:
    """The vendor refuses what is beyond; which ones depends on who came first."""
    history = SimpleNamespace(newest=SimpleNamespace(max_symbols=2))
    own = OwnWatch(bench.leases, cast(FeedHistory, history))
    bench.run(own.change(claims("A", "B")))
    assert list(own.issues()) == []
    bench.run(own.change(claims("A", "B", "C")))
    (issue,) = own.issues()
    assert issue.code == "symbols_file_over_limit"
    assert "3 symbols" in issue.message
    assert "watch 2" in issue.message


def test_a_change_that_breaks_off_is_undone(bench: Bench, own: OwnWatch) -> None:
    """A reload takes effect as a whole or not at all."""
    bench.run(own.change(claims("A", "B")))
    steps = own.change(claims("B", "C"))
    assert isinstance(steps.send(None), Watch)
    with pytest.raises(Overloaded):
        steps.throw(Overloaded("the queue is full"))
    bench.run(own.change(claims("A", "B")))
    assert sorted(bench.leases.own().claims) == ["A", "B"]
    assert [bench.demand.count(s, LEVEL1) for s in "ABC"] == [1, 1, 0]
    done = own.change(claims("B", "C"))
    command = done.send(None)
    assert command is not None
    unwatch = done.send(bench.execute(command))
    assert unwatch is not None, "C is watched; A is about to be given back"
    with pytest.raises(Overloaded):
        done.throw(Overloaded("the queue is full"))
    bench.run(own.change(claims("A", "B")))
    assert [bench.demand.count(s, LEVEL1) for s in "ABC"] == [1, 1, 0]


def overload(steps: Steps, bench: Bench, *, after: int) -> None:
    """Do some commands of a change, and refuse the next one."""
    reply = None
    for _ in range(after):
        command = steps.send(reply)
        assert command is not None
        reply = bench.execute(command)
    assert steps.send(reply) is not None
    with pytest.raises(Overloaded):
        steps.throw(Overloaded("the queue is full"))


def counts(bench: Bench, service: Service = LEVEL1) -> list[int]:
    """How many wishes there are of A, B and C."""
    return [bench.demand.count(symbol, service) for symbol in "ABC"]


def test_an_undo_that_breaks_off_as_well_is_told_and_done_later(
    bench: Bench, own: OwnWatch
) -> None:
    """Otherwise a symbol that nobody listed would be watched until the restart."""
    bench.run(own.change(claims("A", "B")))
    overload(own.change(claims("B", "C")), bench, after=1)
    overload(own.change(claims("A", "B")), bench, after=0)
    assert counts(bench) == [1, 1, 1]
    assert not own.is_settled
    (issue,) = own.issues()
    assert issue.code == "symbols_file_unsettled"
    assert "0 symbols of symbols_file are not watched yet, and 1 are watched" in issue.message
    bench.run(own.settle())
    assert counts(bench) == [1, 1, 0]
    assert sorted(bench.leases.own().claims) == ["A", "B"]
    assert (own.is_settled, list(own.issues())) == (True, [])


def test_other_kinds_leave_no_wish_behind(bench: Bench, own: OwnWatch) -> None:
    """A change of kinds that breaks off twice asks for the same service once all the same."""
    bench.run(own.change(claims("A")))
    book = claims("A", kinds=("trade", "book"))
    overload(own.change(claims("A", "B", kinds=("book",))), bench, after=1)
    overload(own.change(claims("A")), bench, after=0)
    assert counts(bench) == [1, 0, 0]
    assert counts(bench, Service.BOOK) == [1, 1, 0]
    bench.run(own.change(book))
    assert counts(bench) == [1, 0, 0]
    assert counts(bench, Service.BOOK) == [1, 0, 0]
    assert list(bench.leases.own().claims.values()) == list(book)
    bench.run(own.change(()))
    assert counts(bench) == counts(bench, Service.BOOK) == [0, 0, 0]
    assert not bench.leases.living()


def test_a_refused_symbol_is_no_unsettled_one(own: OwnWatch) -> None:
    """There is no room: asking again each second would not make any."""
    bench = Bench(symbol_count_max=1)
    own = OwnWatch(bench.leases, bench.history)
    bench.run(own.change(claims("A", "B", kinds=("quote", "book"))))
    assert own.is_settled
    before = len(bench.commands)
    bench.run(own.settle())
    assert len(bench.commands) == before
