"""The program that started us, where it wants to be told how we are: systemd, by its variables."""

import os
from collections.abc import Mapping
from typing import Final, NamedTuple

NOTICE_VARIABLES: Final = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")
"""Ours alone: a program that we start must not speak for us."""


class ServiceManager(NamedTuple):
    """Where a service manager listens, and how often it wants to hear that we live."""

    address: str
    """`NOTIFY_SOCKET`: a path, or `@` and a name of Linux's abstract sockets."""
    watchdog_s: float | None
    """It ends us when it has heard nothing for so long; None when it does not."""


def find_service_manager(environment: Mapping[str, str] = os.environ) -> ServiceManager | None:
    """Read what the service manager has left in the environment.

    Args:
        environment: Name to value.

    Returns:
        Where to tell it; None when nobody wants to be told, or by a way we do not speak.

    Source: sd_notify(3) and sd_watchdog_enabled(3) of systemd.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")) or len(address) < 2:
        return None
    return ServiceManager(address, _watchdog_s(environment))


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    period_us = environment.get("WATCHDOG_USEC", "")
    if not period_us.isascii() or not period_us.isdecimal() or int(period_us) == 0:
        return None
    # Set for the process that was started; inherited, they are somebody else's.
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(period_us) / 1e6
