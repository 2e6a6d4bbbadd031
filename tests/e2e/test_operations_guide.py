"""Every command and file of the operations guide, used as it stands there, in its order.

A block of the guide is marked by a comment above it: `run` is executed to its end, `start` goes on
beside what follows, `file: NAME` is written to a file, `not run: REASON` is left out. Only numbers
of ports and two directories are other ones here. Commands within sentences and tables are executed
while the gateway of the guide runs.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from gateway_client import GatewayClient, GatewayRestarted, Trade
from typer.testing import CliRunner

from gateway.cli import app
from tests.support.processes import clean_environment
from tests.support.requester import Requester
from tests.support.slack import SLACK
from tests.support.stage import free_ports, wait_until

ROOT: Final = Path(__file__).resolve().parents[2]
GUIDE: Final = ROOT / "docker" / "README.md"
BLOCK: Final = re.compile(
    r"^(?:<!-- (.+?) -->\n)?```([a-z]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
MARK: Final = re.compile(r"run|start|file: [\w./-]+|containers: \w+|not run: .{7,}")
PORTS: Final = (7700, 7701, 7702, 5009, 9200, 9300)
"""The ports that the guide speaks of."""
FOREIGN: Final = {"keys list", "keys revoke", "usage", "run"}
"""Commands within sentences that need keys, which the guide's gateway has not, or never end."""
BLOCK_S_MAX: Final = 60.0
OTHERS_CHAPTERS: Final = ("Containers", "systemd and Windows services", "Kubernetes")
"""Chapters with tests of their own; their blocks are marked as all others."""
CONTAINER_TEST: Final = ROOT / "tests" / "containers" / "test_documentation.py"


class Block(NamedTuple):
    """A block of code in the guide."""

    mark: str
    """What the comment above it says; empty without one."""
    language: str
    """As after the backticks."""
    text: str
    """Its lines."""

    @property
    def verb(self) -> str:
        """What is done with it."""
        return self.mark.partition(":")[0]


def guide() -> str:
    """The guide without chapters that are tested elsewhere."""
    text = GUIDE.read_text(encoding="utf-8")
    for chapter in OTHERS_CHAPTERS:
        text = re.sub(rf"^## {chapter}\n.*?(?=^## |\Z)", "", text, flags=re.MULTILINE | re.DOTALL)
    return text


def blocks(text: str | None = None) -> list[Block]:
    """Every block, in order; without a text, those of the guide that are tested here."""
    found = BLOCK.finditer(guide() if text is None else text)
    return [Block(m[1] or "", m[2], m[3]) for m in found]


def spans() -> list[str]:
    """Commands within sentences and tables, each once."""
    prose = BLOCK.sub("", guide())
    found = re.findall(r"`iqfeed-gateway ([^`]+)`", prose)
    return [one for one in dict.fromkeys(found) if not one.startswith(tuple(FOREIGN))]


def metric_fields() -> Iterator[tuple[str, str]]:
    """Method and field of every row of the success metrics."""
    table = guide().partition("## Success metrics")[2].partition("\n## ")[0]
    for row in re.findall(r"^\|.+\| `iqfeed-gateway rpc (\w+)` \| (.+?) \|", table, re.MULTILINE):
        for field in re.findall(r"`([\w.]+)`", row[1]):
            yield row[0], field


def test_every_block_says_what_becomes_of_it() -> None:
    """A block without a mark is one that nobody has tried."""
    text = GUIDE.read_text(encoding="utf-8")
    found = blocks(text)
    assert len(found) == len(re.findall(r"^ *```\w", text, re.MULTILINE)) > 20
    by_containers = set(re.findall(r'\bblock\("(\w+)"\)', CONTAINER_TEST.read_text("utf-8")))
    marked = {b.mark.partition(": ")[2] for b in found if b.verb == "containers"}
    assert marked == by_containers
    for block in found:
        assert MARK.fullmatch(block.mark), f"{block.mark!r} above {block.text!r}"
        if block.verb == "run":
            assert block.language == "sh"


