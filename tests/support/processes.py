"""Real gateway processes, started as a user starts them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import yaml

from tests.support.consumer import Consumer
from tests.support.requester import Requester
from tests.support.slack import SLOWER
from tests.support.stage import free_ports

ROOT: Final = Path(__file__).resolve().parents[2]
READY_S_MAX: Final = 20.0 * SLOWER
END_S_MAX: Final = 10.0 * SLOWER


class GatewayProcess:
    """`python -m gateway run` with a configuration file of its own.

    Args:
        folder: For the configuration and what the process prints.
        level1_port: Where IQConnect is.
        admin_port: Where its admin port is.
        settings: Other settings, by section.
        keys: For consumers and control clients of this gateway.
        module: What is run, with the gateway's command line.
        layers: Further configuration files, laid over its own.
    """

    def __init__(
        self,
        folder: Path,
        *,
        level1_port: int,
        admin_port: int,
        settings: Mapping[str, Any] | None = None,
        keys: tuple[str, str, str] | None = None,
        module: str = "gateway",
        layers: Sequence[Path] = (),
    ) -> None:
        self._layers = layers
        self._keys = keys
        self._module = module
        data_port, control_port, http_port = free_ports(3)
        self.ports = (data_port, control_port, http_port)
        """Data, control and HTTP."""
        self.data = f"tcp://127.0.0.1:{data_port}"
        self.control = f"tcp://127.0.0.1:{control_port}"
        self.http_port = http_port
        """Of the HTTP server, on 127.0.0.1."""
        values: dict[str, Any] = {
            "gateway_id": "test",
            "data": {"bind": self.data},
            "control": {"bind": self.control},
            "http": {"bind": f"127.0.0.1:{http_port}"},
            "iqconnect": {"level1_port": level1_port, "admin_port": admin_port},
        }
        for name, section in (settings or {}).items():
            known = values.get(name, {})
            values[name] = {**known, **section} if isinstance(section, Mapping) else section
        self._config = folder / "gateway.yaml"
        self._config.write_text(yaml.safe_dump(values), encoding="utf-8")
        self._output = folder / "gateway.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        if self._process is not None:
            self._process.wait(END_S_MAX)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._running.pid

    @property
    def exit_code(self) -> int | None:
        """What it ended with; None while it runs."""
        return self._running.poll()

    @property
    def _running(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "not started"
        return self._process

    def start(self) -> None:
        """Start it and wait until it answers requests."""
        files = (self._config, *self._layers)
        options = (word for file in files for word in ("--config", str(file)))
        self._process = start_command("run", *options, output=self._output, module=self._module)
        with self.requester() as requester:
            requester.result("ping", seconds=READY_S_MAX)

    def kill(self) -> None:
        """End it without a chance to say anything."""
        self._running.kill()
        self._running.wait(END_S_MAX)

    def send_signal(self, number: signal.Signals) -> None:
        """Signal it."""
        self._running.send_signal(number)

    def wait(self, seconds: float = END_S_MAX) -> tuple[int, float]:
        """Wait for its end.

        Returns:
            Exit code, and how long it took, seconds.
        """
        started_s = time.monotonic()
        code = self._running.wait(seconds)
        return code, time.monotonic() - started_s

    def printed(self) -> str:
        """What it printed so far."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def consumer(self, *topics: str) -> Consumer:
        """A consumer of this gateway."""
        return Consumer(self.data, *topics, keys=self._keys)

    def requester(self) -> Requester:
        """A control client of this gateway."""
        return Requester(self.control, keys=self._keys)


def start_command(
    *arguments: str, output: Path, module: str = "gateway"
) -> "subprocess.Popen[bytes]":
    """Start `python -m gateway …` in an environment without settings of the developer's."""
    with output.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdout=file,
            stderr=file,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env=clean_environment(),
        )


def run_command(
    *arguments: str, seconds: float = READY_S_MAX, module: str = "gateway"
) -> tuple[int, str]:
    """Run `python -m gateway …` to its end.

    Returns:
        Exit code and everything it printed.
    """
    finished = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env=clean_environment(),
        timeout=seconds,
        check=False,
    )
    return finished.returncode, finished.stdout.decode("utf-8", "replace")


def clean_environment() -> dict[str, str]:
    """The environment without `IQGW_` settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("IQGW_")}
