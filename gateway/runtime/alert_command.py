"""Tells a program of alerts: started for each of them, without a shell."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.runtime.alert_sinks import Failure, Letter

VARIABLE: Final = "IQGW_ALERT_"


class AlertCommand:
    """A program and its arguments.

    Args:
        command: Not empty.
        environment: For the program; without secrets.
        seconds_max: It is killed when it runs longer.
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], seconds_max: float
    ) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_aborted = False
        self.name: Final = "command"
        """What it is in errors."""
        self.seconds_max: Final = seconds_max
        """It is killed when it runs longer."""

    def deliver(self, letter: Letter) -> Failure | None:
        """Start the program and wait for its end; blocks."""
        told = {
            "CODE": letter.code,
            "EVENT": letter.event,
            "ID": letter.alert_id,
            "LEVEL": letter.level,
        }
        variables = {f"{VARIABLE}{name}": value for name, value in told.items()}
        with self._lock:
            self._is_aborted = False
        try:
            process = subprocess.Popen(  # noqa: S603 - from the operator's own configuration
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**self._environment, **variables},
                # What it starts in turn is killed with it.
                start_new_session=True,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            return Failure(f"cannot be started: {reason}", is_final=True)
        with self._lock:
            self._process = process
            if self._is_aborted:
                _kill(process)
        try:
            return self._await_end(process, letter.body)
        finally:
            with self._lock:
                self._process = None

    def abort(self) -> None:
        """Kill the program, also one that is about to start."""
        with self._lock:
            self._is_aborted = True
            if self._process is not None:
                _kill(self._process)

    def _await_end(self, process: "subprocess.Popen[bytes]", body: bytes) -> Failure | None:
        with process:
            try:
                process.communicate(body, timeout=self.seconds_max)
            except subprocess.TimeoutExpired:
                _kill(process)
                return Failure(f"ran longer than {self.seconds_max:g} s and was killed")
        code = process.returncode
        return None if code == 0 else Failure(f"ended with exit code {code}")


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a program and what it has started, where the system knows groups of processes."""
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
