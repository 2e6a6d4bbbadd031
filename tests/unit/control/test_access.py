"""Who may ask for what, and how often."""

import pytest

from gateway.clock import FakeClock
from gateway.control.access import Access, refused_body
from gateway.control.upstream_requests import NOBODY, Caller
from gateway.errors import NotEntitled, RateLimited, Unauthorized
from gateway.model.methods import Role
from gateway.policy.client_record import ClientRecord, Quotas, Rule
from gateway.policy.entitlements import EVERYBODY, Entitlements
from gateway.policy.key_book import Grant, KeyBook
from gateway.policy.usage import Use
from gateway.wire.topics import TopicName, parse_topic
from tests.support.open_access import AuditKept, open_access

BOB = Caller("01", "10.0.0.1", "bob")
QUOTAS = Quotas(
    requests_per_second_max=5, snapshots_per_second_max=10, replay_bytes_per_minute_max=1_000
)


def name(topic: bytes) -> TopicName:
    """A topic, taken apart."""
    found = parse_topic(topic)
    assert found is not None
    return found


class Bench:
    """A consumer called bob, who may have what AAPL has but its orders."""

    def __init__(self, role: Role = Role.CONSUMER) -> None:
        self.clock = FakeClock()
        self.audit = AuditKept()
        record = ClientRecord(
            "bob",
            "k" * 40,
            role,
            allow=(Rule(("*",), ("AAPL",)),),
            deny=(Rule(("order",), ("*",)),),
            quotas=QUOTAS,
        )
        self.books = [KeyBook([Grant(1, record)])]
        self.access: Access = open_access(
            self.clock, Entitlements(lambda: self.books[-1]), audit=self.audit
        )


def test_roles_open_methods() -> None:
    """And what is refused is written down once, then counted."""
    bench = Bench()
    bench.access.authorize(BOB, "health", Role.MONITOR)
    bench.access.authorize(BOB, "subscribe", Role.CONSUMER)
    for _ in range(3):
        with pytest.raises(Unauthorized) as refused:
            bench.access.authorize(BOB, "admin.evict", Role.ADMIN)
        assert "admin" in refused.value.hint
    (event,) = bench.audit.named("rpc_denied")
    assert (event["user"], event["about"]) == ("bob", "admin.evict")
    bench.clock.advance(seconds=61)
    bench.access.tell_due()
    assert bench.audit.named("rpc_denied")[1]["count"] == 2


def test_topics_and_symbols_are_judged() -> None:
    """A symbol of which anything may be heard may be known of."""
    bench = Bench()
    bench.access.check(BOB, name(b"quote,AAPL,"), "replay")
    bench.access.check_symbol(BOB, "AAPL", "why")
    for topic in (b"quote,MSFT,", b"order,AAPL,"):
        with pytest.raises(NotEntitled):
            bench.access.check(BOB, name(topic), "replay")
    with pytest.raises(NotEntitled):
        bench.access.check_symbol(BOB, "MSFT", "why")
    with pytest.raises(NotEntitled):
        bench.access.check_relay(BOB)
    assert {event["about"] for event in bench.audit.named("rpc_denied")} == {
        "replay",
        "why",
        "hello",
    }


def test_a_file_that_is_gone_ends_everything() -> None:
    """A request may be read after its file was removed."""
    bench = Bench()
    bench.books.append(KeyBook())
    with pytest.raises(Unauthorized):
        bench.access.authorize(BOB, "ping", Role.MONITOR)
    assert bench.access.rights_of_user("bob") is None
    assert bench.access.book is bench.books[-1]


def test_our_own_requests_are_everybodys() -> None:
    """The status page asks as nobody."""
    bench = Bench()
    assert bench.access.rights_of(NOBODY) is EVERYBODY
    bench.access.authorize(NOBODY, "admin.evict", Role.ADMIN)
    bench.access.check_relay(NOBODY)
    # A caller without a user is not nobody: no connection is without one where there are keys.
    with pytest.raises(Unauthorized):
        bench.access.rights_of(Caller("02", "10.0.0.2", ""))


def test_paces_are_a_users() -> None:
    """Whatever its connections."""
    bench = Bench()
    paces = [bench.access.judge_pace(Caller(f"{n}", "10.0.0.1", "bob")) for n in range(31)]
    assert [p.retry_ms for p in paces[:10]] == [0] * 10
    assert all(p.retry_ms for p in paces[10:])
    assert [p.is_cut for p in paces].count(True) == 1
    assert len(bench.audit.named("rate_limited")) == 1
    (cut,) = bench.audit.named("evicted")
    assert (cut["user"], cut["socket"]) == ("bob", "control")


def test_snapshots_and_replays_have_paces_of_their_own() -> None:
    """Bytes that were read are sent; the next request waits for them."""
    bench = Bench()
    bench.access.spend_snapshots(BOB, 30)
    with pytest.raises(RateLimited) as refused:
        bench.access.spend_snapshots(BOB, 1)
    assert refused.value.facts["retry_ms"] == 2_100
    bench.access.reserve_replay(BOB, 1).settle(2_000)
    with pytest.raises(RateLimited):
        bench.access.reserve_replay(BOB, 1)
    bench.clock.advance(seconds=61)
    bench.access.reserve_replay(BOB, 1)


def test_replays_at_one_time_do_not_pass_together() -> None:
    """All are asked for before the first is read; what was not sent is given back."""
    bench = Bench()
    reserved = [bench.access.reserve_replay(BOB, 1), bench.access.reserve_replay(BOB, 5_000)]
    for _ in range(254):
        with pytest.raises(RateLimited):
            bench.access.reserve_replay(BOB, 5_000)
    for one in reserved:
        one.settle(0)
        one.settle(900)
    bench.access.reserve_replay(BOB, 5_000).settle(999)
    bench.access.reserve_replay(BOB, 1).settle(1)
    with pytest.raises(RateLimited):
        bench.access.reserve_replay(BOB, 1)


def test_without_keys_nothing_is_judged_or_counted() -> None:
    """As it always was on one machine."""
    access = open_access(FakeClock())
    caller = Caller("01")
    assert not access.is_by_user
    assert not any(access.judge_pace(caller).retry_ms for _ in range(5_000))
    for _ in range(3):
        access.spend_snapshots(caller, 1_000_000)
        access.reserve_replay(caller, 1_000_000_000).settle(1_000_000_000)
    assert access.may(caller, name(b"quote,X,"), "snapshot")


def test_what_is_had_by_request_is_usage() -> None:
    """A snapshot over the control socket is consumption, too."""
    bench, used = Bench(), list[Use]()
    bench.access._on_use = used.append
    bench.access.check(BOB, name(b"trade,AAPL,"), "replay")
    assert not bench.access.may(BOB, name(b"trade,MSFT,"), "snapshot")
    ((user, kind, symbol, change),) = [(u.user, u.kind, u.symbol, u.change) for u in used]
    assert (user, kind, symbol, change) == ("bob", "trade", "AAPL", 0)


def test_a_refusal_is_a_state() -> None:
    """Laid out as the contract says."""
    assert refused_body(7, 9) == (9, 7, 0, 0, 9, None, "refused", "not_entitled", 9, {})
