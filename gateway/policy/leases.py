"""Leases: a named client's time-limited claims on topics.

A lease keeps watches alive without any connection: it ends when it is not renewed, so a dead
client's claims end by themselves. Expiry is judged on the monotonic clock; the file of leases
keeps what is left of each in wall-clock time, because a restart forgets the monotonic one.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.clock import Clock
from gateway.errors import LeaseExpired, QuotaExceeded

SECOND_NS: Final = 1_000_000_000
OWN_CLIENT: Final = "(symbols_file)"
"""Who holds the gateway's own lease. No client can have this name: requests know no brackets."""
OWN_LEASE_S: Final = 86_400
"""How long that lasts from each renewal, which nobody has to ask for."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One symbol with the kinds that are claimed of it."""

    symbol: str
    """The vendor's string, verbatim."""
    kinds: tuple[str, ...]
    """Kinds as on the wire, variants included."""


@dataclass(slots=True)
class Lease:
    """One client's claim on some topics for some time."""

    lease_id: str
    """Unguessable, so that no client ends another's lease by accident."""
    client: str
    """The name the client gave."""
    claims: dict[str, Claim]
    """By symbol."""
    lease_s: int
    """How long it lasts from each renewal, seconds."""
    expires_ns: int
    """When it ends, monotonic clock."""
    expires_us: int
    """When it ends, UTC; for the client's information."""
    granted_ns: int = 0
    """When it was granted, or brought back by a restart, monotonic clock."""
    pending_count: int = 0
    """Symbols that are being asked for and count against the quota already."""
    user: str = ""
    """Whose it is, as the handshake has proven; empty without keys."""


