"""`probe`: the exit code that containers and supervisors go by."""

import signal
from pathlib import Path

import pytest
import yaml

from gateway.commands.endpoints import own_address
from gateway.simulator import SimulatorOptions
from tests.support.keyring import Keyring
from tests.support.processes import GatewayProcess, run_command
from tests.support.stage import free_ports, open_stage, wait_until

pytestmark = pytest.mark.slow


def test_it_tells_live_from_ready(tmp_path: Path) -> None:
    """An IQConnect that is away is no reason to start the gateway anew, a mute gateway is one."""
    options = SimulatorOptions(admin_port=0, level1_port=0, level2_port=0, rate=50.0)
    with open_stage() as stage:
        simulator = stage.start_simulator(options)
        with GatewayProcess(
            tmp_path, level1_port=simulator.level1_port, admin_port=simulator.admin_port
        ) as gateway:
            config = str(tmp_path / "gateway.yaml")
            assert run_command("probe", "--config", config)[0] == 1
            gateway.start()
            with gateway.requester() as requester:
                wait_until(lambda: bool(requester.result("health")["ready"]), what="it is ready")
            assert run_command("probe", "--config", config) == (
                0,
                "ready, healthy: nothing is wrong\n",
            )
            assert run_command("probe", "--ready", "--control", gateway.control)[0] == 0
            stage.stop_simulator()
            with gateway.requester() as requester:
                wait_until(lambda: not requester.result("health")["ready"], what="it is told")
            code, words = run_command("probe", "--ready", "--config", config)
            assert (code, words.startswith("live, critical: ")) == (1, True), words
            assert run_command("probe", "--config", config)[0] == 0
            gateway.send_signal(signal.SIGSTOP)
            assert run_command("probe", "--timeout-s", "0.5", "--config", config)[0] == 1
            gateway.send_signal(signal.SIGCONT)


def test_it_needs_a_key_where_others_do(tmp_path: Path) -> None:
    """The health of a container with keys is asked for with one of its own."""
    ring = Keyring(tmp_path)
    ring.add("probe", role="monitor", allow=[])
    key_file = tmp_path / "probe.key"
    key_file.write_text(
        yaml.safe_dump(
            {
                "name": "probe",
                "server_public_key": ring.server.public,
                "public_key": ring.pairs["probe"].public,
                "secret_key": ring.pairs["probe"].secret,
            }
        )
    )
    key_file.chmod(0o600)
    settings = {"security": {"keys_dir": str(ring.directory)}}
    with GatewayProcess(
        tmp_path,
        level1_port=2,
        admin_port=1,
        settings=settings,
        keys=ring.keys("probe"),
    ) as gateway:
        gateway.start()
        config = str(tmp_path / "gateway.yaml")
        assert run_command("probe", "--config", config, "--keys", str(key_file))[0] == 0
        assert run_command("probe", "--timeout-s", "1", "--config", config)[0] == 1


def test_a_configuration_that_cannot_be_used_is_told_apart(tmp_path: Path) -> None:
    """It is nothing that a restart cures."""
    config = tmp_path / "gateway.yaml"
    (port,) = free_ports(1)
    config.write_text(f"contrl: {{}}\ncontrol: {{bind: 'tcp://127.0.0.1:{port}'}}\n")
    assert run_command("probe", "--config", str(config))[0] == 78


def test_a_gateway_that_runs_is_found_by_several_files_and_by_broken_ones(tmp_path: Path) -> None:
    """A file that somebody is editing must not get a gateway killed that works."""
    over = tmp_path / "over.yaml"
    with GatewayProcess(tmp_path, level1_port=2, admin_port=1, layers=[over]) as gateway:
        over.write_text("log: {level: debug}\n")
        gateway.start()
        files = ("--config", str(tmp_path / "gateway.yaml"), "--config", str(over))
        assert run_command("probe", *files)[0] == 0
        over.write_text("data: {high_watermark: 5}\n")
        code, words = run_command("probe", *files)
        assert code == 0, words
        assert "the configuration on disk cannot be used: unknown setting" in words
        over.write_text("data: {")
        assert run_command("probe", *files)[0] == 0
        code, words = run_command("probe", *files, "--control", gateway.control)
        assert (code, "cannot be used" in words) == (0, False), words


@pytest.mark.parametrize(
    ("bind", "address"),
    [
        ("tcp://0.0.0.0:7701", "tcp://127.0.0.1:7701"),
        ("tcp://[::]:7701", "tcp://[::1]:7701"),
        ("tcp://10.0.0.5:7701", "tcp://10.0.0.5:7701"),
        ("ipc:///run/gateway/control", "ipc:///run/gateway/control"),
    ],
)
def test_an_address_of_all_is_reached_on_this_machine(bind: str, address: str) -> None:
    """Nobody can connect to 0.0.0.0 everywhere."""
    assert own_address(bind) == address
