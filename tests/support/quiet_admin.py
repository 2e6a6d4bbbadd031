"""An admin port that stands, says that all is well, and notes what is done to it."""

from gateway.clock import Clock
from gateway.control.upstream_requests import UpstreamRequests
from gateway.counters import Counters
from gateway.health.facts import LinkReport
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
