"""What answers requests, made from settings: identity, leases, and the desk over them."""

from collections.abc import Callable, Mapping

from gateway import __version__
from gateway.clock import Clock
from gateway.control.admin_port import AdminPort
from gateway.control.consumer_requests import ConsumerRequests
from gateway.control.desk import RequestDesk
from gateway.control.identity import Identity
from gateway.control.upstream_requests import UpstreamRequests
from gateway.counters import Counters
from gateway.health.facts import FeedHistory
from gateway.health.verdict import HealthJudge
from gateway.logs import get_logger
from gateway.policy.error_history import ErrorHistory
from gateway.policy.leases import Leases
from gateway.runtime.host import process_facts
from gateway.settings import Settings


def make_identity(settings: Settings, *, epoch: int, endpoints: Mapping[str, str]) -> Identity:
    """Say who this gateway is.

    Args:
        settings: As checked by `load_settings`.
        epoch: This run, Unix milliseconds.
        endpoints: Where the sockets really are.
    """
    return Identity(
        gateway_id=settings.gateway_id,
        version=__version__,
        epoch=epoch,
        endpoints=dict(endpoints),
        capabilities=("auto_watch",) if settings.is_auto_watch else (),
    )


def make_leases(settings: Settings, clock: Clock) -> Leases:
    """Make the book of leases, without any."""
    return Leases(
        clock,
        leases_per_client_max=settings.leases.leases_per_client_max,
        symbols_per_client_max=settings.leases.symbols_per_client_max,
        client_count_max=settings.leases.client_count_max,
    )


def make_desk(
    settings: Settings,
    *,
    identity: Identity,
    leases: Leases,
    history: FeedHistory,
    errors: ErrorHistory,
    admin: AdminPort,
    clock: Clock,
    counters: Counters,
    control_counts: Callable[[], Mapping[str, int]],
) -> RequestDesk:
    """Make what answers requests.

    Args:
        settings: As checked by `load_settings`.
        identity: Who this gateway is.
        leases: Living leases.
        history: The feed thread's reports.
        errors: What went wrong in this run.
        admin: The admin connection.
        clock: The gateway's.
        counters: The control loop's own.
        control_counts: Reads what was counted outside the feed thread, by label.
    """
    audit = get_logger("audit").warning
    return RequestDesk(
        identity=identity,
        leases=leases,
        history=history,
        judge=HealthJudge(clock),
        clock=clock,
        process_facts=process_facts,
        control_counts=control_counts,
        consumers=ConsumerRequests(
            leases=leases, epoch=identity.epoch, clock=clock, counters=counters, audit=audit
        ),
        upstream=UpstreamRequests(
            leases=leases,
            errors=errors,
            admin=admin,
            clock=clock,
            counters=counters,
            is_admin_allowed=settings.security.allow_local_admin,
            audit=audit,
        ),
    )
