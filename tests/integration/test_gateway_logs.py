"""The log files of a real gateway process: complete, bounded, private, and never in the way."""

import json
import os
import resource
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import SystemClock
from gateway.runtime.chained_file import ChainedFile
from gateway.simulator import SimulatorOptions
from tests.support.processes import GatewayProcess, run_command, start_command
from tests.support.requester import Requester
from tests.support.stage import Stage, free_ports, open_stage, wait_until

pytestmark = pytest.mark.slow
PASSWORD, LOGIN = "s3cret-Pa55word", "trader418"
HOSTILE = "why\u2028{'a': 1} \x1b[2J"
FULL_BYTES = 400_000


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    """What one file holds; every line is one JSON object in printable ASCII."""
    texts = (folder / name).read_text(encoding="ascii").splitlines()
    assert all(text.isprintable() for text in texts)
    return [json.loads(text) for text in texts]


def started(
    folder: Path, *, ports: tuple[int, int] | None = None, **sections: Any
) -> GatewayProcess:
    """A gateway with log files, alone unless ports are given."""
    level1, admin = ports or tuple(free_ports(2))
    settings = {"log": {"directory": str(folder / "logs")}, **sections}
    return GatewayProcess(folder, level1_port=level1, admin_port=admin, settings=settings)


def refused(events: list[dict[str, Any]]) -> int:
    """How many administrators' requests were refused."""
    return sum(e.get("count", 1) for e in events if e["event"] == "admin request refused")


