"""Requests of users: leases are their own, and lists are what they may see."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.control.upstream_requests import NOBODY, Caller
from gateway.errors import LeaseExpired, NotEntitled, QuotaExceeded, Unauthorized
from gateway.health.verdict import Issue
from gateway.model.methods import Role
from gateway.policy.client_record import ClientRecord, Quotas, Rule
from gateway.policy.demand import Service
from gateway.policy.entitlements import Entitlements
from gateway.policy.key_book import Grant, KeyBook
from tests.unit.control.desk_bench import Bench

BOB, ALICE = Caller("01", "10.0.0.1", "bob"), Caller("02", "10.0.0.2", "alice")
BOBS = ClientRecord(
    "bob",
    "b" * 40,
    Role.CONSUMER,
    allow=(Rule(("quote", "state"), ("A", "B")), Rule(("order",), ("A",))),
    quotas=Quotas(leases_max=2, symbols_max=3),
)
ALICES = ClientRecord("alice", "a" * 40, Role.ADMIN, allow=(Rule(("*",), ("*",)),))


class Users:
    """A desk with two users' files."""

    def __init__(self) -> None:
        self.book = KeyBook([Grant(1, BOBS), Grant(2, ALICES)])
        self.bench = Bench(entitlements=Entitlements(lambda: self.book))

    def ask(self, caller: Caller, method: str, **params: Any) -> Any:
        """Send a request as somebody."""
        self.bench.caller = caller
        return self.bench.ask(method, **params)

    def subscribe(self, caller: Caller, *symbols: str, kinds: tuple[str, ...] = ("quote",)) -> Any:
        """Take a lease for the client `c`."""
        return self.ask(caller, "subscribe", client="c", symbols=symbols, kinds=kinds)

    def narrow(self, *rules: Rule) -> None:
        """Let bob's file allow something else."""
        self.book = KeyBook([Grant(3, replace(BOBS, allow=rules)), Grant(2, ALICES)])


@pytest.fixture
def users() -> Users:
    """Bob may have little, alice everything."""
    return Users()


def test_a_symbol_that_may_not_be_had_spoils_no_other(users: Users) -> None:
    """Of the others those kinds are leased that may be had."""
    answer = users.subscribe(BOB, "A", "B", "C", kinds=("quote", "order"))
    assert [(r["symbol"], r["code"]) for r in answer["rejected"]] == [("C", "not_entitled")]
    told = {t["topic"]: (t["state"], t["cause"]) for t in answer["topics"]}
    assert told["order,B,"] == ("refused", "not_entitled")
    assert told["order,A,"][1] != "not_entitled"
    (lease,) = users.bench.leases.living()
    assert {s: c.kinds for s, c in lease.claims.items()} == {
        "A": ("quote", "order"),
        "B": ("quote",),
    }
    assert not users.bench.demand.is_watched("B", Service.ORDERS)
    assert not users.bench.demand.is_watched("C", Service.LEVEL1)
    assert users.bench.audit.named("rpc_denied")[0]["symbol"] == "C"


def test_nothing_that_may_be_had_is_no_lease(users: Users) -> None:
    """It would count against the quota, and expire for nothing."""
    answer = users.subscribe(BOB, "C")
    assert (answer["lease_id"], answer["topics"]) == (None, [])
    assert users.bench.leases.living() == []


def test_quotas_are_a_users_and_not_a_clients(users: Users) -> None:
    """Another name for the client is no other user."""
    users.subscribe(BOB, "A", "B")
    with pytest.raises(QuotaExceeded):
        users.ask(BOB, "subscribe", client="d", symbols=["A", "B"], kinds=["quote"])
    users.ask(BOB, "subscribe", client="d", symbols=["A"], kinds=["quote"])
    with pytest.raises(QuotaExceeded):
        users.ask(BOB, "subscribe", client="e", symbols=["A"], kinds=["quote"])
    assert users.subscribe(ALICE, "A", "B", "C")["lease_id"]


def test_leases_are_their_users(users: Users) -> None:
    """Under the same client's name, and with the id known."""
    his, hers = users.subscribe(BOB, "A")["lease_id"], users.subscribe(ALICE, "A")["lease_id"]
    for method in ("renew", "unsubscribe"):
        with pytest.raises(LeaseExpired):
            users.ask(BOB, method, client="c", lease_id=hers)
    assert users.ask(BOB, "unsubscribe", client="c") == {"removed": 1}
    (left,) = users.bench.leases.living()
    assert (left.lease_id, left.user) == (hers, "alice")
    assert users.bench.demand.count("A", Service.LEVEL1) == 1
    with pytest.raises(LeaseExpired):
        users.ask(BOB, "renew", client="c", lease_id=his)


