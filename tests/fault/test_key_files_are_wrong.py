"""Keys that cannot be trusted: no gateway starts with them, and it says which."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.support import fault_table
from tests.support.fault_table import fault_row
from tests.support.keyring import Keyring
from tests.support.processes import clean_environment, run_command
from tests.support.stage import free_ports
from tests.unit.runtime.test_key_files import swap

pytestmark = pytest.mark.slow
EXIT_CONFIG: Final = 78
DAMAGES: Final[dict[str, tuple[Callable[[Keyring], object], str]]] = {
    "readable by others": (
        lambda ring: (ring.directory / "server.key_secret").chmod(0o644),
        "server.key_secret",
    ),
    "missing": (lambda ring: (ring.directory / "server.key_secret").unlink(), "server.key_secret"),
    "swapped halves": (lambda ring: swap(ring.directory), "swapped"),
    "a client's file that is broken": (
        lambda ring: ring.write("alice", "public_key: [\n"),
        "alice.yaml",
    ),
    "a directory that others may write": (lambda ring: ring.directory.chmod(0o777), "go-w"),
}


@fault_row(74)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_gateway_does_not_start_with_them(tmp_path: Path, damage: str) -> None:
    """78 tells a supervisor not to try again before somebody has looked."""
    ring = Keyring(tmp_path, "alice")
    secrets = [ring.server.secret, ring.pairs["alice"].secret]
    do_damage, words = DAMAGES[damage]
    do_damage(ring)
    ports = free_ports(3)
    config = tmp_path / "gateway.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "data": {"bind": f"tcp://127.0.0.1:{ports[0]}"},
                "control": {"bind": f"tcp://127.0.0.1:{ports[1]}"},
                "http": {"bind": f"127.0.0.1:{ports[2]}"},
                "security": {"keys_dir": str(ring.directory)},
            }
        ),
        encoding="utf-8",
    )
    began_s = time.monotonic()
    code, printed = run_command("run", "--config", str(config))
    took_s = time.monotonic() - began_s
    fault_table.note(74, f"key files: {damage}", more=f"exit {code} after {took_s:.1f} s")
    assert code == EXIT_CONFIG, printed
    assert words in printed
    assert "what to do" in printed
    assert "Traceback" not in printed
    assert "started" not in printed, "no listener was opened"
    assert not [secret for secret in secrets if secret in printed]
    assert "IQGW_CLIENT_KEYS" not in clean_environment()
