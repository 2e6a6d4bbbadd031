"""The sockets, made from settings, and who guards them: nobody without keys."""

from collections.abc import Callable

from gateway.app_http import http_address
from gateway.app_options import user_limits
from gateway.clock import Clock
from gateway.control.access import Access
from gateway.control.told_once import ToldOnce
from gateway.counters import Counters
from gateway.logs import get_logger
from gateway.policy.entitlements import Entitlements
from gateway.policy.usage import Use
from gateway.runtime.doorkeeper import Doorkeeper
from gateway.runtime.gateway_sockets import GatewaySockets
from gateway.runtime.key_store import KeyStore
from gateway.runtime.usage_keeper import UsageKeeper
from gateway.settings import Settings


def make_doorkeeper(settings: Settings, clock: Clock) -> Doorkeeper | None:
    """Make what guards the sockets; None without keys.

    Args:
        settings: As checked by `load_settings`.
        clock: The gateway's.

    Raises:
        ConfigError: Keys that cannot be used.
    """
    security = settings.security
    if security.keys_dir is None:
        return None
    rotation = security.rotation
    return Doorkeeper(
        KeyStore(security.keys_dir, clock=clock),
        next_binds=(rotation.data_bind, rotation.control_bind) if rotation is not None else None,
        clock=clock,
    )


def make_access(
    settings: Settings,
    entitlements: Entitlements,
    *,
    clock: Clock,
    counters: Counters,
    on_use: Callable[[Use], object],
) -> Access:
    """Make what judges requests.

    Args:
        settings: As checked by `load_settings`.
        entitlements: Used in the control loop.
        clock: The gateway's.
        counters: The control loop's own.
        on_use: Told who was given what, for the report of usage.
    """
    return Access(
        entitlements,
        limits=user_limits(settings),
        clock=clock,
        counters=counters,
        told=ToldOnce(clock, get_logger("audit")),
        on_use=on_use,
    )


def make_usage(settings: Settings, *, clock: Clock, counters: Counters) -> UsageKeeper:
    """Make what reports who consumed what.

    Args:
        settings: As checked by `load_settings`.
        clock: The gateway's.
        counters: The control loop's own.
    """
    return UsageKeeper(
        settings.state_dir,
        clock=clock,
        counters=counters,
        is_on=settings.security.keys_dir is not None,
    )


def open_sockets(settings: Settings, doors: Doorkeeper | None, *, clock: Clock) -> GatewaySockets:
    """Bind all sockets.

    Args:
        settings: As checked by `load_settings`.
        doors: Guards data and control; None without keys.
        clock: The gateway's.

    Raises:
        ConfigError: An address cannot be bound, or lets strangers in; nothing is left open.
    """
    return GatewaySockets(
        data_bind=settings.data.bind,
        control_bind=settings.control.bind,
        high_water_mark=settings.data.high_water_mark,
        send_buffer_bytes=settings.data.send_buffer_bytes,
        http=http_address(settings),
        doors=doors,
        clock=clock,
    )
