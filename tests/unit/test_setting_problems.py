"""What is said of settings that cannot be used: what to write instead, and never a secret."""

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.settings import load_settings
from tests.support.refusals import refusal

SECRET = "hunter2"  # noqa: S105 - made up


@pytest.mark.parametrize(
    "text",
    [
        f"iqconnect: {{password: {SECRET}}}",
        f"password: {SECRET}",
        f"credentials: {{login: me, password: {SECRET}}}",
        f"iqfeed_pasword: {SECRET}",
        f"security: {{login: [{SECRET}]}}",
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(tmp_path: Path, text: str) -> None:
    """The error ends up in logs and tickets; it says where secrets go."""
    error = refusal(tmp_path, text)
    assert SECRET not in f"{error} {error!r} {error.hint}"
    assert "IQFEED_PASSWORD" in error.hint


def test_a_secret_in_the_environment_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway's own variables are no place for it either."""
    monkeypatch.setenv("IQGW_IQCONNECT__PASSWORD", SECRET)
    with pytest.raises(ConfigError) as caught:
        load_settings(None)
    assert SECRET not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (f'"iqconnect -password {SECRET}"', "write a list"),
        (f'[iqconnect.exe, "-password", {SECRET}]', "argument 2 gives a password"),
        (f'[iqconnect.exe, "/PASSWORD={SECRET}"]', "argument 2 gives a password"),
        ('[iqconnect.exe, "{produkt}"]', "argument 2 has '{produkt}'"),
    ],
)
def test_a_command_takes_no_password(tmp_path: Path, command: str, said: str) -> None:
    """Every user of the machine sees the arguments of its programs."""
    error = refusal(tmp_path, f"iqconnect: {{command: {command}}}")
    assert said in str(error)
    assert SECRET not in f"{error} {error!r}"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("conection: {timeout_seconds: 2}", "connection"),
        ("connection: {timeout_second: 2}", "connection.timeout_seconds"),
        ("connection: {port_number: {a: 1}}", ""),
        ("data: {bindd: 'tcp://127.0.0.1:1'}", "data.bind"),
    ],
)
def test_the_setting_that_may_be_meant_is_named(tmp_path: Path, text: str, meant: str) -> None:
    """A letter too few is the usual mistake."""
    told = str(refusal(tmp_path, text))
    assert told.startswith("unknown setting ")
    assert (f"did you mean {meant}?" in told) is bool(meant)


def test_a_setting_that_is_written_twice_is_refused(tmp_path: Path) -> None:
    """YAML would take the last one, and the first one's ports would be forgotten."""
    error = refusal(tmp_path, "log: {level: debug}\ndata: {}\nlog: {format: json}\n")
    assert "log is written twice" in str(error)
    assert "line=3" in str(error)


def test_what_is_no_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    """An editor goes to a line, not to a paragraph."""
    assert "line=3" in str(refusal(tmp_path, "log:\n  level: [debug\n"))


def test_two_ports_that_are_one_are_named_both(tmp_path: Path) -> None:
    """Somebody who reads it must not have to look the defaults up."""
    told = str(refusal(tmp_path, "iqconnect: {level1_port: 9300}"))
    assert told.startswith("iqconnect.level1_port and iqconnect.admin_port are both 9300")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("data: {bind: 'tcp://127.0.0.1:5009'}", "data.bind has a port of IQConnect, iqconnect.l"),
        ("control: {bind: 'tcp://127.0.0.1:9300'}", "control.bind has a port of IQConnect, iqcon"),
        ("{connection: {port: 7700}}", "data.bind has a port of IQConnect, connection.port"),
    ],
)
def test_iqconnects_own_ports_are_not_bound(tmp_path: Path, text: str, named: str) -> None:
    """Who starts first would take it, and the other would look broken."""
    assert str(refusal(tmp_path, text)).startswith(named)


def test_ports_of_an_iqconnect_elsewhere_are_free(tmp_path: Path) -> None:
    """Another machine's ports do not matter here."""
    config = tmp_path / "gateway.yaml"
    config.write_text("iqconnect: {host: 10.0.0.7}\ndata: {bind: 'tcp://127.0.0.1:5009'}\n")
    assert load_settings(config).data.bind.endswith(":5009")