class Leases:
    """Every living lease.

    Args:
        clock: Both clocks: monotonic for expiry, UTC for what clients are told.
        leases_per_client_max: More are refused; counted by user where there are keys.
        symbols_per_client_max: Over all of a client's, or user's, leases; more are refused.
        client_count_max: Clients with leases at one time; more are refused. Where there are keys
            all of a user's count as one, or one user could leave no room for others.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        leases_per_client_max: int,
        symbols_per_client_max: int,
        client_count_max: int,
    ) -> None:
        self._clock = clock
        self._leases_per_client_max = leases_per_client_max
        self._symbols_per_client_max = symbols_per_client_max
        self._client_count_max = client_count_max
        self._leases: dict[str, Lease] = {}
        self._by_client: dict[tuple[str, str], dict[str, Lease]] = {}
        """By user and client: two users may call a client by the same name."""
        self.on_expired: Callable[[Lease], object] = lambda _: None
        """Told of each lease that was not renewed in time."""
        self.on_restored: Callable[[Lease], object] = lambda _: None
        """Told of each lease of an earlier run that lives again."""
        self.revision = 0
        """Grows with every change; the keeper of the file writes when it has grown."""

    def grant(self, client: str, claims: Iterable[Claim], *, lease_s: int, user: str = "") -> Lease:
        """Open a lease with its claims.

        Raises:
            QuotaExceeded: Too many clients, leases of this client, or symbols of this client.
        """
        wanted = {claim.symbol: claim for claim in claims}
        lease = self.open(client, user=user, symbol_count=len(wanted), lease_s=lease_s)
        self.claim(lease, wanted.values())
        return lease

    def open(
        self,
        client: str,
        *,
        symbol_count: int,
        lease_s: int,
        user: str = "",
        leases_max: int | None = None,
        symbols_max: int | None = None,
    ) -> Lease:
        """Open a lease whose claims follow; they count against the quota from now on.

        Args:
            client: The name the client gave.
            symbol_count: How many claims follow.
            lease_s: How long it lasts from each renewal.
            user: Whose it is; the quotas are this user's then, and not the client's.
            leases_max: Of this user; as for everybody when left out.
            symbols_max: The same.

        Raises:
            QuotaExceeded: Too many clients, leases of this client, or symbols of this client.
        """
        leases_max = self._leases_per_client_max if leases_max is None else leases_max
        symbols_max = self._symbols_per_client_max if symbols_max is None else symbols_max
        held = self._held_by(user, client)
        if not held and self._holder_count() >= self._client_count_max:
            raise QuotaExceeded("too many clients hold leases", limit=self._client_count_max)
        if len(held) >= leases_max:
            raise QuotaExceeded("too many leases", client=client, limit=leases_max)
        held_count = sum(len(lease.claims) + lease.pending_count for lease in held)
        if held_count + symbol_count > symbols_max:
            raise QuotaExceeded("too many symbols", client=client, limit=symbols_max)
        now_ns = self._clock.monotonic_ns()
        lease = Lease(secrets.token_hex(12), client, {}, lease_s, 0, 0, now_ns, symbol_count, user)
        self._extend(lease)
        self._keep(lease)
        return lease

    def own(self) -> Lease:
        """The gateway's own lease: made when it is first asked for, and nobody's quota counts it.

        It does not end while this process runs, and is not kept for the next one, which reads the
        file of symbols anew.
        """
        for lease in self._by_client.get(("", OWN_CLIENT), {}).values():
            return lease
        now_ns = self._clock.monotonic_ns()
        lease = Lease(secrets.token_hex(12), OWN_CLIENT, {}, OWN_LEASE_S, 0, 0, now_ns)
        self._extend(lease)
        self._keep(lease)
        return lease

    @property
    def has_own(self) -> bool:
        """Whether there is one."""
        return ("", OWN_CLIENT) in self._by_client

    def _renew_own(self, now_ns: int) -> None:
        """Extend the gateway's own lease when half of it is over."""
        for lease in self._by_client.get(("", OWN_CLIENT), {}).values():
            if lease.expires_ns - now_ns < OWN_LEASE_S * SECOND_NS // 2:
                self._extend(lease)

    def _holder_count(self) -> int:
        """How many there are whose leases count against a quota of their own."""
        others = (key for key in self._by_client if key != ("", OWN_CLIENT))
        return len({(user, "" if user else client) for user, client in others})

    def set_limits(
        self, *, leases_per_client_max: int, symbols_per_client_max: int, client_count_max: int
    ) -> None:
        """Grant by other limits from now on; what is held stays held."""
        self._leases_per_client_max = leases_per_client_max
        self._symbols_per_client_max = symbols_per_client_max
        self._client_count_max = client_count_max

    def _held_by(self, user: str, client: str) -> list[Lease]:
        """What counts against the same quota."""
        if not user:
            return list(self._by_client.get(("", client), {}).values())
        return [lease for lease in self._leases.values() if lease.user == user]

    def claim(self, lease: Lease, claims: Iterable[Claim]) -> None:
        """Add claims to a lease that was opened for them.

        Raises:
            LeaseExpired: It ended meanwhile; the claims are not held.
        """
        self.find(lease.client, lease.lease_id, user=lease.user)
        for claim in claims:
            lease.claims[claim.symbol] = claim
            lease.pending_count = max(0, lease.pending_count - 1)
        self.revision += 1

    def renew(self, client: str, lease_id: str, *, user: str = "") -> Lease:
        """Extend a lease by its own length from now.

        Raises:
            LeaseExpired: It ended, or the client never had it; another user's is told from none in
                no way.
        """
        lease = self.find(client, lease_id, user=user)
        self._extend(lease)
        return lease

    def find(self, client: str, lease_id: str, *, user: str = "") -> Lease:
        """Find a client's lease.

        Raises:
            LeaseExpired: It ended, or the client never had it; another user's is told from none in
                no way.
        """
        lease = self._leases.get(lease_id)
        if lease is None or (lease.user, lease.client) != (user, client):
            raise LeaseExpired("no such lease", client=client, lease_id=lease_id)
        return lease

    def release(
        self,
        client: str,
        *,
        lease_id: str | None,
        symbols: Iterable[str] | None,
        kinds: frozenset[str] | None,
        user: str = "",
    ) -> list[Claim]:
        """Take claims back.

        Args:
            client: Whose.
            lease_id: Of one lease only; of all the client's leases when None.
            symbols: These symbols only; all when None.
            kinds: These kinds only; all when None.
            user: Whose the client is; empty without keys.

        Returns:
            What was given up, each claim with the kinds that are gone.

        Raises:
            LeaseExpired: `lease_id` was given and is not the client's.
        """
        held = self._by_client.get((user, client), {})
        leases = (
            [self.find(client, lease_id, user=user)]
            if lease_id is not None
            else list(held.values())
        )
        names = None if symbols is None else frozenset(symbols)
        given_up: list[Claim] = []
        for lease in leases:
            for claim in list(lease.claims.values()):
                if names is None or claim.symbol in names:
                    given_up.extend(self._reduce(lease, claim, kinds))
            if not lease.claims and (names is None or not lease.pending_count):
                self._drop(lease)
        if given_up:
            self.revision += 1
        return given_up

    def expire(self) -> list[Lease]:
        """End the leases whose time is over; each is named once."""
        now_ns = self._clock.monotonic_ns()
        self._renew_own(now_ns)
        over = [lease for lease in self._leases.values() if lease.expires_ns <= now_ns]
        for lease in over:
            self._drop(lease)
            self.on_expired(lease)
        return over

    def living(self) -> list[Lease]:
        """Every lease there is."""
        return list(self._leases.values())

    def as_records(self) -> list[dict[str, Any]]:
        """What a file needs to bring the leases back."""
        return [
            {
                "lease_id": lease.lease_id,
                "client": lease.client,
                "user": lease.user,
                "lease_s": lease.lease_s,
                "expires_us": lease.expires_us,
                "claims": [[claim.symbol, list(claim.kinds)] for claim in lease.claims.values()],
            }
            for lease in self._leases.values()
            if lease.client != OWN_CLIENT
        ]

    def restore(self, records: Iterable[Mapping[str, Any]]) -> list[Lease]:
        """Bring back the leases of an earlier run that have time left.

        Args:
            records: As `as_records` wrote them.

        Returns:
            The leases that live again. A wall clock that was set back cannot lengthen one beyond
            its own length.
        """
        now_us = self._clock.utc_us()
        restored: list[Lease] = []
        for record in records:
            left_us = min(record["expires_us"] - now_us, record["lease_s"] * 1_000_000)
            if left_us <= 0:
                continue
            claims = {symbol: Claim(symbol, tuple(kinds)) for symbol, kinds in record["claims"]}
            now_ns = self._clock.monotonic_ns()
            lease = Lease(
                record["lease_id"],
                record["client"],
                claims,
                record["lease_s"],
                now_ns + left_us * 1000,
                now_us + left_us,
                now_ns,
                user=record.get("user", ""),
            )
            self._keep(lease)
            self.on_restored(lease)
            restored.append(lease)
        return restored

    def _reduce(self, lease: Lease, claim: Claim, kinds: frozenset[str] | None) -> Iterable[Claim]:
        gone = tuple(kind for kind in claim.kinds if kinds is None or kind in kinds)
        if not gone:
            return
        left = tuple(kind for kind in claim.kinds if kind not in gone)
        if left:
            lease.claims[claim.symbol] = Claim(claim.symbol, left)
        else:
            del lease.claims[claim.symbol]
        yield Claim(claim.symbol, gone)

    def _extend(self, lease: Lease) -> None:
        lease.expires_ns = self._clock.monotonic_ns() + lease.lease_s * SECOND_NS
        lease.expires_us = self._clock.utc_us() + lease.lease_s * 1_000_000
        self.revision += 1

    def _keep(self, lease: Lease) -> None:
        self._leases[lease.lease_id] = lease
        self._by_client.setdefault((lease.user, lease.client), {})[lease.lease_id] = lease
        self.revision += 1

    def _drop(self, lease: Lease) -> None:
        del self._leases[lease.lease_id]
        held = self._by_client[lease.user, lease.client]
        del held[lease.lease_id]
        if not held:
            del self._by_client[lease.user, lease.client]
        self.revision += 1
