"""Leases on the request desk: what is asked of the feed thread, answered, and taken back."""

from collections.abc import Generator
from typing import Any

import pytest

from gateway.control import lease_requests
from gateway.control.feed_commands import (
    SYMBOLS_PER_COMMAND_MAX,
    AwaitSettled,
    ReadStandings,
    Unwatch,
    Watch,
)
from gateway.control.methods import answer
from gateway.control.upstream_requests import Caller
from gateway.errors import LeaseExpired, QuotaExceeded
from gateway.model.enums import Cause, SymbolState
from gateway.policy.demand import Service
from tests.unit.control.desk_bench import Bench

LEVEL1 = Service.LEVEL1


@pytest.fixture
def bench() -> Bench:
    """A gateway whose upstream is whole."""
    return Bench()


def rejected(answer: Any) -> dict[str, str]:
    """Code by rejected symbol."""
    return {each["symbol"]: each["code"] for each in answer["rejected"]}


def many(count: int) -> tuple[str, ...]:
    """That many symbols."""
    return tuple(f"S{number}" for number in range(count))


def test_subscribe_answers_at_once_with_what_is_known(bench: Bench) -> None:
    """The client gets its lease and each topic's state and sequence without waiting."""
    answer = bench.subscribe("A", kinds=("quote", "trade"), lease_s=30)
    assert answer["lease_id"]
    assert answer["expires_us"] == bench.clock.utc_us() + 30_000_000
    assert answer["topics"] == [
        {"topic": "quote,A,", "state": "pending", "cause": None, "sequence": 0},
        {"topic": "trade,A,", "state": "pending", "cause": None, "sequence": 0},
    ]
    assert answer["rejected"] == []
    assert bench.upstream.take() == ["watch A"]


def test_a_symbol_that_is_live_already_says_so_with_its_sequence(bench: Bench) -> None:
    """The client knows which update is the next it may expect."""
    bench.subscribe("A")
    bench.hear("A")
    bench.publish("A")
    bench.publish("A")
    (topic,) = bench.subscribe("A", kinds=("quote",))["topics"]
    assert topic == {"topic": "quote,A,", "state": "live", "cause": None, "sequence": 2}


def test_groups_stand_for_their_kinds_once_each(bench: Bench) -> None:
    """`l1` and `state` together must not list a topic twice."""
    answer = bench.subscribe("A", kinds=("l1", "state", "quote", "l1"))
    topics = [each["topic"] for each in answer["topics"]]
    assert topics == ["quote,A,", "trade,A,", "summary,A,", "state,A,"]


def test_a_kind_that_is_not_delivered_says_so_beside_the_others(bench: Bench) -> None:
    """A consumer must not wait for bars that never come."""
    answer = bench.subscribe("A", kinds=("quote", "depth", "bar", "quote@250"))
    states = {each["topic"]: (each["state"], each["cause"]) for each in answer["topics"]}
    assert states == {
        "quote,A,": ("pending", None),
        "depth,A,": ("pending", None),
        "bar,A,": ("refused", "no_depth"),
        "quote@250,A,": ("pending", None),
    }


@pytest.mark.parametrize("kind", ["depth", "book", "regional@250", "news"])
def test_a_kind_that_is_not_delivered_says_so_alone_too(bench: Bench, kind: str) -> None:
    """An answer without topics and without rejections leaves the consumer guessing."""
    answer = bench.subscribe("A", kinds=(kind,))
    assert answer["topics"] or answer["rejected"]


def test_a_bad_symbol_does_not_spoil_the_others(bench: Bench) -> None:
    """One typing error in a list of thousands must not cost the list."""
    answer = bench.subscribe("A", "INVALID;SYMBOL", "B", "", "aapl", "A,B")
    assert [each["topic"] for each in answer["topics"]][::4] == ["quote,A,", "quote,B,"]
    assert set(rejected(answer).values()) == {"symbol_invalid"}
    assert len(answer["rejected"]) == 4
    assert "use AAPL" in answer["rejected"][2]["hint"]
    assert bench.upstream.take() == ["watch A", "watch B"]


def test_a_bad_symbol_is_named_as_it_was_sent(bench: Bench) -> None:
    """A client finds the rejected symbol in its own list by comparing."""
    assert list(rejected(bench.subscribe("aapl", "A"))) == ["aapl"]


def test_nothing_but_bad_symbols_is_no_lease(bench: Bench) -> None:
    """There is nothing to renew, and the quota is not touched."""
    answer = bench.subscribe("a", "b")
    assert (answer["lease_id"], answer["expires_us"], answer["topics"]) == (None, None, [])
    assert len(answer["rejected"]) == 2
    assert bench.leases.living() == []
    assert bench.commands == []


