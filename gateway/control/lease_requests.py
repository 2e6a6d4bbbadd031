"""Requests about leases: taken, given up, ended, brought back, and judged anew."""

import contextlib
from collections import Counter as Counts
from collections.abc import Generator, Iterable
from typing import Any, Final

from gateway.clock import Clock
from gateway.control.access import Access
from gateway.control.claims import (
    batches,
    expand,
    is_pending,
    refusal_of,
    services_of,
    topics_of,
    usable,
    wishes_of,
)
from gateway.control.feed_commands import (
    AwaitSettled,
    BindClient,
    FeedCommand,
    ReadStandings,
    Standing,
    Unwatch,
    Watch,
)
from gateway.control.public_topics import check_symbols
from gateway.control.upstream_requests import NOBODY, Caller
from gateway.errors import GatewayError, LeaseExpired, NotEntitled
from gateway.model import methods as m
from gateway.model.enums import SymbolState
from gateway.model.error_codes import ErrorCode
from gateway.policy.demand import Service
from gateway.policy.error_history import ErrorHistory, fact_of
from gateway.policy.leases import OWN_CLIENT, Claim, Lease, Leases

WAITS_MAX: Final = 128
WAITS_PER_ACCOUNT_MAX: Final = 64
"""Requests of all, and of one, that wait for the vendor's answer at one time: half and a quarter of
those that are answered at one time. More are answered at once, with what is known by then."""
Steps = Generator[FeedCommand | None, Any, Any]
"""A handler in progress: yields commands for the feed thread, or None to let others run; returns
the result."""


