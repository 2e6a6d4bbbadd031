"""What becomes of a connection that goes on asking for what it may not have."""

from collections.abc import Hashable
from types import SimpleNamespace
from typing import Any, cast

import pytest
import zmq

from gateway.clock import FakeClock
from gateway.control.peer_desk import PeerDesk, PeerOptions
from gateway.control.rights import RightsDesk
from gateway.control.told_once import ToldOnce
from gateway.control.usage_tap import UsageTap
from gateway.counters import Counter, Counters
from gateway.policy.client_record import ClientRecord, Quotas, Rule
from gateway.policy.entitlements import Entitlements
from gateway.policy.key_book import Grant, KeyBook
from gateway.policy.peers import Peer, PeerNames
from gateway.policy.senders import Sender
from gateway.policy.slow_consumers import SlowRules
from gateway.policy.subscriptions import REFUSALS_MIN, Subscriptions
from gateway.runtime.peer_sockets import PeerAddress
from gateway.runtime.subscription_reader import SubscriptionReader
from gateway.wire.topics import TopicName
from tests.support.open_access import LIMITS, AuditKept

LIMIT = 10
BOB = Sender("bob", 1)


class Wire:
    """A data socket, its connections, and who is told of them."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []
        self.cut_off: list[Hashable] = []
        self.reasons: list[str] = []

    def recv(self, *_: Any, **__: Any) -> Any:
        """The next frame."""
        if not self.waiting:
            raise zmq.Again
        return SimpleNamespace(bytes=self.waiting.pop(0))

    def setsockopt(self, *_: Any) -> None:
        """Grants."""

    def of(self, _: object) -> int:
        """One connection."""
        return 7

    def sender_of(self, _: object) -> Sender:
        """Of one user."""
        return BOB

    def is_alive(self, connection: Hashable) -> bool:
        """Until it is cut."""
        return connection not in self.cut_off

    def address(self, _: Hashable) -> PeerAddress:
        """Somewhere."""
        return PeerAddress("tcp://10.0.0.1:1", "tcp")

    def cut(self, connection: Hashable) -> bool:
        """End it."""
        self.cut_off.append(connection)
        return True

    def forget(self, _: Hashable) -> None:
        """Nothing was learned."""

    def record_eviction(self, _: Peer, reason: str) -> None:
        """Why it was cut."""
        self.reasons.append(reason)


class Reader(SubscriptionReader):
    """Grants, and does nothing with it."""

    def gained(self, peer: Peer, topic: bytes, name: TopicName | None, *, is_new: bool) -> None:
        """Nothing."""

    def lost(self, topic: bytes, name: TopicName | None) -> None:
        """Nothing."""


class Bench:
    """A reader with one connection of bob, who may hear AAPL."""

    def __init__(self, *, is_relay: bool = False) -> None:
        clock, self.counters, self.wire = FakeClock(), Counters(), Wire()
        allow = (Rule(("*",), ("AAPL",)),)
        quotas = Quotas(subscriptions_max=LIMIT)
        record = ClientRecord("bob", "k" * 40, allow=allow, quotas=quotas, is_relay=is_relay)
        book = KeyBook([Grant(1, record)])
        rights = RightsDesk(
            Entitlements(lambda: book),
            limits=LIMITS,
            clock=clock,
            counters=self.counters,
            told=ToldOnce(clock, AuditKept()),
            usage=UsageTap(clock, self.counters, is_on=True),
        )
        subscriptions = Subscriptions(per_connection_max=LIMIT)
        rules = SlowRules(warn_ns=1, clear_ns=1, evict_stalled_ns=0, evict_lag_ns=0)
        wire = cast(Any, self.wire)
        desk = PeerDesk(
            sockets=wire,
            subscriptions=subscriptions,
            names=PeerNames(),
            teller=wire,
            clock=clock,
            counters=self.counters,
            options=PeerOptions(rules),
            rights=rights,
        )
        self.usage = rights.usage
        self.reader = Reader(
            wire,
            subscriptions=subscriptions,
            counters=self.counters,
            peers=wire,
            desk=desk,
            rights=rights,
        )

    def send(self, *frames: bytes) -> None:
        """Let bob send frames."""
        self.wire.waiting += frames
        self.reader.drain()


def denied(count: int) -> list[bytes]:
    """Subscriptions that bob may not have, each another one."""
    return [f"\x01quote,S{number},".encode() for number in range(count)]


def test_who_goes_on_asking_for_what_it_may_not_have_is_cut() -> None:
    """ZeroMQ keeps each of them at the price of a granted one: 300,000 are 265 MB."""
    bench = Bench()
    bench.send(*denied(LIMIT + REFUSALS_MIN))
    assert not bench.wire.cut_off
    bench.send(b"\x01quote,ONE_MORE,")
    assert bench.wire.cut_off == [7]
    assert bench.wire.reasons == ["it goes on asking for what it may not have"]
    assert bench.counters.value(Counter.SUBSCRIBERS_CUT) == 1


@pytest.mark.parametrize("is_relay", [False, True])
def test_what_costs_no_more_is_borne(is_relay: bool) -> None:
    """The same ones again, those that were taken back, and whatever a relay asks for."""
    bench = Bench(is_relay=is_relay)
    for _ in range(3):
        bench.send(*denied(LIMIT + REFUSALS_MIN))
    for number in range(300):
        one = f"quote,T{number},".encode()
        bench.send(b"\x00quote,S0,", b"\x01" + one, b"\x00" + one)
    if is_relay:
        bench.send(*denied(1_000))
    assert not bench.wire.cut_off


def test_who_hears_no_symbol_by_the_empty_subscription_has_consumed_none() -> None:
    """A report for exchanges must not say that somebody heard everything who heard heartbeats."""
    bench = Bench()
    bench.send(b"\x01")
    assert bench.usage.take() is None
    assert bench.counters.value(Counter.SUBSCRIPTIONS_DENIED) == 1
    bench.send(b"\x01quote,AAPL,")
    told = bench.usage.take()
    assert told is not None
    assert [(use.kind, use.symbol) for use in told.uses] == [("quote", "AAPL")]
