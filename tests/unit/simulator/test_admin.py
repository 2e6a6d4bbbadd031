"""Admin commands and their exact answers."""

import re

import pytest

from gateway.simulator.admin import masked
from tests.unit.simulator.bench_desk import Bench


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("S,SET PROTOCOL,6.0", b"S,CURRENT PROTOCOL,6.0,\r\n"),
        ("S,SET PROTOCOL,9.9", b"E,9.9 is not a valid protocol.,\r\n"),
        ("S,REGISTER CLIENT APP,X,1.0", b"S,REGISTER CLIENT APP COMPLETED,\r\n"),
        ("S,REMOVE CLIENT APP,X,1.0", b"S,REMOVE CLIENT APP COMPLETED,\r\n"),
        ("S,SET LOGINID,3244", b"S,CURRENT LOGINID,3244,\r\n"),
        ("S,SET PASSWORD,3abcdef2", b"S,CURRENT PASSWORD,(3*****2),\r\n"),
        ("S,SET AUTOCONNECT,On", b"S,AUTOCONNECT ON,\r\n"),
        ("S,SET AUTOCONNECT,Off", b"S,AUTOCONNECT OFF,\r\n"),
        ("S,SET SAVE LOGIN INFO,On", b"S,LOGIN INFO SAVED,\r\n"),
        ("S,SET SAVE LOGIN INFO,Off", b"S,LOGIN INFO NOT SAVED,\r\n"),
        ("S,SET CLIENT NAME,gateway", b""),
        ("S,CLIENTSTATS ON", b""),
        ("S,TEST", b"E,!SYNTAX_ERROR!,\r\n"),
        ("wAAPL", b"E,!SYNTAX_ERROR!,\r\n"),
    ],
)
def test_a_command_gets_exactly_this_answer(command: str, answer: bytes) -> None:
    """Every admin reply ends with a comma, other than Level 1's."""
    peer = Bench().admin()
    peer.take()
    peer.connection.data_received(command.encode() + b"\r\n")
    assert peer.take() == answer


def test_statistics_have_the_live_lines_form() -> None:
    """Six captured lines fix number, order and spelling of the fields."""
    bench = Bench()
    bench.level1().ask("wAAPL")
    (line,) = bench.admin().lines()
    assert re.fullmatch(
        r"S,STATS,192\.0\.2\.10,60003,500,1,2,0,0,0,Sep 16 10:00AM,Sep 16 10:00AM,Connected,"
        r"6\.2\.0\.25,DEMO(,\d+\.\d\d){6},",
        line,
    )


def test_statistics_tell_that_the_link_is_down() -> None:
    """`Not Connected` contains `Connected`: clients must compare the whole field."""
    bench = Bench(is_connected_at_start=False)
    fields = bench.admin().lines()[0].split(",")
    assert len(fields) == 22
    assert fields[2:5] == ["", "", "0"]
    assert fields[10:13] == ["", "", "Not Connected"]


def test_connecting_by_command_shows_in_the_statistics() -> None:
    """The start-up recipe of clients polls for it."""
    bench = Bench(is_connected_at_start=False)
    admin = bench.admin()
    admin.ask("S,CONNECT")
    assert ",Connected," in bench.simulator.stats_line()
    admin.ask("S,DISCONNECT")
    assert ",Not Connected," in bench.simulator.stats_line()


def test_the_login_shown_is_the_one_set() -> None:
    """A client checks that its login took effect."""
    bench = Bench()
    bench.admin().ask("S,SET LOGINID,424242")
    assert bench.simulator.stats_line().split(",")[14] == "424242"


def test_a_password_shows_only_its_ends() -> None:
    """Nothing of the simulator keeps or repeats a password."""
    assert masked("secret") == "(s*****t)"
    assert masked("") == "(*****)"
