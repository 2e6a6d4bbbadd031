"""`doctor` against misconfigurations up to IQConnect: the right culprit is named first.

Every case runs the command as a user does, as a process of its own, against real sockets.
"""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.simulator import SimulatorOptions
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.practice import STEPS, Practice, open_practice
from tests.support.processes import run_command
from tests.support.stage import free_ports
from tests.support.strangers import Stranger

pytestmark = pytest.mark.slow


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Practice]:
    """Nothing runs at first."""
    with open_practice(tmp_path) as place:
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
    code = "admin_foreign" if says else "admin_mute"
    assert (told["first"]["step"], told["first"]["code"]) == ("login", code)
    assert told["first"]["message"].isprintable()
    assert ("says nothing" in told["first"]["message"]) is (says == b"")


def test_an_iqconnect_that_hangs_is_to_be_restarted(practice: Practice) -> None:
    """It accepts and says nothing, and is IQConnect all the same."""
    simulator = practice.simulate()
    practice.write()
    for port, code in (("level2", "level2_mute"), ("all", "admin_mute")):
        practice.stage.run(simulator.faults.act("stall", port=port))
        first = practice.examine()["first"]
        assert first["code"] == code
        assert "hangs" in first["message"]
        assert first["fix"].startswith("Restart IQConnect.")


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


def test_lines_are_printed_as_it_goes_and_end_with_what_to_fix(practice: Practice) -> None:
    """People read it from top to bottom; the last two lines are what they do next."""
    practice.write()
    code, text = run_command("doctor", "--config", str(practice.config), "--timeout-s", "2")
    lines = text.splitlines()
    assert code == 1
    count = len(STEPS)
    assert [line.split()[0] for line in lines[:count]] == STEPS
    assert [line.split()[1] for line in lines[:3]] == ["ok", "PROBLEM", "skipped"]
    assert lines[count].startswith("the first thing to fix: iqconnect: 127.0.0.1: admin port")
    assert lines[count + 1].startswith("  what to do: Start IQConnect")
