"""`validate --production` as a deployment script runs it: a process, an exit code, a report."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.processes import run_command
from tests.support.stage import free_ports, simulated

pytestmark = pytest.mark.slow

REPORT_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["is_ready", "exit_code", "seconds", "checks"],
    "properties": {
        "is_ready": {"type": "boolean"},
        "exit_code": {"enum": [0, 1, 78]},
        "seconds": {"type": "number", "minimum": 0, "maximum": 60},
        "checks": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "passed", "detail", "fix", "figures", "note"],
                "properties": {
                    "name": {"type": "string"},
                    "passed": {"type": "boolean"},
                    "detail": {"type": "string"},
                    "fix": {"type": ["string", "null"]},
                    "note": {"type": ["string", "null"]},
                    "figures": {
                        "type": "object",
                        "additionalProperties": {"type": "number"},
                    },
                },
            },
        },
    },
}
LINE_STARTS = [
    "PASS Configuration Test - ",
    "PASS Connection Test: admin port (simulated IQConnect) - ",
    "PASS Connection Test: login (simulated IQConnect) - ",
    "PASS Connection Test: Level 1 and Level 2 ports (simulated IQConnect) - ",
    "PASS Connection Test: Level 1 and Level 2 handshake (simulated IQConnect) - ",
    "PASS Performance Test: throughput - ",
    "PASS Performance Test: latency - ",
    "PASS Performance Test: processing errors - ",
    "PASS Security Test: invalid symbol refused by the client - INVALID;SYMBOL refused",
    "PASS Security Test: invalid symbol refused by the gateway - INVALID;SYMBOL: symbol_invalid",
    "PASS Recovery Test: IQConnect ends and comes back - ",
    "PASS Performance Test: loss - 0 messages lost by sequence",
    "PASS Health Test: the gateway's own verdict - healthy",
]


def report_of(*arguments: str, code: int) -> dict[str, Any]:
    """The report for machines, checked against its schema."""
    ended, text = run_command("validate", "--production", "--json", *arguments, seconds=90)
    report: dict[str, Any] = json.loads(text)
    jsonschema.validate(report, REPORT_SCHEMA)
    assert ended == code == report["exit_code"], text
    assert report["is_ready"] is (code == 0) is all(c["passed"] for c in report["checks"])
    assert all(c["fix"] for c in report["checks"] if not c["passed"])
    return report


@pytest.mark.long
def test_a_ready_system_is_reported_in_the_guides_manner() -> None:
    """The report is pasted into tickets, and read by people who have never seen the gateway."""
    code, text = run_command("validate", "--production", "--simulate", seconds=90)
    lines = text.splitlines()
    assert code == 0, text
    rule = "=" * 50
    assert lines[:3] == [rule, "PRODUCTION READINESS VALIDATION", rule]
    assert lines[-3:] == [rule, "SYSTEM READY FOR PRODUCTION", rule]
    shown = lines[3:-3]
    assert len(shown) == len(LINE_STARTS), text
    for line, start in zip(shown, LINE_STARTS, strict=True):
        assert line.startswith(start), line


@pytest.mark.long
def test_a_gateway_in_production_is_not_disturbed_by_it(tmp_path: Path) -> None:
    """It runs beside the real one, whose ports, state and IQConnect are named in the same file."""
    with simulated(settings={"state_dir": str(tmp_path / "state")}) as stage:
        endpoints = stage.gateway.endpoints
        simulator = stage.simulator
        config = tmp_path / "gateway.yaml"
        values = {
            "data": {"bind": endpoints["data"]},
            "control": {"bind": endpoints["control"]},
            "state_dir": str(tmp_path / "state"),
            "iqconnect": {
                "admin_port": simulator.admin_port,
                "level1_port": simulator.level1_port,
                "level2_port": simulator.level2_port,
            },
        }
        config.write_text(yaml.safe_dump(values), encoding="utf-8")
        consumer = stage.consumer("quote,AAPL,", "trade,AAPL,", "sys,")
        consumer.wait_for_topic("quote,AAPL,")
        consumer.wait_for_beats(2)
        transitions = len(consumer.on("sys,feed,"))
        epoch = (tmp_path / "state" / "epoch").read_bytes()
        report = report_of("--config", str(config), code=0)
        names = [check["name"] for check in report["checks"]]
        assert "Connection Test: admin port (configured IQConnect)" in names
        consumer.wait_for_beats(2)
        assert consumer.history.violations == []
        assert len(consumer.on("sys,feed,")) == transitions
        links = stage.requester().result("metrics")["connections"]["links"]
        assert {link["attempts"] for link in links.values()} == {0}
        assert stage.requester().result("subscriptions")["leases"] == []
        assert (tmp_path / "state" / "epoch").read_bytes() == epoch


@pytest.mark.long
def test_an_absent_iqconnect_is_not_ready_and_the_rest_is_proven_all_the_same(
    tmp_path: Path,
) -> None:
    """Before the first start of IQConnect the machine itself can be judged."""
    admin, level1, level2 = free_ports(3)
    config = tmp_path / "gateway.yaml"
    ports = {"admin_port": admin, "level1_port": level1, "level2_port": level2}
    config.write_text(yaml.safe_dump({"iqconnect": ports}), encoding="utf-8")
    report = report_of("--config", str(config), code=1)
    failed = [check for check in report["checks"] if not check["passed"]]
    assert [check["name"].split(":")[0] for check in failed] == ["Connection Test"] * 4
    assert "IQConnect does not run" in failed[0]["detail"]
    assert len(report["checks"]) == len(LINE_STARTS)


@pytest.mark.long
def test_a_configuration_that_cannot_be_used_ends_with_78(tmp_path: Path) -> None:
    """Nothing is started with it."""
    config = tmp_path / "gateway.yaml"
    config.write_text("conection: {}", encoding="utf-8")
    report = report_of("--config", str(config), code=78)
    assert [check["name"] for check in report["checks"]] == ["Configuration Test"]
    code, text = run_command("validate", "--production", "--config", str(config))
    assert code == 78
    assert "SYSTEM NOT READY - FIX ISSUES BEFORE DEPLOYMENT" in text.splitlines()
    assert "did you mean connection?" in text


@pytest.mark.parametrize("option", ["--simulate", "--json"])
@pytest.mark.long
def test_options_of_the_proof_are_refused_without_it(option: str) -> None:
    """`validate --simulate` must not look as if something had been proven."""
    code, text = run_command("validate", option)
    assert code == 2
    assert "--production" in text
