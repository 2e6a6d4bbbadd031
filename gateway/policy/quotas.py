"""How much one user may have, whatever the number of its connections: settings, and its own file.

All that is counted here is counted by user. The one exception is what a single connection may be
subscribed to, because that is what one connection costs.
"""

from collections import OrderedDict
from dataclasses import dataclass, fields, replace
from typing import Final

from gateway.clock import Clock
from gateway.policy.client_record import Quotas
from gateway.policy.rate_limit import TokenBucket, as_ms

SECOND_NS: Final = 1_000_000_000
USERS_MAX: Final = 10_000
"""Users whose pace is remembered, as many as there may be files; the one that asked longest ago is
forgotten first."""
BURST_FACTOR: Final = 2
"""Requests at once, as a multiple of those of a second."""
PATIENCE_FACTOR: Final = 4
"""Refusals at once, as a multiple of the requests of a second, before connections are cut."""
CUTS_MAX: Final = 10
CUT_NS: Final = SECOND_NS // 2
"""Connections of one user cut at once, and then one in this time: each of them comes back, and a
handshake costs more than requests that are dropped unread."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one user may have; the names are those of `Quotas`."""

    connections_max: int
    """Connections to the data socket at one time."""
    subscriptions_max: int
    """Topics that one connection may be subscribed to."""
    leases_max: int
    """Leases at one time."""
    symbols_max: int
    """Symbols claimed by all of its leases."""
    requests_per_second_max: int
    """Requests on the control socket; twice as many at once."""
    snapshots_per_second_max: int
    """Snapshots: over the data socket more are delayed, over the control socket refused."""
    replay_bytes_per_minute_max: int
    """Bytes of events sent again."""

    def with_quotas(self, quotas: Quotas) -> "Limits":
        """The same, with what a client's file says otherwise."""
        named = {field.name: getattr(quotas, field.name) for field in fields(quotas)}
        return replace(self, **{name: n for name, n in named.items() if n is not None})


class UserLimits:
    """What each user may have, worked out once for each version of its file.

    Args:
        limits: What everybody may have.
    """

    __slots__ = ("_known", "_limits")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: OrderedDict[str, tuple[Quotas, Limits]] = OrderedDict()

    def of(self, user: str, quotas: Quotas) -> Limits:
        """What a user may have, given what its file says now."""
        known = self._known.get(user)
        if known is None or known[0] is not quotas:
            known = self._known[user] = (quotas, self._limits.with_quotas(quotas))
            if len(self._known) > USERS_MAX:
                self._known.popitem(last=False)
        return known[1]


class UserBuckets:
    """A bucket for each user, each of its own size; owned by one thread.

    Args:
        clock: Monotonic.
    """

    __slots__ = ("_buckets", "_clock")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[tuple[int, int], TokenBucket]] = OrderedDict()

    def of(self, user: str, *, tokens_max: int, token_ns: int) -> TokenBucket:
        """A user's bucket, made anew, and full, where its size has changed."""
        size = (tokens_max, token_ns)
        known = self._buckets.get(user)
        if known is not None and known[0] == size:
            self._buckets.move_to_end(user)
            return known[1]
        bucket = TokenBucket(self._clock, tokens_max=tokens_max, token_ns=token_ns)
        self._buckets[user] = (size, bucket)
        self._buckets.move_to_end(user)
        if len(self._buckets) > USERS_MAX:
            self._buckets.popitem(last=False)
        return bucket


class Reservation:
    """Tokens taken for what is about to be done; what was used of them is known in the end.

    Args:
        bucket: Where they were taken from; None where nothing is counted.
        count: How many.
    """

    __slots__ = ("_bucket", "_count")

    def __init__(self, bucket: TokenBucket | None = None, count: int = 0) -> None:
        self._bucket = bucket
        self._count = count
        if bucket is not None:
            bucket.take(count)

    def settle(self, used: int) -> None:
        """Count what was used in place of what was reserved; a second call does nothing."""
        bucket, self._bucket = self._bucket, None
        if bucket is not None:
            bucket.give_back(self._count)
            bucket.take(used)


@dataclass(frozen=True, slots=True)
class Pace:
    """What becomes of one request."""

    retry_ms: int = 0
    """When to ask again; 0 when it may be answered now."""
    is_dropped: bool = False
    """Whether it is not even answered: its user goes on far beyond what it was told."""
    is_cut: bool = False
    """Whether its connection is to be cut for that."""


class RequestPace:
    """Lets users ask as often as they may.

    Args:
        clock: Monotonic.
    """

    def __init__(self, clock: Clock) -> None:
        self._requests = UserBuckets(clock)
        self._refusals = UserBuckets(clock)
        self._cuts = UserBuckets(clock)

    def judge(self, user: str, *, per_second_max: int) -> Pace:
        """Count a request."""
        token_ns = max(1, SECOND_NS // per_second_max)
        size = BURST_FACTOR * per_second_max
        requests = self._requests.of(user, tokens_max=size, token_ns=token_ns)
        wait_ns = requests.wait_ns()
        if not wait_ns:
            requests.take()
            return Pace()
        size = PATIENCE_FACTOR * per_second_max
        refusals = self._refusals.of(user, tokens_max=size, token_ns=token_ns)
        if not refusals.wait_ns():
            refusals.take()
            return Pace(as_ms(wait_ns))
        cuts = self._cuts.of(user, tokens_max=CUTS_MAX, token_ns=CUT_NS)
        is_cut = not cuts.wait_ns()
        if is_cut:
            cuts.take()
        return Pace(as_ms(wait_ns), is_dropped=True, is_cut=is_cut)
