"""How much one user may have."""

import pytest

from gateway.clock import FakeClock
from gateway.policy import quotas
from gateway.policy.client_record import Quotas
from gateway.policy.quotas import Pace, RequestPace, UserBuckets, UserLimits
from tests.support.open_access import LIMITS

RATE = 10


def test_a_file_overrides_what_it_names() -> None:
    """And nothing else."""
    limits = LIMITS.with_quotas(Quotas(leases_max=1, connections_max=99))
    assert (limits.leases_max, limits.connections_max) == (1, 99)
    assert limits.symbols_max == LIMITS.symbols_max
    assert LIMITS.with_quotas(Quotas()) == LIMITS


def test_a_burst_then_a_pace_then_the_end() -> None:
    """Twice a second's worth at once; then refused; then cut, whatever the connections."""
    pace = RequestPace(FakeClock())
    told = [pace.judge("bob", per_second_max=RATE) for _ in range(2 * RATE + 4 * RATE + 3)]
    assert told[: 2 * RATE] == [Pace()] * (2 * RATE)
    refused = told[2 * RATE : 6 * RATE]
    assert all(p.retry_ms > 0 and not p.is_dropped for p in refused)
    assert all(p.is_dropped and p.is_cut for p in told[6 * RATE :])
    assert pace.judge("alice", per_second_max=RATE) == Pace()


def test_cuts_are_few() -> None:
    """Who is cut comes back, and a handshake costs more than a request that is not read."""
    clock = FakeClock()
    pace = RequestPace(clock)
    told = [pace.judge("bob", per_second_max=RATE) for _ in range(6 * RATE + 100)]
    assert [p.is_cut for p in told].count(True) == quotas.CUTS_MAX
    assert all(p.is_dropped for p in told[6 * RATE :])
    for _ in range(6 * RATE):
        pace.judge("bob", per_second_max=RATE)
    clock.advance(seconds=0.1)
    assert not pace.judge("bob", per_second_max=RATE).is_dropped


def test_who_waits_as_told_is_answered() -> None:
    """`retry_ms` is a promise."""
    clock = FakeClock()
    pace = RequestPace(clock)
    for _ in range(2 * RATE):
        pace.judge("bob", per_second_max=RATE)
    refused = pace.judge("bob", per_second_max=RATE)
    clock.advance(seconds=refused.retry_ms / 1000)
    assert pace.judge("bob", per_second_max=RATE) == Pace()


def test_a_pace_that_is_changed_begins_anew() -> None:
    """A quota that is raised helps at once."""
    pace = RequestPace(FakeClock())
    for _ in range(2 * RATE):
        pace.judge("bob", per_second_max=RATE)
    assert pace.judge("bob", per_second_max=RATE).retry_ms
    assert pace.judge("bob", per_second_max=2 * RATE) == Pace()


def test_limits_follow_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worked out once, and anew when the file says something else."""
    monkeypatch.setattr(quotas, "USERS_MAX", 1)
    limits, few = UserLimits(LIMITS), Quotas(leases_max=1)
    first = limits.of("bob", few)
    assert first.leases_max == 1
    assert limits.of("bob", few) is first
    assert limits.of("bob", Quotas()).leases_max == LIMITS.leases_max
    assert limits.of("alice", few).leases_max == 1
    assert list(limits._known) == ["alice"]


def test_users_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names come from files, and memory is finite all the same."""
    monkeypatch.setattr(quotas, "USERS_MAX", 2)
    buckets = UserBuckets(FakeClock())
    first = buckets.of("a", tokens_max=1, token_ns=1)
    buckets.of("b", tokens_max=1, token_ns=1)
    assert buckets.of("a", tokens_max=1, token_ns=1) is first
    buckets.of("c", tokens_max=1, token_ns=1)
    assert buckets.of("a", tokens_max=1, token_ns=1) is first
    assert len(buckets._buckets) == 2
