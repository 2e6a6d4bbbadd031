"""The first and the last moments of a real process: signals, taken ports, and why it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.support.processes import ROOT, GatewayProcess, clean_environment, run_command
from tests.support.slack import SLACK
from tests.support.stage import free_ports, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.long]
START_S: Final = 20.0
HUNG_UP: Final = """
import os, signal, sys
from pathlib import Path
from gateway.app import Gateway
from gateway.commands.run import run_configured
start = Gateway.start
async def hear_and_start(gateway):
    os.kill(os.getpid(), signal.SIGHUP)
    await start(gateway)
Gateway.start = hear_and_start
sys.exit(run_configured([Path(sys.argv[1])]))
"""
BROKEN: Final = """
import asyncio, sys
from pathlib import Path
from gateway.commands.run import run_configured
from gateway.runtime.service_notices import ServiceNotices
async def run(notices):
    while not Path(sys.argv[2]).exists():
        await asyncio.sleep(0.05)
    raise OSError("the service manager is gone")
ServiceNotices.run = run
sys.exit(run_configured([Path(sys.argv[1])]))
"""


@contextmanager
def script(text: str, *arguments: str, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A gateway with something put in its way, in a folder of its own; prints into `out.log`."""
    environment = clean_environment() | {"PYTHONPATH": str(ROOT)}
    with (folder / "out.log").open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", text, *arguments],
            stdout=file,
            stderr=file,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env={k: v for k, v in environment.items() if not k.startswith("IQFEED_")},
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def printed(folder: Path) -> str:
    """What it said so far."""
    return (folder / "out.log").read_text(errors="replace")


def test_a_hangup_during_the_start_is_a_reload_after_it(tmp_path: Path) -> None:
    """A deployment that writes files and signals at once must not end what it has just started."""
    GatewayProcess(tmp_path, level1_port=2, admin_port=1)
    with script(HUNG_UP, str(tmp_path / "gateway.yaml"), folder=tmp_path) as process:
        wait_until(
            lambda: "configuration reloaded" in printed(tmp_path),
            what="the reload",
            seconds=START_S,
        )
        assert printed(tmp_path).index("gateway started") < printed(tmp_path).index("reloaded")
        # A login that is new on the disk needs a restart, and is named without being shown.
        names = ("LOGIN", "PASSWORD", "PRODUCT_ID")
        lines = [f"IQFEED_{name}=sesame{number}" for number, name in enumerate(names)]
        (tmp_path / ".env").write_text("\n".join(lines))
        os.kill(process.pid, signal.SIGHUP)
        wait_until(lambda: "IQFEED_PRODUCT_ID" in printed(tmp_path), what="the login is named")
        assert "sesame" not in printed(tmp_path)
        process.terminate()
        assert process.wait(10.0 * SLACK) == 0


def test_a_failure_is_not_told_as_a_signal(tmp_path: Path) -> None:
    """Consumers and whoever reads their logs look for the cause in the right place."""
    gateway = GatewayProcess(tmp_path, level1_port=2, admin_port=1)
    gone = tmp_path / "gone"
    with script(BROKEN, str(tmp_path / "gateway.yaml"), str(gone), folder=tmp_path) as process:
        with gateway.requester() as requester:
            requester.result("ping", seconds=START_S)
        with gateway.consumer("sys,") as consumer:
            consumer.wait_for(lambda m: m.topic == "sys,heartbeat,", what="a heartbeat")
            gone.touch()
            goodbye = consumer.wait_for(lambda m: m.topic == "sys,goodbye,", what="goodbye")
        assert goodbye.values[0]["reason"] == "failure"
        assert process.wait(10.0 * SLACK) == 1
    assert "the service manager is gone" in printed(tmp_path)


@pytest.mark.parametrize("name", ["data", "control", "http"])
def test_a_taken_port_is_told_with_its_line(tmp_path: Path, name: str) -> None:
    """Who starts it reads which line of which file to change."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = dict(zip(("data", "control", "http"), free_ports(3), strict=True))
        ports[name] = taken.getsockname()[1]
        config = tmp_path / "gateway.yaml"
        config.write_text(
            f"data:\n  bind: tcp://127.0.0.1:{ports['data']}\n"
            f"control:\n  bind: tcp://127.0.0.1:{ports['control']}\n"
            f"http:\n  bind: 127.0.0.1:{ports['http']}\n"
        )
        line = {"data": 2, "control": 4, "http": 6}[name]
        for command in ("run", "validate"):
            code, words = run_command(command, "--config", str(config))
            assert code == 78, words
            assert re.search(rf"{name}\.bind cannot be bound", words), words
            assert f"{config}:{line}'" in words, words
