"""The request desk: what each control method means.

A handler that needs the feed thread is a generator: it yields commands and is sent their answers.
So the meaning of a request is plain code without a loop, and the server that drives it decides
nothing.
"""

from collections.abc import Generator, Iterable
from typing import Any, Final

import pydantic

from gateway.clock import Clock
from gateway.control.claims import (
    batches,
    expand,
    is_pending,
    refusal_of,
    services_of,
    snapshot_batches,
    topics_of,
    usable,
    wishes_of,
)
from gateway.control.consumer_requests import ConsumerRequests
from gateway.control.feed_commands import (
    AwaitSettled,
    BindClient,
    FeedCommand,
    ReadSnapshots,
    ReadStandings,
    Standing,
    Unwatch,
    Watch,
)
from gateway.control.health_requests import HealthRequests
from gateway.control.identity import LIMITS, Identity
from gateway.control.param_words import words_of
from gateway.control.public_topics import check_symbols
from gateway.control.upstream_requests import UpstreamRequests
from gateway.control.watch_desk import SERVICES
from gateway.errors import InvalidParams, LeaseExpired, OutOfRange
from gateway.model import methods as m
from gateway.model import protocol
from gateway.model.enums import SymbolState
from gateway.model.error_codes import ErrorCode
from gateway.model.messages import KIND_TYPES, MESSAGES, Kind
from gateway.policy.demand import Service
from gateway.policy.error_history import fact_of
from gateway.policy.leases import Claim, Leases
from gateway.wire.codec import Encoded

Steps = Generator[FeedCommand | None, Any, Any]
"""A handler in progress: yields commands for the feed thread, or None to let others run; returns
the result."""
SNAPSHOT_BYTES_MAX: Final = 16_777_216
"""Bytes of order books in one answer."""


