"""A gateway process starts completely or not at all, and says what is wrong."""

import gc
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from tests.support.processes import GatewayProcess, run_command
from tests.support.stage import free_ports, simulated

pytestmark = pytest.mark.slow
EXIT_CONFIG = 78

Refused = tuple[dict[str, object], tuple[str, ...]]


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port somebody else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


def refusal_of(folder: Path, values: dict[str, object]) -> str:
    """Run a gateway with settings it must refuse and give what it said."""
    data_port, control_port = free_ports(2)
    whole: dict[str, object] = {
        "data": {"bind": f"tcp://127.0.0.1:{data_port}"},
        "control": {"bind": f"tcp://127.0.0.1:{control_port}"},
        "http": {"bind": "127.0.0.1:0"},
    }
    config = folder / "gateway.yaml"
    config.write_text(yaml.safe_dump(whole | values), encoding="utf-8")
    code, printed = run_command("run", "--config", str(config))
    assert code == EXIT_CONFIG, printed
    assert "Traceback" not in printed
    assert "what to do" in printed
    return printed


@pytest.mark.parametrize(
    ("name", "scheme"), [("data", "tcp://"), ("control", "tcp://"), ("http", "")]
)
def test_a_busy_port_is_refused_by_name(
    tmp_path: Path, taken_port: int, name: str, scheme: str
) -> None:
    """A supervisor must not restart in a loop what cannot start; 78 tells it so."""
    bind = f"{scheme}127.0.0.1:{taken_port}"
    printed = refusal_of(tmp_path, {name: {"bind": bind}})
    assert f"{name}.bind cannot be bound" in printed
    assert bind in printed


REFUSALS: dict[str, Callable[[Path], Refused]] = {
    "data on every interface": lambda _: (
        {"data": {"bind": "tcp://0.0.0.0:7700"}},
        ("data.bind", "license.redistribution_acknowledged"),
    ),
    "control on a network address": lambda _: (
        {"control": {"bind": "tcp://192.0.2.1:7701"}},
        ("control.bind", "other machines"),
    ),
    "an unknown key": lambda _: (
        {"data": {"hihg_water_mark": 5}},
        ("data.hihg_water_mark",),
    ),
    "a value of the wrong type": lambda _: (
        {"upstream": {"silence_ms_max": "soon"}},
        ("upstream.silence_ms_max", "soon"),
    ),
    "what is no name of a host": lambda _: (
        {"iqconnect": {"host": "iq..connect"}},
        ("iqconnect.host", "iq..connect"),
    ),
    "a state directory that cannot be written": lambda folder: (
        {"state_dir": str(folder / "gateway.yaml" / "state")},
        ("state_dir", str(folder / "gateway.yaml" / "state")),
    ),
}


@pytest.mark.parametrize("situation", REFUSALS)
def test_settings_that_cannot_work_are_refused(tmp_path: Path, situation: str) -> None:
    """A gateway that starts with half of what was asked fails later, when it matters."""
    values, words = REFUSALS[situation](tmp_path)
    printed = refusal_of(tmp_path, values)
    for word in words:
        assert word in printed, printed


def test_a_missing_configuration_file_is_refused(tmp_path: Path) -> None:
    """Defaults in place of a mistyped path would watch the wrong IQConnect."""
    code, printed = run_command("run", "--config", str(tmp_path / "absent.yaml"))
    assert code == EXIT_CONFIG
    assert "absent.yaml" in printed
    assert "Traceback" not in printed


def test_a_running_gateway_listens_on_its_three_ports_only(tmp_path: Path) -> None:
    """Every further port would be a door that nobody guards."""
    level1_port, admin_port = free_ports(2)
    with GatewayProcess(tmp_path, level1_port=level1_port, admin_port=admin_port) as gateway:
        gateway.start()
        connections = psutil.Process(gateway.pid).net_connections(kind="inet")
        listening = {(c.laddr.ip, c.laddr.port) for c in connections if c.status == "LISTEN"}
        assert listening == {("127.0.0.1", port) for port in gateway.ports}


def test_what_lives_as_long_as_the_gateway_is_not_collected_again() -> None:
    """A full collection with many live objects would stop both threads for tens of milliseconds."""
    usual = gc.get_threshold()
    with simulated():
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold()[2] > 10 * usual[2], (
            "nor are the rows of order books, all the time"
        )
    assert gc.get_freeze_count() == 0, "a program that goes on gets its collector back"
    assert gc.get_threshold() == usual
