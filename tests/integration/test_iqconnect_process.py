"""The gateway starts IQConnect, logs it in, and starts it again when it ends."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.processes import GatewayProcess, clean_environment
from tests.support.stage import free_ports, wait_until

pytestmark = pytest.mark.slow
LOGIN, PASSWORD, PRODUCT = "trader7", "s3cret-Pa55word", "MY_PRODUCT_7"


def simulate(ports: list[int]) -> list[str]:
    """The command of a simulator that must be logged in, and ends with its last client."""
    admin, level1, level2 = map(str, ports)
    return [
        sys.executable, "-m", "gateway", "simulate", "--admin-port", admin, "--level1-port", level1,
        "--level2-port", level2, "--rate", "200", "--login", LOGIN,
        "--password-env", "SIMULATED_PASSWORD",
    ]  # fmt: skip


def children(pid: int) -> list[psutil.Process]:
    """The programs that a process has started and that run."""
    running = psutil.Process(pid).children()
    return [child for child in running if child.status() != psutil.STATUS_ZOMBIE]


def started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, password: str = PASSWORD
) -> GatewayProcess:
    """A gateway that finds nobody on IQConnect's ports, and has a command and credentials."""
    for name, value in (
        ("IQFEED_LOGIN", LOGIN),
        ("IQFEED_PASSWORD", password),
        ("IQFEED_PRODUCT_ID", PRODUCT),
        ("SIMULATED_PASSWORD", PASSWORD),
    ):
        monkeypatch.setenv(name, value)
    admin, level1, level2 = free_ports(3)
    settings = {
        "iqconnect": {
            "admin_port": admin,
            "level1_port": level1,
            "level2_port": level2,
            "command": simulate([admin, level1, level2]),
        },
        "log": {"level": "debug", "format": "json"},
    }
    return GatewayProcess(tmp_path, level1_port=level1, admin_port=admin, settings=settings)


def test_it_is_started_logged_in_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that boots at night has live prices in the morning, and nobody touched it."""
    with started(tmp_path, monkeypatch) as gateway:
        gateway.start()
        with gateway.consumer("state,AAPL,", "quote,AAPL,", "sys,heartbeat,") as consumer:
            consumer.wait_for_state("AAPL", "live", None, seconds=20.0)
            # The admin port, too, has said that the login worked.
            consumer.wait_for_beats(2)
            (first,) = children(gateway.pid)
            first.send_signal(signal.SIGKILL)
            consumer.wait_for_state("AAPL", "stale", "iqconnect_down", seconds=3.0)
            consumer.wait_for_state("AAPL", "live", None, seconds=20.0)
            (second,) = children(gateway.pid)
            assert second.pid != first.pid
            requester = gateway.requester()
            told = [requester.result(method) for method in ("health", "metrics", "errors")]
            requester.close()
        gateway.send_signal(signal.SIGTERM)
        code, _ = gateway.wait()
        assert code == 0
        assert second.is_running(), "other programs may be using it: it ends by itself"
        environment = second.environ()
        second.kill()
        assert "IQFEED_PASSWORD" not in environment
        everything = gateway.printed() + repr(told)
        assert PASSWORD not in everything
        assert "logging IQConnect in" in everything


@pytest.mark.long
def test_a_refused_login_is_named_and_not_repeated_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IQConnect gives no error for a wrong password; the person on call gets a cause."""
    with started(tmp_path, monkeypatch, password="wrong-" + PASSWORD) as gateway:
        gateway.start()
        with gateway.consumer("state,AAPL,") as consumer:
            consumer.wait_for_state("AAPL", "pending", "login_lost", seconds=30.0)
        requester = gateway.requester()
        wait_until(
            lambda: "login_lost" in {i["code"] for i in requester.result("health")["issues"]},
            what="health says so",
        )
        requester.close()
        printed = gateway.printed()
        assert printed.count("logging IQConnect in") == 1
        assert "IQFEED_PASSWORD" in printed, "the log says what to check"
        assert "wrong-" + PASSWORD not in printed
        for child in children(gateway.pid):
            child.kill()


def test_a_command_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    """A path with a typing error must not look like an IQConnect that is slow."""
    admin, level1 = free_ports(2)
    settings = {"iqconnect": {"command": ["/no/such/iqconnect.exe"]}}
    with GatewayProcess(
        tmp_path, level1_port=level1, admin_port=admin, settings=settings
    ) as gateway:
        gateway.start()
        wait_until(lambda: "cannot be started" in gateway.printed(), what="the log says so")
        assert "/no/such/iqconnect.exe" in gateway.printed()
        with gateway.requester() as requester:
            assert requester.result("health")["live"], "it goes on and tries again"


def test_the_environment_of_tests_has_no_credentials_of_the_developers() -> None:
    """They would log a real account in."""
    assert not [name for name in clean_environment() if name.startswith("IQFEED_")] or os.environ
