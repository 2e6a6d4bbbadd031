"""Leases: claims that end by themselves, counted by client, kept over a restart."""

from typing import Any

import pytest

from gateway.clock import FakeClock
from gateway.errors import LeaseExpired, QuotaExceeded
from gateway.policy.leases import Claim, Leases

QUOTES = ("quote", "trade")


@pytest.fixture
def clock() -> FakeClock:
    """Both clocks."""
    return FakeClock()


@pytest.fixture
def leases(clock: FakeClock) -> Leases:
    """Small quotas: 2 clients, 3 leases and 5 symbols a client."""
    return make(clock)


def make(clock: FakeClock) -> Leases:
    """No leases yet; another gateway run when made a second time."""
    return Leases(clock, leases_per_client_max=3, symbols_per_client_max=5, client_count_max=2)


def claims(*symbols: str, kinds: tuple[str, ...] = QUOTES) -> list[Claim]:
    """One claim a symbol."""
    return [Claim(symbol, kinds) for symbol in symbols]


def released(leases: Leases, client: str = "desk", **what: Any) -> list[Claim]:
    """Release with everything else left open."""
    return leases.release(
        client,
        lease_id=what.get("lease_id"),
        symbols=what.get("symbols"),
        kinds=frozenset(what["kinds"]) if "kinds" in what else None,
    )


def test_a_lease_tells_when_it_ends(leases: Leases, clock: FakeClock) -> None:
    """A client plans its renewals by the stamp it is given."""
    lease = leases.grant("desk", claims("A", "B"), lease_s=30)
    assert lease.expires_us == clock.utc_us() + 30_000_000
    assert lease.expires_ns == clock.monotonic_ns() + 30_000_000_000
    assert list(lease.claims) == ["A", "B"]
    assert leases.find("desk", lease.lease_id) is lease
    assert leases.living() == [lease]


def test_lease_ids_cannot_be_guessed(leases: Leases) -> None:
    """Nobody ends another's lease by counting up."""
    ids = {leases.grant("desk", claims("A"), lease_s=30).lease_id for _ in range(3)}
    assert len(ids) == 3
    assert all(len(lease_id) >= 20 for lease_id in ids)


def test_a_lease_ends_when_it_is_not_renewed(leases: Leases, clock: FakeClock) -> None:
    """A dead client's claims end by themselves, once, and its id is worth nothing then."""
    lease = leases.grant("desk", claims("A"), lease_s=30)
    clock.advance(seconds=29.999)
    assert leases.expire() == []
    clock.advance(seconds=0.001)
    assert leases.expire() == [lease]
    assert leases.expire() == []
    assert leases.living() == []
    with pytest.raises(LeaseExpired):
        leases.renew("desk", lease.lease_id)


def test_a_renewal_counts_from_now(leases: Leases, clock: FakeClock) -> None:
    """A client that renews in time never loses its symbols."""
    lease = leases.grant("desk", claims("A"), lease_s=30)
    clock.advance(seconds=20)
    assert leases.renew("desk", lease.lease_id).expires_us == clock.utc_us() + 30_000_000
    clock.advance(seconds=20)
    assert leases.expire() == []
    clock.advance(seconds=10)
    assert leases.expire() == [lease]


@pytest.mark.parametrize("step_s", [-86_400, 86_400])
def test_a_step_of_the_wall_clock_changes_no_lease(
    leases: Leases, clock: FakeClock, step_s: int
) -> None:
    """Setting the host's clock must neither end all leases nor keep them for ever."""
    lease = leases.grant("desk", claims("A"), lease_s=30)
    clock.step_wall(seconds=step_s)
    assert leases.expire() == []
    clock.advance(seconds=29)
    assert leases.expire() == []
    clock.advance(seconds=1)
    assert leases.expire() == [lease]


def test_only_the_ones_that_are_over_end(leases: Leases, clock: FakeClock) -> None:
    """Leases of different lengths live side by side."""
    short = leases.grant("desk", claims("A"), lease_s=10)
    long = leases.grant("desk", claims("A"), lease_s=20)
    clock.advance(seconds=10)
    assert leases.expire() == [short]
    assert leases.living() == [long]


