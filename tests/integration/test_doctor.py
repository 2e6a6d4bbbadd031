"""`doctor` against staged misconfigurations: each time the right culprit is named first.

Every case runs the command as a user does, as a process of its own, against real sockets.
"""

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.simulator import Simulator, SimulatorOptions
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.processes import GatewayProcess, run_command
from tests.support.stage import Stage, free_ports, open_stage
from tests.support.strangers import Stranger

pytestmark = pytest.mark.slow

STEPS = [
    "configuration",
    "iqconnect",
    "login",
    "ports",
    "protocol",
    "entitlement",
    "symbol",
    "gateway",
    "consumer",
]


class Practice:
    """A place to stage what the doctor is to find."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage = stage
        self.folder = folder
        self.control_port, self.data_port = free_ports(2)
        self.config = folder / "doctor.yaml"
        self.ports: dict[str, int] = {}

    def simulate(self, **options: Any) -> Simulator:
        """Let a simulated IQConnect run, to which the configuration points."""
        calm = {"admin_port": 0, "level1_port": 0, "level2_port": 0, "rate": 200.0}
        simulator = self.stage.start_simulator(SimulatorOptions(**(calm | options)))
        self.ports = {
            "admin_port": simulator.admin_port,
            "level1_port": simulator.level1_port,
            "level2_port": simulator.level2_port,
        }
        return simulator

    def write(
        self, sections: Mapping[str, Any] | None = None, *, ports: Mapping[str, int] | None = None
    ) -> None:
        """Write the configuration, with some of IQConnect's ports or sections other ones."""
        values: dict[str, Any] = {
            "iqconnect": self.ports | dict(ports or {}),
            "data": {"bind": f"tcp://127.0.0.1:{self.data_port}"},
            "control": {"bind": f"tcp://127.0.0.1:{self.control_port}"},
        }
        for name, section in (sections or {}).items():
            values[name] = values.get(name, {}) | dict(section)
        self.config.write_text(yaml.safe_dump(values), encoding="utf-8")

    def examine(self, *arguments: str) -> dict[str, Any]:
        """What the doctor finds; checks what is true of every answer."""
        code, text = run_command(
            "doctor", "--config", str(self.config), "--json", "--timeout-s", "2", *arguments
        )
        told: dict[str, Any] = json.loads(text)
        assert told["exit_code"] == code, text
        assert [step["step"] for step in told["steps"]] == STEPS
        problems = [step for step in told["steps"] if step["outcome"] == "problem"]
        assert told["first"] == (problems[0] if problems else None)
        assert told["is_well"] is (code == 0) is (not problems)
        assert all(step["fix"] for step in problems), "a problem without a remedy"
        return told

    def first(self, *arguments: str, exit_code: int = 1) -> tuple[str, str]:
        """Step and code of what is to be fixed first."""
        told = self.examine(*arguments)
        print(json.dumps(told["steps"], indent=1))
        assert told["exit_code"] == exit_code
        return told["first"]["step"], told["first"]["code"]

    def gateway(self, **iqconnect: int) -> contextlib.AbstractContextManager[GatewayProcess]:
        """A gateway as a process, on the simulator's ports or on others."""
        return self._gateway({**self.ports, **iqconnect})

    @contextlib.contextmanager
    def _gateway(self, iqconnect: Mapping[str, int]) -> Iterator[GatewayProcess]:
        with GatewayProcess(
            self.folder,
            level1_port=iqconnect["level1_port"],
            admin_port=iqconnect["admin_port"],
            settings={"iqconnect": iqconnect},
        ) as process:
            process.start()
            with process.consumer("quote,AAPL,", "sys,heartbeat,") as consumer:
                consumer.wait_for_beats(2)
            self.data_port, self.control_port = process.ports
            self.write()
            yield process


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Practice]:
    """Nothing runs at first."""
    with open_stage() as stage:
        place = Practice(stage, tmp_path)
        admin, level1, level2 = free_ports(3)
        place.ports = {"admin_port": admin, "level1_port": level1, "level2_port": level2}
        yield place


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("iqconnect: [1, 2", "not a YAML file"),
        ("iqconect: {host: 127.0.0.1}", "did you mean iqconnect?"),
        ("iqconnect: {admin_port: 5009}", "they need different ports"),
        ("data: {bind: 'tcp://0.0.0.0:7700'}", "data.bind"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_first(
    practice: Practice, text: str, named: str
) -> None:
    """Nothing else is worth looking at before, and the exit code is that of the other commands."""
    practice.config.write_text(text, encoding="utf-8")
    told = practice.examine()
    assert (told["exit_code"], told["first"]["step"]) == (78, "configuration")
    assert named in told["first"]["message"]
    assert {step["outcome"] for step in told["steps"][1:]} == {"skipped"}


def test_a_file_that_is_not_there_is_first(practice: Practice) -> None:
    """A typing error in the path must not look like a network problem."""
    practice.config = practice.folder / "other.yaml"
    assert practice.first(exit_code=78) == ("configuration", "configuration")


def test_a_host_without_an_address_is_first(practice: Practice) -> None:
    """The system's resolver may be slow; the doctor is not."""
    practice.write({"iqconnect": {"host": "iqconnect.invalid"}})
    assert practice.first() == ("iqconnect", "host_unknown")


def test_an_absent_iqconnect_is_first(practice: Practice) -> None:
    """Three closed ports are one culprit, not three."""
    practice.write()
    assert practice.first() == ("iqconnect", "iqconnect_absent")


def test_a_wrong_admin_port_is_told_from_an_absent_iqconnect(practice: Practice) -> None:
    """Whoever reads that IQConnect does not run, and sees its window, trusts nothing any more."""
    practice.simulate()
    practice.write(ports={"admin_port": free_ports(1)[0]})
    assert practice.first() == ("iqconnect", "admin_closed")


@pytest.mark.parametrize("says", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x00\xff\x1b[2J\r\n"])
def test_a_stranger_on_the_admin_port_is_first(practice: Practice, says: bytes) -> None:
    """What it says is shown escaped: a terminal must not obey it."""
    practice.simulate()
    with Stranger(says) as stranger:
        practice.write(ports={"admin_port": stranger.port})
        told = practice.examine()
    assert (told["first"]["step"], told["first"]["code"]) == ("login", "admin_foreign")
    assert told["first"]["message"].isprintable()
    assert ("says nothing" in told["first"]["message"]) is (says == b"")


def test_interchanged_admin_and_level1_ports_are_first(practice: Practice) -> None:
    """Both accept; only what they say tells them apart."""
    simulator = practice.simulate()
    practice.write(ports={"admin_port": simulator.level1_port, "level1_port": simulator.admin_port})
    assert practice.first() == ("login", "admin_is_streaming")


def test_a_missing_login_is_first(practice: Practice) -> None:
    """IQConnect runs, its ports accept, and no price will ever come."""
    practice.simulate(credentials=("123456", "sesame"))
    practice.write()
    assert practice.first() == ("login", "not_logged_in")


def test_a_refused_login_is_told_from_a_missing_one(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IQConnect has no error for a wrong password: somebody must say what silence means."""
    practice.simulate(credentials=("123456", "sesame"))
    practice.write()
    for name, value in (("LOGIN", "123456"), ("PASSWORD", "wrong-one"), ("PRODUCT_ID", "P")):
        monkeypatch.setenv(f"IQFEED_{name}", value)
    told = practice.examine()
    assert (told["first"]["step"], told["first"]["code"]) == ("login", "login_without_effect")
    assert "wrong-one" not in json.dumps(told)
    assert "123456" not in json.dumps(told)


def test_a_way_to_dtn_that_is_cut_is_told_from_a_lost_login(practice: Practice) -> None:
    """Correcting a password that is right helps nobody."""
    simulator = practice.simulate()
    practice.stage.call(simulator.set_server_connected, False)
    practice.write()
    assert practice.first() == ("login", "dtn_unreachable")


@pytest.mark.parametrize("port", ["level1", "level2"])
def test_a_closed_streaming_port_is_first(practice: Practice, port: str) -> None:
    """The admin port says that all is well, and it is half of the truth."""
    practice.simulate()
    practice.write(ports={f"{port}_port": free_ports(1)[0]})
    assert practice.first() == ("ports", f"{port}_closed")


def test_level2_can_be_left_out(practice: Practice) -> None:
    """Who has no depth in the contract must be able to be well."""
    practice.simulate()
    practice.write(ports={"level2_port": free_ports(1)[0]})
    assert practice.examine("--no-level2")["is_well"]


@pytest.mark.parametrize("port", ["level1", "level2"])
def test_a_stranger_on_a_streaming_port_is_first(practice: Practice, port: str) -> None:
    """It accepts, so everything before looks well."""
    practice.simulate()
    with Stranger() as stranger:
        practice.write(ports={f"{port}_port": stranger.port})
        assert practice.first() == ("protocol", f"{port}_foreign")


def test_an_admin_port_in_place_of_level1_is_named(practice: Practice) -> None:
    """A second IQConnect-like port is the likeliest mix-up."""
    other = practice.simulate()
    simulator = practice.stage.start_simulator(
        SimulatorOptions(admin_port=0, level1_port=0, level2_port=0)
    )
    try:
        practice.write(ports={"level1_port": simulator.admin_port})
        assert practice.first() == ("protocol", "level1_is_admin")
    finally:
        practice.stage.run(other.stop())


def test_interchanged_streaming_ports_are_named(practice: Practice) -> None:
    """Both agree on a protocol; only one knows field sets."""
    simulator = practice.simulate()
    practice.write(
        ports={"level1_port": simulator.level2_port, "level2_port": simulator.level1_port}
    )
    assert practice.first() == ("protocol", "level1_is_other_port")


@pytest.mark.parametrize(
    ("versions", "code"),
    [(["4.9", "5.2", "6.1"], "iqconnect_old"), (["4.9", "5.0"], "protocol_refused")],
)
def test_an_older_iqconnect_is_first(practice: Practice, versions: list[str], code: str) -> None:
    """It works in part, which looks like missing data."""
    simulator = practice.simulate()
    simulator.status.protocols = tuple(versions)
    practice.write()
    assert practice.first() == ("protocol", code)


def test_a_delayed_account_is_first(practice: Practice) -> None:
    """Prices come, and are fifteen minutes old."""
    practice.simulate(is_delayed=True)
    practice.write()
    assert practice.first() == ("entitlement", "account_delayed")


def test_depth_that_the_account_may_not_have_is_first(practice: Practice) -> None:
    """The vendor tells of it only when a symbol's depth is asked for."""
    practice.simulate()
    fake = FakeIqconnect(
        answers={
            "S,SET PROTOCOL,6.2": ["S,CURRENT PROTOCOL,6.2"],
            "WOR,AAPL": ["E,Unauthorized user ID.,"],
        }
    )
    practice.stage.start_fake(fake)
    practice.write(ports={"level2_port": fake.port})
    assert practice.first() == ("entitlement", "level2_not_entitled")


def test_an_unknown_symbol_is_first(practice: Practice) -> None:
    """Spelling is the user's affair, and everything else is well."""
    practice.simulate()
    practice.write()
    assert practice.first("--symbol", "NOPE") == ("symbol", "symbol_not_found")


def test_a_symbol_that_must_not_be_sent_is_first(practice: Practice) -> None:
    """The vendor's command line has no quoting."""
    practice.simulate()
    practice.write()
    told = practice.examine("--symbol", "aapl")
    assert (told["first"]["step"], told["first"]["code"]) == ("symbol", "symbol_invalid")
    assert "AAPL" in told["first"]["fix"]


def test_a_symbol_limit_that_is_used_up_is_first(practice: Practice) -> None:
    """The vendor refuses that symbol alone, and says no number."""
    simulator = practice.simulate(symbol_limit=1)
    practice.write()
    with socket.create_connection(("127.0.0.1", simulator.level1_port)) as other:
        other.sendall(b"S,SET PROTOCOL,6.2\r\nwMSFT\r\n")
        lines = other.makefile("rb")
        assert any(line.startswith(b"P,MSFT") for line in lines)
        assert practice.first("--no-level2") == ("symbol", "symbol_limit")
        # The other program's watch is not ours to take.
        other.sendall(b"S,REQUEST WATCHES\r\n")
        assert any(line.strip() == b"S,WATCHES,MSFT" for line in lines)


def test_without_a_gateway_all_is_well_and_it_is_said_how_to_start_one(practice: Practice) -> None:
    """Not running is no problem by itself; and nothing is left behind at IQConnect."""
    simulator = practice.simulate()
    practice.write()
    told = practice.examine()
    by_step = {step["step"]: step for step in told["steps"]}
    assert told["is_well"]
    assert by_step["gateway"]["outcome"] == "skipped"
    assert f"iqfeed-gateway run --config {practice.config}" in by_step["gateway"]["fix"]
    assert "ends by itself" in by_step["login"]["fix"]

    def left() -> int:
        statistics = simulator.statistics()
        return statistics["watches"] + statistics["depth_watches"] + statistics["clients"]

    assert practice.stage.run(wait_until_zero(left)) == 0


async def wait_until_zero(count: Any) -> int:
    """Wait, a second at most, until nothing is left; how much is."""
    for _ in range(100):
        if not count():
            break
        await asyncio.sleep(0.01)
    return int(count())


def test_with_a_gateway_all_is_well_and_nothing_is_disturbed(practice: Practice) -> None:
    """A look at a production gateway must not cost it a connection or a message."""
    simulator = practice.simulate()
    with practice.gateway() as gateway, gateway.consumer("trade,AAPL,", "quote,AAPL,") as reader:
        reader.wait_for_topic("quote,AAPL,")
        accepted = simulator.statistics()["level1_clients"]
        told = practice.examine()
        reader.wait_for_topic("quote,AAPL,")
        assert told["is_well"], told
        assert {step["outcome"] for step in told["steps"]} == {"ok"}
        assert reader.history.violations == []
        with gateway.requester() as requester:
            link = requester.result("metrics")["connections"]["links"]["level1"]
            assert (link["state"], link["attempts"]) == ("streaming", 0)
        assert simulator.statistics()["level1_clients"] == accepted


def test_a_gateway_whose_prices_are_stale_is_first(practice: Practice) -> None:
    """IQConnect is well; the gateway looks for it elsewhere."""
    practice.simulate()
    dead = dict(zip(("admin_port", "level1_port", "level2_port"), free_ports(3), strict=True))
    with practice.gateway(**dead):
        told = practice.examine()
    assert (told["first"]["step"], told["first"]["code"]) == ("gateway", "gateway_iqconnect_down")
    assert told["steps"][-1]["code"] == "symbol_iqconnect_down"


def test_a_gateway_that_hangs_is_first(practice: Practice) -> None:
    """The system accepts in the name of a suspended process."""
    practice.simulate()
    with practice.gateway() as gateway:
        gateway.send_signal(signal.SIGSTOP)
        try:
            assert practice.first() == ("gateway", "gateway_mute")
        finally:
            gateway.send_signal(signal.SIGCONT)


def test_a_stranger_on_the_control_port_is_first(practice: Practice) -> None:
    """The gateway could not even start there."""
    practice.simulate()
    practice.write()
    with Stranger() as stranger:
        assert practice.first("--control", stranger.endpoint) == ("gateway", "control_foreign")


def test_a_taken_data_port_is_first_although_no_gateway_runs(practice: Practice) -> None:
    """`start the gateway` would be advice that fails."""
    practice.simulate()
    practice.write()
    with Stranger() as stranger:
        assert practice.first("--data", stranger.endpoint) == ("gateway", "data_port_taken")


def test_consumers_at_a_wrong_address_are_first_and_the_right_one_is_named(
    practice: Practice,
) -> None:
    """Everything up to the gateway is well; the gateway itself knows where it publishes."""
    practice.simulate()
    with practice.gateway() as gateway:
        nobody = f"tcp://127.0.0.1:{free_ports(1)[0]}"
        told = practice.examine("--data", nobody)
        assert (told["first"]["step"], told["first"]["code"]) == ("consumer", "data_closed")
        assert gateway.data in told["first"]["fix"]
        with Stranger() as stranger:
            assert practice.first("--data", stranger.endpoint) == ("consumer", "data_foreign")
        assert practice.first("--data", gateway.control) == ("consumer", "data_foreign")
        swapped = ("--data", gateway.control, "--control", gateway.data)
        assert practice.first(*swapped) == ("gateway", "control_is_data")


def test_consumers_at_another_gateway_are_first(practice: Practice) -> None:
    """Heartbeats come and mean nothing: they are another run's."""
    simulator = practice.simulate()
    other = practice.stage.start_gateway(
        level1_port=simulator.level1_port, admin_port=simulator.admin_port
    )
    with practice.gateway():
        told = practice.first("--data", other.endpoints["data"])
    assert told == ("consumer", "other_gateway")


def test_lines_are_printed_as_it_goes_and_end_with_what_to_fix(practice: Practice) -> None:
    """People read it from top to bottom; the last two lines are what they do next."""
    practice.write()
    code, text = run_command("doctor", "--config", str(practice.config), "--timeout-s", "2")
    lines = text.splitlines()
    assert code == 1
    assert [line.split()[0] for line in lines[:9]] == STEPS
    assert [line.split()[1] for line in lines[:3]] == ["ok", "PROBLEM", "skipped"]
    assert lines[9].startswith("the first thing to fix: iqconnect: 127.0.0.1: admin port")
    assert lines[10].startswith("  what to do: Start IQConnect")
