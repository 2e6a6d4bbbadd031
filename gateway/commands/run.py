"""`run`: one gateway until it is asked to stop."""

import asyncio
from collections.abc import Callable, Mapping

from gateway.app import Gateway
from gateway.app_reload import Reloading
from gateway.commands.log_setup import RunningLog
from gateway.commands.loops import on_reload_signal, on_stop_signal, run_program
from gateway.counters import Counter
from gateway.runtime.host import forbid_core_dumps
from gateway.runtime.service_notices import ServiceNotices
from gateway.settings import (
    Configs,
    Credentials,
    Settings,
    find_service_manager,
    load_credentials,
    load_settings,
)


def run_configured(configs: Configs) -> int:
    """Read the configuration, begin to log, and run a gateway with it.

    Args:
        configs: What `--config` gave; read again at SIGHUP and `admin.reload`.

    Returns:
        As `run_gateway`.

    Raises:
        ConfigError: Nothing was started.
    """
    settings, credentials = load_settings(configs), load_credentials()
    log = RunningLog(settings, credentials)
    reloading = Reloading(lambda: load_settings(configs), log.apply)
    return run_program(
        lambda: run_gateway(settings, credentials, log_counts=log.counts, reloading=reloading)
    )


async def run_gateway(
    settings: Settings,
    credentials: Credentials | None = None,
    *,
    log_counts: Callable[[], Mapping[Counter, int]] = dict,
    reloading: Reloading | None = None,
) -> int:
    """Run a gateway until a signal or a failure.

    Args:
        settings: As checked.
        credentials: To log IQConnect in.
        log_counts: Reads what was counted where logs are written.
        reloading: Reads the configuration again.

    Returns:
        0 after an orderly stop, 1 when a part of the gateway failed.

    Raises:
        ConfigError: Nothing was started.

    Cancel safety: the gateway is stopped in order.
    """
    forbid_core_dumps()
    gateway = Gateway(settings, credentials=credentials, log_counts=log_counts, reloading=reloading)
    loop = asyncio.get_running_loop()
    # Before the start: the first process of a container does not hear a signal without a handler.
    on_stop_signal(loop, gateway.request_stop)
    await gateway.start()
    on_reload_signal(loop, gateway.reload)
    manager = find_service_manager()
    notices = ServiceNotices(
        manager.address if manager is not None else None,
        watchdog_s=manager.watchdog_s if manager is not None else None,
        judge=gateway.verdict,
    )
    try:
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(notices.run())
            await gateway.stopped.wait()
            telling.cancel()
    finally:
        notices.tell_stopping()
        await gateway.stop("failure" if gateway.failure is not None else "signal")
        notices.close()
    return 0 if gateway.failure is None else 1
