"""A configuration cannot be used: the start is refused as a whole, with file, key and reason."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import yaml

from tests.support.fault_table import fault_row, note
from tests.support.processes import ROOT, clean_environment
from tests.support.slack import SLACK
from tests.support.stage import free_ports

pytestmark = pytest.mark.slow
EXIT_CONFIG: Final = 78
END_S_MAX: Final = 60.0


class Case(NamedTuple):
    """One mistake."""

    name: str
    """What is wrong."""
    text: str
    """What is added to a configuration that can be used."""
    said: tuple[str, ...]
    """What the refusal must name; {folder}, {busy} stand for what they are here."""
    environment: dict[str, str] = {}  # noqa: RUF012 - nobody changes it
    """Variables beside it."""
    busy: str = ""
    """The socket whose port somebody else has."""


ALL: Final = (
    Case(
        "unknown key",
        "book:\n  level: 5\n",
        ("gateway.yaml:10", "unknown setting 'book.level'", "did you mean book.levels?"),
    ),
    Case(
        "wrong type",
        "book:\n  levels: many\n",
        ("gateway.yaml:10", "book.levels: ", "valid integer", "got 'many'"),
    ),
    Case(
        "wrong unit",
        "summary:\n  interval_ms: 1s\n",
        ("gateway.yaml:10", "summary.interval_ms: ", "write 1000: it is in milliseconds"),
    ),
    Case("no YAML", "book: [\n", ("gateway.yaml", "line=", "not a YAML file")),
    Case(
        "unknown variable",
        "",
        ("unknown setting in the environment", "IQGW_BOOOK__LEVELS"),
        environment={"IQGW_BOOOK__LEVELS": "5"},
    ),
    Case(
        "public data bind without keys",
        "",
        ("IQGW_DATA__BIND", "data.bind would let other machines in", "security.keys_dir"),
        environment={"IQGW_DATA__BIND": "tcp://0.0.0.0:7700"},
    ),
    Case(
        "public http bind",
        "",
        ("IQGW_HTTP__BIND", "http.bind would let other machines in", "http.allow_remote"),
        environment={"IQGW_HTTP__BIND": "0.0.0.0:7702"},
    ),
    Case("data port busy", "", ("data.bind", "{busy}"), busy="data"),
    Case("http port busy", "", ("http.bind", "{busy}"), busy="http"),
    Case(
        "thresholds that contradict each other",
        "health: {thresholds_file: limits.yaml}\n",
        ("limits.yaml:2", "latency_critical_ms: 5 is below latency_warning_ms, 100"),
    ),
    Case(
        "a symbol that is none",
        "symbols_file: symbols.json\n",
        ("symbols.json:3", "lists.0.symbols.1 (list 'all')", "symbol in lower case", "MSFT"),
    ),
)


OFTEN: Final = ("unknown key", "wrong type", "public data bind without keys", "data port busy")
"""Those of every run; each costs a second of a processor."""
CASES: Final = tuple(
    case for case in ALL if case.name in OFTEN or os.environ.get("REFUSALS") == "all"
)


@contextmanager
def listener() -> Iterator[socket.socket]:
    """Something that listens, as IQConnect would, and counts who came."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def visits(server: socket.socket) -> int:
    """How many connections were made to it."""
    count = 0
    while True:
        try:
            connection, _ = server.accept()
        except BlockingIOError:
            return count
        connection.close()
        count += 1


class Attempt:
    """One start of a gateway that has to fail."""

    def __init__(self, case: Case, folder: Path, opened: ExitStack) -> None:
        self.case = case
        self.folder = folder
        folder.mkdir()
        self.ports = dict(zip(("data", "control", "http"), free_ports(3), strict=True))
        self.iqconnect = [opened.enter_context(listener()) for _ in range(3)]
        level1, level2, admin = (server.getsockname()[1] for server in self.iqconnect)
        binds = {
            "data": {"bind": f"tcp://127.0.0.1:{self.ports['data']}"},
            "control": {"bind": f"tcp://127.0.0.1:{self.ports['control']}"},
            "http": {"bind": f"127.0.0.1:{self.ports['http']}"},
            "iqconnect": {"level1_port": level1, "level2_port": level2, "admin_port": admin},
            "state_dir": str(folder / "state"),
        }
        text = yaml.safe_dump(binds, width=1_000, sort_keys=False, default_flow_style=None)
        assert len(text.splitlines()) == 5
        (folder / "gateway.yaml").write_text(f"# {case.name}\n\n{text}\n{case.text}")
        (folder / "limits.yaml").write_text("\nlatency_critical_ms: 5\n")
        (folder / "symbols.json").write_text(
            '{"lists": [{"name": "all", "kinds": ["l1"],\n"symbols": ["AAPL",\n"msft"]}]}'
        )
        self.busy: socket.socket | None = None
        if case.busy:
            self.busy = opened.enter_context(
                socket.create_server(("127.0.0.1", self.ports[case.busy]))
            )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", "--config", str(folder / "gateway.yaml")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env={**clean_environment(), **case.environment, "PYTHONPATH": str(ROOT)},
            text=True,
        )
        opened.callback(self.process.kill)

    def finish(self) -> None:
        """Wait for the refusal, and look for what a partial start would have left."""
        name = self.case.name
        printed, _ = self.process.communicate(timeout=END_S_MAX * SLACK)
        assert self.process.returncode == EXIT_CONFIG, f"{name}: {printed}"
        assert "\ncannot start: " in f"\n{printed}", f"{name}: {printed}"
        assert "what to do: " in printed, f"{name}: {printed}"
        assert "Traceback" not in printed, name
        busy = str(self.ports.get(self.case.busy, ""))
        for said in self.case.said:
            assert said.format(busy=busy) in printed, f"{name}: {printed}"
        assert [visits(server) for server in self.iqconnect] == [0, 0, 0], f"{name}: it connected"
        assert not (self.folder / "state").exists(), f"{name}: it left a trace"
        for port_name, port in self.ports.items():
            if port_name != self.case.busy:
                with socket.socket() as probe:
                    assert probe.connect_ex(("127.0.0.1", port)) != 0, f"{name}: {port_name}"


@fault_row(83)
def test_every_mistake_is_refused_as_a_whole(tmp_path: Path) -> None:
    """A supervisor that sees 78 does not start it again and again; an operator sees the line."""
    began_s = time.monotonic()
    with ExitStack() as opened:
        waiting: list[Attempt] = []
        at_once = max(2, os.cpu_count() or 2)
        for number, case in enumerate(CASES):
            if len(waiting) >= at_once:
                waiting.pop(0).finish()
            waiting.append(Attempt(case, tmp_path / str(number), opened))
        for attempt in waiting:
            attempt.finish()
    took_s = time.monotonic() - began_s
    note(
        83,
        f"{len(CASES)} configurations that cannot be used",
        more=f"exit 78 each, 0 partial starts, {took_s / len(CASES):.2f} s each",
    )