def test_a_symbol_known_to_be_unknown_is_not_leased(bench: Bench) -> None:
    """Its wish is taken back at once, so it does not stay on the board for the lease's life."""
    bench.subscribe("XYZZY")
    bench.desk.note_not_found("XYZZY")
    answer = bench.ask("subscribe", client="other", symbols=["A", "XYZZY"], kinds=["l1"])
    assert rejected(answer) == {"XYZZY": "symbol_not_found"}
    assert bench.demand.count("XYZZY", LEVEL1) == 1, "only the first client's wish is left"
    (lease,) = (each for each in bench.leases.living() if each.client == "other")
    assert list(lease.claims) == ["A"]


def test_a_lease_of_nothing_but_unknown_symbols_is_none(bench: Bench) -> None:
    """The client is not given an id that would expire at once."""
    bench.on_wait = lambda: bench.desk.note_not_found("XYZZY")
    answer = bench.subscribe("XYZZY", wait_ms=100)
    assert (answer["lease_id"], answer["expires_us"]) == (None, None)
    assert rejected(answer) == {"XYZZY": "symbol_not_found"}
    assert bench.leases.living() == []
    assert bench.demand.watched() == []


def test_a_symbol_beyond_the_vendors_limit_stays_leased(bench: Bench) -> None:
    """It waits for a free slot; the client is told that it does."""
    bench.on_wait = lambda: bench.desk.note_limit("B")
    answer = bench.subscribe("A", "B", wait_ms=100)
    assert rejected(answer) == {"B": "symbol_limit"}
    assert [each["topic"] for each in answer["topics"] if each["state"] == "refused"]
    (lease,) = bench.leases.living()
    assert list(lease.claims) == ["A", "B"]
    assert bench.demand.count("B", LEVEL1) == 1


def test_a_symbol_for_which_there_is_no_room_is_not_leased() -> None:
    """Its wish was never counted, so nothing of it may be taken back later."""
    bench = Bench(symbol_count_max=1)
    answer = bench.subscribe("A", "B", wait_ms=100)
    assert rejected(answer) == {"B": "quota_exceeded"}
    assert {each["topic"][-3:] for each in answer["topics"]} == {",A,"}
    (lease,) = bench.leases.living()
    assert list(lease.claims) == ["A"]
    assert bench.demand.watched() == [("A", LEVEL1)]
    assert not [command for command in bench.commands if isinstance(command, Unwatch)]


def test_a_cause_that_is_no_error_code_still_has_a_hint(bench: Bench) -> None:
    """Whatever refuses a symbol, the client is told where to read more."""
    bench.subscribe("A")
    bench.board.refuse("A", Cause.HALTED)
    (refusal,) = bench.subscribe("A")["rejected"]
    assert refusal["code"] == "halted"
    assert "`state` topic" in refusal["hint"]


def test_wait_ms_waits_for_the_vendors_first_word(bench: Bench) -> None:
    """A client that wants certainty gets it in one request."""
    bench.subscribe("KNOWN")
    bench.hear("KNOWN")
    bench.commands.clear()
    bench.on_wait = lambda: bench.hear("A")
    answer = bench.subscribe("A", "KNOWN", kinds=("quote",), wait_ms=1_500)
    assert [type(command) for command in bench.commands] == [Watch, AwaitSettled, ReadStandings]
    assert bench.commands[1] == AwaitSettled(frozenset({"A"}), 1_500_000_000)
    assert [each["state"] for each in answer["topics"]] == ["live", "live"]


def test_wait_ms_that_passes_answers_pending(bench: Bench) -> None:
    """A quiet symbol is no error; the lease stands."""
    answer = bench.subscribe("A", kinds=("quote",), wait_ms=1)
    assert answer["topics"][0]["state"] == "pending"
    assert answer["lease_id"]


def test_a_lease_that_ends_during_the_wait_takes_its_wishes_along(bench: Bench) -> None:
    """Nothing may be taken back twice: the second time it would be another client's."""
    bench.ask("subscribe", client="other", symbols=["A", "XYZZY"], kinds=["l1"])

    def end_and_refuse() -> None:
        bench.clock.advance(seconds=60)
        for lease in bench.leases.living():
            if lease.client == "other":
                bench.leases.renew("other", lease.lease_id)
        bench.run(bench.requests.expire_leases())
        bench.desk.note_not_found("XYZZY")

    bench.on_wait = end_and_refuse
    answer = bench.subscribe("A", "XYZZY", wait_ms=100)
    assert rejected(answer) == {"XYZZY": "symbol_not_found"}
    assert bench.demand.count("A", LEVEL1) == 1
    assert bench.demand.count("XYZZY", LEVEL1) == 1


