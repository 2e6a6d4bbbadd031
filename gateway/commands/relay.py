"""`relay`: one relay until it is asked to stop."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from gateway import __version__
from gateway.app_options import peer_options, user_limits
from gateway.app_security import make_doorkeeper
from gateway.clock import SystemClock
from gateway.commands.client_keys import read_client_keys, use_keys
from gateway.commands.loops import on_stop_signal
from gateway.counters import Counter
from gateway.relay.relay import Relay, RelayOptions
from gateway.runtime.host import forbid_core_dumps
from gateway.settings import Settings


def relay_options(settings: Settings) -> RelayOptions:
    """Take from the settings what a relay works by.

    Args:
        settings: As checked by `load_relay_settings`.
    """
    relay, data, control = settings.relay, settings.data, settings.control
    return RelayOptions(
        name=relay.name or "relay",
        version=__version__,
        data=relay.data,
        control=relay.control,
        bind_data=relay.bind_data,
        bind_control=relay.bind_control,
        high_water_mark=data.high_water_mark,
        send_buffer_bytes=data.send_buffer_bytes,
        subscriptions_per_connection_max=data.subscriptions_per_connection_max,
        peers=peer_options(settings),
        limits=user_limits(settings),
        requests_in_flight_max=control.requests_in_flight_max,
        deadline_ms_default=control.deadline_ms_default,
        is_admin_allowed=settings.security.allow_local_admin,
    )


async def run_relay(
    settings: Settings, *, log_counts: Callable[[], Mapping[Counter, int]] = dict
) -> int:
    """Run a relay until a signal or a failure.

    Args:
        settings: As checked by `load_relay_settings`.
        log_counts: Reads what was counted where logs are written.

    Returns:
        0 after an orderly stop, 1 when a part of the relay failed.

    Raises:
        ConfigError: Nothing was started.

    Cancel safety: the relay is stopped in order.
    """
    forbid_core_dumps()
    clock = SystemClock()
    relay = Relay(
        relay_options(settings),
        clock=clock,
        log_counts=log_counts,
        doors=make_doorkeeper(settings, clock),
        use_keys=partial(use_keys, keys=read_client_keys(settings.relay.keys)),
    )
    await relay.start()
    on_stop_signal(asyncio.get_running_loop(), relay.request_stop)
    try:
        await relay.stopped.wait()
    finally:
        await relay.stop("failure" if relay.failure is not None else "signal")
    return 0 if relay.failure is None else 1
