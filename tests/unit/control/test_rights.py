"""What subscriptions are granted as, and what is written down."""

from collections.abc import Hashable

import pytest

from gateway.clock import FakeClock
from gateway.control.rights import DENIED_NAMED_MAX, RightsDesk, granted_as, may_prefix
from gateway.control.told_once import ToldOnce
from gateway.control.usage_tap import UsageTap
from gateway.counters import Counter, Counters
from gateway.model.methods import Role
from gateway.policy.client_record import ClientRecord, Quotas, Rule
from gateway.policy.entitlements import EVERYBODY, Entitlements, UserRights
from gateway.policy.key_book import Grant, KeyBook
from gateway.policy.peers import Peer
from gateway.policy.senders import ANYBODY, Sender
from gateway.policy.slow_consumers import Progress, SlowRules
from gateway.wire.topics import parse_topic
from tests.support.open_access import LIMITS, AuditKept

BOB = Sender("bob", 1)
PRIVATE = b"~12345678901234."


def record(role: Role = Role.CONSUMER) -> ClientRecord:
    """AAPL, and the summaries of everything."""
    allow = (Rule(("*",), ("AAPL",)), Rule(("summary",), ("*",)))
    return ClientRecord("bob", "k" * 40, role, allow, quotas=Quotas(snapshots_per_second_max=3))


class Bench:
    """A desk of rights with one client."""

    def __init__(self) -> None:
        self.clock, self.counters, self.audit = FakeClock(), Counters(), AuditKept()
        self.books = [KeyBook([Grant(1, record())])]
        self.desk = self.make(Entitlements(lambda: self.books[-1]))

    def make(self, entitlements: Entitlements) -> RightsDesk:
        """A desk."""
        return RightsDesk(
            entitlements,
            limits=LIMITS,
            clock=self.clock,
            counters=self.counters,
            told=ToldOnce(self.clock, self.audit),
            usage=UsageTap(self.clock, self.counters, is_on=entitlements.are_on),
        )

    def peer(self, connection: Hashable = 1, sender: Sender = BOB) -> Peer:
        """A connection."""
        rules = SlowRules(warn_ns=1, clear_ns=1, evict_stalled_ns=0, evict_lag_ns=0)
        return Peer(
            connection,
            name=f"tcp://10.0.0.1:{connection}",
            transport="tcp",
            progress=Progress(rules),
            snapshots=self.desk.snapshots_of(sender),
            now_ns=0,
            sender=sender,
        )


@pytest.mark.parametrize(
    ("topic", "granted"),
    [
        (b"quote,AAPL,", (b"quote,AAPL,",)),
        (b"quote@250,AAPL,", (b"quote@250,AAPL,",)),
        (b"quote,AAPL,\x9a\x01", (b"quote,AAPL,\x9a\x01",)),
        (b"quote,AAPL", ()),
        (b"quote,MSFT,", ()),
        (b"summary", (b"summary",)),
        (b"summary@", (b"summary@",)),
        (b"s", ()),
        (b"nothing,AAPL,", ()),
        (b"quote,,", ()),
        (b"quote@0,AAPL,", ()),
        (b"quote,\xff", ()),
        (b"quote," + b"A" * 65, ()),
        (b"~", ()),
        (PRIVATE, ()),
        (PRIVATE + b"quote,MSFT,", (PRIVATE + b"quote,MSFT,",)),
        (
            b"",
            (b"summary,", b"summary@", b"sys,heartbeat,", b"sys,feed,", b"sys,goodbye,"),
        ),
    ],
)
def test_subscriptions_are_granted_as_far_as_they_may(
    topic: bytes, granted: tuple[bytes, ...]
) -> None:
    """A private topic is where its owner is told no."""
    assert set(granted_as(UserRights(record()), topic)) == set(granted)


def test_the_empty_prefix_is_nobodys() -> None:
    """It matches others' private topics."""
    assert not may_prefix(UserRights(record(Role.ADMIN)), b"")
    assert granted_as(EVERYBODY, b"quote,") == (b"quote,",)


