"""Whether those who are to be told of alerts can be: nothing is started, nothing sent."""

import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.commands.alert_checks import obstacle_of_webhook, obstacles, told_to
from gateway.commands.doctor.visit import Visit
from gateway.commands.doctor.walk import alerts
from gateway.commands.production import proofs
from gateway.settings import load_settings
from gateway.settings.alerts import AlertSettings
from tests.support.stage import free_ports


def visit(**settings: Any) -> Visit:
    """A doctor's visit to somebody with these alert settings."""
    return Visit(
        symbol="AAPL",
        seconds=1.0,
        is_level2_wanted=True,
        control=None,
        data=None,
        config=None,
        settings=load_settings(None, overrides={"alerts": settings}),
    )


def told(settings: AlertSettings) -> list[tuple[str, bool]]:
    """What a proof of readiness says of alerts."""
    return [(check.name, check.is_passed) for check in proofs.alerts(settings)]


def test_nobody_else_is_nothing_to_prove() -> None:
    """Consumers and the log are told whatever is configured."""
    place = visit()
    assert obstacles(place.known.alerts) == []
    assert told_to(place.known.alerts) == []
    assert (alerts(place).outcome.value, alerts(place).code) == ("ok", "nobody_else")
    assert told(place.known.alerts) == []


def test_who_can_be_reached_is_said_to_be() -> None:
    """One connection, and no word on it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/hook"
        place = visit(command=[sys.executable, "-V"], webhook_url=url)
        assert alerts(place).message == "a program and a web address can be reached"
        peer, _ = server.accept()
        with peer:
            peer.settimeout(5)
            assert peer.recv(1) == b""
        names = [("Alert Test: program", True), ("Alert Test: web address", True)]
        assert told(place.known.alerts) == names


def test_who_cannot_be_told_is_a_problem_with_a_remedy(tmp_path: Path) -> None:
    """Both are named; of the address nothing that lets others write there."""
    url = f"http://127.0.0.1:{free_ports(1)[0]}/hook/secret"
    place = visit(command=[str(tmp_path / "gone")], webhook_url=url)
    finding = alerts(place)
    assert (finding.outcome.value, finding.code) == ("problem", "alert_command")
    assert "gone" in finding.message
    assert "connection refused" in finding.message
    assert "alerts.webhook_url" in finding.fix
    assert "secret" not in finding.message + finding.fix
    assert [is_passed for _, is_passed in told(place.known.alerts)] == [False, False]


@pytest.mark.parametrize("url", ["https://no-such-host.invalid/x", "http://[::1]:1/x"])
def test_a_name_or_port_that_leads_nowhere_is_told(url: str) -> None:
    """The name server's words, or the other side's."""
    obstacle = obstacle_of_webhook(visit(webhook_url=url).known.alerts)
    assert obstacle is not None
    assert "cannot be reached (" in obstacle.message
