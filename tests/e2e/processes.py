"""Real processes for end-to-end tests: the commands a user runs, on free ports."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.support.requester import Requester
from tests.support.stage import free_ports

STOP_S_MAX = 15


@contextmanager
def command(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run `python -m gateway …` until the block ends, then interrupt it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", *arguments],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            output, errors = process.communicate(timeout=STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
        # Shown by pytest when the test fails.
        print(f"--- {' '.join(arguments)}: exit {process.returncode}\n{output}{errors}")


class Stack:
    """Where a gateway of a test is."""

    def __init__(self, level1_port: int, admin_port: int) -> None:
        data_port, control_port = free_ports(2)
        self.data = f"tcp://127.0.0.1:{data_port}"
        self.control = f"tcp://127.0.0.1:{control_port}"
        self.environment = {
            "IQGW_IQCONNECT__LEVEL1_PORT": str(level1_port),
            "IQGW_IQCONNECT__ADMIN_PORT": str(admin_port),
            "IQGW_DATA__BIND": self.data,
            "IQGW_CONTROL__BIND": self.control,
            "IQGW_HTTP__BIND": "127.0.0.1:0",
        }

    def requester(self) -> Requester:
        """A control client."""
        return Requester(self.control)
