"""What answers requests, made from settings: identity, leases, and the desk over them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway import __version__
from gateway.clock import Clock
from gateway.compiled.choice import Choice
from gateway.control.access import Access
from gateway.control.admin_port import AdminPort
from gateway.control.audit_trail import AuditTrail
from gateway.control.consumer_requests import ConsumerRequests
from gateway.control.desk import RequestDesk
from gateway.control.health_requests import HealthRequests, Inside
from gateway.control.identity import Identity
from gateway.control.upstream_requests import UpstreamRequests
from gateway.counters import Counters
from gateway.health.facts import FeedHistory
from gateway.health.monitor import HealthMonitor
from gateway.health.sessions import TradingHours
from gateway.logs import get_logger
from gateway.policy.error_history import ErrorHistory
from gateway.policy.leases import Leases
from gateway.runtime.host import DiskGauge, ProcessGauge
from gateway.settings import Settings


def make_identity(
    settings: Settings, *, epoch: int, endpoints: Mapping[str, str], pipeline: Choice
) -> Identity:
    """Say who this gateway is.

    Args:
        settings: As checked by `load_settings`.
        epoch: This run, Unix milliseconds.
        endpoints: Where the sockets really are.
        pipeline: The one that runs.
    """
    return Identity(
        gateway_id=settings.gateway_id,
        version=__version__,
        epoch=epoch,
        endpoints=dict(endpoints),
        capabilities=tuple(capabilities_of(settings)),
        pipeline=pipeline,
    )


def capabilities_of(settings: Settings) -> Iterator[str]:
    """The optional features that are on."""
    if settings.is_auto_watch:
        yield "auto_watch"
    if settings.security.keys_dir is not None:
        yield "curve"
        yield "entitlements"


def make_trail(clock: Clock) -> AuditTrail:
    """Make what writes the audit log's lines about requests and leases."""
    log = get_logger("audit")
    return AuditTrail(audit=log.info, warn=log.warning, clock=clock)


def make_leases(settings: Settings, clock: Clock, trail: AuditTrail) -> Leases:
    """Make the book of leases, without any."""
    leases = Leases(
        clock,
        leases_per_client_max=settings.leases.leases_per_client_max,
        symbols_per_client_max=settings.leases.symbols_per_client_max,
        client_count_max=settings.leases.client_count_max,
    )
    leases.on_expired, leases.on_restored = trail.lease_expired, trail.lease_restored
    return leases


def make_monitor(
    settings: Settings,
    *,
    history: FeedHistory,
    errors: ErrorHistory,
    admin: AdminPort,
    clock: Clock,
) -> HealthMonitor:
    """Make what judges the gateway's health.

    Args:
        settings: As checked by `load_settings`.
        history: The feed thread's reports.
        errors: What went wrong in this run.
        admin: The admin connection.
        clock: The gateway's.
    """
    monitor = HealthMonitor(
        settings.health.thresholds,
        hours=TradingHours(settings.health.sessions, settings.health.closed_days),
        history=history,
        errors=errors,
        admin=lambda: (admin.report(), admin.login),
        clock=clock,
    )
    monitor.register_data_source("process", ProcessGauge(clock).read)
    directories = [one for one in (settings.log.directory, settings.state_dir) if one is not None]
    if directories:
        monitor.register_data_source("disk", DiskGauge(directories, clock=clock).read)
    return monitor


def make_desk(
    settings: Settings,
    *,
    identity: Identity,
    leases: Leases,
    monitor: HealthMonitor,
    history: FeedHistory,
    errors: ErrorHistory,
    admin: AdminPort,
    clock: Clock,
    counters: Counters,
    access: Access,
    inside: Inside,
    tell: Callable[[Mapping[str, Any]], object],
    trail: AuditTrail,
) -> RequestDesk:
    """Make what answers requests.

    Args:
        settings: As checked by `load_settings`.
        identity: Who this gateway is.
        leases: Living leases.
        monitor: Judges the gateway's health.
        history: The feed thread's reports.
        errors: What went wrong in this run.
        admin: The admin connection.
        clock: The gateway's.
        counters: The control loop's own.
        access: Judges who may ask for what.
        inside: What only the process knows.
        tell: Tells of an alert.
        trail: Takes what administrators did and tried.
    """
    shared: dict[str, Any] = {"leases": leases, "clock": clock, "audit": trail.deed}
    return RequestDesk(
        identity=identity,
        leases=leases,
        clock=clock,
        access=access,
        inside=HealthRequests(
            identity=identity,
            monitor=monitor,
            history=history,
            admin=admin,
            inside=inside,
            tell=tell,
            **shared,
        ),
        consumers=ConsumerRequests(
            epoch=identity.epoch, counters=counters, access=access, **shared
        ),
        upstream=UpstreamRequests(
            errors=errors,
            admin=admin,
            counters=counters,
            is_admin_allowed=settings.security.allow_local_admin,
            **shared,
        ),
    )
