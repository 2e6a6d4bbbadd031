"""A place to stage misconfigurations for the doctor, and the doctor as a user runs it."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from gateway.simulator import Simulator, SimulatorOptions
from tests.support.processes import GatewayProcess, run_command
from tests.support.stage import Stage, free_ports, open_stage

STEPS = [
    "configuration",
    "iqconnect",
    "login",
    "ports",
    "protocol",
    "entitlement",
    "symbol",
    "gateway",
    "consumer",
    "alerts",
]


class Practice:
    """A place to stage what the doctor is to find."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage = stage
        self.folder = folder
        self.control_port, self.data_port = free_ports(2)
        self.config = folder / "doctor.yaml"
        self.ports: dict[str, int] = {}

    def simulate(self, **options: Any) -> Simulator:
        """Let a simulated IQConnect run, to which the configuration points."""
        calm = {"admin_port": 0, "level1_port": 0, "level2_port": 0, "rate": 200.0}
        simulator = self.stage.start_simulator(SimulatorOptions(**(calm | options)))
        self.ports = {
            "admin_port": simulator.admin_port,
            "level1_port": simulator.level1_port,
            "level2_port": simulator.level2_port,
        }
        return simulator

    def write(
        self, sections: Mapping[str, Any] | None = None, *, ports: Mapping[str, int] | None = None
    ) -> None:
        """Write the configuration, with some of IQConnect's ports or sections other ones."""
        values: dict[str, Any] = {
            "iqconnect": self.ports | dict(ports or {}),
            "data": {"bind": f"tcp://127.0.0.1:{self.data_port}"},
            "control": {"bind": f"tcp://127.0.0.1:{self.control_port}"},
        }
        for name, section in (sections or {}).items():
            values[name] = values.get(name, {}) | dict(section)
        self.config.write_text(yaml.safe_dump(values), encoding="utf-8")

    def examine(self, *arguments: str) -> dict[str, Any]:
        """What the doctor finds; checks what is true of every answer."""
        code, text = run_command(
            "doctor", "--config", str(self.config), "--json", "--timeout-s", "2", *arguments
        )
        told: dict[str, Any] = json.loads(text)
        assert told["exit_code"] == code, text
        assert [step["step"] for step in told["steps"]] == STEPS
        problems = [step for step in told["steps"] if step["outcome"] == "problem"]
        assert told["first"] == (problems[0] if problems else None)
        assert told["is_well"] is (code == 0) is (not problems)
        assert all(step["fix"] for step in problems), "a problem without a remedy"
        return told

    def first(self, *arguments: str, exit_code: int = 1) -> tuple[str, str]:
        """Step and code of what is to be fixed first."""
        told = self.examine(*arguments)
        print(json.dumps(told["steps"], indent=1))
        assert told["exit_code"] == exit_code
        return told["first"]["step"], told["first"]["code"]

    def gateway(self, **iqconnect: int) -> contextlib.AbstractContextManager[GatewayProcess]:
        """A gateway as a process, on the simulator's ports or on others."""
        return self._gateway({**self.ports, **iqconnect})

    @contextlib.contextmanager
    def _gateway(self, iqconnect: Mapping[str, int]) -> Iterator[GatewayProcess]:
        with GatewayProcess(
            self.folder,
            level1_port=iqconnect["level1_port"],
            admin_port=iqconnect["admin_port"],
            settings={"iqconnect": iqconnect},
        ) as process:
            process.start()
            with process.consumer("quote,AAPL,", "sys,heartbeat,") as consumer:
                consumer.wait_for_beats(2)
            self.data_port, self.control_port = process.ports[:2]
            self.write()
            yield process


@contextlib.contextmanager
def open_practice(folder: Path) -> Iterator[Practice]:
    """A practice where nothing runs at first, and nobody listens on the configured ports."""
    with open_stage() as stage:
        place = Practice(stage, folder)
        admin, level1, level2 = free_ports(3)
        place.ports = {"admin_port": admin, "level1_port": level1, "level2_port": level2}
        yield place
