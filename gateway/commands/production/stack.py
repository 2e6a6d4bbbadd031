"""A gateway and a simulated IQConnect of our own, each a process, on ports that nobody else has.

They are processes because in one they would share an interpreter with the measuring consumer, and
the figures would be of all three together. Whatever runs in production is not touched: ports are
chosen by the system, state goes into a folder that is deleted, and of the configuration only those
sections are taken over that decide how prices are processed.
"""

import contextlib
import io
import json
import re
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

import psutil
import yaml

from gateway.errors import ProgramFailed, bounded
from gateway.settings import Settings
from gateway.settings.loading import environment_without_settings

KEPT_SECTIONS: Final = (
    "connection",
    "upstream",
    "data",
    "slow_consumers",
    "replay",
    "summary",
    "book",
    "control",
    "leases",
)
"""What decides about speed and recovery. Nothing that writes, tells or listens elsewhere."""
ANY_PORT: Final = "tcp://127.0.0.1:*"
START_S_MAX: Final = 15.0
STOP_S_MAX: Final = 5.0
NICE: Final = 5
LINES_KEPT_MAX: Final = 200
_LISTENING: Final = re.compile(r"(admin|level 1|level 2|control) +listening on [^ ]+:(\d+)")


class Child:
    """One process of ours, and the last lines it printed.

    Args:
        arguments: Of `python -m gateway`.
        folder: Where it runs: without a `.env`.
    """

    def __init__(self, *arguments: str, folder: Path) -> None:
        self.name = arguments[0]
        self._lines: deque[str] = deque(maxlen=LINES_KEPT_MAX)
        self._is_over = False
        self._changed = threading.Condition()
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "gateway", *arguments],
            cwd=folder,
            env=environment_without_settings(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        _give_way(self._process.pid)
        self._output: IO[str] = self._process.stdout or io.StringIO()
        self._reader = threading.Thread(target=self._read, name=self.name, daemon=True)
        self._reader.start()

    def wait_for(self, is_found: Callable[[list[str]], object], *, what: str) -> None:
        """Wait until the lines so far say something.

        Raises:
            ProgramFailed: The process ended before, or took too long.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_over or is_found(list(self._lines)), timeout=START_S_MAX
            )
            if is_found(list(self._lines)):
                return
            last = self._lines[-1] if self._lines else "nothing"
        raise ProgramFailed(f"{self.name} did not come up: no {what}", last=bounded(last))

    def stop(self) -> None:
        """End it, by force if it takes too long."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S_MAX)
        self._reader.join(STOP_S_MAX)

    def _read(self) -> None:
        # A pipe that nobody reads would stop the process in the middle of a line.
        with self._output as lines:
            for line in lines:
                with self._changed:
                    self._lines.append(line.rstrip())
                    self._changed.notify_all()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()


class PrivateStack:
    """Simulator and gateway of our own.

    Args:
        settings: Of the gateway to be validated.
        rate: Market events a second.
        opened: Stops everything in the end.
    """

    def __init__(self, settings: Settings, *, rate: float, opened: contextlib.ExitStack) -> None:
        self._settings = settings
        self._rate = rate
        self._opened = opened
        self._folder = Path(
            opened.enter_context(
                # Windows keeps files that a process had open for a moment after its end.
                tempfile.TemporaryDirectory(prefix="iqgw-validate-", ignore_cleanup_errors=True)
            )
        )
        self.ports: dict[str, int] = {}
        """The simulator's ports: admin, level 1, level 2, control."""
        self.endpoints: dict[str, str] = {}
        """The gateway's sockets: data, control."""

    def start_simulator(self) -> None:
        """Listen as IQConnect does, on free ports.

        Raises:
            ProgramFailed: It did not start.
        """
        ports = ("--admin-port", "0", "--level1-port", "0", "--level2-port", "0")
        options = ("--control-port", "0", "--rate", f"{self._rate:g}")
        child = self._child("simulate", *ports, *options)

        def find(lines: list[str]) -> bool:
            found = [match for line in lines if (match := _LISTENING.search(line))]
            self.ports = {match[1]: int(match[2]) for match in found}
            return len(self.ports) == 4

        child.wait_for(find, what="line about its ports")

    def start_gateway(self) -> None:
        """Start the gateway on free ports, connected to the simulator.

        Raises:
            ProgramFailed: It did not start.
        """
        config = self._folder / "gateway.yaml"
        values = private_settings(self._settings, self.ports, self._folder / "state")
        config.write_text(yaml.safe_dump(values), encoding="utf-8")
        child = self._child("run", "--config", str(config))

        def find(lines: list[str]) -> bool:
            for facts in _facts_of(lines):
                if facts.get("event") == "gateway started":
                    self.endpoints = {name: str(facts[name]) for name in ("data", "control")}
            return bool(self.endpoints)

        child.wait_for(find, what="line that it started")

    def _child(self, *arguments: str) -> Child:
        child = Child(*arguments, folder=self._folder)
        self._opened.callback(child.stop)
        return child


def private_settings(
    settings: Settings, ports: Mapping[str, int], state_dir: Path
) -> dict[str, Any]:
    """The settings of a gateway that behaves like another one and meets none of its neighbors.

    Args:
        settings: Of the other one.
        ports: The simulator's.
        state_dir: For its state.

    Returns:
        What to write into its configuration file.
    """
    values: dict[str, Any] = {
        name: getattr(settings, name).model_dump(mode="json", exclude_none=True)
        for name in KEPT_SECTIONS
    }
    for name in ("host", "port"):
        values["connection"].pop(name, None)
    values["data"] |= {"bind": ANY_PORT, "auto_watch": True}
    values["control"] |= {"bind": ANY_PORT}
    values["iqconnect"] = {
        "host": "127.0.0.1",
        "admin_port": ports["admin"],
        "level1_port": ports["level 1"],
        "level2_port": ports["level 2"],
        "client_name": "iqfeed-validation",
    }
    values["http"] = {"enabled": False}
    return values | {
        "gateway_id": "validation",
        "state_dir": str(state_dir),
        "log": {"level": "info", "format": "json"},
    }


def _give_way(pid: int) -> None:
    """Let everything else on the machine go first: a gateway in production may be part of it."""
    lower = getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", NICE)
    # A process that is gone already is found out by who waits for its words.
    with contextlib.suppress(psutil.Error):
        psutil.Process(pid).nice(lower)


def _facts_of(lines: list[str]) -> Iterator[dict[str, Any]]:
    """The log lines that are JSON objects."""
    for line in lines:
        if line.startswith("{"):
            with contextlib.suppress(json.JSONDecodeError):
                yield json.loads(line)