def test_grants_are_told_by_kind_and_begin_usage() -> None:
    """Twenty thousand subscriptions are a few lines."""
    bench = Bench()
    peer = bench.peer()
    for topic in (b"quote,AAPL,", b"quote@250,AAPL,", b"summary,", b"sys,heartbeat,"):
        bench.desk.note_grant(peer, topic, parse_topic(topic), is_new=True)
    bench.desk.note_grant(peer, b"quote,AAPL,", parse_topic(b"quote,AAPL,"), is_new=False)
    assert [e["about"] for e in bench.audit.named("sub_granted")] == ["quote", "several kinds"]
    assert list(peer.prefixes) == [b"summary,"]
    fact = bench.desk.usage.take()
    assert fact is not None
    assert [(u.kind, u.symbol) for u in fact.uses] == [
        ("quote", "AAPL"),
        ("quote", "AAPL"),
        ("summary", "*"),
    ]


def test_denials_are_counted_listed_and_told_once() -> None:
    """A client that tries every symbol fills neither log nor memory."""
    bench = Bench()
    peer = bench.peer()
    for number in range(2 * DENIED_NAMED_MAX):
        bench.desk.note_denial(peer, f"quote,S{number},".encode())
    bench.desk.note_denial(peer, b"quote,S0,")
    bench.desk.note_denial(peer, b"\x00\xff\n'" * 60)
    assert len(peer.denied) == DENIED_NAMED_MAX
    assert peer.denied["quote,S0,"] == 2
    assert bench.counters.value(Counter.SUBSCRIPTIONS_DENIED) == 2 * DENIED_NAMED_MAX + 2
    (event,) = bench.audit.named("sub_denied")
    assert event["topic"] == "quote,S0,"
    bench.clock.advance(seconds=61)
    bench.desk.tell_due()
    assert bench.audit.named("sub_denied")[1]["count"] == 2 * DENIED_NAMED_MAX + 1
    other = bench.peer(2)
    bench.desk.note_denial(other, b"\x00\xff\n'" * 60)
    (spelled,) = other.denied
    assert spelled.isascii()
    assert spelled.isprintable()
    assert len(spelled) <= 110


def test_private_topics_are_refused_with_a_state() -> None:
    """And what is given by them is usage."""
    bench = Bench()
    peer = bench.peer()
    good, bad = parse_topic(PRIVATE + b"quote,AAPL,"), parse_topic(PRIVATE + b"quote,MSFT,")
    assert good is not None
    assert bad is not None
    assert bench.desk.refusal_of(peer, good, 7) is None
    body = bench.desk.refusal_of(peer, bad, 7)
    assert body is not None
    assert body[6:8] == ("refused", "not_entitled")
    assert peer.denied == {"quote,MSFT,": 1}
    assert bench.counters.value(Counter.SNAPSHOTS_DENIED) == 1
    fact = bench.desk.usage.take()
    assert fact is not None
    assert [(u.symbol, u.change) for u in fact.uses] == [("AAPL", 0)]


def test_a_users_connections_share_one_pace() -> None:
    """Without keys each connection has its own."""
    bench = Bench()
    assert bench.desk.snapshots_of(BOB) is bench.desk.snapshots_of(Sender("bob", 2))
    assert bench.desk.limits_of(BOB).snapshots_per_second_max == 3
    assert bench.desk.snapshots_of(ANYBODY) is not bench.desk.snapshots_of(ANYBODY)
    bench.desk.note_crowd(BOB, "tcp://10.0.0.1:1")
    assert bench.counters.value(Counter.CONNECTIONS_LIMITED) == 1
    assert bench.audit.named("evicted")[0]["reason"] == "too many connections"


def test_nobody_is_granted_anything_when_the_file_is_gone() -> None:
    """A frame may be read before its connection is cut."""
    bench = Bench()
    bench.books.append(KeyBook())
    assert bench.desk.granted_as(BOB, b"quote,AAPL,") == ()
    assert bench.desk.granted_as(BOB, b"sys,heartbeat,") == ()


def test_without_keys_nothing_is_judged_or_told() -> None:
    """As it always was."""
    bench = Bench()
    desk = bench.make(Entitlements())
    peer = bench.peer(sender=ANYBODY)
    name = parse_topic(PRIVATE + b"quote,MSFT,")
    assert name is not None
    assert not desk.are_on
    assert desk.granted_as(ANYBODY, b"quote,") == (b"quote,",)
    assert desk.refusal_of(peer, name, 7) is None
    desk.note_grant(peer, b"quote,", None, is_new=True)
    assert peer.prefixes == {}
    assert bench.audit.events == []