def test_the_guide_is_whole() -> None:
    """Its links lead somewhere, its lines can be read, and nothing was left to be filled in."""
    text = GUIDE.read_text(encoding="utf-8")
    assert "{{" not in text
    names = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in names}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        file, _, anchor = target.partition("#")
        if file.startswith("https://"):
            continue
        if file:
            assert (GUIDE.parent / file).exists(), target
        else:
            assert anchor in anchors, target


class Operator:
    """Somebody who follows the guide in a folder of their own, with ports of their own."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self.folder = folder
        self._opened = opened
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        (folder / "docker").symlink_to(ROOT / "docker")
        (folder / "bin").mkdir()
        self._write_command()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.environment = clean_environment() | {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "IQGW_STATE_DIR": str(folder / "state"),
            "IQGW_LOG__DIRECTORY": str(folder / "logs"),
            "IQGW_DATA__BIND": self.data,
            "IQGW_CONTROL__BIND": self.control,
            "IQGW_HTTP__BIND": f"127.0.0.1:{self.ports[7702]}",
            "IQGW_IQCONNECT__LEVEL1_PORT": str(self.ports[5009]),
            "IQGW_IQCONNECT__LEVEL2_PORT": str(self.ports[9200]),
            "IQGW_IQCONNECT__ADMIN_PORT": str(self.ports[9300]),
        }

    @property
    def data(self) -> str:
        """The data socket."""
        return f"tcp://127.0.0.1:{self.ports[7700]}"

    @property
    def control(self) -> str:
        """The control socket."""
        return f"tcp://127.0.0.1:{self.ports[7701]}"

    def arguments(self, line: str) -> list[str]:
        """A command's arguments, with the addresses that are the guide's defaults."""
        name, *rest = line.split()
        more: list[str] = []
        if name in ("rpc", "why", "top", "tail", "doctor"):
            more += ["--control", self.control]
        if name in ("tail", "doctor"):
            more += ["--data", self.data]
        if name == "simulate":
            for option, port in (("level1", 5009), ("level2", 9200), ("admin", 9300)):
                more += [f"--{option}-port", str(self.ports[port])]
        return [name, *rest, *more]

    def _write_command(self) -> None:
        """`iqfeed-gateway` as it is installed, but for the default addresses."""
        more = {
            "rpc|why|top": self.arguments("rpc")[1:],
            "tail|doctor": self.arguments("tail")[1:],
            "simulate": self.arguments("simulate")[1:],
        }
        cases = "".join(f'{names}) set -- "$@" {" ".join(add)};;\n' for names, add in more.items())
        path = self.folder / "bin" / "iqfeed-gateway"
        path.write_text(
            f'#!/bin/bash\ncase "$1" in\n{cases}esac\nexec {sys.executable} -m gateway "$@"\n'
        )
        path.chmod(0o755)

    def run(self, text: str) -> None:
        """Execute a block to its end."""
        began_s = time.monotonic()
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", self._adapted(text)],  # noqa: S607
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._opened.callback(end, process)
        printed: str | None = None
        while printed is None:
            # What a block ends would stay as a zombie, and its end could not be seen there.
            for other in self.processes:
                other.poll()
            with contextlib.suppress(subprocess.TimeoutExpired):
                printed, _ = process.communicate(timeout=0.2)
            assert time.monotonic() - began_s < BLOCK_S_MAX * SLACK, f"no end: {text}"
        assert process.returncode == 0, f"{text}\n{printed}"
        print(f"{time.monotonic() - began_s:5.1f} s: {text.strip().splitlines()[-1]}")

    def start(self, text: str) -> None:
        """Begin what goes on until the end, and wait until it is there."""
        output = (self.folder / f"output-{len(self.processes)}").open("wb")
        self._opened.callback(output.close)
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", f"exec {self._adapted(text).strip()}"],  # noqa: S607
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        self.processes.append(process)
        self._opened.callback(end, process)
        if "iqfeed-gateway run" in text:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait for live prices."""
        with Requester(self.control) as requester:
            requester.result("ping", seconds=20.0 * SLACK)
            wait_until(
                lambda: requester.result("health", seconds=10.0)["ready"],
                what="live prices",
                seconds=20.0 * SLACK,
            )

    def write(self, name: str, text: str) -> None:
        """Write a file of the guide."""
        (self.folder / name).write_text(text, encoding="utf-8")

    def _adapted(self, text: str) -> str:
        """A block with the ports of this test."""
        for known, port in self.ports.items():
            text = text.replace(f":{known}", f":{port}")
        return text


