"""Alerts told to a program: a real one, which reads, fails, hangs and starts others."""

import json
import os
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from gateway.runtime.alert_command import AlertCommand
from gateway.runtime.alert_sinks import Failure, Letter
from tests.support.stage import wait_until

LETTER = Letter("raised", "slow:a", "slow", "critical", b'{"code": "slow", "message": "x"}')
WRITE = """
import json, os, sys
told = {name: value for name, value in os.environ.items() if name.startswith("IQGW_")}
open(sys.argv[1], "w").write(json.dumps([json.load(sys.stdin), told, sys.argv[2:]]))
"""


def command(*arguments: str, seconds_max: float = 20.0) -> AlertCommand:
    """A program with little in its environment."""
    environment = {"PATH": os.environ["PATH"]}
    return AlertCommand(arguments, environment=environment, seconds_max=seconds_max)


def test_the_alert_is_on_standard_input_and_in_the_environment(tmp_path: Path) -> None:
    """A shell script wants variables, any other program the whole of it."""
    argument = "; rm -rf $HOME `x` 'y'"
    told = tmp_path / "told"
    program = command(sys.executable, "-c", WRITE, str(told), argument)
    assert program.deliver(LETTER) is None
    body, variables, arguments = json.loads(told.read_text())
    assert body == {"code": "slow", "message": "x"}
    assert variables == {
        "IQGW_ALERT_CODE": "slow",
        "IQGW_ALERT_EVENT": "raised",
        "IQGW_ALERT_ID": "slow:a",
        "IQGW_ALERT_LEVEL": "critical",
    }
    assert arguments == [argument], "no shell has read it"


def test_a_program_that_fails_is_told_of_by_its_exit_code() -> None:
    """The next attempt may succeed."""
    failure = command(sys.executable, "-c", "raise SystemExit(7)").deliver(LETTER)
    assert failure == Failure("ended with exit code 7")


def test_a_program_that_does_not_read_is_no_failure() -> None:
    """Variables are enough for many."""
    long = Letter("raised", "a", "a", "warning", b"x" * 1_000_000)
    assert command(sys.executable, "-c", "pass").deliver(long) is None


def test_a_program_that_does_not_exist_is_not_tried_again() -> None:
    """The path is wrong, and stays wrong."""
    failure = command("/no/such/program").deliver(LETTER)
    assert failure is not None
    assert failure.is_final
    assert failure.reason.startswith("cannot be started: ")


HANG = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(600)
"""


def is_running(pid: int) -> bool:
    """Whether a process runs."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_program_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    """A script that waits for a modem must not wait for ever, nor its children."""
    told = tmp_path / "pid"
    started_s = time.monotonic()
    failure = command(sys.executable, "-c", HANG, str(told), seconds_max=3.0).deliver(LETTER)
    assert failure == Failure("ran longer than 3 s and was killed")
    assert time.monotonic() - started_s < 15.0
    child = int(told.read_text())
    wait_until(lambda: not is_running(child), what="the child is gone")


@pytest.mark.parametrize("output", ["stdout", "stderr"])
def test_what_a_program_prints_is_nobodys_memory(output: str) -> None:
    """One that prints without end is killed by its time, and has filled nothing."""
    flood = f"import sys\nwhile True: sys.{output}.write('x' * 100_000)"
    before = psutil.Process().memory_info().rss
    failure = command(sys.executable, "-c", flood, seconds_max=1.0).deliver(LETTER)
    assert failure is not None
    assert psutil.Process().memory_info().rss - before < 50_000_000


def test_the_end_of_the_gateway_kills_it(tmp_path: Path) -> None:
    """Whoever waits calls `abort`, and `deliver` comes back."""
    told = tmp_path / "pid"
    program = command(sys.executable, "-c", HANG, str(told), seconds_max=600.0)
    outcomes: list[Failure | None] = []
    thread = threading.Thread(target=lambda: outcomes.append(program.deliver(LETTER)))
    thread.start()
    wait_until(lambda: told.exists() and told.read_text() != "", what="it runs", seconds=20.0)
    program.abort()
    thread.join(10.0)
    assert not thread.is_alive()
    assert outcomes == [Failure("ended with exit code -9")]
    child = int(told.read_text())
    wait_until(lambda: not is_running(child), what="the child is gone")
    program.abort()
