"""Requests about the way to consumers: what they lost, who they are, who is to be cut off."""

from collections.abc import Callable, Generator
from typing import Any, Final

from gateway.clock import Clock
from gateway.control.access import Access
from gateway.control.claims import batches
from gateway.control.feed_commands import (
    SYMBOLS_PER_COMMAND_MAX,
    EvictPeer,
    FeedCommand,
    FindMissing,
    ReadRing,
    ReadWatches,
    ReportClient,
    WatchReport,
)
from gateway.control.public_topics import public_topic
from gateway.control.rights import granted_as
from gateway.control.upstream_requests import NOBODY, Audit, Caller, check_reason
from gateway.counters import Counter, Counters
from gateway.errors import GatewayError, InvalidParams, OutOfRange, bounded
from gateway.model import methods as m
from gateway.model.enums import Flag
from gateway.model.protocol import REPLAY_MESSAGES_MAX
from gateway.policy.leases import Leases
from gateway.wire.codec import pack_array, pack_resent
from gateway.wire.envelope import RING_KINDS
from gateway.wire.rings import Kept

Steps = Generator[FeedCommand, Any, dict[str, Any]]
_REPLAY: Final = int(Flag.REPLAY)
REPORT_ENTRIES_MAX: Final = 5_000
"""Longest list in an answer."""
LEASE_NS_MIN: Final = 2_000_000_000
"""Subscriptions for a younger lease may still be on their way."""