def test_another_clients_lease_is_no_lease(leases: Leases) -> None:
    """Even who knows an id can neither renew, find nor end what is not theirs."""
    lease = leases.grant("desk", claims("A"), lease_s=30)
    for attempt in (leases.renew, leases.find):
        with pytest.raises(LeaseExpired):
            attempt("other", lease.lease_id)
    with pytest.raises(LeaseExpired):
        released(leases, "other", lease_id=lease.lease_id)
    assert released(leases, "other") == []
    assert leases.living() == [lease]


def test_a_client_may_hold_so_many_leases(leases: Leases) -> None:
    """A client that subscribes in a loop must not take the memory of all."""
    for _ in range(3):
        leases.grant("desk", claims("A"), lease_s=30)
    with pytest.raises(QuotaExceeded, match="too many leases"):
        leases.grant("desk", claims("A"), lease_s=30)
    leases.grant("other", claims("A"), lease_s=30)
    assert len(leases.living()) == 4


def test_a_client_may_hold_so_many_symbols(leases: Leases) -> None:
    """The vendor's symbol limit is shared: one client cannot take all of it."""
    leases.grant("desk", claims("A", "B", "C"), lease_s=30)
    leases.grant("desk", claims("D", "E"), lease_s=30)
    before = leases.revision
    with pytest.raises(QuotaExceeded, match="too many symbols"):
        leases.grant("desk", claims("F"), lease_s=30)
    assert len(leases.living()) == 2
    assert leases.revision == before


def test_a_symbol_twice_in_one_request_counts_once(leases: Leases) -> None:
    """A client's own duplicates are not held against it."""
    lease = leases.grant("desk", claims("A", "A", "B", "C", "D", "E"), lease_s=30)
    assert len(lease.claims) == 5


def test_so_many_clients_may_hold_leases(leases: Leases, clock: FakeClock) -> None:
    """Names cost nothing to make up; a place is free again when a client's last lease ends."""
    leases.grant("one", claims("A"), lease_s=30)
    leases.grant("two", claims("A"), lease_s=60)
    with pytest.raises(QuotaExceeded, match="too many clients"):
        leases.grant("three", claims("A"), lease_s=30)
    leases.grant("one", claims("B"), lease_s=30)  # Who holds one already may go on.
    clock.advance(seconds=30)
    leases.expire()
    leases.grant("three", claims("A"), lease_s=30)
    assert [lease.client for lease in leases.living()] == ["two", "three"]


def test_one_user_leaves_room_for_others_whatever_its_clients_are_called(leases: Leases) -> None:
    """Names cost nothing: a thousand of them would be all clients that there may be."""
    for number in range(3):
        leases.grant(f"c{number}", claims("A"), lease_s=60, user="bob")
    assert leases.grant("c", claims("A"), lease_s=60, user="alice").user == "alice"
    with pytest.raises(QuotaExceeded, match="too many clients"):
        leases.grant("c", claims("A"), lease_s=60, user="carol")


def test_release_without_conditions_gives_everything_up(leases: Leases) -> None:
    """A client that leaves in order leaves nothing behind."""
    leases.grant("desk", claims("A", "B"), lease_s=30)
    leases.grant("desk", claims("A"), lease_s=30)
    leases.grant("other", claims("A"), lease_s=30)
    assert released(leases) == claims("A", "B", "A")
    assert [lease.client for lease in leases.living()] == ["other"]
    assert released(leases) == []


def test_release_by_lease_touches_no_other(leases: Leases) -> None:
    """Two programs under one name hold leases of their own."""
    first = leases.grant("desk", claims("A"), lease_s=30)
    second = leases.grant("desk", claims("A"), lease_s=30)
    assert released(leases, lease_id=first.lease_id) == claims("A")
    assert leases.living() == [second]
    with pytest.raises(LeaseExpired):
        released(leases, lease_id=first.lease_id)


def test_release_by_symbol_keeps_the_others(leases: Leases) -> None:
    """A screen that is closed gives up its symbols and no more; unknown ones are ignored."""
    lease = leases.grant("desk", claims("A", "B"), lease_s=30)
    assert released(leases, symbols=["A", "UNKNOWN"]) == claims("A")
    assert list(lease.claims) == ["B"]
    assert released(leases, symbols=["A"]) == []
    assert released(leases, symbols=["B"]) == claims("B")
    assert leases.living() == [], "a lease that holds nothing is gone"


