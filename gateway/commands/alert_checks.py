"""Whether those who are to be told of alerts can be: a program and a web address, tried unseen.

No alert is sent. The program is looked for and not started; of the web address only a TCP
connection is made, and nothing is said on it.
"""

import os
import shutil
import socket
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from gateway.commands.doctor.hosts import resolve
from gateway.errors import bounded
from gateway.settings import environment_of_child
from gateway.settings.alerts import AlertSettings

REACH_S_MAX: Final = 5.0


class Obstacle(NamedTuple):
    """Why somebody would not be told."""

    code: str
    """`alert_command` or `alert_webhook`."""
    message: str
    """What was seen; nothing of the address but its host and port."""
    fix: str
    """What to do."""


def obstacle_of_command(alerts: AlertSettings) -> Obstacle | None:
    """Why the program could not be started; None when it could, or there is none."""
    if not alerts.command:
        return None
    program = alerts.command[0]
    # As the program is started: without a shell, with that environment's way to programs.
    if shutil.which(program, path=environment_of_child().get("PATH", os.defpath)) is not None:
        return None
    is_there = os.sep in program and Path(program).exists()
    reason = "is not executable" if is_there else "is no program that can be found here"
    return Obstacle(
        "alert_command",
        f"alerts.command: {program!a} {reason}: it would be told of no alert",
        "Correct alerts.command: the whole path of a program that this user may run, then each "
        "argument.",
    )


def obstacle_of_webhook(alerts: AlertSettings) -> Obstacle | None:
    """Why the web address cannot be reached now; None when it can, or there is none."""
    if alerts.webhook_url is None:
        return None
    parts = urlsplit(alerts.webhook_url.get_secret_value())
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    seconds = min(REACH_S_MAX, alerts.webhook_timeout_seconds)
    reason = _unreachable(host, port, seconds)
    if not reason:
        return None
    place = f"{bounded(host, characters_max=80)[1:-1]} port {port}"
    return Obstacle(
        "alert_webhook",
        f"alerts.webhook_url: {place} cannot be reached ({reason}): it would be told of no alert",
        "Correct alerts.webhook_url, or this machine's way there: names, firewall, the service.",
    )


def obstacles(alerts: AlertSettings) -> list[Obstacle]:
    """Everybody who could not be told, and why."""
    found = (obstacle_of_command(alerts), obstacle_of_webhook(alerts))
    return [obstacle for obstacle in found if obstacle is not None]


def told_to(alerts: AlertSettings) -> list[str]:
    """Who is told beside consumers and the log, in words without secrets."""
    names = ["a program"] if alerts.command else []
    return [*names, "a web address"] if alerts.webhook_url is not None else names


def _unreachable(host: str, port: int, seconds: float) -> str:
    """Why no TCP connection can be made; empty when one can."""
    address, reason = resolve(host, seconds=seconds)
    if address is None:
        return reason.lower()
    try:
        socket.create_connection((address, port), timeout=seconds).close()
    except TimeoutError:
        return f"no answer within {seconds:g} s"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""
