"""What the README shows, executed as it stands there."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.simulator import SimulatorOptions
from tests.e2e.processes import Stack, command
from tests.e2e.test_seeded_market import running_simulator

README = Path(__file__).parents[2] / "README.md"
LINES = 5


def block_after(mark: str) -> str:
    """The code block that follows a mark or a text in the README."""
    text = README.read_text(encoding="utf-8")
    match = re.search(re.escape(mark) + r".*?```python\n(.*?)```", text, re.DOTALL)
    assert match is not None, f"no python block after {mark!r} in the README"
    return match[1]


@contextmanager
def running_stack() -> Iterator[Stack]:
    """A simulator and a gateway, until the block ends."""
    options = SimulatorOptions(admin_port=0, level1_port=0, level2_port=0, rate=200)
    with running_simulator(options) as simulator:
        stack = Stack(simulator.level1_port, simulator.admin_port)
        with command("run", environment=stack.environment):
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


def test_the_readme_has_no_blanks_left() -> None:
    """A placeholder on the front page is the first thing a newcomer sees."""
    assert "{{" not in README.read_text(encoding="utf-8")
