"""The admin connection, made from settings, with IQConnect as a program where it is ours."""

from collections.abc import Callable
from functools import partial

from gateway.app_options import (
    Retries,
    Sessions,
    log_sample,
    login_commands,
    login_policy,
    make_process,
)
from gateway.clock import Clock
from gateway.counters import Complaints, Counters
from gateway.runtime.admin_link import AdminLink, AdminOptions
from gateway.runtime.admin_talk import AdminTalk, AdminView
from gateway.runtime.error_desk import ErrorDesk
from gateway.runtime.host_address import HostAddress
from gateway.runtime.iqconnect_process import IqconnectProcess
from gateway.settings import Credentials, Settings


def make_admin(
    settings: Settings,
    credentials: Credentials,
    *,
    host: HostAddress,
    retries: Retries,
    clock: Clock,
    counters: Counters,
    errors: ErrorDesk,
    on_change: Callable[[AdminView], None],
    on_failure: Callable[[str], None],
    is_serving: Callable[[], bool],
) -> tuple[AdminLink, IqconnectProcess | None]:
    """Make the admin connection, and IQConnect as a program; None when somebody else starts it.

    Args:
        settings: As checked by `load_settings`.
        credentials: To log IQConnect in.
        host: IQConnect's address.
        retries: Makes what decides when each is tried again.
        clock: The gateway's.
        counters: The control loop's own.
        errors: Takes what goes wrong.
        on_change: Told of what the admin port says.
        on_failure: Told why it cannot be reached.
        is_serving: Whether IQConnect is heard on a streaming port.

    Raises:
        ConfigError: The program's command needs a product id and there is none.
    """
    process = make_process(
        settings,
        credentials,
        retries,
        clock,
        is_serving=is_serving,
        on_error=partial(errors.note, port="admin"),
    )
    talk = AdminTalk(
        make_session=Sessions(settings).admin,
        on_change=on_change,
        on_failure=on_failure,
        retry=retries.of("admin"),
        login=login_policy(settings, credentials, clock),
        login_commands=login_commands(settings, credentials),
        clock=clock,
        complaints=Complaints(counters, on_sample=log_sample),
        on_login=errors.note_login,
    )
    options = AdminOptions(
        host=host,
        port=settings.iqconnect.admin_port,
        connect_s_max=settings.connection.timeout_seconds,
    )
    return AdminLink(options, talk, clock=clock), process
