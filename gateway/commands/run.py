"""`run`: one gateway until it is asked to stop."""

import asyncio
from collections.abc import Callable, Mapping

from gateway.app import Gateway
from gateway.app_reload import Reloading
from gateway.commands.log_setup import RunningLog
from gateway.commands.loops import ReloadSignal, on_stop_signal, run_program
from gateway.counters import Counter
from gateway.errors import ConfigError
from gateway.runtime.host import forbid_core_dumps
from gateway.runtime.service_notices import ServiceNotices
from gateway.settings import (
    Configs,
    Credentials,
    Settings,
    changed_credentials,
    find_service_manager,
    find_source,
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
    hangup = ReloadSignal()
    hangup.catch()
    settings, credentials = load_settings(configs), load_credentials()
    log = RunningLog(settings, credentials)
    reloading = Reloading(
        lambda: load_settings(configs),
        log.apply,
        lambda: changed_credentials(credentials, load_credentials()),
    )
    try:
        return run_program(
            lambda: run_gateway(
                settings,
                credentials,
                log_counts=log.counts,
                reloading=reloading,
                hangup=hangup,
            )
        )
    except ConfigError as error:
        # A port that is taken shows only now.
        raise find_source(error, configs) from error


async def run_gateway(
    settings: Settings,
    credentials: Credentials | None = None,
    *,
    log_counts: Callable[[], Mapping[Counter, int]] = dict,
    reloading: Reloading | None = None,
    hangup: ReloadSignal | None = None,
) -> int:
    """Run a gateway until a signal or a failure.

    Args:
        settings: As checked.
        credentials: To log IQConnect in.
        log_counts: Reads what was counted where logs are written.
        reloading: Reads the configuration again.
        hangup: Catches SIGHUP already; from here on otherwise.

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
    if hangup is None:
        hangup = ReloadSignal()
        hangup.catch()
    await gateway.start()
    hangup.tell(loop, gateway.reload)
    manager = find_service_manager()
    notices = ServiceNotices(
        manager.address if manager is not None else None,
        watchdog_s=manager.watchdog_s if manager is not None else None,
        judge=gateway.verdict,
    )
    reason = "signal"
    try:
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(notices.run())
            await gateway.stopped.wait()
            telling.cancel()
    except ExceptionGroup:
        reason = "failure"
        raise
    finally:
        notices.tell_stopping()
        await gateway.stop("failure" if gateway.failure is not None else reason)
        notices.close()
    return 0 if gateway.failure is None else 1
