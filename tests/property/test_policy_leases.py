"""Clients that claim, renew, give up, forget and are forgotten, over restarts and clock steps."""

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.clock import FakeClock
from gateway.errors import LeaseExpired, QuotaExceeded
from gateway.policy.leases import Claim, Leases

CLIENTS = st.sampled_from(["desk", "risk", "screen"])
SYMBOLS = st.sampled_from(["A", "AAPL", "@ES#", "BRK.B"])
KINDS = st.lists(
    st.sampled_from(["quote", "trade", "regional"]), min_size=1, max_size=3, unique=True
).map(tuple)
SYMBOLS_MAX, LEASES_MAX, CLIENTS_MAX = 5, 3, 2


@dataclass
class Held:
    """One lease as the model knows it."""

    client: str
    claims: dict[str, tuple[str, ...]]
    lease_s: int
    left_s: float


class LeasesMachine(RuleBasedStateMachine):
    """Leases against a plain dictionary that counts seconds down."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.leases = self.make()
        self.held: dict[str, Held] = {}

    def make(self) -> Leases:
        """Leases with small quotas on the present clock."""
        return Leases(
            self.clock,
            leases_per_client_max=LEASES_MAX,
            symbols_per_client_max=SYMBOLS_MAX,
            client_count_max=CLIENTS_MAX,
        )

    def of(self, client: str) -> dict[str, Held]:
        """A client's leases."""
        return {key: held for key, held in self.held.items() if held.client == client}

    @rule(
        client=CLIENTS,
        claims=st.dictionaries(SYMBOLS, KINDS, min_size=1, max_size=4),
        lease_s=st.integers(5, 20),
    )
    def grant(self, client: str, claims: dict[str, tuple[str, ...]], lease_s: int) -> None:
        """A client claims symbols, as far as its quotas reach."""
        mine = self.of(client)
        clients = {held.client for held in self.held.values()}
        is_over = (
            (not mine and len(clients) >= CLIENTS_MAX)
            or len(mine) >= LEASES_MAX
            or len(claims) + sum(len(held.claims) for held in mine.values()) > SYMBOLS_MAX
        )
        wanted = [Claim(symbol, kinds) for symbol, kinds in claims.items()]
        if is_over:
            with pytest.raises(QuotaExceeded):
                self.leases.grant(client, wanted, lease_s=lease_s)
            return
        lease = self.leases.grant(client, wanted, lease_s=lease_s)
        assert lease.lease_id not in self.held
        assert lease.expires_us == self.clock.utc_us() + lease_s * 1_000_000
        self.held[lease.lease_id] = Held(client, dict(claims), lease_s, lease_s)

    @precondition(lambda self: self.held)
    @rule(client=CLIENTS, data=st.data())
    def renew(self, client: str, data: st.DataObject) -> None:
        """Somebody renews a lease, perhaps one that is not theirs."""
        lease_id = data.draw(st.sampled_from(list(self.held)))
        held = self.held[lease_id]
        if client != held.client:
            with pytest.raises(LeaseExpired):
                self.leases.renew(client, lease_id)
            return
        lease = self.leases.renew(client, lease_id)
        assert lease.expires_us == self.clock.utc_us() + held.lease_s * 1_000_000
        held.left_s = held.lease_s

    @rule(
        client=CLIENTS,
        symbols=st.none() | st.lists(SYMBOLS, min_size=1, max_size=2),
        kinds=st.none() | KINDS.map(frozenset),
        is_one=st.booleans(),
        data=st.data(),
    )
    def release(
        self,
        client: str,
        symbols: list[str] | None,
        kinds: frozenset[str] | None,
        is_one: bool,
        data: st.DataObject,
    ) -> None:
        """A client gives up some or all of what it holds, and nothing of anybody else."""
        mine = self.of(client)
        lease_id = data.draw(st.sampled_from(list(mine))) if is_one and mine else None
        expected: list[tuple[str, tuple[str, ...]]] = []
        for key, held in mine.items():
            if lease_id not in (None, key):
                continue
            for symbol, had in list(held.claims.items()):
                gone = tuple(kind for kind in had if kinds is None or kind in kinds)
                if not gone or (symbols is not None and symbol not in symbols):
                    continue
                expected.append((symbol, gone))
                held.claims[symbol] = tuple(kind for kind in had if kind not in gone)
                if not held.claims[symbol]:
                    del held.claims[symbol]
            if not held.claims:
                del self.held[key]
        before = self.leases.revision
        given_up = self.leases.release(client, lease_id=lease_id, symbols=symbols, kinds=kinds)
        assert [(claim.symbol, claim.kinds) for claim in given_up] == expected
        assert (self.leases.revision > before) is bool(expected)

    @rule(seconds=st.integers(0, 12))
    def wait(self, seconds: int) -> None:
        """Time passes and what is over ends, each lease named once."""
        self.clock.advance(seconds=seconds)
        for held in self.held.values():
            held.left_s -= seconds
        over = {key for key, held in self.held.items() if held.left_s <= 0}
        ended = [lease.lease_id for lease in self.leases.expire()]
        assert sorted(ended) == sorted(over)
        for key in over:
            del self.held[key]

    @rule(seconds=st.integers(-1_000, 1_000))
    def set_the_clock(self, seconds: int) -> None:
        """The host's clock is set; only a restart may take any notice."""
        self.clock.step_wall(seconds=seconds)
        # What clients are told is corrected by their next renewal.
        for key, held in self.held.items():
            self.leases.renew(held.client, key)
            held.left_s = held.lease_s

    @rule(away_s=st.integers(0, 10), step_s=st.sampled_from([0, 0, -500, 500]))
    def restart(self, away_s: int, step_s: int) -> None:
        """The gateway comes back, its monotonic clock anew and its wall clock perhaps set."""
        records = self.leases.as_records()
        utc_us = self.clock.utc_us() + (away_s + step_s) * 1_000_000
        self.clock = FakeClock(monotonic_ns=7, utc_us=utc_us)
        self.leases = self.make()
        restored = {lease.lease_id for lease in self.leases.restore(records)}
        for key, held in list(self.held.items()):
            held.left_s = min(held.left_s - away_s - step_s, held.lease_s)
            if held.left_s <= 0:
                del self.held[key]
        assert restored == set(self.held)

    @invariant()
    def the_living_are_the_models(self) -> None:
        """Nothing is held that nobody holds, and nothing is lost that is held."""
        living = {
            lease.lease_id: (lease.client, {s: c.kinds for s, c in lease.claims.items()})
            for lease in self.leases.living()
        }
        assert living == {key: (held.client, held.claims) for key, held in self.held.items()}
        for key, held in self.held.items():
            lease = self.leases.find(held.client, key)
            assert lease.expires_ns - self.clock.monotonic_ns() == held.left_s * 1_000_000_000

    @invariant()
    def quotas_hold(self) -> None:
        """No order of requests gets a client more than its share."""
        for client in ("desk", "risk", "screen"):
            mine = self.of(client)
            assert len(mine) <= LEASES_MAX
            assert sum(len(held.claims) for held in mine.values()) <= SYMBOLS_MAX


LeasesMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestLeasesMachine = pytest.mark.slow(LeasesMachine.TestCase)