def test_leases_outlive_a_restart_as_their_users(users: Users) -> None:
    """What the file of leases says of users is what counts, judged by their files of now."""
    users.subscribe(BOB, "A", "B")
    users.subscribe(ALICE, "A")
    records = [*users.bench.leases.as_records()]
    records.append({**records[0], "lease_id": "old", "user": ""})
    after = Users()
    after.narrow(Rule(("quote",), ("B",)))
    after.bench.run(after.bench.requests.restore_leases(records))
    after.bench.run(after.bench.requests.review_leases())
    assert [(lease.user, list(lease.claims)) for lease in after.bench.leases.living()] == [
        ("bob", ["B"]),
        ("alice", ["A"]),
    ]
    assert after.bench.demand.count("A", Service.LEVEL1) == 1


def test_a_file_that_changes_takes_claims_back(users: Users) -> None:
    """Kinds of a symbol, whole symbols, and with the last claim the lease."""
    users.subscribe(BOB, "A", "B", kinds=("quote", "order"))
    users.narrow(Rule(("order",), ("A",)))
    told = users.bench.run(users.bench.requests.review_leases())
    assert told == {"taken": 2}
    (lease,) = users.bench.leases.living()
    assert {s: c.kinds for s, c in lease.claims.items()} == {"A": ("order",)}
    assert users.bench.demand.count("A", Service.LEVEL1) == 0
    assert users.bench.demand.count("A", Service.ORDERS) == 1
    users.book = KeyBook([Grant(2, ALICES)])
    users.bench.run(users.bench.requests.review_leases())
    assert users.bench.leases.living() == []
    assert users.bench.demand.count("A", Service.ORDERS) == 0


def test_without_keys_no_lease_is_judged() -> None:
    """There is nothing to judge by."""
    bench = Bench()
    bench.subscribe("A")
    assert bench.run(bench.requests.review_leases()) == {"taken": 0}
    assert len(bench.leases.living()) == 1


def test_lists_are_what_a_user_may_see(users: Users) -> None:
    """Others' leases, and symbols it may not hear, are not there for a consumer."""
    users.subscribe(BOB, "A")
    users.subscribe(ALICE, "A", "C")
    bobs = users.ask(BOB, "subscriptions")
    assert [lease["user"] for lease in bobs["leases"]] == ["bob"]
    assert {watch["symbol"] for watch in bobs["watches"]} == {"A"}
    alices = users.ask(ALICE, "subscriptions")
    assert [lease["user"] for lease in alices["leases"]] == ["bob", "alice"]
    assert {watch["symbol"] for watch in alices["watches"]} == {"A", "C"}
    assert [s["symbol"] for s in users.ask(BOB, "symbols")["symbols"]] == ["A"]
    assert users.ask(BOB, "symbols")["total"] == 1
    assert users.ask(ALICE, "symbols")["total"] == 2
    with pytest.raises(NotEntitled):
        users.ask(BOB, "why", symbol="C")
    assert "alice" not in str(users.ask(BOB, "why", symbol="A"))
    assert users.ask(ALICE, "why", symbol="C")["lines"]


def test_health_names_nobody_to_a_consumer(users: Users) -> None:
    """It says that somebody falls behind, and an administrator reads who."""
    issues = [
        Issue(
            "slow_consumers", "critical", "a consumer falls behind: alices (9.0 s)", "See alices."
        ),
        Issue("connections_flooding", "warning", "the last one tcp://10.0.0.2:1", "Stop it."),
        Issue("client_files_refused", "warning", "clients.d/alice.yaml", "Correct it."),
    ]
    monitor = users.bench.requests.inside.monitor
    monitor.register_conditions(lambda: issues)
    for _ in range(10):
        monitor.check()
        users.bench.clock.advance(seconds=1)
    told = users.ask(BOB, "health")
    assert {issue.code for issue in issues} <= {issue["code"] for issue in told["issues"]}
    assert "10.0.0.2" in str(users.ask(ALICE, "alerts"))
    for answer in (told, users.ask(BOB, "alerts")):
        assert not [word for word in ("alice", "10.0.0.2") if word in str(answer)]
    alices = users.ask(ALICE, "health")
    assert "alices (9.0 s)" in str(alices)
    assert alices["level"] == told["level"]


def test_snapshots_of_what_may_not_be_had_are_refusals(users: Users) -> None:
    """Beside those that may."""
    users.subscribe(ALICE, "A", "C")
    answers = users.ask(BOB, "snapshot", topics=["quote,A,", "quote,C,", "trade,A,"])
    assert [a["body"][6:8] == ("refused", "not_entitled") for a in answers] == [False, True, True]


def test_only_a_relays_file_makes_a_relay(users: Users) -> None:
    """No limit of one connection holds for it."""
    hello = {"client": "c", "data_token": "t" * 20, "is_relay": True}
    with pytest.raises(NotEntitled):
        users.ask(ALICE, "hello", **hello)
    relays = ClientRecord("r", "r" * 40, Role.CONSUMER, is_relay=True)
    users.book = KeyBook([Grant(4, relays)])
    users.bench.access.check_relay(Caller("03", "", "r"))
    with pytest.raises(Unauthorized):
        users.ask(BOB, "ping")
    assert users.ask(NOBODY, "ping") == {}
