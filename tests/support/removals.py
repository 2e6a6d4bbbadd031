"""Protections taken away, each to show that a test of a fault notices."""

import pytest

from gateway.control.upstream_requests import Caller
from gateway.iqfeed.lines import LineFramer
from gateway.iqfeed.link import Session
from gateway.iqfeed.streaming import StreamingSession
from gateway.iqfeed.system import ServerTime, parse_system
from gateway.policy.backoff import Backoff
from gateway.policy.breaker import CircuitBreaker
from gateway.policy.entitlements import UserRights
from gateway.policy.leases import Lease, Leases
from gateway.policy.retry import Retry
from tests.support.world.clock import WorldClock


def patience_without_end(patch: pytest.MonkeyPatch) -> None:
    """Never call a silence long."""
    for session in (Session, StreamingSession):
        patch.setattr(session, "_patience_ns", lambda _: 1 << 60)


def no_waits(patch: pytest.MonkeyPatch) -> None:
    """Try again at once, for ever."""

    def at_once(backoff: Backoff) -> int:
        backoff.attempts += 1
        return 0

    patch.setattr(Backoff, "next_wait_ns", at_once)
    patch.setattr(CircuitBreaker, "_is_too_much", lambda *_: False)


def short_lives_succeed(patch: pytest.MonkeyPatch) -> None:
    """Let a connection be a success as soon as it stands."""
    connected = Retry.connected

    def connect(retry: Retry) -> None:
        retry._stable_ns = 0
        retry._backoff._stable_ns = 0
        connected(retry)
        retry.settle()

    patch.setattr(Retry, "connected", connect)


def forget_half_lines(patch: pytest.MonkeyPatch) -> None:
    """Forget the rest of each chunk."""
    feed = LineFramer.feed

    def forget(framer: LineFramer, data: bytes) -> list[str]:
        framer._tail = ""
        return feed(framer, data)

    patch.setattr(LineFramer, "feed", forget)


def no_owners(patch: pytest.MonkeyPatch) -> None:
    """Let every client dispose of every lease."""
    find = Leases.find

    def find_any(leases: Leases, client: str, lease_id: str, *, user: str = "") -> Lease:
        known = leases._leases.get(lease_id)
        if known is None:
            return find(leases, client, lease_id, user=user)
        return find(leases, known.client, lease_id, user=known.user)

    patch.setattr(Leases, "find", find_any)


def no_sign_of_life(patch: pytest.MonkeyPatch) -> None:
    """Judge a link by its quotes, not by the vendor's clock."""
    heard = Session.heard
    patch.setattr(Session, "heard", lambda *_: None)
    receive = Session.receive_line

    def receive_line(session: Session, line: str, *, now_ns: int) -> None:
        if not isinstance(parse_system(line), ServerTime):
            heard(session, now_ns)
        receive(session, line, now_ns=now_ns)

    patch.setattr(Session, "receive_line", receive_line)


def wall_clock_everywhere(patch: pytest.MonkeyPatch) -> None:
    """Let a step of the wall clock be time that passes."""
    step = WorldClock.step_wall

    def step_both(clock: WorldClock, *, seconds: float) -> None:
        step(clock, seconds=seconds)
        clock.now_ns += max(0, round(seconds * 1e9))

    patch.setattr(WorldClock, "step_wall", step_both)


def routing_ids_are_identities(patch: pytest.MonkeyPatch) -> None:
    """Tell requests by where they came from, whoever that is by now."""
    patch.setattr(Caller, "requester", property(lambda caller: caller.identity.encode()))


def anything_may_be_heard(patch: pytest.MonkeyPatch) -> None:
    """Ask no file who may hear what."""
    for name in ("may", "may_all"):
        patch.setattr(UserRights, name, lambda *_: True)