def fill_audit(logs: Path, filler: str) -> None:
    """An audit log of an earlier run, as long as the limit."""
    old = ChainedFile(
        logs / "audit.log", bytes_max=10 * FULL_BYTES, files_max=5, clock=SystemClock()
    )
    for _ in range(FULL_BYTES // len(filler)):
        old.write(filler)
    old.sync(is_closed=True)
    old.close()


def market(stage: Stage) -> tuple[int, int]:
    """A simulator's ports."""
    options = SimulatorOptions(admin_port=0, level1_port=0, level2_port=0, rate=500.0)
    simulator = stage.start_simulator(options)
    return simulator.level1_port, simulator.admin_port


def test_each_file_has_what_it_is_for_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an operator needs on the day after: everything, alerts, errors, deeds."""
    for name, value in (("LOGIN", LOGIN), ("PASSWORD", PASSWORD), ("PRODUCT_ID", "MY_PROD_1")):
        monkeypatch.setenv(f"IQFEED_{name}", value)
    with started(tmp_path, log={"directory": str(tmp_path / "logs"), "level": "debug"}) as gateway:
        gateway.start()
        with gateway.requester() as requester:
            for reason in (f"it hangs, {PASSWORD}", HOSTILE, "two\nlines"):
                requester.error("admin.reconnect", port="level1", reason=reason)
            wait_until(lambda: lines(tmp_path / "logs", "health.log") != [], what="an alert")
            wait_until(
                lambda: refused(lines(tmp_path / "logs", "audit.log")) == 1, what="the audit log"
            )
        gateway.send_signal(signal.SIGTERM)
        assert gateway.wait()[0] == 0
    logs = tmp_path / "logs"
    production, health, errors, audit = (
        lines(logs, f"{name}.log") for name in ("production", "health", "errors", "audit")
    )
    # At the very end it is told how many repeats were left out.
    events = [event["event"] for event in production if "repeated" not in event]
    assert "gateway started" in events
    assert events[-1] == "gateway stopped"
    assert {event["part"] for event in health} == {"health"}
    assert refused(audit) == 3, "the first at once, the others by number"
    assert {"feed_unreachable"} <= {event.get("code") for event in errors}
    assert all(event in production for event in [*health, *errors])
    unsealed = [{n: event[n] for n in event if n not in ("no", "chain")} for event in audit]
    assert all(event in production for event in unsealed if event["event"] != "audit_file_begun")
    assert all(event["timestamp"].endswith("Z") for event in production)
    assert stat.S_IMODE((logs / "audit.log").stat().st_mode) == 0o600
    printed = [json.loads(text) for text in gateway.printed().splitlines()]
    assert "gateway started" in {event["event"] for event in printed}, "JSON where nobody reads"
    everything = gateway.printed() + "".join(path.read_text() for path in logs.iterdir())
    for secret in (PASSWORD, LOGIN, "MY_PROD_1"):
        assert secret not in everything


@pytest.mark.long
def test_a_full_disk_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    """Prices go on; what is missing is counted, named in the files, and told once."""
    logs = tmp_path / "logs"
    logs.mkdir()
    filler = json.dumps({"old": "x" * 1_000}) + "\n"
    for name in ("production", "errors"):
        (logs / f"{name}.log").write_text(filler * (FULL_BYTES // len(filler)))
    fill_audit(logs, filler.strip())
    admin = {"allow_local_admin": True}
    with open_stage() as s, started(tmp_path, ports=market(s), security=admin) as gateway:
        gateway.start()
        before = resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE)
        size = (logs / "production.log").stat().st_size
        resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (FULL_BYTES // 2, before[1]))
        with gateway.requester() as requester, gateway.consumer("quote,AAPL,") as consumer:
            for _ in range(20):
                requester.result("admin.evict", peer="nobody", reason="x")

            def counted(label: str) -> int:
                return int(requester.result("metrics")["client_metrics"]["counters"][label])

            wait_until(lambda: counted("audit_lines_lost") == 20, what="losses are counted")
            assert counted("log_lines_lost") >= 20
            consumer.wait_for_topic("quote,AAPL,")
            wait_until(
                lambda: (
                    "lines are missing from the audit log"
                    in {e["message"] for e in requester.result("errors")["errors"]}
                ),
                what="the error history says so",
            )
            told = [t for t in gateway.printed().splitlines() if "cannot be written" in t]
            files = {f"{name}.log" for name in ("audit", "production", "errors")}
            assert {json.loads(text)["file"] for text in told} <= files
            assert len(told) <= 3, "once for each file"
            resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, before)
            wait_until(
                lambda: lines(logs, "audit.log")[-1].get("lost") == 20,
                what="the audit log says what it lacks, by itself",
            )
            requester.result("admin.evict", peer="nobody", reason="after")
        wait_until(lambda: lines(logs, "audit.log")[-1].get("reason") == "after", what="it goes on")
        gateway.send_signal(signal.SIGTERM)
        assert gateway.wait()[0] == 0
    audit = [event for event in lines(logs, "audit.log") if "old" not in event]
    assert [event["event"] for event in audit] == [
        "audit_file_begun",
        "configuration loaded",
        "gateway started",
        "log events are missing here",
        "admin request",
        "gateway stopped",
    ]
    assert audit[3]["reason"] == os.strerror(27)
    code, printed = run_command("audit", "verify", str(logs))
    assert code == 0, printed
    assert "20 events are missing, as the log itself says" in printed
    assert (logs / "production.log").stat().st_size > size
    assert any(event.get("lost") for event in lines(logs, "production.log"))


@pytest.mark.parametrize("kind", ["a file", "below a file"])
@pytest.mark.long
def test_a_directory_that_cannot_be_used_is_refused_with_78(tmp_path: Path, kind: str) -> None:
    """A supervisor need not start it again, and an operator reads which setting it is."""
    (tmp_path / "file").write_text("")
    directory = tmp_path / "file" if kind == "a file" else tmp_path / "file" / "logs"
    config = tmp_path / "gateway.yaml"
    config.write_text(f"log: {{directory: '{directory}'}}\n")
    for command in ("run", "validate"):
        code, printed = run_command(command, "--config", str(config))
        assert code == 78, printed
        assert "log.directory" in printed
        assert "what to do:" in printed


@pytest.mark.long
def test_a_second_gateway_does_not_touch_the_files_of_the_first(tmp_path: Path) -> None:
    """Two that write one file would put it aside under each other; after a kill it is free."""
    (tmp_path / "second").mkdir()
    with started(tmp_path) as gateway:
        gateway.start()
        config = tmp_path / "second" / "gateway.yaml"
        config.write_text(
            f"log: {{directory: '{tmp_path / 'logs'}'}}\n"
            "data: {bind: 'tcp://127.0.0.1:*'}\ncontrol: {bind: 'tcp://127.0.0.1:*'}\n"
        )
        code, printed = run_command("run", "--config", str(config))
        assert code == 78
        assert "log.directory is in use by another gateway" in printed
        gateway.kill()
        gateway.start()
        gateway.send_signal(signal.SIGTERM)
        assert gateway.wait()[0] == 0
    starts = [
        e
        for e in lines(tmp_path / "logs", "production.log")
        if (e["event"], e["part"]) == ("gateway started", "gateway")
    ]
    assert len(starts) == 2, "the second run went on in the same file"


@pytest.mark.long
def test_a_relay_writes_files_of_its_own_beside_its_gateways(tmp_path: Path) -> None:
    """Both may be started with one file, and what the relay's administrators did is in its own."""
    config = tmp_path / "relay.yaml"
    data, control = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    with started(tmp_path) as gateway:
        gateway.start()
        config.write_text(
            f"log: {{directory: '{tmp_path / 'logs'}'}}\n"
            f"relay: {{data: '{gateway.data}', control: '{gateway.control}', "
            f"bind_data: '{data}', bind_control: '{control}'}}\n"
        )
        relay = start_command("relay", "--config", str(config), output=tmp_path / "relay.log")
        try:
            with Requester(control) as requester:
                requester.result("ping", seconds=20.0)
                requester.error("admin.evict", peer="x", reason="it sleeps")
                counters = requester.result("metrics")["client_metrics"]["counters"]
            assert counters["audit_lines_lost"] == counters["log_lines_lost"] == 0
            relay.terminate()
            assert relay.wait(10.0) == 0
        finally:
            relay.kill()
            relay.wait(10.0)
    logs = tmp_path / "logs"
    begun, deed = lines(logs / "relay", "audit.log")
    assert begun["event"] == "audit_file_begun"
    assert (deed["method"], deed["outcome"]) == ("admin.evict", "unauthorized")
    written = lines(logs / "relay", "production.log")
    assert [e["event"] for e in written if "repeated" not in e][-1] == "relay stopped"
    assert refused(lines(logs, "audit.log")) == 0
