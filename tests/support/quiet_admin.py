"""An admin port that stands, says that all is well, and notes what is done to it."""

from collections.abc import Mapping
from typing import Any

from gateway_monitoring import HealthThresholds

from gateway.clock import Clock
from gateway.compiled.choice import choose
from gateway.control.health_requests import HealthRequests, Inside
from gateway.control.identity import Identity
from gateway.control.upstream_requests import UpstreamRequests
from gateway.counters import Counters
from gateway.health.facts import FeedHistory, LinkReport
from gateway.health.monitor import HealthMonitor
from gateway.health.sessions import TradingHours
from gateway.policy.error_history import ErrorHistory
from gateway.policy.leases import Leases


class QuietAdmin:
    """What requests see of the admin connection, without one."""

    def __init__(self) -> None:
        self.login = "connected"
        self.deeds: list[str] = []
        self.breaker: dict[str, object] = {"state": "closed", "failure_count": 0}

    def report(self) -> LinkReport:
        """A connection that streams."""
        return LinkReport(
            port="admin",
            state="streaming",
            address="127.0.0.1:9300",
            breaker=self.breaker,
            attempts=0,
            held_lines=0,
            heard_ns=0,
            due_ns=None,
        )

    def reset_breaker(self) -> None:
        """Note it."""
        self.deeds.append("reset_breaker")

    def reconnect(self) -> None:
        """Note it."""
        self.deeds.append("reconnect")


def upstream_requests(
    clock: Clock,
    leases: Leases,
    *,
    admin: QuietAdmin | None = None,
    is_admin_allowed: bool = False,
    audited: list[dict[str, object]] | None = None,
) -> UpstreamRequests:
    """The desk of requests about the way to DTN, around a quiet admin port.

    Args:
        clock: For the pace.
        leases: Living leases.
        admin: The admin port.
        is_admin_allowed: Whether everybody is an administrator.
        audited: Takes the facts of each line of the audit log.
    """
    lines: list[dict[str, object]] = [] if audited is None else audited
    return UpstreamRequests(
        leases=leases,
        errors=ErrorHistory(),
        admin=QuietAdmin() if admin is None else admin,
        clock=clock,
        counters=Counters(),
        is_admin_allowed=is_admin_allowed,
        audit=lambda event, **facts: lines.append({"event": event, **facts}),
    )


def inside_requests(
    clock: Clock,
    leases: Leases,
    *,
    history: FeedHistory,
    admin: QuietAdmin | None = None,
    audited: list[dict[str, object]] | None = None,
    told: list[Mapping[str, Any]] | None = None,
) -> HealthRequests:
    """The desk of requests about how the gateway is.

    Args:
        clock: Both clocks.
        leases: Living leases.
        history: The feed thread's reports.
        admin: The admin port.
        audited: Takes the facts of each line of the audit log.
        told: Takes every alert that is told.
    """
    port = QuietAdmin() if admin is None else admin
    lines: list[dict[str, object]] = [] if audited is None else audited
    alerts: list[Mapping[str, Any]] = [] if told is None else told
    return HealthRequests(
        identity=Identity("bench", "1.2.3", 1_700_000_000_000, {}, (), choose("python")),
        monitor=HealthMonitor(
            HealthThresholds(),
            hours=TradingHours(["Mon-Fri 09:30-16:00"]),
            history=history,
            errors=ErrorHistory(),
            admin=lambda: (port.report(), port.login),
            clock=clock,
        ),
        history=history,
        leases=leases,
        admin=port,
        inside=Inside(
            process=lambda: {"threads": 2},
            queues=lambda: {"commands": (1, 10), "facts": (2, 100)},
            threads=lambda: {"feed": {"alive": True}},
            config=lambda: {"gateway_id": "bench"},
        ),
        clock=clock,
        audit=lambda event, **facts: lines.append({"event": event, **facts}),
        tell=alerts.append,
    )
