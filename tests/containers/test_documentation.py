"""The commands of docker/README.md, run as they stand there."""

import os
import re
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.engine import COMPOSE, IMAGE, LOGIN, PRODUCTION, ROOT, Engine, Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PAGE = (ROOT / "docker" / "README.md").read_text(encoding="utf-8")
LINES_S_MAX = 60.0


def block(name: str) -> str:
    """The commands under a mark of the page."""
    found = re.search(rf"<!-- containers: {name} -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None, name
    return found[1]


class Shell:
    """Runs commands of the page in the project's folder, with one project's names.

    Args:
        engine: Docker's.
        project: The compose project's name.
    """

    def __init__(self, engine: Engine, project: str) -> None:
        scripts = str(Path(sys.executable).parent)
        path = f"{engine.environment['PATH']}:{scripts}"
        names = {"COMPOSE_PROJECT_NAME": project, "GATEWAY_IMAGE": IMAGE, "PATH": path}
        self._inside, self._environment = engine.inside, {**engine.environment, **names}

    def run(self, commands: str) -> None:
        """Run them to their end."""
        finished = subprocess.run(
            [*self._inside, "bash", "-euc", commands],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, f"{commands}\n{finished.stdout}{finished.stderr}"

    def run_until(self, commands: str, line: str) -> None:
        """Run them until they print a line that matches, then interrupt them as a user would."""
        process = subprocess.Popen(
            [*self._inside, "bash", "-euc", commands],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None
        printed, end_s = b"", time.monotonic() + LINES_S_MAX
        try:
            while not re.search(line, printed.decode("utf-8", "replace")):
                left_s = end_s - time.monotonic()
                if left_s <= 0 or not select.select([process.stdout], [], [], left_s)[0]:
                    break
                piece = os.read(process.stdout.fileno(), 65_536)
                if not piece:
                    break
                printed += piece
        finally:
            os.killpg(process.pid, signal.SIGINT)
            printed += process.communicate(timeout=LINES_S_MAX)[0]
        text = printed.decode("utf-8", "replace")
        assert re.search(line, text), f"{commands}\n{text[-3_000:]}"


@pytest.fixture
def consumer_key() -> Iterator[Path]:
    """What the page's commands leave in the folder."""
    path = ROOT / "consumer.key"
    assert not path.exists()
    yield path
    path.unlink(missing_ok=True)


def test_one_command_shows_live_data_and_a_key_lets_programs_in(
    engine: Engine, consumer_key: Path
) -> None:
    """The first thing that a newcomer tries, and the second."""
    project = Project(engine, "iqfeed-page", file=COMPOSE)
    shell = Shell(engine, "iqfeed-page")
    project.down()
    try:
        shell.run_until(block("up"), r"consumer-1 .*quote@1000 AAPL #\d+ .*bid=\d")
        project.up()
        project.wait_healthy("gateway")
        shell.run_until(block("key"), r"quote AAPL #\d+ .*bid=\d")
        assert consumer_key.exists()
    finally:
        project.down()


def test_production_starts_without_its_iqconnect_and_gives_keys(
    engine: Engine, tmp_path: Path
) -> None:
    """It is live and not ready; whoever is to connect later can be given a key already."""
    login, config = tmp_path / "login.env", tmp_path / "config"
    login.write_text(LOGIN)
    login.chmod(0o644)
    config.mkdir()
    config.chmod(0o755)
    (config / "iqfeed_production.yaml").write_text("gateway_id: page-test\n")
    variables = {"IQCONNECT_HOST": "127.0.0.9", "REDISTRIBUTION_ACKNOWLEDGED": "true"}
    project = Project(engine, "iqfeed-page", file=PRODUCTION, variables=variables)
    shell = Shell(engine, "iqfeed-page")
    ours = f"export GATEWAY_CONFIG={config}\n"
    exported = ours + "export IQCONNECT_HOST=127.0.0.9 REDISTRIBUTION_ACKNOWLEDGED=true\n"
    key = ROOT / "desk-1.key"
    assert not key.exists()
    project.down()
    try:
        commands = block("production").replace("10.0.0.5", "127.0.0.9")
        shell.run(ours + commands.replace("/etc/iqfeed/login.env", str(login)))
        gateway = project.container("gateway")
        end_s = time.monotonic() + LINES_S_MAX
        while engine.run("exec", gateway, "iqfeed-gateway", "probe", is_checked=False).returncode:
            assert time.monotonic() < end_s, project.run("logs", "gateway").stdout
        ready = engine.run("exec", gateway, "iqfeed-gateway", "probe", "--ready", is_checked=False)
        assert ready.returncode == 1
        shell.run(exported + block("client"))
        assert "secret_key: " in key.read_text()
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        left = ("run", "--rm", "--entrypoint", "ls", "prepare", "/keys/client")
        assert "desk-1" not in project.run(*left).stdout
        # A client of this machine gets in with it; the gateway sees new keys within two seconds.
        shell.run(
            "until iqfeed-gateway rpc ping --keys desk-1.key; do\n"
            f"    [ $SECONDS -lt {LINES_S_MAX:.0f} ]\ndone"
        )
    finally:
        key.unlink(missing_ok=True)
        project.down()
