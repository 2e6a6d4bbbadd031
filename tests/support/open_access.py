"""Nobody judged: requests at a gateway without keys."""

from gateway.clock import Clock
from gateway.control.access import Access
from gateway.control.told_once import ToldOnce
from gateway.counters import Counters
from gateway.policy.entitlements import Entitlements
from gateway.policy.quotas import Limits

LIMITS = Limits(
    connections_max=8,
    subscriptions_max=20_000,
    leases_max=10,
    symbols_max=6_000,
    requests_per_second_max=200,
    snapshots_per_second_max=10_000,
    replay_bytes_per_minute_max=1_000_000,
)
"""As good as any."""


class AuditKept:
    """An audit log in memory."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []
        """Names and facts, oldest first."""

    def info(self, event: str, /, **facts: object) -> None:
        """Keep what is as it should be."""
        self.events.append((event, facts))

    warning = info

    def named(self, event: str) -> list[dict[str, object]]:
        """The facts of all events of one name."""
        return [facts for name, facts in self.events if name == event]


def open_access(
    clock: Clock,
    entitlements: Entitlements | None = None,
    *,
    audit: AuditKept | None = None,
    limits: Limits = LIMITS,
) -> Access:
    """What judges requests; everybody may ask for everything without entitlements."""
    return Access(
        Entitlements() if entitlements is None else entitlements,
        limits=limits,
        clock=clock,
        counters=Counters(),
        told=ToldOnce(clock, AuditKept() if audit is None else audit),
    )
