"""A real gateway process says which pipeline runs, and why, wherever somebody may look."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from gateway.compiled.choice import choose
from tests.support.processes import GatewayProcess, run_command
from tests.support.stage import free_ports, wait_until

pytestmark = pytest.mark.slow
ABSENT = "the compiled pipeline is not installed"
EXIT_CONFIG = 78


@contextmanager
def running(folder: Path, *, module: str = "gateway", **settings: Any) -> Iterator[GatewayProcess]:
    """A gateway without an IQConnect."""
    level1_port, admin_port = free_ports(2)
    with GatewayProcess(
        folder,
        level1_port=level1_port,
        admin_port=admin_port,
        settings={"log": {"directory": str(folder / "logs")}, **settings},
        module=module,
    ) as gateway:
        gateway.start()
        yield gateway


def told_at_start(folder: Path) -> dict[str, Any]:
    """What the log says of the pipeline when the gateway starts; it is written behind the start."""
    path = folder / "logs" / "production.log"

    def lines() -> list[dict[str, Any]]:
        # The last one may be half there.
        whole, _, _ = path.read_text(encoding="ascii").rpartition("\n")
        events = map(json.loads, whole.splitlines())
        return [e for e in events if e["event"] == "gateway started" and "pipeline" in e]

    wait_until(lambda: bool(lines()), what="the line of the start")
    (line,) = lines()
    return {name: line[name] for name in ("pipeline", "pipeline_reason") if name in line}


@pytest.mark.parametrize("wanted", ["auto", "python"])
def test_what_runs_is_told_everywhere(tmp_path: Path, wanted: str) -> None:
    """Whoever wonders about a rate looks into one of these, and must find the same in each."""
    expected = choose("auto" if wanted == "auto" else "python").as_map()
    with running(tmp_path, pipeline=wanted) as gateway:
        with gateway.requester() as requester:
            assert requester.result("hello")["pipeline"] == expected
            assert requester.result("health")["pipeline"] == expected
            assert requester.result("metrics")["process"]["pipeline"] == expected["name"]
            told = requester.result("diagnostics")
            assert told["client_status"]["pipeline"] == expected
            assert told["config"]["pipeline"] == wanted
        with urlopen(f"http://127.0.0.1:{gateway.http_port}/metrics") as answer:
            (line,) = (
                text for text in answer.read().decode().splitlines() if "iqgw_build_info{" in text
            )
        assert f'pipeline="{expected["name"]}"' in line
        at_start = told_at_start(tmp_path)
    reason = {} if expected["reason"] is None else {"pipeline_reason": expected["reason"]}
    assert at_start == {"pipeline": expected["name"], **reason}


def test_without_the_compiled_pipeline_python_runs_and_says_why(tmp_path: Path) -> None:
    """An installation without a compiler is no error, but it must not look like one with it."""
    with running(tmp_path, module="tests.support.without_compiled") as gateway:
        with gateway.requester() as requester:
            told = requester.result("hello")["pipeline"]
        at_start = told_at_start(tmp_path)
    assert told == {"name": "python", "reason": ABSENT}
    assert at_start == {"pipeline": "python", "pipeline_reason": ABSENT}


@pytest.mark.parametrize("command", ["run", "validate"])
def test_compiled_without_it_is_refused_by_name(tmp_path: Path, command: str) -> None:
    """Who has planned for its rate learns at the start that it is not there, and where to look."""
    config = tmp_path / "gateway.yaml"
    config.write_text(yaml.safe_dump({"gateway_id": "test", "pipeline": "compiled"}))
    code, printed = run_command(
        command, "--config", str(config), module="tests.support.without_compiled"
    )
    assert code == EXIT_CONFIG, printed
    assert f"pipeline is compiled, and {ABSENT}" in printed
    assert f"{config}:2" in printed
    assert "IQGW_BUILD_COMPILED=required" in printed
    assert "Traceback" not in printed


def test_validate_names_the_pipeline_and_its_reason(tmp_path: Path) -> None:
    """Before the start is the best time to notice."""
    config = tmp_path / "gateway.yaml"
    config.write_text(f"state_dir: {tmp_path / 'state'}\n", encoding="utf-8")
    code, printed = run_command(
        "validate", "--config", str(config), module="tests.support.without_compiled"
    )
    assert code == 0, printed
    assert f"pipeline        python ({ABSENT})" in printed
