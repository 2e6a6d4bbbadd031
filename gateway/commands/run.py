"""`run`: one gateway until it is asked to stop."""

import asyncio
from collections.abc import Callable, Mapping

from gateway.app import Gateway
from gateway.commands.loops import on_reload_signal, on_stop_signal
from gateway.counters import Counter
from gateway.runtime.host import forbid_core_dumps
from gateway.runtime.service_notices import ServiceNotices
from gateway.settings import Credentials, Settings, find_service_manager


async def run_gateway(
    settings: Settings,
    credentials: Credentials | None = None,
    *,
    log_counts: Callable[[], Mapping[Counter, int]] = dict,
) -> int:
    """Run a gateway until a signal or a failure.

    Args:
        settings: As checked.
        credentials: To log IQConnect in.
        log_counts: Reads what was counted where logs are written.

    Returns:
        0 after an orderly stop, 1 when a part of the gateway failed.

    Raises:
        ConfigError: Nothing was started.

    Cancel safety: the gateway is stopped in order.
    """
    forbid_core_dumps()
    gateway = Gateway(settings, credentials=credentials, log_counts=log_counts)
    loop = asyncio.get_running_loop()
    # Before the start: the first process of a container does not hear a signal without a handler.
    on_stop_signal(loop, gateway.request_stop)
    await gateway.start()
    if settings.security.keys_dir is not None:
        on_reload_signal(loop, gateway.reload_keys)
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