def test_long_requests_are_cut_into_batches(bench: Bench) -> None:
    """Data never waits for control: no command holds more than 250 symbols."""
    bench.subscribe(*many(501), wait_ms=1)
    bench.ask("unsubscribe", client="desk")
    sizes: dict[type, list[int]] = {}
    for command in bench.commands:
        if isinstance(command, Watch | Unwatch):
            sizes.setdefault(type(command), []).append(len(command.wishes))
        elif isinstance(command, ReadStandings):
            sizes.setdefault(type(command), []).append(len(command.symbols))
    assert SYMBOLS_PER_COMMAND_MAX == 250
    assert sizes == {Watch: [250, 250, 1], ReadStandings: [250, 250, 1], Unwatch: [250, 250, 1]}


def test_a_quota_is_refused_before_anything_is_asked(bench: Bench) -> None:
    """A refused request leaves no wish behind."""
    bench.subscribe(*many(3_001))
    with pytest.raises(QuotaExceeded):
        bench.subscribe(*many(3_001))
    assert len(bench.leases.living()) == 1
    assert len(bench.demand.watched()) == 3_001


def test_unsubscribe_gives_up_everything_and_counts_it(bench: Bench) -> None:
    """The watch lingers and then ends; other clients keep theirs."""
    bench.subscribe("A", "B", kinds=("quote", "regional"))
    bench.ask("subscribe", client="other", symbols=["B"], kinds=["l1"])
    assert bench.ask("unsubscribe", client="desk") == {"removed": 4}
    bench.upstream.take()
    bench.linger()
    assert sorted(bench.upstream.take()) == ["regional off A", "regional off B", "unwatch A"]
    assert bench.demand.watched() == [("B", LEVEL1)]
    assert bench.ask("unsubscribe", client="desk") == {"removed": 0}


def test_unsubscribe_of_a_kind_keeps_the_watch_for_the_others(bench: Bench) -> None:
    """Trades go on while quotes are given up: the vendor is asked for both at once."""
    bench.subscribe("A", kinds=("quote", "trade", "regional"))
    assert bench.ask("unsubscribe", client="desk", kinds=["quote"]) == {"removed": 1}
    assert bench.demand.count("A", LEVEL1) == 1
    assert bench.ask("unsubscribe", client="desk", symbols=["A"], kinds=["l1"]) == {"removed": 1}
    assert bench.demand.is_lingering("A", LEVEL1)
    assert bench.demand.count("A", Service.REGIONAL) == 1


def test_unsubscribe_of_one_lease_keeps_the_other(bench: Bench) -> None:
    """Two programs under one name each hold their own wish."""
    first = bench.subscribe("A")
    bench.subscribe("A")
    assert bench.ask("unsubscribe", client="desk", lease_id=first["lease_id"]) == {"removed": 4}
    assert bench.demand.count("A", LEVEL1) == 1
    with pytest.raises(LeaseExpired):
        bench.ask("unsubscribe", client="desk", lease_id=first["lease_id"])
    assert bench.demand.count("A", LEVEL1) == 1


def test_another_clients_lease_can_be_neither_renewed_nor_given_up(bench: Bench) -> None:
    """Names are not secret; ids are."""
    lease = bench.subscribe("A")
    for method in ("renew", "unsubscribe"):
        with pytest.raises(LeaseExpired):
            bench.ask(method, client="other", lease_id=lease["lease_id"])
    assert bench.demand.count("A", LEVEL1) == 1


def test_an_expired_lease_takes_its_wishes_back(bench: Bench) -> None:
    """A client that died holds nothing any longer, and its id is answered `lease_expired`."""
    lease = bench.subscribe("A", "B", kinds=("quote",), lease_s=30)
    bench.ask("subscribe", client="other", symbols=["B"], kinds=["l1"], lease_s=60)
    bench.clock.advance(seconds=30)
    assert bench.run(bench.requests.expire_leases()) == {"expired": 1}
    assert bench.demand.is_lingering("A", LEVEL1)
    assert bench.demand.count("B", LEVEL1) == 1
    assert bench.run(bench.requests.expire_leases()) == {"expired": 0}
    with pytest.raises(LeaseExpired) as caught:
        bench.ask("renew", client="desk", lease_id=lease["lease_id"])
    assert caught.value.code == "lease_expired"


def test_restored_leases_watch_their_symbols_again(bench: Bench) -> None:
    """After a restart the vendor is asked before any client has noticed."""
    bench.subscribe(*many(300), kinds=("quote", "regional"), lease_s=60)
    records = bench.leases.as_records()
    again = Bench()
    assert again.run(again.requests.restore_leases(records)) == {"restored": 1}
    assert len(again.demand.watched()) == 600
    assert len(again.upstream.take()) == 600
    assert again.state("S0")[0] is SymbolState.PENDING
    again.clock.advance(seconds=60)
    again.run(again.requests.expire_leases())
    again.linger()
    assert again.demand.watched() == []


