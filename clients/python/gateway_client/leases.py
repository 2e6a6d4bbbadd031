"""What is held at the gateway, and when it is to be renewed. No I/O.

Every `subscribe` brings one lease. A lease is renewed at half its life, and every ten seconds at
least; when so many have gathered that renewing them one by one would be a burden, everything is
subscribed anew in few requests and the old leases are left to lapse.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway_client import topics

RENEW_NS_MAX: Final = 10_000_000_000
"""A lease is renewed so often at least: it is how the gateway learns of loss and lag."""
DOUBT_NS: Final = 2_000_000_000
"""When subscriptions were missing and were sent again, the next renewal is this soon."""
DOUBTS_MAX: Final = 3
"""So many renewals in a row come early for that."""
LEASES_MAX: Final = 32
"""More leases than this are replaced by as few as possible at the next renewal."""


@dataclass(slots=True)
class Lease:
    """One lease."""

    lease_id: str
    """The gateway's name for it."""
    symbols: tuple[str, ...]
    """The symbols it keeps."""
    renew_at_ns: int
    """Monotonic time of the next renewal."""
    doubts: int = 0
    """Renewals in a row that came early, because subscriptions were missing."""
    is_renewing: bool = False
    """Whether an answer is awaited."""


class LeaseBook:
    """Everything wanted and every lease that keeps it.

    Args:
        lease_s: Life of a lease in seconds.
    """

    def __init__(self, *, lease_s: int) -> None:
        self._half_life_ns = lease_s * 500_000_000
        self._renew_ns = min(self._half_life_ns, RENEW_NS_MAX)
        self._wanted: dict[str, dict[str, None]] = {}
        self._leases: dict[str, Lease] = {}
        self.renewed_count = 0
        self.expired_count = 0

    def __len__(self) -> int:
        return len(self._leases)

    @property
    def symbol_count(self) -> int:
        """Symbols wanted."""
        return len(self._wanted)

    def want(self, symbols: Iterable[str], kinds: Iterable[str]) -> None:
        """Remember what the gateway accepted."""
        for symbol in symbols:
            self._wanted.setdefault(symbol, {}).update(dict.fromkeys(kinds))

    def drop(self, symbols: Iterable[str], kinds: Sequence[str] | None) -> list[str]:
        """Forget symbols, or only some of their kinds.

        Returns:
            The topics no longer wanted.
        """
        dropped: list[str] = []
        for symbol in symbols:
            held = self._wanted.get(symbol, {})
            for kind in list(held) if kinds is None else kinds:
                if kind in held:
                    del held[kind]
                    dropped.append(topics.topic_of(kind, symbol))
            if not held:
                self._wanted.pop(symbol, None)
        return dropped

    def prune(self) -> None:
        """Forget the leases that keep nothing wanted; the caller tells the gateway."""
        self._leases = {
            lease_id: lease
            for lease_id, lease in self._leases.items()
            if any(symbol in self._wanted for symbol in lease.symbols)
        }

    def kinds_of(self, symbol: str) -> tuple[str, ...]:
        """Kinds wanted of a symbol."""
        return tuple(self._wanted.get(symbol, ()))

    def is_wanted(self, symbol: str) -> bool:
        """Whether a symbol is wanted with any kind."""
        return symbol in self._wanted

    def add(self, lease_id: str, symbols: Sequence[str], now_ns: int) -> None:
        """Remember a lease just granted."""
        self._leases[lease_id] = Lease(lease_id, tuple(symbols), now_ns + self._renew_ns)

    def due(self, now_ns: int) -> list[Lease]:
        """Take the leases to be renewed now; each is out until `renewed` or `retry`."""
        due = [
            lease
            for lease in self._leases.values()
            if not lease.is_renewing and lease.renew_at_ns <= now_ns
        ]
        for lease in due:
            lease.is_renewing = True
        return due

    def has_too_many(self) -> bool:
        """Whether subscribing anew beats renewing one by one."""
        return len(self._leases) > LEASES_MAX

    def renewed(self, lease_id: str, now_ns: int, *, is_in_doubt: bool = False) -> None:
        """Note a successful renewal.

        Args:
            lease_id: The lease.
            now_ns: Monotonic time.
            is_in_doubt: Whether the gateway missed subscriptions of it; then the next one is soon.
        """
        self.renewed_count += 1
        wait_ns = self._renew_ns
        lease = self._leases.get(lease_id)
        if lease is not None:
            is_early = is_in_doubt and lease.doubts < DOUBTS_MAX
            lease.doubts = lease.doubts + 1 if is_in_doubt else 0
            wait_ns = min(wait_ns, DOUBT_NS) if is_early else wait_ns
        self._again(lease_id, now_ns + wait_ns)

    def retry(self, lease_id: str, now_ns: int) -> None:
        """Note a renewal that failed for the moment; several tries fit in what life is left."""
        self._again(lease_id, now_ns + max(self._half_life_ns // 8, 1_000_000_000))

    def _again(self, lease_id: str, at_ns: int) -> None:
        lease = self._leases.get(lease_id)
        if lease is not None:
            lease.renew_at_ns = at_ns
            lease.is_renewing = False

    def expire(self, lease_id: str) -> Lease | None:
        """Note that the gateway no longer knows a lease; the caller subscribes again."""
        self.expired_count += 1
        return self._leases.pop(lease_id, None)

    def start_over(self) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Forget every lease; returns (symbols, kinds) groups that together are all wanted."""
        self._leases.clear()
        return self.groups(self._wanted)

    def groups(self, symbols: Iterable[str]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Group symbols by the kinds wanted of them, in pieces that one request may carry."""
        by_kinds: dict[tuple[str, ...], list[str]] = {}
        for symbol in symbols:
            if symbol in self._wanted:
                by_kinds.setdefault(tuple(self._wanted[symbol]), []).append(symbol)
        return [
            (tuple(part), kinds)
            for kinds, members in by_kinds.items()
            for part in topics.chunks(members)
        ]

    def deadline_ns(self) -> int | None:
        """Monotonic time of the next renewal."""
        return min(
            (lease.renew_at_ns for lease in self._leases.values() if not lease.is_renewing),
            default=None,
        )
