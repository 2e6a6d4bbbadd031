"""Keys that cannot be trusted: no gateway starts with them, and it says which."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.support import fault_table
from tests.support.fault_table import fault_row
from tests.support.keyring import Keyring
from tests.support.processes import clean_environment, run_command
from tests.unit.runtime.test_key_files import swap

pytestmark = pytest.mark.slow
EXIT_CONFIG: Final = 78
DAMAGES: Final[dict[str, tuple[Callable[[Keyring], object], str]]] = {
    "readable by others": (
        lambda ring: (ring.directory / "server.key_secret").chmod(0o644),
        "server.key_secret",
    ),
    "readable by the group": (
        lambda ring: (ring.directory / "server.key_secret").chmod(0o640),
        "server.key_secret",
    ),
    "empty": (
        lambda ring: (ring.directory / "server.key_secret").write_text("", encoding="ascii"),
        "server.key_secret",
    ),
    "public half missing": (lambda ring: (ring.directory / "server.key").unlink(), "server.key"),
    "missing": (lambda ring: (ring.directory / "server.key_secret").unlink(), "server.key_secret"),
    "swapped halves": (lambda ring: swap(ring.directory), "swapped"),
    "a client's file that is broken": (
        lambda ring: ring.write("alice", "public_key: [\n"),
        "alice.yaml",
    ),
    "a directory that others may write": (lambda ring: ring.directory.chmod(0o777), "go-w"),
}


@contextlib.contextmanager
def taken_ports() -> Iterator[list[int]]:
    """Three ports that somebody else listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        yield [one.getsockname()[1] for one in sockets]


@fault_row(74)
@pytest.mark.parametrize(
    ("command", "damage"),
    [*(("run", damage) for damage in DAMAGES), ("relay", "swapped halves"), ("relay", "missing")],
)
def test_a_gateway_does_not_start_with_them(tmp_path: Path, command: str, damage: str) -> None:
    """78 tells a supervisor not to try again before somebody has looked."""
    ring = Keyring(tmp_path, "alice")
    secrets = [ring.server.secret, ring.pairs["alice"].secret]
    do_damage, words = DAMAGES[damage]
    do_damage(ring)
    with taken_ports() as ports:
        config = tmp_path / "gateway.yaml"
        config.write_text(
            yaml.safe_dump(
                {
                    "data": {"bind": f"tcp://127.0.0.1:{ports[0]}"},
                    "control": {"bind": f"tcp://127.0.0.1:{ports[1]}"},
                    "http": {"bind": f"127.0.0.1:{ports[2]}"},
                    "relay": {
                        "bind_data": f"tcp://127.0.0.1:{ports[0]}",
                        "bind_control": f"tcp://127.0.0.1:{ports[1]}",
                    },
                    "security": {"keys_dir": str(ring.directory)},
                }
            ),
            encoding="utf-8",
        )
        began_s = time.monotonic()
        code, printed = run_command(command, "--config", str(config), seconds=60.0)
        took_s = time.monotonic() - began_s
    more = f"exit {code} after {took_s:.1f} s"
    fault_table.note(74, f"key files: {damage} ({command})", more=more)
    assert code == EXIT_CONFIG, printed
    assert words in printed
    assert "what to do" in printed
    assert "Traceback" not in printed
    assert "started" not in printed
    # All ports are taken: who had tried to listen would have complained of that instead.
    assert "in use" not in printed, "no listener was opened"
    assert not [secret for secret in secrets if secret in printed]
    assert "IQGW_CLIENT_KEYS" not in clean_environment()