class ConsumerRequests:
    """Answers `renew`, `subscriptions`, `replay` and `admin.evict`.

    Args:
        leases: Living leases.
        epoch: This run.
        clock: For the age of leases.
        counters: Where what is sent again is counted.
        access: Judges who may ask for what.
        audit: Takes what administrators did.
    """

    def __init__(
        self,
        *,
        leases: Leases,
        epoch: int,
        clock: Clock,
        counters: Counters,
        access: Access,
        audit: Audit,
    ) -> None:
        self._leases = leases
        self._access = access
        self._epoch = epoch
        self._clock = clock
        self._counters = counters
        self._audit = audit

    def renew(self, params: m.RenewParams, caller: Caller = NOBODY) -> Steps:
        """Extend a lease, hear how its client keeps up, and tell which subscriptions got lost.

        libzmq drops subscriptions beyond the subscriber's own high-water mark without a word: that
        what a client holds by lease does not arrive on its data connection is the only trace.
        """
        lease = self._leases.renew(params.client, params.lease_id, user=caller.user)
        missing: list[str] = []
        token = params.data_token
        if token is not None:
            told = params.model_dump(include={"received", "gaps", "lag_us"}, exclude_none=True)
            yield ReportClient(params.client, token, told, caller.user)
            if self._clock.monotonic_ns() - lease.granted_ns >= LEASE_NS_MIN:
                # As they are now: the lease may change while the feed thread is asked.
                claims = list(lease.claims.values())
                for part in batches(
                    f"{k},{claim.symbol}," for claim in claims for k in claim.kinds
                ):
                    missing += yield FindMissing(token, part, caller.user)
        return {
            "expires_us": lease.expires_us,
            "missing_subscriptions": list(dict.fromkeys(missing))[:REPORT_ENTRIES_MAX],
        }

    def subscriptions(self, params: m.SubscriptionsParams, caller: Caller = NOBODY) -> Steps:
        """List leases, watches, where demand comes from, and who the consumers are.

        A consumer is told of what is its own, and of symbols that it may hear.
        """
        report: WatchReport = yield ReadWatches(REPORT_ENTRIES_MAX)
        client = params.client
        rights = self._access.rights_of(caller)
        is_own: Callable[[str | None], bool] = (
            (lambda _: True) if rights.sees_others else (lambda user: user == caller.user)
        )
        leases = [
            {
                "lease_id": lease.lease_id,
                "client": lease.client,
                "symbols": list(lease.claims),
                "kinds": sorted({kind for claim in lease.claims.values() for kind in claim.kinds}),
                "expires_us": lease.expires_us,
                **({"user": lease.user} if lease.user else {}),
            }
            for lease in self._leases.living()
            if client in (None, lease.client) and is_own(lease.user)
        ]
        return {
            "leases": leases[:REPORT_ENTRIES_MAX],
            "watches": [w for w in report.watches if rights.may_see(w["symbol"])],
            "demand": {
                "subscriptions": [
                    t for t in report.topics if granted_as(rights, t["topic"].encode())
                ],
                "connections": report.connection_count,
            },
            "peers": [
                peer
                for peer in report.peers
                if client in (None, peer["client"]) and is_own(peer.get("user"))
            ],
            "complete": report.is_complete and len(leases) <= REPORT_ENTRIES_MAX,
        }

    def evict(self, caller: Caller, params: m.AdminEvictParams) -> Steps:
        """Cut off data connections, and write down who asked and why.

        Raises:
            SecurityValidationError: The reason would break a line of the log.
            InvalidParams: The name is that of several users' clients.
        """
        outcome = "failed"
        try:
            check_reason("admin.evict", params.reason)
            count = yield EvictPeer(params.peer, params.user)
            outcome = f"{count} cut off"
        except GatewayError as error:
            outcome = error.code
            raise
        finally:
            self._audit(
                "admin request",
                method="admin.evict",
                peer=params.peer if params.peer.isprintable() else bounded(params.peer),
                **({} if params.user is None else {"of_user": bounded(params.user)}),
                reason=params.reason,
                **caller.facts,
                outcome=outcome,
            )
        return {"evicted": count}

    def replay(self, params: m.ReplayParams, caller: Caller = NOBODY) -> Steps:
        """Send events again, as far as they are still in memory.

        Raises:
            NotEntitled: The caller may not hear them.
            RateLimited: It has had too many bytes of late.
            InvalidParams: Not a topic, not one of events that are kept, or no range.
            SymbolInvalid: The topic's symbol is none.
            OutOfRange: More than one answer may carry.
        """
        name = public_topic(params.topic)
        self._access.check(caller, name, "replay")
        if name.kind not in RING_KINDS or name.variant:
            kinds = ", ".join(sorted(RING_KINDS))
            raise InvalidParams(
                "this kind is not kept",
                hint=f"Only {kinds} are: join a topic of another kind anew for its value.",
                topic=params.topic,
            )
        first, last = params.from_sequence, params.to_sequence
        if last < first:
            raise InvalidParams(
                "to_sequence is below from_sequence", from_sequence=first, to_sequence=last
            )
        if last - first >= REPLAY_MESSAGES_MAX:
            raise OutOfRange(
                "too many messages in one answer",
                hint=f"Ask for {REPLAY_MESSAGES_MAX} sequences at a time.",
                asked=last - first + 1,
                limit=REPLAY_MESSAGES_MAX,
            )
        if params.epoch != self._epoch:
            # Another run's events are gone with it.
            return {"bodies": [], "complete": False, "oldest": None}
        prefix_bytes = len(name.spelling)
        bodies: list[bytes] = []
        kept = Kept((), 0, None)
        reserved = self._access.reserve_replay(caller, last - first + 1)
        try:
            for begin in range(first, last + 1, SYMBOLS_PER_COMMAND_MAX):
                end = min(begin + SYMBOLS_PER_COMMAND_MAX - 1, last)
                kept = yield ReadRing(name, begin, end)
                bodies += [pack_resent(frame[prefix_bytes:], _REPLAY) for frame in kept.frames]
        finally:
            reserved.settle(sum(map(len, bodies)))
        self._counters.add(Counter.EVENTS_REPLAYED, len(bodies))
        return {
            "bodies": pack_array(bodies),
            "complete": len(bodies) == last - first + 1,
            "oldest": kept.oldest_sequence,
        }
