"""Who is told of alerts, and what must never be told: both made from settings."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from gateway import __version__
from gateway.clock import Clock
from gateway.counters import Counter, Counters
from gateway.errors import GatewayError
from gateway.health.verdict import Issue
from gateway.logs import Secrets
from gateway.policy.error_history import ErrorFact, ErrorHistory
from gateway.runtime.alert_command import AlertCommand
from gateway.runtime.alert_sinks import AlertSinks, SinkOptions
from gateway.runtime.alert_webhook import AlertWebhook
from gateway.runtime.error_desk import ErrorDesk
from gateway.settings import Credentials, Settings, environment_of_child

PATH_CHARACTERS_MIN: Final = 16
"""A web address's path that is shorter is no secret, but perhaps an ordinary word."""


def known_secrets(settings: Settings, credentials: Credentials) -> Secrets:
    """What must never be shown, in no log and no alert."""
    alerts = settings.alerts
    values = [
        secret.get_secret_value()
        for secret in (
            credentials.login,
            credentials.password,
            alerts.webhook_token,
            alerts.webhook_url,
        )
        if secret is not None
    ]
    if credentials.product_id is not None:
        values.append(credentials.product_id)
    if alerts.webhook_url is not None:
        # Whoever knows the address of a chat's webhook may write there.
        path = urlsplit(alerts.webhook_url.get_secret_value()).path.strip("/")
        values += [path] if len(path) >= PATH_CHARACTERS_MIN else []
    return Secrets(values)


def make_error_desk(
    settings: Settings,
    credentials: Credentials,
    clock: Clock,
    counts: Callable[[], Mapping[str, int]],
) -> ErrorDesk:
    """Keeps what goes wrong, without secrets: a client may send one where a symbol belongs."""
    secrets = known_secrets(settings, credentials)

    def mask(fact: ErrorFact) -> ErrorFact:
        details: Any = secrets.masked(dict(fact.details))
        return replace(fact, message=secrets.mask(fact.message), details=details)

    return ErrorDesk(ErrorHistory(mask=mask), clock=clock, counts=counts)


def make_alert_sinks(
    settings: Settings,
    credentials: Credentials,
    *,
    clock: Clock,
    counters: Counters,
    on_error: Callable[[GatewayError], object],
) -> AlertSinks:
    """Who is told of alerts, by web address and by program.

    Args:
        settings: As checked by `load_settings`.
        credentials: Shown to nobody.
        clock: Stamps what is told.
        counters: The control loop's own.
        on_error: Told when somebody could not be told.
    """
    alerts, sinks = settings.alerts, list[SinkOptions]()
    if alerts.webhook_url is not None:
        token = alerts.webhook_token
        webhook = AlertWebhook(
            alerts.webhook_url.get_secret_value(),
            token=token.get_secret_value() if token is not None else "",
            seconds_max=alerts.webhook_timeout_seconds,
            agent=f"iqfeed-gateway/{__version__}",
        )
        sinks.append(
            SinkOptions(
                webhook,
                alerts.webhook_level_min or alerts.level_min,
                delivered=Counter.WEBHOOK_ALERTS_DELIVERED,
                failed=Counter.WEBHOOK_ALERTS_FAILED,
                dropped=Counter.WEBHOOK_ALERTS_DROPPED,
            )
        )
    if alerts.command:
        command = AlertCommand(
            alerts.command,
            environment=environment_of_child(),
            seconds_max=alerts.command_timeout_seconds,
        )
        sinks.append(
            SinkOptions(
                command,
                alerts.command_level_min or alerts.level_min,
                delivered=Counter.COMMAND_ALERTS_DELIVERED,
                failed=Counter.COMMAND_ALERTS_FAILED,
                dropped=Counter.COMMAND_ALERTS_DROPPED,
            )
        )
    return AlertSinks(
        sinks,
        clock=clock,
        counters=counters,
        on_error=on_error,
        gateway_id=settings.gateway_id,
        is_all_told=settings.alerts.consequences,
        secrets=known_secrets(settings, credentials),
    )


def delivery_issues(sinks: AlertSinks) -> Iterator[Issue]:
    """Say which recipients do not get their alerts: who waits for one would wait for ever."""
    failing = sinks.failing
    if failing:
        told = "; ".join(f"{name}: {reason}" for name, reason in failing.items())
        yield Issue(
            "alerts_undelivered",
            "warning",
            f"alerts are not brought to the {told}",
            "Repair it, or correct its settings under alerts; the next alert is brought anew.",
        )