def test_release_by_kind_keeps_the_other_kinds(leases: Leases) -> None:
    """Giving up trades must not give up quotes."""
    lease = leases.grant("desk", claims("A", "B"), lease_s=30)
    assert released(leases, symbols=["A"], kinds=["trade", "book"]) == [Claim("A", ("trade",))]
    assert lease.claims["A"] == Claim("A", ("quote",))
    assert lease.claims["B"] == Claim("B", QUOTES)
    assert released(leases, kinds=["book"]) == []
    assert released(leases, kinds=["quote", "trade"]) == [Claim("A", ("quote",)), *claims("B")]
    assert leases.living() == []


def test_every_change_grows_the_revision(leases: Leases, clock: FakeClock) -> None:
    """The file is written when it has grown; a change that does not show is lost in a crash."""
    seen = [leases.revision]

    def note() -> None:
        seen.append(leases.revision)
        assert seen[-1] > seen[-2]

    lease = leases.grant("desk", claims("A", "B"), lease_s=30)
    note()
    leases.renew("desk", lease.lease_id)
    note()
    released(leases, symbols=["A"], kinds=["trade"])
    note()
    clock.advance(seconds=30)
    leases.expire()
    note()
    released(leases)
    leases.expire()
    assert leases.revision == seen[-1], "nothing happened"


def restarted(leases: Leases, *, after_s: float, step_s: float = 0) -> tuple[Leases, FakeClock]:
    """A gateway that comes back some time later, perhaps with its clock set meanwhile."""
    clock = FakeClock(monotonic_ns=5)
    clock.step_wall(seconds=after_s + step_s)
    again = make(clock)
    again.restore(leases.as_records())
    return again, clock


def test_leases_survive_a_restart(leases: Leases) -> None:
    """Consumers that hold leases need not notice that the gateway was upgraded."""
    lease = leases.grant("desk", [Claim("A", QUOTES), Claim("B", ("book@250",))], lease_s=30)
    again, clock = restarted(leases, after_s=10)
    (restored,) = again.living()
    assert restored.lease_id == lease.lease_id
    assert restored.claims == lease.claims
    assert restored.expires_us == lease.expires_us
    assert again.as_records() == leases.as_records()
    clock.advance(seconds=19.999)
    assert again.expire() == []
    clock.advance(seconds=0.001)
    assert again.expire() == [restored]


def test_what_ended_while_the_gateway_was_away_stays_ended(leases: Leases) -> None:
    """A client that died meanwhile must not hold symbols for another lease's length."""
    leases.grant("desk", claims("A"), lease_s=10)
    kept = leases.grant("desk", claims("B"), lease_s=30)
    again, _ = restarted(leases, after_s=10)
    assert [lease.lease_id for lease in again.living()] == [kept.lease_id]


def test_a_wall_clock_set_back_cannot_lengthen_a_lease(leases: Leases) -> None:
    """With the clock a day behind, a lease of 30 s must not live for a day."""
    leases.grant("desk", claims("A"), lease_s=30)
    again, clock = restarted(leases, after_s=10, step_s=-86_400)
    (restored,) = again.living()
    assert restored.expires_us == clock.utc_us() + 30_000_000
    clock.advance(seconds=30)
    assert again.expire() == [restored]


def test_a_wall_clock_set_forward_ends_leases(leases: Leases) -> None:
    """Nothing says how long the gateway was away but the clock; clients subscribe again."""
    leases.grant("desk", claims("A"), lease_s=30)
    again, _ = restarted(leases, after_s=10, step_s=86_400)
    assert again.living() == []


def test_a_restored_lease_is_renewed_and_released_like_any_other(leases: Leases) -> None:
    """The client goes on with the id it has; quotas count what was restored."""
    lease = leases.grant("desk", claims("A", "B", "C"), lease_s=30)
    again, clock = restarted(leases, after_s=10)
    assert again.renew("desk", lease.lease_id).expires_us == clock.utc_us() + 30_000_000
    with pytest.raises(QuotaExceeded):
        again.grant("desk", claims("D", "E", "F"), lease_s=30)
    assert released(again) == claims("A", "B", "C")
    assert again.living() == []


def test_restoring_counts_as_a_change(leases: Leases) -> None:
    """What was restored must reach the new run's file."""
    leases.grant("desk", claims("A"), lease_s=30)
    again, _ = restarted(leases, after_s=1)
    assert again.revision > 0