def record(bench: Bench, lease_id: str, *claims: tuple[str, list[str]]) -> dict[str, Any]:
    """One lease as a file of leases has it."""
    expires_us = bench.clock.utc_us() + 60_000_000
    return {
        "lease_id": lease_id,
        "client": "desk",
        "lease_s": 60,
        "expires_us": expires_us,
        "claims": list(claims),
    }


def test_what_this_version_cannot_use_is_left_out_of_kept_leases(bench: Bench) -> None:
    """After a downgrade, or with a damaged file, the gateway starts with what is left."""
    records = [
        record(bench, "a", ("A", ["quote", "greeks", "greeks@5"]), ("a;b", ["quote"])),
        record(bench, "b", ("B", ["greeks"])),
        record(bench, "c", ("\r\nS,DISCONNECT", ["quote"])),
        record(bench, "d", ("D", ["quote@250", "regional"])),
        record(bench, "a", ("E", ["quote"])),
        record(bench, "f"),
    ]
    assert bench.run(bench.requests.restore_leases(records)) == {"restored": 2}
    kept = {
        lease.lease_id: {name: claim.kinds for name, claim in lease.claims.items()}
        for lease in bench.leases.living()
    }
    assert kept == {"a": {"A": ("quote",)}, "d": {"D": ("quote@250", "regional")}}
    assert bench.upstream.take() == ["watch A", "watch D", "regional on D"]


def test_a_release_during_a_long_subscribe_leaves_no_wish_behind(bench: Bench) -> None:
    """Requests of one client may overlap; a watch that nobody holds would never end."""
    steps = bench.begin("subscribe", client="desk", symbols=list(many(251)), kinds=["l1"])
    command = next(steps)
    assert command is not None
    reply = bench.execute(command)
    bench.ask("unsubscribe", client="desk", symbols=["S250"])
    bench.run(steps, reply)
    bench.ask("unsubscribe", client="desk")
    bench.linger()
    assert bench.demand.watched() == []


def test_a_restored_symbol_that_finds_no_room_is_not_held() -> None:
    """Its end would otherwise take back the wish of another consumer."""
    bench = Bench(symbol_count_max=1)
    record = {
        "lease_id": "a",
        "client": "desk",
        "lease_s": 60,
        "expires_us": bench.clock.utc_us() + 60_000_000,
        "claims": [["A", ["quote"]], ["B", ["quote"]]],
    }
    bench.run(bench.requests.restore_leases([record]))
    assert [list(lease.claims) for lease in bench.leases.living()] == [["A"]]


def test_giving_a_book_up_leaves_other_clients_quotes_alone(bench: Bench) -> None:
    """`state` beside a book is no wish for Level 1; alone it is, and is counted before it ends."""
    bench.subscribe("A", kinds=("quote",))
    other = bench.ask("subscribe", client="other", symbols=["A"], kinds=["state", "book"])
    bench.ask("unsubscribe", client="other", symbols=["A"], kinds=["book"])
    bench.ask("unsubscribe", client="other", lease_id=other["lease_id"])
    assert bench.demand.count("A", Service.LEVEL1) == 1


def test_few_of_those_who_wait_for_the_vendor_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits holds a slot of all requests: 256 of one user, and nobody is answered any more."""
    monkeypatch.setattr(lease_requests, "WAITS_MAX", 4)
    monkeypatch.setattr(lease_requests, "WAITS_PER_ACCOUNT_MAX", 3)
    bench = Bench()

    def begin(number: int, identity: str) -> tuple[Any, bool]:
        """Take a lease until it waits; whether it does."""
        wanted = {"client": f"c{number}", "symbols": ["A"], "kinds": ["l1"], "wait_ms": 2_000}
        caller = Caller(identity)
        steps = answer(bench.requests, "subscribe", wanted, caller=caller)
        assert isinstance(steps, Generator)
        try:
            command = next(steps)
            while not isinstance(command, AwaitSettled):
                assert command is not None
                command = steps.send(bench.execute(command))
        except StopIteration as finished:
            return finished.value, False
        return steps, True

    begun = [begin(number, "one") for number in range(4)]
    assert [is_waiting for _, is_waiting in begun] == [True, True, True, False]
    at_once = begun[3][0]
    assert at_once["lease_id"] is not None
    assert at_once["topics"][0]["state"] == "pending"
    others = [begin(4 + number, "two") for number in range(2)]
    assert [is_waiting for _, is_waiting in others] == [True, False]
    # Both ends make room: an answer, and a caller that is gone.
    assert bench.run(begun[0][0])["lease_id"] is not None
    begun[1][0].close()
    more = [begin(6 + number, "one") for number in range(3)]
    assert [is_waiting for _, is_waiting in more] == [True, True, False]