class LeaseRequests:
    """Answers `subscribe` and `unsubscribe`, and keeps leases in order.

    Args:
        leases: Living leases.
        clock: For stamps.
        access: Judges who may have what.
        history: Where symbols that are none are written down.
    """

    def __init__(
        self, *, leases: Leases, clock: Clock, access: Access, history: ErrorHistory
    ) -> None:
        self._leases = leases
        self._clock = clock
        self.access: Final = access
        """Judges who may ask for what."""
        self._history = history
        self._waits: Counts[str] = Counts()
        """Requests that wait for the vendor, by account."""

    def subscribe(self, params: m.SubscribeParams, caller: Caller = NOBODY) -> Steps:
        """Take a lease on symbols and answer at once, or after the vendor's first word."""
        kinds = expand(params.kinds)
        wanted, rejected = self._judge(params.symbols, kinds, caller)
        if not services_of(kinds) or not wanted:
            nothing = (Standing(symbol, SymbolState.CLOSED.value, None, {}) for symbol in wanted)
            topics = [t for standing in nothing for t in topics_of(standing, kinds)]
            return {"lease_id": None, "expires_us": None, "topics": topics, "rejected": rejected}
        claims = [Claim(symbol, kinds_had) for symbol, kinds_had in wanted.items()]
        if params.data_token is not None:
            yield BindClient(params.client, params.data_token, user=caller.user)
        lease = self._open(params, caller, len(claims))
        standings: list[Standing] = []
        for part in batches(claims):
            answered: list[Standing] = yield Watch(wishes_of(part))
            standings += answered
            # Held only once it is counted, and only what was: a release at any moment then takes
            # back exactly what the lease holds.
            unheld = {s.symbol for s in answered if s.error is not None}
            held = [claim for claim in part if claim.symbol not in unheld]
            try:
                self._leases.claim(lease, held)
            except LeaseExpired:
                yield Unwatch(wishes_of(held))
                raise
        if params.wait_ms and self._may_wait(caller):
            pending = {s.symbol for s in standings if is_pending(s, wanted[s.symbol])}
            self._waits[caller.account] += 1
            try:
                yield AwaitSettled(frozenset(pending), params.wait_ms * 1_000_000)
            finally:
                self._waits[caller.account] -= 1
                # Of those who have gone nothing is kept.
                self._waits += Counts()
            standings = yield from _read_again(standings)
        refused = [refusal_of(standing, wanted[standing.symbol]) for standing in standings]
        rejected += [refusal for refusal in refused if refusal is not None]
        # What the vendor does not know or the board cannot hold is not leased: nothing is there to
        # keep. What only waits for a free slot of the vendor's limit is.
        gone = {str(r["symbol"]) for r in refused if r and r["code"] != ErrorCode.SYMBOL_LIMIT}
        if gone:
            yield from self._give_up(lease, gone, standings)
        is_leased = bool(lease.claims)
        return {
            "lease_id": lease.lease_id if is_leased else None,
            "expires_us": lease.expires_us if is_leased else None,
            "topics": [
                topic
                for standing in standings
                if standing.error is None
                for topic in topics_of(standing, kinds, had=wanted[standing.symbol])
            ],
            "rejected": rejected,
        }

    def _may_wait(self, caller: Caller) -> bool:
        """Whether an answer may wait for the vendor; others would wait for its slot."""
        is_few = self._waits[caller.account] < WAITS_PER_ACCOUNT_MAX
        return is_few and self._waits.total() < WAITS_MAX

    def _judge(
        self, symbols: Iterable[str], kinds: tuple[str, ...], caller: Caller
    ) -> tuple[dict[str, tuple[str, ...]], list[dict[str, object]]]:
        """Sort symbols into those that may be asked for, with the kinds, and those that may not.

        Returns:
            Kinds that the caller may hear, by symbol; and an entry of `rejected` for each other.
        """
        good, bad = check_symbols(symbols)
        rejected: list[dict[str, object]] = [
            _rejection(error, error.facts["symbol"]) for error in bad
        ]
        if bad:
            # One entry for the request: what a client spells a thousand times is one mistake.
            now_us = self._clock.utc_us()
            self._history.add(fact_of(bad[0], port="control", at_us=now_us, count=len(bad)))
        rights = self.access.rights_of(caller)
        bases = [(kind, kind.partition("@")[0]) for kind in kinds]
        wanted: dict[str, tuple[str, ...]] = {}
        denied: list[str] = []
        for symbol in good:
            had = tuple(kind for kind, base in bases if rights.may(base, symbol))
            if services_of(had) or (had and not services_of(kinds)):
                wanted[symbol] = had
            else:
                denied.append(symbol)
        if denied:
            self.access.note_denial(caller, "subscribe", symbol=denied[0], symbols=len(denied))
        rejected += [_rejection(NotEntitled("denied"), symbol) for symbol in denied]
        return wanted, rejected

    def _open(self, params: m.SubscribeParams, caller: Caller, symbol_count: int) -> Lease:
        """Open a lease within its user's quota."""
        options: dict[str, Any] = {}
        if self.access.is_by_user:
            limits = self.access.limits_of(caller)
            options = {"leases_max": limits.leases_max, "symbols_max": limits.symbols_max}
        return self._leases.open(
            params.client,
            symbol_count=symbol_count,
            lease_s=params.lease_s,
            user=caller.user,
            **options,
        )

    def unsubscribe(self, params: m.UnsubscribeParams, caller: Caller = NOBODY) -> Steps:
        """Give up a lease, some symbols or kinds of it, or everything the client holds."""
        kinds = frozenset(expand(params.kinds)) if params.kinds else None
        user = caller.user
        before = self._services_held(params.client, user)
        given_up = self._leases.release(
            params.client,
            lease_id=params.lease_id,
            symbols=params.symbols,
            kinds=kinds,
            user=user,
        )
        yield from self._unwatch_difference(params.client, user, before)
        return {"removed": sum(len(claim.kinds) for claim in given_up)}

    def expire_leases(self) -> Steps:
        """End the leases whose time is over; not a request, but the same kind of work."""
        over = self._leases.expire()
        for lease in over:
            for part in batches(wishes_of(lease.claims.values())):
                yield Unwatch(part)
        return {"expired": len(over)}

    def restore_leases(self, records: Iterable[dict[str, Any]]) -> Steps:
        """Bring the leases of an earlier run back to life, without what this version cannot use."""
        restored = self._leases.restore(usable(records))
        for lease in restored:
            for part in batches(wishes_of(lease.claims.values())):
                standings = yield Watch(part)
                # What found no room is not held: its end would take another consumer's wish.
                unheld = [s.symbol for s in standings if s.error is not None]
                if unheld:
                    self._leases.release(
                        lease.client,
                        lease_id=lease.lease_id,
                        symbols=unheld,
                        kinds=None,
                        user=lease.user,
                    )
        return {"restored": len(restored)}

    def review_leases(self) -> Steps:
        """Take back from leases what their users may not have any more; when files have changed."""
        taken = 0
        for lease in self._leases.living():
            unheld = self._unheld_of(lease)
            before = self._services_held(lease.client, lease.user)
            for kinds, symbols in unheld.items():
                with contextlib.suppress(LeaseExpired):
                    # With its last claim a lease is gone.
                    given_up = self._leases.release(
                        lease.client,
                        lease_id=lease.lease_id,
                        symbols=symbols,
                        kinds=kinds,
                        user=lease.user,
                    )
                    taken += len(given_up)
            yield from self._unwatch_difference(lease.client, lease.user, before)
        return {"taken": taken}

    def _unheld_of(self, lease: Lease) -> dict[frozenset[str], list[str]]:
        """What a lease claims that its user may not have: symbols, by the kinds of them."""
        unheld: dict[frozenset[str], list[str]] = {}
        if not self.access.is_by_user or lease.client == OWN_CLIENT:
            return unheld
        rights = self.access.rights_of_user(lease.user)
        for claim in lease.claims.values():
            denied = frozenset(
                kind
                for kind in claim.kinds
                if rights is None or not rights.may(kind.partition("@")[0], claim.symbol)
            )
            if denied:
                unheld.setdefault(denied, []).append(claim.symbol)
        return unheld

    def _give_up(
        self, lease: Lease, symbols: set[str], standings: list[Standing]
    ) -> Generator[FeedCommand, Any, None]:
        """Take symbols out of a lease that was just granted."""
        try:
            given_up = self._leases.release(
                lease.client,
                lease_id=lease.lease_id,
                symbols=symbols,
                kinds=None,
                user=lease.user,
            )
        except LeaseExpired:
            # It ended while we waited, and took its wishes with it.
            return
        unheld = {s.symbol for s in standings if s.error is not None}
        held = [claim for claim in given_up if claim.symbol not in unheld]
        for part in batches(wishes_of(held)):
            yield Unwatch(part)

    def _services_held(self, client: str, user: str) -> dict[tuple[str, str], frozenset[Service]]:
        return {
            (lease.lease_id, claim.symbol): frozenset(services_of(claim.kinds))
            for lease in self._leases.living()
            if (lease.user, lease.client) == (user, client)
            for claim in lease.claims.values()
        }

    def _unwatch_difference(
        self, client: str, user: str, before: dict[tuple[str, str], frozenset[Service]]
    ) -> Generator[FeedCommand, Any, None]:
        """Take back the wishes that a client's leases no longer express."""
        after = self._services_held(client, user)
        nothing: frozenset[Service] = frozenset()
        gone = tuple(
            (symbol, tuple(services - after.get((lease_id, symbol), nothing)))
            for (lease_id, symbol), services in before.items()
        )
        # What is left may need something else: `state` alone is Level 1's, beside a book it is not.
        come = tuple(
            (symbol, tuple(services - before.get((lease_id, symbol), nothing)))
            for (lease_id, symbol), services in after.items()
        )
        for part in batches(wish for wish in come if wish[1]):
            yield Watch(part)
        for part in batches(wish for wish in gone if wish[1]):
            yield Unwatch(part)


def _rejection(error: GatewayError, symbol: object) -> dict[str, object]:
    """An entry of `rejected`."""
    return {"symbol": symbol, "code": error.code, "hint": error.hint}


def _read_again(standings: list[Standing]) -> Generator[FeedCommand, Any, list[Standing]]:
    errors = {s.symbol: s for s in standings if s.error is not None}
    fresh: list[Standing] = list(errors.values())
    for part in batches(s.symbol for s in standings if s.error is None):
        fresh += yield ReadStandings(part)
    return fresh
