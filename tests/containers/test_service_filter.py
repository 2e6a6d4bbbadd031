"""The system calls that the unit of systemd leaves are enough, proven under that very filter."""

import json
from pathlib import Path

import pytest

from tests.containers.engine import IMAGE, PYTHON, Engine
from tests.support import service_unit

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(service_unit.analyzer() is None, reason="systemd-analyze is missing"),
]
# As the unit has it; systemd-analyze knows this machine's calls.
WAIT = """
import subprocess, sys, time
for _ in range(60):
    if not subprocess.run(["iqfeed-gateway", "probe", "--ready"]).returncode:
        sys.exit(0)
    time.sleep(0.5)
sys.exit(1)
"""


def test_the_gateway_lives_under_the_units_filter(engine: Engine, tmp_path: Path) -> None:
    """A call that libzmq relies on and is refused ends the whole process."""
    profile = tmp_path / "filter.json"
    # `execve` is the container runtime's own last step.
    calls = [*service_unit.allowed_calls(), "execve"]
    profile.write_text(
        json.dumps(
            {
                "defaultAction": "SCMP_ACT_ERRNO",
                "defaultErrnoRet": 1,
                "syscalls": [{"names": calls, "action": "SCMP_ACT_ALLOW"}],
            }
        )
    )
    name = "iqfeed-test-filter"
    engine.run("rm", "--force", name, is_checked=False)
    engine.run(
        *("run", "--detach", "--name", name, "--network=none", "--cap-drop=ALL", "--read-only"),
        *("--tmpfs=/var/lib/iqfeed-gateway:uid=10001", "--security-opt=no-new-privileges"),
        *(f"--security-opt=seccomp={profile}", IMAGE),
    )
    try:
        engine.run("exec", "--detach", name, "iqfeed-gateway", "simulate")
        engine.run("exec", name, PYTHON, "-c", WAIT)
        heard = engine.run("exec", name, "iqfeed-gateway", "tail", "quote", "AAPL", "--count", "3")
        assert heard.stdout.count("quote AAPL") == 3
        engine.run("stop", name)
        assert engine.inspect(name)["State"]["ExitCode"] == 0
    finally:
        engine.run("rm", "--force", name)
