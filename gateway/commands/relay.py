"""`relay`: one relay until it is asked to stop."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from gateway import __version__
from gateway.app_options import peer_options, user_limits
from gateway.app_security import make_doorkeeper
from gateway.clock import SystemClock
from gateway.commands.client_keys import read_client_keys, use_keys
from gateway.commands.loops import on_stop_signal
from gateway.counters import Counter
from gateway.errors import ConfigError
from gateway.relay.options import RelayOptions
from gateway.relay.relay import Relay
from gateway.runtime.directory_lock import DirectoryLock, DirectoryTaken
from gateway.runtime.host import forbid_core_dumps
from gateway.runtime.usage_files import RELAY_FOLDER
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
        usage_dir=usage_dir(settings),
    )


def usage_dir(settings: Settings) -> Path | None:
    """Where a relay's report of usage is; None where there is none to keep.

    Args:
        settings: As checked by `load_relay_settings`.
    """
    if settings.state_dir is None or settings.security.keys_dir is None:
        return None
    return settings.state_dir / RELAY_FOLDER


@contextlib.contextmanager
def held(directory: Path | None) -> Iterator[None]:
    """Make a directory, and keep other relays out of it meanwhile.

    Raises:
        ConfigError: It cannot be made, or another relay has it.
    """
    if directory is None:
        yield
        return
    lock = DirectoryLock(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock.take()
    except DirectoryTaken as error:
        raise ConfigError(
            "another relay keeps its usage here",
            hint="Give each relay a state_dir of its own.",
            directory=str(directory),
        ) from error
    except OSError as error:
        raise ConfigError(
            "usage cannot be kept",
            hint="Set state_dir to a directory that this user may write, or leave it out.",
            directory=str(directory),
            reason=error.strerror or str(error),
        ) from error
    try:
        yield
    finally:
        lock.release()


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
    options = relay_options(settings)
    with held(options.usage_dir):
        return await _run(settings, options, log_counts)


async def _run(
    settings: Settings, options: RelayOptions, log_counts: Callable[[], Mapping[Counter, int]]
) -> int:
    clock = SystemClock()
    relay = Relay(
        options,
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
