"""What a service manager leaves in the environment, read as sd_notify(3) says."""

import os

import pytest

from gateway.settings import ServiceManager, environment_of_child, find_service_manager

HERE = str(os.getpid())


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, None),
        ({"NOTIFY_SOCKET": ""}, None),
        ({"NOTIFY_SOCKET": "/"}, None),
        ({"NOTIFY_SOCKET": "vsock:2:1234"}, None),
        ({"NOTIFY_SOCKET": "/run/x"}, ServiceManager("/run/x", None)),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "0"}, ServiceManager("@x", None)),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "soon"}, ServiceManager("@x", None)),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "15000000"}, ServiceManager("@x", 15.0)),
        (
            {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1500000", "WATCHDOG_PID": HERE},
            ServiceManager("@x", 1.5),
        ),
        (
            {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "1"},
            ServiceManager("@x", None),
        ),
    ],
)
def test_the_environment_says_who_wants_to_be_told(
    environment: dict[str, str], found: ServiceManager | None
) -> None:
    """A watchdog that was set for another process is not ours to feed."""
    assert find_service_manager(environment) == found


def test_a_program_that_we_start_does_not_speak_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pager that lives on must not be able to say that the gateway does."""
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
    monkeypatch.setenv("WATCHDOG_USEC", "1")
    monkeypatch.setenv("WATCHDOG_PID", HERE)
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(environment_of_child())