def end(process: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> None:
    """End a program, and do not leave it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10.0 * SLACK)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Strategy(threading.Thread):
    """A consumer that is there all the time; what it is told of restarts and losses."""

    def __init__(self, operator: Operator) -> None:
        super().__init__(daemon=True)
        self._client = GatewayClient(operator.data, operator.control, connect_timeout_s=30)
        self.restarts = 0
        self.trades_since = 0

    def run(self) -> None:
        """Listen until the client is closed."""
        with self._client as client:
            client.subscribe_symbols(["AAPL", "MSFT"])
            for item in client:
                if isinstance(item, GatewayRestarted):
                    self.restarts += 1
                    self.trades_since = 0
                elif isinstance(item, Trade):
                    self.trades_since += 1

    def close(self) -> None:
        """Let it go."""
        self._client.disconnect()
        self.join(10.0 * SLACK)


def look_up(values: Mapping[str, Any], field: str) -> object:
    """A field by its path; fails where there is none."""
    found: Any = values
    for name in field.split("."):
        assert name in found, f"no {field} in {json.dumps(values)[:400]}"
        found = found[name]
    return found


def try_spans(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of sentences and tables, in this process: each of its own would cost a second."""
    for name in [name for name in os.environ if name.startswith("IQGW_")]:
        monkeypatch.delenv(name)
    for name, value in operator.environment.items():
        if name.startswith("IQGW_"):
            monkeypatch.setenv(name, value)
    monkeypatch.chdir(operator.folder)
    for line in spans():
        if line.startswith(("validate", "audit show", "doctor")):
            continue
        result = CliRunner().invoke(app, operator.arguments(line))
        assert result.exit_code == 0, f"iqfeed-gateway {line}\n{result.output}"


def check_fields(operator: Operator) -> None:
    """The success metrics are where the guide says."""
    found = list(metric_fields())
    assert len(found) > 10
    with Requester(operator.control) as requester:
        answers = {m: requester.result(m, seconds=10.0) for m in {m for m, _ in found}}
    for method, field in found:
        look_up(answers[method], field)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_guide_works_from_its_first_command_to_its_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is copied line by line at the worst moment, by somebody who has not slept."""
    began_s = time.monotonic()
    with ExitStack() as opened:
        operator = Operator(tmp_path, opened)
        strategy: Strategy | None = None
        for block in blocks():
            if block.verb == "file":
                operator.write(block.mark.removeprefix("file: "), block.text)
            elif block.verb == "run":
                operator.run(block.text)
            elif block.verb == "start":
                operator.start(block.text)
                if "iqfeed-gateway run" in block.text and strategy is None:
                    strategy = Strategy(operator)
                    strategy.start()
                    opened.callback(strategy.close)
                    check_fields(operator)
                    try_spans(operator, monkeypatch)
        assert strategy is not None
        listener = strategy
        wait_until(
            lambda: listener.restarts == 1 and listener.trades_since > 0,
            what="the consumer's trades after the upgrade",
            seconds=20.0 * SLACK,
        )
        first = operator.processes[1]
        assert first.poll() == 0, "the old gateway drained and ended well"
    print(f"the guide took {time.monotonic() - began_s:.1f} s")
