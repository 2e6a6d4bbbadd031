"""`admin.reload` on a real process: what it answers, what it leaves, and what it tells."""

import json
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.simulator import SimulatorOptions
from tests.support.processes import GatewayProcess, run_command
from tests.support.requester import Requester
from tests.support.stage import open_stage, wait_until

pytestmark = pytest.mark.slow
WITHOUT_PORTS = SimulatorOptions(admin_port=0, level1_port=0, level2_port=0, rate=100)


class House:
    """A gateway without keys, its files, and somebody who asks."""

    def __init__(self, folder: Path, gateway: GatewayProcess, requester: Requester) -> None:
        self.folder = folder
        self.gateway = gateway
        self.requester = requester

    def change(self, **sections: dict[str, Any]) -> None:
        """Change the main file."""
        values = yaml.safe_load((self.folder / "gateway.yaml").read_text())
        for name, section in sections.items():
            values[name] = {**values.get(name, {}), **section}
        (self.folder / "gateway.yaml").write_text(yaml.safe_dump(values))

    def list(self, *symbols: str, kinds: tuple[str, ...] = ("l1",)) -> None:
        """Write the list of symbols."""
        one = {"name": "all", "kinds": kinds, "symbols": symbols}
        (self.folder / "symbols.json").write_text(json.dumps({"lists": [one]}))

    def reload(self) -> dict[str, Any]:
        """Ask for it; it has to be done."""
        answer: dict[str, Any] = self.requester.result("admin.reload", reason="a test")
        return answer

    def symbols(self) -> dict[str, str]:
        """The state of every symbol that is watched."""
        rows = self.requester.result("symbols", limit=100)["symbols"]
        return {row["symbol"]: row["state"] for row in rows if row["state"] != "closed"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A gateway that watches a list."""
    (tmp_path / "symbols.json").write_text(
        '{"lists": [{"name": "all", "kinds": ["l1", "book"], "symbols": ["AAPL", "MSFT"]}]}'
    )
    settings = {
        "symbols_file": "symbols.json",
        "security": {"allow_local_admin": True},
        "state_dir": str(tmp_path / "state"),
        "log": {"directory": str(tmp_path / "logs")},
        "data": {"watch_linger_s": 0.5},
    }
    with open_stage() as stage:
        simulator = stage.start_simulator(WITHOUT_PORTS)
        settings["iqconnect"] = {"level2_port": simulator.level2_port}
        with GatewayProcess(
            tmp_path,
            level1_port=simulator.level1_port,
            admin_port=simulator.admin_port,
            settings=settings,
        ) as gateway:
            gateway.start()
            with gateway.requester() as requester:
                yield House(tmp_path, gateway, requester)


def test_a_reload_from_its_request_to_its_trace(house: House) -> None:
    """One process, because each costs seconds: taken, refused, told, restarted."""
    live = {"AAPL": "live", "MSFT": "live"}
    wait_until(lambda: house.symbols() == live, what="prices before any consumer")
    listed = house.requester.result("diagnostics")["client_status"]["symbols_file"]
    assert listed == {"symbols": 2, "held": 2, "refused": 0}
    assert house.reload() == {"changed": [], "restart_needed": [], "differences": []}

    house.change(
        health={"thresholds": {"latency_warning_ms": 7}},
        log={"level": "debug"},
        data={"watch_linger_s": 9.0},
        leases={"client_count_max": 3},
    )
    house.list("MSFT", "GOOGL")
    answer = house.reload()
    assert set(answer["changed"]) == {
        "symbols_file",
        "health.thresholds.latency_warning_ms",
        "leases.client_count_max",
        "log.level",
    }
    assert answer["restart_needed"] == ["data.watch_linger_s"]
    assert "log.level: info -> debug" in answer["differences"]
    assert (
        "symbols_file: 2 -> 2 symbols (1 new, 1 gone, 1 with other kinds)"
        in (answer["differences"])
    )
    wait_until(lambda: house.symbols() == {"MSFT": "live", "GOOGL": "live"}, what="the new list")
    assert house.requester.result("diagnostics")["config"]["data"]["watch_linger_s"] == 0.5
    assert house.reload()["restart_needed"] == ["data.watch_linger_s"], "until the restart"

    house.change(log={"level": "info"}, health={"thresholds": {"latency_warning_ms": 900}})
    error = house.requester.error("admin.reload", reason="a test")
    assert error["code"] == "bad_request"
    assert "latency_critical_ms: 500 is below latency_warning_ms, 900" in error["message"]
    assert f"{house.folder / 'gateway.yaml'}:" in error["message"]
    assert house.requester.result("diagnostics")["config"]["log"]["level"] == "debug"
    house.change(health={"thresholds": {"latency_warning_ms": 7}})
    house.list("msft")
    error = house.requester.error("admin.reload", reason="a test")
    assert "symbols.json:1" in error["message"]
    assert house.symbols() == {"MSFT": "live", "GOOGL": "live"}
    (issue,) = [
        issue
        for issue in house.requester.result("health")["issues"]
        if issue["code"] == "configuration_refused"
    ]
    assert "symbols.json:1" in issue["message"]

    # A threshold that an administrator changed by hand is the file's again.
    house.list("MSFT")
    house.requester.result(
        "admin.set_thresholds", thresholds={"latency_warning_ms": 70}, reason="an incident"
    )
    assert "health.thresholds.latency_warning_ms: 70.0 -> 7.0" in house.reload()["differences"]

    house.gateway.send_signal(signal.SIGTERM)
    assert house.gateway.wait()[0] == 0
    check_traces(house.folder)


def check_traces(folder: Path) -> None:
    """What the logs and the state say afterwards."""
    lines = (folder / "logs" / "audit.log").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    loaded = [e for e in events if e["event"] == "configuration loaded"]
    assert [e["source"] for e in loaded] == ["start", *["admin.reload"] * 4]
    assert loaded[0]["digest"] == loaded[1]["digest"] != loaded[2]["digest"]
    refused = [e for e in events if e["event"] == "configuration refused"]
    assert len(refused) == 2
    requests = [e for e in events if e.get("method") == "admin.reload"]
    assert [e["outcome"] for e in requests].count("done") == 4
    production = (folder / "logs" / "production.log").read_text()
    assert production.count('"configuration reloaded"') == 4
    assert '"settings need a restart"' in production
    # The lease is the process's own: the next one reads its list anew.
    assert "symbols_file" not in (folder / "state" / "leases.json").read_text()


NOT_RELOADED = "configuration not reloaded"
BAD_FILES = (
    "health: &h {thresholds: *h}\n",
    'symbols_file: "a\\0b"\n',
    "symbols_file: /dev/zero\n",
    "symbols_file: pipe\n",
    'health: {thresholds_file: "a\\0b"}\n',
    "health: {thresholds_file: /dev/zero}\n",
    "health: {thresholds_file: pipe}\n",
    "health: {closed_days: [2026-13-01]}\n",
    "\x00",
)


def is_refused(gateway: GatewayProcess, times: int) -> bool:
    """Whether so many reloads were."""
    return gateway.printed().count(NOT_RELOADED) >= times


@pytest.mark.long
def test_no_file_ends_a_gateway_that_runs(tmp_path: Path) -> None:
    """At SIGHUP each is refused; the process, its configuration and its prices stay."""
    os.mkfifo(tmp_path / "pipe")
    over = tmp_path / "over.yaml"
    under = tmp_path / "under.yaml"
    for layer in (under, over):
        layer.write_text("health: {}\n")
    with (
        open_stage() as stage,
        GatewayProcess(
            tmp_path,
            level1_port=(simulator := stage.start_simulator(WITHOUT_PORTS)).level1_port,
            admin_port=simulator.admin_port,
            settings={"log": {"repeats_per_minute_max": 0}},
            layers=[under, over],
        ) as gateway,
    ):
        gateway.start()
        with gateway.requester() as requester:
            for number, text in enumerate(BAD_FILES, 1):
                over.write_text(text)
                under.write_text(text)
                gateway.send_signal(signal.SIGHUP)
                wait_until(partial(is_refused, gateway, number), what=f"refusal of {text!r}")
                requester.result("ping")
            under.write_text("")
            over.write_text("health: {thresholds: {latency_warning_ms: 7}}\n")
            gateway.send_signal(signal.SIGHUP)
            wait_until(lambda: "configuration reloaded" in gateway.printed(), what="a reload")
            assert requester.result("diagnostics")["thresholds"]["latency_warning_ms"] == 7
        gateway.send_signal(signal.SIGTERM)
        assert gateway.wait()[0] == 0


def test_validate_reads_everything_that_is_named(tmp_path: Path) -> None:
    """A mistake in a file that another names is found before the start as well."""
    main = tmp_path / "main.yaml"
    profile = tmp_path / "profile.yaml"
    main.write_text("symbols_file: symbols.json\nhealth: {thresholds_file: limits.yaml}\n")
    profile.write_text("log: {level: debug}\nhttp: {enabled: false}\n")
    (tmp_path / "limits.yaml").write_text("memory_warning_mb: 100\n")
    symbols = tmp_path / "symbols.json"
    symbols.write_text('{"lists": [{"name": "a", "kinds": ["l1"], "symbols": ["AAPL"]}]}')
    arguments = ("validate", "--config", str(main), "--config", str(profile))
    code, printed = run_command(*arguments)
    assert code == 0, printed
    assert f"{main}, {profile}, then the environment" in printed
    assert f"1 symbols of {symbols}" in printed
    assert f"thresholds      {tmp_path / 'limits.yaml'}" in printed
    symbols.write_text('{"lists": [{"name": "a", "kinds": ["l3"],\n"symbols": ["AAPL"]}]}')
    code, printed = run_command(*arguments)
    assert code == 78
    assert f"{symbols}:1" in printed
    assert "did you mean l2?" in printed
