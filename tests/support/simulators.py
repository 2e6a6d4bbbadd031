"""Real simulator processes, started as a user starts them, and broken over their control port."""

import json
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.processes import start_command
from tests.support.stage import free_ports, wait_until

ANSWER_S_MAX = 10.0
END_S_MAX = 10.0


class SimulatorProcess:
    """`python -m gateway simulate` with a control port.

    Args:
        folder: For what it prints.
        rate: Lines a second.
        seed: Of the market.
    """

    def __init__(self, folder: Path, *, rate: float = 1_000.0, seed: int = 1) -> None:
        self._output = folder / "simulator.log"
        self.admin_port, self.level1_port, self.level2_port, self._control_port = free_ports(4)
        self._arguments = (
            "simulate",
            *("--admin-port", str(self.admin_port)),
            *("--level1-port", str(self.level1_port)),
            *("--level2-port", str(self.level2_port)),
            *("--control-port", str(self._control_port)),
            *("--rate", str(rate)),
            *("--seed", str(seed)),
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = start_command(*self._arguments, output=self._output)
        wait_until(self._is_ready, what="the simulator listens", seconds=20.0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(END_S_MAX)

    def act(self, name: str, **params: object) -> dict[str, Any]:
        """Let it fail in some way, or end that."""
        request = json.dumps({"do": name, **params}).encode() + b"\n"
        with (
            socket.create_connection(("127.0.0.1", self._control_port), ANSWER_S_MAX) as one,
            one.makefile("rb") as answers,
        ):
            one.sendall(request)
            answer: dict[str, Any] = json.loads(answers.readline())
        assert answer["ok"], answer
        return answer

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._output.read_text()
        return b"control listening" in self._output.read_bytes()
