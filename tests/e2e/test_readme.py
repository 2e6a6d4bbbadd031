"""What the README shows, executed as it stands there."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gateway_client import CurveKeys, GatewayClient, load_keys

from gateway.simulator import SimulatorOptions
from tests.e2e.processes import Stack, command
from tests.e2e.test_seeded_market import running_simulator
from tests.support.requester import Requester
from tests.support.slack import SLACK
from tests.support.stage import wait_until

README = Path(__file__).parents[2] / "README.md"
LINES = 5


def block_after(mark: str, language: str = "python") -> str:
    """The code block that follows a mark or a text in the README."""
    text = README.read_text(encoding="utf-8")
    match = re.search(re.escape(mark) + rf".*?```{language}\n(.*?)```", text, re.DOTALL)
    assert match is not None, f"no {language} block after {mark!r} in the README"
    return match[1]


def command_after(mark: str) -> list[str]:
    """The arguments of the one command that follows a mark in the README."""
    program, *arguments = block_after(mark, "sh").split()
    assert program == "iqfeed-gateway"
    return arguments


def printed_after(mark: str) -> list[str]:
    """The lines that a command is said to print: the first plain block behind its mark."""
    text = README.read_text(encoding="utf-8").partition(mark)[2]
    match = re.search(r"\n\n```\n(.*?)```", text, re.DOTALL)
    assert match is not None, f"no output after {mark!r} in the README"
    return match[1].splitlines()


def run(arguments: list[str], stack: Stack, folder: Path) -> tuple[int, list[str]]:
    """Run a command beside a gateway, with an empty configuration file; exit code and lines."""
    (folder / "gateway.yaml").write_text("{}\n", encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        env={**os.environ, **stack.environment, "IQGW_STATE_DIR": str(folder)},
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        timeout=90,
        check=False,
    )
    return ended.returncode, ended.stdout.splitlines()


@contextmanager
def running_stack() -> Iterator[Stack]:
    """A simulator and a gateway, until the block ends."""
    options = SimulatorOptions(admin_port=0, level1_port=0, level2_port=0, rate=200)
    with running_simulator(options) as simulator:
        stack = Stack(simulator.level1_port, simulator.admin_port)
        stack.environment["IQGW_IQCONNECT__LEVEL2_PORT"] = str(simulator.level2_port)
        with command("run", environment=stack.environment), stack.requester() as requester:
            wait_until(
                lambda: requester.result("health", seconds=5.0 * SLACK)["ready"], what="live prices"
            )
            yield stack


def first_lines(code: str) -> list[str]:
    """Run code in an interpreter of its own until it has printed a few lines."""
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            return [process.stdout.readline() for _ in range(LINES)]
        finally:
            process.kill()


@pytest.mark.slow
def test_the_ten_line_consumer_prints_prices() -> None:
    """A bare SUB socket and msgpack are promised to be a complete client."""
    code = block_after("<!-- test: consumer -->")
    imports = re.findall(r"^\s*(?:import|from)\s+(.+)$", code, re.MULTILINE)
    assert imports == ["msgpack, secrets, zmq"]
    assert len(code.splitlines()) <= 10
    with running_stack() as stack:
        lines = first_lines(code.replace("tcp://127.0.0.1:7700", stack.data))
    assert all(line.startswith("AAPL [") for line in lines), lines


@pytest.mark.slow
def test_the_client_example_prints_trades() -> None:
    """The first code a user copies must run."""
    code = block_after("The Python client does all of that for you:")
    with running_stack() as stack:
        where = f"data_endpoint={stack.data!r}, control_endpoint={stack.control!r}"
        lines = first_lines(code.replace("GatewayClient()", f"GatewayClient({where})"))
    assert all(re.match(r"(AAPL|MSFT) [0-9.]+ [0-9]+ ", line) for line in lines), lines


@pytest.mark.slow
def test_the_operating_examples_run_one_after_the_other() -> None:
    """An operator copies them at the worst moment: each name in them must be there."""
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- test: operating -->\s*```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 4
    with running_stack() as stack:
        where = f"data_endpoint={stack.data!r}, control_endpoint={stack.control!r}"
        code = "\n".join(blocks).replace("GatewayClient()", f"GatewayClient({where})")
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    printed = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    assert "INVALID;SYMBOL" in printed["refused"]
    assert printed["Health Level"] in ("healthy", "warning")
    assert float(printed["Messages/sec"]) >= 0
    assert float(printed["Latency"].removesuffix("ms")) < 1000
    assert float(printed["Error Rate"].removesuffix("%")) == 0
    assert printed["Connection Status"] == "True"
    assert "report_age_ms" in printed["Thread Status"]
    assert printed["Breaker"] == "closed, 0 failures"
    assert "Memory usage" in printed


@pytest.mark.slow
def test_the_proof_of_readiness_prints_what_is_shown(tmp_path: Path) -> None:
    """Figures differ from machine to machine; what is proven does not."""
    arguments = command_after("<!-- test: validate -->")
    with running_stack() as stack:
        code, lines = run(arguments, stack, tmp_path)
    assert code == 0, lines
    proven = [line.split(" - ")[0] for line in lines if line.startswith("PASS")]
    assert proven == [line.split(" - ")[0] for line in printed_after("<!-- test: validate -->")]
    assert "SYSTEM READY FOR PRODUCTION" in lines


@pytest.mark.slow
def test_the_page_for_scripts_has_the_parts_that_are_named(tmp_path: Path) -> None:
    """A script is written from this sentence."""
    named = set(re.findall(r"`([a-z]+)`", README.read_text().split("one JSON object: ")[1][:120]))
    with running_stack() as stack:
        # The gateway may still be starting.
        with GatewayClient(stack.data, stack.control, connect_timeout_s=20):
            arguments = command_after("<!-- test: top -->")
        code, lines = run([*arguments, "--control", stack.control], stack, tmp_path)
    assert code == 0
    assert len(named) == 8
    assert named <= set(json.loads(lines[0]))


@pytest.mark.slow
def test_the_doctor_prints_what_is_shown(tmp_path: Path) -> None:
    """Of the example only ports, and the last word about the file, are other ones here."""
    shown = printed_after("<!-- test: doctor -->")
    options = SimulatorOptions(
        admin_port=0, level1_port=0, level2_port=0, credentials=("123456", "sesame")
    )
    with running_simulator(options) as simulator:
        stack = Stack(simulator.level1_port, simulator.admin_port)
        stack.environment["IQGW_IQCONNECT__LEVEL2_PORT"] = str(simulator.level2_port)
        code, lines = run(command_after("<!-- test: doctor -->"), stack, tmp_path)
    assert code == 1
    assert [without_ports(line) for line in lines] == [without_ports(line) for line in shown]


def without_ports(line: str) -> str:
    """A line without numbers of ports."""
    return re.sub(r"(port |127\.0\.0\.1:)\d+", r"\1N", line)


def test_the_readme_has_no_blanks_left() -> None:
    """A placeholder on the front page is the first thing a newcomer sees."""
    assert "{{" not in README.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_commands_for_keys_make_what_the_gateway_takes(tmp_path: Path) -> None:
    """An operator copies them one after the other, and locks himself out by any mistake in them."""

    def shell(text: str, environment: dict[str, str]) -> str:
        """Run lines of the README in the test's folder; what they print."""
        printed = ""
        for line in text.strip().splitlines():
            program, *arguments = line.split()
            assert program == "iqfeed-gateway"
            done = subprocess.run(
                [sys.executable, "-m", "gateway", *arguments],
                env={**os.environ, **environment},
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stdout
            printed += done.stdout
        return printed

    made = shell(block_after("<!-- test: keys -->", "sh"), {})
    assert "desk-1" in made.splitlines()[-1]
    options = SimulatorOptions(admin_port=0, level1_port=0, level2_port=0, rate=200)
    with running_simulator(options) as simulator:
        stack = Stack(simulator.level1_port, simulator.admin_port)
        environment = {**stack.environment, "IQGW_SECURITY__KEYS_DIR": str(tmp_path / "keys")}
        with command("run", environment=environment):
            keys = load_keys(tmp_path / "desk-1.key")
            wait_until(lambda: answers(stack.control, keys), what="the gateway", seconds=20.0)
            with GatewayClient(stack.data, stack.control, curve=keys) as client:
                assert client.call("ping", {}) == {}
            use = block_after("<!-- test: keys in use -->", "sh").strip()
            health = json.loads(shell(f"{use} --control {stack.control}", {}))
            assert "level" in health
            where = f"data_endpoint={stack.data!r}, control_endpoint={stack.control!r}, curve="
            code = block_after("<!-- test: keys in Python -->").replace("curve=", where)
            done = subprocess.run(
                [sys.executable, "-c", code],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert "curve" in done.stdout, done.stderr
            named = {"IQGW_CLIENT_KEYS": str(tmp_path / "desk-1.key")}
            named |= stack.environment
            for line in (
                "rpc ping",
                "top --once",
                "why AAPL",
                f"tail quote AAPL --count 1 --data {stack.data}",
                f"doctor --no-level2 --data {stack.data}",
            ):
                shell(f"iqfeed-gateway {line} --control {stack.control}", named)
            shell("iqfeed-gateway keys revoke desk-1 --keys-dir keys", {})
            wait_until(lambda: not answers(stack.control, keys), what="the end of the key")


def answers(control: str, keys: CurveKeys) -> bool:
    """Whether a gateway answers who has these keys."""
    with Requester(control, keys=keys) as requester:
        requester.send(b"\x80")
        return bool(requester._socket.poll(500))
