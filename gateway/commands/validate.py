"""`validate`: what a configuration comes to and what may be wrong with it; nothing is started."""

import random
import shutil
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.app_feed import choose_pipeline
from gateway.app_options import Retries, make_process
from gateway.app_reload import read_own_claims
from gateway.app_security import make_doorkeeper
from gateway.clock import SystemClock
from gateway.commands.alert_checks import obstacle_of_command, obstacle_of_webhook
from gateway.commands.start_checks import check_addresses, check_directory
from gateway.errors import ConfigError
from gateway.runtime.host_address import FIRST_S_MAX, HostAddress
from gateway.settings import (
    Configs,
    Credentials,
    Settings,
    find_source,
    load_credentials,
    load_settings,
)
from gateway.settings.connection import recovery_warnings
from gateway.settings.files import spelled


def validate(config: Configs) -> int:
    """Check a configuration and print what it comes to.

    Args:
        config: YAML files; None for defaults and environment only.

    Returns:
        0, with warnings too.

    Raises:
        ConfigError: The gateway would not start with it, or could not tell of alerts as it says.
    """
    settings, credentials, warnings = check_configuration(config)
    host = HostAddress(settings.iqconnect_host, SystemClock())
    if not host.wait(FIRST_S_MAX):
        warnings.append(
            f"iqconnect.host {settings.iqconnect_host} has no address now ({host.reason}): "
            "the gateway would start, look it up again and again, and have no prices until then"
        )
    program = obstacle_of_command(settings.alerts)
    if program is not None:
        raise ConfigError(program.message, hint=program.fix)
    try:
        warnings += check_addresses(settings)
    except ConfigError as error:
        raise find_source(error, config) from error
    address = obstacle_of_webhook(settings.alerts)
    warnings += [address.message] if address is not None else []
    source = spelled(config) or "no file"
    print(f"configuration   {source}, then the environment; it can be used")
    for name, value in _lines_of(settings, credentials):
        print(f"{name:<15} {value}")
    for warning in warnings:
        sys.stderr.write(f"warning: {warning}\n")
    print(counted(warnings))
    return 0


def counted(warnings: list[str]) -> str:
    """How many warnings there are, in words."""
    return f"{len(warnings)} warning{'' if len(warnings) == 1 else 's'}"


def check_configuration(config: Configs) -> tuple[Settings, Credentials, list[str]]:
    """Read a configuration and find what would keep a gateway from starting with it.

    Args:
        config: YAML files; None for defaults and environment only.

    Returns:
        The settings, the credentials, and what is probably not meant; nothing is started, and no
        name is looked up.

    Raises:
        ConfigError: A gateway would not start.
    """
    settings, credentials = load_settings(config), load_credentials()
    try:
        choose_pipeline(settings)
    except ConfigError as error:
        raise find_source(error, config) from error
    # Refuses a command that cannot be run; nothing is started.
    make_process(
        settings,
        credentials,
        Retries(settings, SystemClock(), random.Random()),  # noqa: S311 - spreads attempts
        SystemClock(),
    )
    make_doorkeeper(settings, SystemClock())
    check_directory("state_dir", settings.state_dir)
    check_directory("log.directory", settings.log.directory)
    read_own_claims(settings)
    return settings, credentials, list(warnings_of(settings, credentials))


def _lines_of(settings: Settings, credentials: Credentials) -> Iterator[tuple[str, str]]:
    """The effective endpoints and limits; no secret among them."""
    connection, data, leases = settings.connection, settings.data, settings.leases
    yield "gateway_id", settings.gateway_id
    yield "data", f"{data.bind}, up to {data.high_water_mark} messages queued per consumer"
    yield (
        "control",
        f"{settings.control.bind}, {settings.control.requests_in_flight_max} requests at one time",
    )
    yield "http", settings.http.bind if settings.http.enabled else "off"
    level1 = f"{settings.level1_port} ({connection.level1_count} of {connection.max_connections}"
    level2 = f"{settings.iqconnect.level2_port} ({connection.level2_connections})"
    ports = f"Level 1 {level1} connections), Level 2 {level2}"
    admin = f"admin {settings.iqconnect.admin_port}"
    yield "IQConnect", f"{settings.iqconnect_host}: {ports}, {admin}"
    command = settings.iqconnect.command
    yield "started by", f"this gateway: {command[0]}" if command else "somebody else"
    login = "this gateway" if credentials.is_complete else "somebody else"
    yield "logged in by", login
    waits = f"random waits up to {connection.retry_backoff_max:g} s"
    yield "attempts", f"{connection.timeout_seconds:g} s each, {waits}, {_breaker_of(settings)}"
    clients = f"{leases.client_count_max} clients with {leases.symbols_per_client_max} symbols each"
    lines = f"{connection.message_queue_size} lines held"
    yield "limits", f"{data.symbol_count_max} symbols, {clients}, {lines}"
    threads = f"{connection.thread_pool_size} threads"
    yield "", f"{settings.book.row_count_max} rows a book, {threads}"
    yield (
        "thresholds",
        str(settings.health.thresholds_file or "the defaults, and health.thresholds"),
    )
    yield "watched", _watched_of(settings)
    kept = str(settings.state_dir) if settings.state_dir is not None else "nowhere"
    yield "leases kept", kept
    yield "pipeline", str(choose_pipeline(settings))
    yield "keys", _keys_of(settings)
    yield "admin methods", "on" if settings.security.allow_local_admin else "off"
    yield "log", _log_of(settings)
    yield "alerts told to", _alerts_of(settings)