class RequestDesk:
    """Answers every control method.

    Args:
        identity: Who this gateway is.
        leases: Living leases.
        clock: For stamps.
        inside: Answers requests about how the gateway is.
        upstream: Answers requests about the way to DTN.
        consumers: Answers requests about the way to consumers.
    """

    def __init__(
        self,
        *,
        identity: Identity,
        leases: Leases,
        clock: Clock,
        inside: HealthRequests,
        upstream: UpstreamRequests,
        consumers: ConsumerRequests,
    ) -> None:
        self._identity = identity
        self._leases = leases
        self._clock = clock
        self.inside: Final = inside
        """Answers requests about how the gateway is."""
        self.upstream: Final = upstream
        """Answers requests about the way to DTN."""
        self.consumers: Final = consumers
        """Answers requests about the way to consumers."""
        self._description: dict[str, Any] | None = None

    def hello(self, params: m.HelloParams) -> Steps:
        """Say who we are, what we speak and what we allow, and learn whose connection is whose."""
        identity = self._identity
        refused = None
        if params.client is not None and params.data_token is not None:
            is_relay = bool(params.is_relay)
            refused = yield BindClient(params.client, params.data_token, is_relay)
        return {
            "gateway_id": identity.gateway_id,
            "version": identity.version,
            "protocol": [protocol.PROTOCOL_VERSION],
            "epoch": identity.epoch,
            "endpoints": identity.endpoints,
            "kinds": [kind.value for kind in (*SERVICES, Kind.NEWS, Kind.SYS)],
            "schema_hash": protocol.SCHEMA_HASH,
            "limits": LIMITS,
            "capabilities": list(identity.capabilities),
            "relay": None,
            "refused_subscriptions": refused,
        }

    def ping(self, _: m.PingParams) -> dict[str, Any]:
        """Answer, and nothing else."""
        return {}

    def describe(self, _: m.DescribeParams) -> dict[str, Any]:
        """List methods with the JSON Schemas of their parameters, and kinds with their fields."""
        if self._description is None:
            self._description = {
                "methods": {
                    name: {
                        "description": spec.description,
                        "role": spec.role.value,
                        "available": spec.is_available,
                        "params": spec.params.model_json_schema(),
                    }
                    for name, spec in m.METHODS.items()
                },
                "kinds": {
                    kind.value: {"type": int(number), "fields": list(MESSAGES[number]._fields)}
                    for kind, number in KIND_TYPES.items()
                },
            }
        return self._description

    def subscribe(self, params: m.SubscribeParams) -> Steps:
        """Take a lease on symbols and answer at once, or after the vendor's first word."""
        good, bad = check_symbols(params.symbols)
        rejected: list[dict[str, object]] = [
            {
                "symbol": error.facts["symbol"],
                "code": error.code,
                "hint": error.hint,
            }
            for error in bad
        ]
        if bad:
            # One entry for the request: what a client spells a thousand times is one mistake.
            now_us = self._clock.utc_us()
            self.upstream.history.add(fact_of(bad[0], port="control", at_us=now_us, count=len(bad)))
        if not good:
            return {"lease_id": None, "expires_us": None, "topics": [], "rejected": rejected}
        kinds = expand(params.kinds)
        claims = [Claim(symbol, kinds) for symbol in good]
        if not services_of(kinds):
            nothing = (Standing(symbol, SymbolState.CLOSED.value, None, {}) for symbol in good)
            topics = [topic for standing in nothing for topic in topics_of(standing, kinds)]
            return {"lease_id": None, "expires_us": None, "topics": topics, "rejected": rejected}
        if params.data_token is not None:
            yield BindClient(params.client, params.data_token)
        lease = self._leases.open(params.client, symbol_count=len(claims), lease_s=params.lease_s)
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
        if params.wait_ms:
            pending = {s.symbol for s in standings if is_pending(s, kinds)}
            yield AwaitSettled(frozenset(pending), params.wait_ms * 1_000_000)
            standings = yield from _read_again(standings)
        refused = [refusal_of(standing, kinds) for standing in standings]
        rejected += [refusal for refusal in refused if refusal is not None]
        # What the vendor does not know or the board cannot hold is not leased: nothing is there to
        # keep. What only waits for a free slot of the vendor's limit is.
        gone = {str(r["symbol"]) for r in refused if r and r["code"] != ErrorCode.SYMBOL_LIMIT}
        if gone:
            yield from self._give_up(params.client, lease.lease_id, gone, standings)
        topics = [t for s in standings if s.error is None for t in topics_of(s, kinds)]
        is_leased = bool(lease.claims)
        return {
            "lease_id": lease.lease_id if is_leased else None,
            "expires_us": lease.expires_us if is_leased else None,
            "topics": topics,
            "rejected": rejected,
        }

    def unsubscribe(self, params: m.UnsubscribeParams) -> Steps:
        """Give up a lease, some symbols or kinds of it, or everything the client holds."""
        kinds = frozenset(expand(params.kinds)) if params.kinds else None
        before = self._services_held(params.client)
        given_up = self._leases.release(
            params.client, lease_id=params.lease_id, symbols=params.symbols, kinds=kinds
        )
        yield from self._unwatch_difference(params.client, before)
        return {"removed": sum(len(claim.kinds) for claim in given_up)}

    def snapshot(self, params: m.SnapshotParams) -> Steps:
        """Read last values, for those who prefer a request to a subscription."""
        snapshots: list[dict[str, Any]] = []
        size = 0
        for part in snapshot_batches(dict.fromkeys(params.topics)):
            answers = yield ReadSnapshots(part)
            for topic, body in answers:
                size += len(body.data) if isinstance(body, Encoded) else 0
                if size > SNAPSHOT_BYTES_MAX:
                    raise OutOfRange(
                        "too many whole order books in one answer",
                        hint="Ask for fewer `order` and `depth` topics at a time.",
                        limit=SNAPSHOT_BYTES_MAX,
                    )
                if body is None:
                    raise InvalidParams(
                        "not a complete public topic",
                        hint="Write kind,SYMBOL, with both commas, such as quote,AAPL,",
                        topic=topic,
                    )
                snapshots.append({"topic": topic, "body": body})
        return snapshots

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
                        lease.client, lease_id=lease.lease_id, symbols=unheld, kinds=None
                    )
        return {"restored": len(restored)}

    def _give_up(
        self, client: str, lease_id: str, symbols: set[str], standings: list[Standing]
    ) -> Generator[FeedCommand, Any, None]:
        """Take symbols out of a lease that was just granted."""
        try:
            given_up = self._leases.release(client, lease_id=lease_id, symbols=symbols, kinds=None)
        except LeaseExpired:
            # It ended while we waited, and took its wishes with it.
            return
        unheld = {s.symbol for s in standings if s.error is not None}
        held = [claim for claim in given_up if claim.symbol not in unheld]
        for part in batches(wishes_of(held)):
            yield Unwatch(part)

    def _services_held(self, client: str) -> dict[tuple[str, str], frozenset[Service]]:
        return {
            (lease.lease_id, claim.symbol): frozenset(services_of(claim.kinds))
            for lease in self._leases.living()
            if lease.client == client
            for claim in lease.claims.values()
        }

    def _unwatch_difference(
        self, client: str, before: dict[tuple[str, str], frozenset[Service]]
    ) -> Generator[FeedCommand, Any, None]:
        """Take back the wishes that a client's leases no longer express."""
        after = self._services_held(client)
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


def parse_params(method: str, params: object) -> m.Params:
    """Check a method's parameters.

    Raises:
        InvalidParams: They do not fit, with the first few reasons.
    """
    try:
        return m.METHODS[method].params.model_validate(params if params is not None else {})
    except pydantic.ValidationError as error:
        reasons = [words_of(problem) for problem in error.errors(include_url=False)[:5]]
        raise InvalidParams("; ".join(reasons), method=method) from error


def _read_again(standings: list[Standing]) -> Generator[FeedCommand, Any, list[Standing]]:
    errors = {s.symbol: s for s in standings if s.error is not None}
    fresh: list[Standing] = list(errors.values())
    for part in batches(s.symbol for s in standings if s.error is None):
        fresh += yield ReadStandings(part)
    return fresh
