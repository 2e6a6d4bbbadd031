"""A real gateway process under a service manager: what it tells it, and when it falls silent."""

import itertools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.simulator import Simulator, SimulatorOptions
from tests.support.processes import GatewayProcess
from tests.support.service_manager import HeardManager
from tests.support.slack import SLACK
from tests.support.stage import open_stage, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="service managers of this kind are POSIX's"),
]
WATCHDOG_S = 2.0
START_S_MAX = 20.0


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A calm market."""
    options = SimulatorOptions(admin_port=0, level1_port=0, level2_port=0, rate=50.0)
    with open_stage() as stage:
        yield stage.start_simulator(options)


def managed(
    folder: Path, simulator: Simulator, manager: HeardManager, patch: pytest.MonkeyPatch
) -> GatewayProcess:
    """A gateway process that was told where its manager listens; not started."""
    patch.setenv("NOTIFY_SOCKET", manager.address)
    patch.setenv("WATCHDOG_USEC", str(int(WATCHDOG_S * 1e6)))
    patch.delenv("WATCHDOG_PID", raising=False)
    return GatewayProcess(
        folder,
        level1_port=simulator.level1_port,
        admin_port=simulator.admin_port,
        module="tests.support.hanging_gateway",
    )


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_ready_then_alive_then_stopping(
    kind: str, tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for `READY=1` may connect at once; the end is announced before it begins."""
    place: Path | str = tmp_path / "notify" if kind == "path" else f"@iqfeed-test-{os.getpid()}"
    with (
        HeardManager(place) as manager,
        managed(tmp_path, simulator, manager, monkeypatch) as gateway,
    ):
        gateway.start()
        assert manager.listen(START_S_MAX, until="READY=1")
        with gateway.requester() as requester:
            assert requester.result("health", seconds=1.0)["level"]
            wait_until(lambda: bool(requester.result("health")["ready"]), what="it is ready")
        manager.listen(3.0)
        gateway.send_signal(signal.SIGTERM)
        assert manager.listen(START_S_MAX, until="STOPPING=1")
        code, _ = gateway.wait()
        manager.listen(0.2)
    assert code == 0
    assert manager.values_of("READY") == ["1"]
    assert len(manager.times_of("WATCHDOG")) >= 3
    fed = manager.times_of("WATCHDOG")
    longest_s = max(after - before for before, after in itertools.pairwise(fed))
    assert longest_s < WATCHDOG_S
    statuses = manager.values_of("STATUS")
    assert any("level1 streaming" in status for status in statuses), statuses
    assert statuses[-1] == "stopping"
    assert manager.heard[-1][1] == {"STOPPING": "1", "STATUS": "stopping"}, "nothing behind it"


def test_a_feed_thread_that_hangs_starves_the_watchdog(
    tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control loop goes on answering, and all the same the process is to be started anew."""
    with (
        HeardManager(tmp_path / "notify") as manager,
        managed(tmp_path, simulator, manager, monkeypatch) as gateway,
    ):
        gateway.start()
        assert manager.listen(START_S_MAX, until="WATCHDOG=1")
        hung_s = time.monotonic()
        os.kill(gateway.pid, signal.SIGUSR1)
        manager.listen(3.0 * SLACK + WATCHDOG_S)
        last_s = manager.times_of("WATCHDOG")[-1]
        # Two seconds without a report, and the beat before.
        assert last_s - hung_s < 3.0 * SLACK
        assert time.monotonic() - last_s > WATCHDOG_S, "systemd would have ended it by now"
        assert manager.values_of("STATUS")[-1] == "critical: the feed thread does not report"
        with gateway.requester() as requester:
            assert requester.result("health")["live"] is False


def test_a_manager_that_is_gone_changes_nothing(
    tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prices do not depend on somebody being told about them."""
    with (
        HeardManager(tmp_path / "notify") as manager,
        managed(tmp_path, simulator, manager, monkeypatch) as gateway,
    ):
        (tmp_path / "notify").unlink()
        gateway.start()
        with gateway.requester() as requester:
            wait_until(lambda: bool(requester.result("health")["ready"]), what="it is ready")
        wait_until(
            lambda: gateway.printed().count("the service manager cannot be told") == 1,
            what="it is said",
        )
        gateway.send_signal(signal.SIGTERM)
        code, _ = gateway.wait()
    assert code == 0
    assert gateway.printed().count("the service manager cannot be told") == 1