def _watched_of(settings: Settings) -> str:
    """What is watched whoever listens."""
    if settings.symbols_file is None:
        return "what consumers ask for"
    claims = read_own_claims(settings)
    return f"{len(claims)} symbols of {settings.symbols_file}, and what consumers ask for"


def _log_of(settings: Settings) -> str:
    log = settings.log
    files = "no files"
    if log.directory is not None:
        files = f"files in {log.directory}, {log.files_max} of {log.file_mb_max} MB of each kind"
    return f"{log.level}, {log.format}, {files}"


def _alerts_of(settings: Settings) -> str:
    """Who is told of alerts, without what makes the address a secret."""
    alerts = settings.alerts
    told = ["consumers, the log"]
    if alerts.webhook_url is not None:
        parts = urlsplit(alerts.webhook_url.get_secret_value())
        level = alerts.webhook_level_min or alerts.level_min
        told.append(f"{parts.scheme}://{parts.hostname} from {level} on")
    if alerts.command:
        level = alerts.command_level_min or alerts.level_min
        told.append(f"{alerts.command[0]} from {level} on")
    return ", ".join(told)


def _breaker_of(settings: Settings) -> str:
    connection = settings.connection
    if not connection.enable_circuit_breaker:
        return "no circuit breaker"
    return (
        f"breaker open for {connection.breaker_open_seconds:g} s after "
        f"{connection.max_retry_attempts} failures"
    )


def warnings_of(settings: Settings, credentials: Credentials) -> Iterator[str]:
    """What can be used and is probably not meant.

    Args:
        settings: As checked by `load_settings`.
        credentials: As checked by `load_credentials`.
    """
    yield from recovery_warnings(settings.connection)
    guards, critical = settings.guards, settings.health.thresholds.memory_critical_mb
    if guards.enabled and 0 < guards.memory_mb_max < critical:
        yield (
            f"health.thresholds.memory_critical_mb {critical:g} is above guards.memory_mb_max "
            f"{guards.memory_mb_max}: the guard acts before that alert could come"
        )
    if settings.state_dir is None:
        yield "state_dir is not set: leases and the last epoch do not survive a restart"
    elif not settings.state_dir.is_dir():
        yield f"state_dir {settings.state_dir} does not exist yet; the gateway makes it"
    command = settings.iqconnect.command
    if command and shutil.which(command[0]) is None:
        yield f"iqconnect.command: {command[0]!a} is no program that can be found here"
    if command and not credentials.is_complete:
        yield (
            "iqconnect.command without IQFEED_LOGIN and IQFEED_PASSWORD: who starts IQConnect "
            "should log it in, too"
        )
    if settings.http.enabled and settings.http.allow_remote:
        yield (
            f"http.allow_remote: whoever reaches {settings.http.bind} sees figures and names; "
            "there is no password"
        )
    yield from _alert_warnings(settings)
    if settings.security.rotation is not None:
        yield "security.rotation: both of the gateway's keys hold until it is removed"
    if settings.security.allow_local_admin:
        yield "security.allow_local_admin: every program of this machine may use admin methods"


def _keys_of(settings: Settings) -> str:
    """Who may connect."""
    doors = make_doorkeeper(settings, SystemClock())
    if doors is None:
        return "none: every program of this machine may connect"
    return f"{len(doors.book)} clients; the gateway's own is {doors.fingerprint}"


def _alert_warnings(settings: Settings) -> Iterator[str]:
    alerts = settings.alerts
    if alerts.webhook_token is None:
        return
    if alerts.webhook_url is None:
        yield "IQGW_ALERTS__WEBHOOK_TOKEN without alerts.webhook_url: nobody is told"
        return
    parts = urlsplit(alerts.webhook_url.get_secret_value())
    host = parts.hostname or ""
    if parts.scheme == "http" and host != "localhost" and not host.startswith("127."):
        yield "alerts.webhook_url is http://: everybody on the way can read the token"
