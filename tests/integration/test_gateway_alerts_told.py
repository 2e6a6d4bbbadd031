"""A real gateway tells a web server and a program of its alerts, and waits for neither."""

import http.server
import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from gateway.simulator import SimulatorOptions
from tests.support import processes
from tests.support.processes import GatewayProcess
from tests.support.stage import free_ports, open_stage, wait_until

pytestmark = pytest.mark.slow
TOKEN = "t0ken-t0ken-t0ken"  # noqa: S105 - made up
APPEND = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + '\\n')"
STOP_S_MAX = 7.0
"""Two seconds for what waits, and the five of any stop."""


class Hook(http.server.BaseHTTPRequestHandler):
    """Takes alerts."""

    server: "HookServer"
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float] = 60.0

    def do_POST(self) -> None:
        """Take one, or hang."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((dict(self.headers), json.loads(body)))
        if self.server.is_hanging:
            self.server.is_over.wait(60.0)
        else:
            self.send_response(204)
            self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


class HookServer(http.server.ThreadingHTTPServer):
    """A web server for alerts."""

    block_on_close = False

    def __init__(self, *, is_hanging: bool) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.is_hanging = is_hanging
        self.is_over = threading.Event()
        self.taken: list[tuple[dict[str, str], dict[str, Any]]] = []

    def told(self) -> list[tuple[str, str]]:
        """Event and code of each."""
        return [(alert["event"], alert["code"]) for _, alert in self.taken]


@contextmanager
def hook(*, is_hanging: bool = False) -> Iterator[HookServer]:
    """A web server in a thread."""
    with HookServer(is_hanging=is_hanging) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.is_over.set()
            server.shutdown()
            thread.join(10.0)


def gateway_of(folder: Path, server: HookServer, command: list[str], **ports: int) -> Any:
    """A gateway that tells a server and a program."""
    level1, admin = ports.values() if ports else free_ports(2)
    settings = {
        "alerts": {
            "webhook_url": f"http://127.0.0.1:{server.server_address[1]}/s3cret-s3cret-path",
            "command": command,
        },
        "log": {"directory": str(folder / "logs")},
    }
    return GatewayProcess(folder, level1_port=level1, admin_port=admin, settings=settings)


@pytest.mark.long
def test_an_alert_and_its_end_reach_a_web_server_and_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IQConnect is away at the start and comes back: both are told, with the token, and logged."""
    clean = processes.clean_environment
    monkeypatch.setattr(
        processes, "clean_environment", lambda: {**clean(), "IQGW_ALERTS__WEBHOOK_TOKEN": TOKEN}
    )
    told = tmp_path / "told"
    level1, admin, level2 = free_ports(3)
    with hook() as server, open_stage() as stage:
        command = [sys.executable, "-c", APPEND, str(told)]
        with gateway_of(tmp_path, server, command, level1=level1, admin=admin) as gateway:
            gateway.start()
            wait_until(lambda: ("raised", "iqconnect_down") in server.told(), what="it is told")
            stage.start_simulator(
                SimulatorOptions(admin_port=admin, level1_port=level1, level2_port=level2)
            )
            wait_until(
                lambda: ("cleared", "iqconnect_down") in server.told(),
                what="its end is told",
                seconds=30.0,
            )
            with gateway.requester() as requester:
                published = requester.result("alerts")
                counters = requester.result("metrics")["client_metrics"]["counters"]
                shown = requester.result("diagnostics")["config"]
            gateway.send_signal(signal.SIGTERM)
            assert gateway.wait()[0] == 0
    headers, raised = next(t for t in server.taken if t[1]["code"] == "iqconnect_down")
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Content-Type"] == "application/json"
    assert (raised["gateway_id"], raised["event"]) == ("test", "raised")
    assert raised["id"] in {alert["id"] for alert in published["recent"]}
    assert {"level", "message", "hint", "since_us", "at_us"} <= raised.keys()
    by_program = [json.loads(line) for line in told.read_text().splitlines()]
    assert [(a["event"], a["id"]) for a in by_program] == [
        (alert["event"], alert["id"]) for _, alert in server.taken
    ]
    health = [json.loads(t) for t in (tmp_path / "logs" / "health.log").read_text().splitlines()]
    # What only follows from another alert is written down, and brought to nobody.
    brought = {alert["id"] for alert in by_program}
    assert {e["id"] for e in health if "because" not in e} == brought
    assert [(e["change"], e["id"]) for e in health if e["id"] in brought] == [
        (a["event"], a["id"]) for a in by_program
    ]
    assert counters["webhook_alerts_delivered"] >= 2
    assert counters["webhook_alerts_failed"] == counters["command_alerts_failed"] == 0
    logs = "".join(path.read_text() for path in (tmp_path / "logs").iterdir())
    for text in (gateway.printed(), logs, repr(shown), repr(published)):
        assert TOKEN not in text
        assert "s3cret-s3cret-path" not in text


def test_a_server_and_a_program_that_hang_delay_nothing(tmp_path: Path) -> None:
    """Requests are answered, prices flow, and the gateway ends in its time."""
    hang = [sys.executable, "-c", "import time; time.sleep(600)"]
    with hook(is_hanging=True) as server, open_stage() as stage:
        simulator = stage.start_simulator(
            SimulatorOptions(admin_port=0, level1_port=0, level2_port=0, rate=500.0)
        )
        ports = {"level1": simulator.level1_port, "admin": simulator.admin_port}
        with gateway_of(tmp_path, server, hang, **ports) as gateway:
            gateway.start()
            with gateway.requester() as requester, gateway.consumer("quote,AAPL,") as consumer:
                consumer.wait_for_topic("quote,AAPL,")
                stage.stop_simulator()
                wait_until(lambda: server.taken != [], what="it is told", seconds=20.0)
                for _ in range(50):
                    requester.result("ping", seconds=2.0)
            gateway.send_signal(signal.SIGTERM)
            code, took_s = gateway.wait()
            assert code == 0, gateway.printed()
            assert took_s < STOP_S_MAX
