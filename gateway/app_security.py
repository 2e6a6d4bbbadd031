"""The sockets, made from settings, and who guards them: nobody without keys."""

from gateway.app_http import http_address
from gateway.clock import Clock
from gateway.runtime.doorkeeper import Doorkeeper
from gateway.runtime.gateway_sockets import GatewaySockets
from gateway.runtime.key_store import KeyStore
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


def open_sockets(settings: Settings, doors: Doorkeeper | None) -> GatewaySockets:
    """Bind all sockets.

    Args:
        settings: As checked by `load_settings`.
        doors: Guards data and control; None without keys.

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
    )
