"""`validate`: what a configuration comes to, its warnings, and exit 78 for what cannot be used."""

import socket
import sys
from pathlib import Path

import pytest
import zmq

from gateway import cli
from gateway.cli import EXIT_CONFIG
from gateway.commands.validate import warnings_of
from gateway.settings import Credentials, load_settings
from tests.support.stage import free_ports

GUIDE = """
connection:
  timeout_seconds: 30
  max_retry_attempts: 5
  retry_backoff_base: 2.0
  retry_backoff_max: 300
  keepalive_interval: 30
  message_queue_size: 50000
  thread_pool_size: 8
  max_connections: 5
"""
"""The values of the operations guide, verbatim."""

ANY_PORT = {
    "IQGW_DATA__BIND": "tcp://127.0.0.1:*",
    "IQGW_CONTROL__BIND": "tcp://127.0.0.1:*",
    "IQGW_HTTP__BIND": "127.0.0.1:0",
}


def run(
    monkeypatch: pytest.MonkeyPatch, folder: Path, text: str | None, *arguments: str
) -> int | str | None:
    """Run the command as a user does, in a folder without a `.env`; its exit code."""
    monkeypatch.chdir(folder)
    for name in ("IQFEED_LOGIN", "IQFEED_PASSWORD", "IQFEED_PRODUCT_ID"):
        monkeypatch.delenv(name, raising=False)
    # Whatever runs on this machine's usual ports is not what is tested.
    if "bind" not in (text or ""):
        for name, bind in ANY_PORT.items():
            monkeypatch.setenv(name, bind)
    options = list(arguments)
    if text is not None:
        (folder / "gateway.yaml").write_text(text, encoding="utf-8")
        options += ["--config", "gateway.yaml"]
    monkeypatch.setattr(sys, "argv", ["iqfeed-gateway", "validate", *options])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def test_the_operations_guides_values_are_accepted_and_warned_about(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They were chosen for another design: they work, and they cost recovery time."""
    assert run(monkeypatch, tmp_path, GUIDE) == 0
    printed = capsys.readouterr()
    assert "Level 1 5009 (4 of 5 connections), Level 2 9200 (1), admin 9300" in printed.out
    assert "50000 lines held" in printed.out
    assert "8 threads" in printed.out
    assert "warning: connection.timeout_seconds 30: prices may stay away" in printed.err
    assert "warning: connection.retry_backoff_max 300: prices may stay away" in printed.err


def test_defaults_are_fine_but_for_what_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody who has written nothing yet must be able to begin with it."""
    assert run(monkeypatch, tmp_path, None) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("configuration   no file, then the environment; it can be used")
    assert printed.out.endswith("1 warning\n")
    assert printed.err.startswith("warning: state_dir is not set")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("connection: {timeout_seconds: -1}", "connection.timeout_seconds"),
        ("conection: {}", "conection"),
        ("data: {bind: 'tcp://0.0.0.0:7700'}", "data.bind"),
        ("[1, 2", "not a YAML file"),
        ("iqconnect: {command: [iqlink, '-product={product_id}']}", "product id"),
    ],
)
def test_what_cannot_be_used_is_refused_with_78(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    named: str,
) -> None:
    """A deployment script stops there, and reads why and what to do."""
    assert run(monkeypatch, tmp_path, text) == EXIT_CONFIG
    printed = capsys.readouterr()
    assert named in printed.err
    assert "what to do:" in printed.err
    assert printed.out == ""


def test_a_configuration_without_breakers_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not there must not be shown with its numbers."""
    assert run(monkeypatch, tmp_path, "connection: {enable_circuit_breaker: false}") == 0
    assert "no circuit breaker" in capsys.readouterr().out


def test_a_state_dir_that_is_a_file_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Found out now, not when the first lease is lost."""
    (tmp_path / "state").write_text("", encoding="utf-8")
    assert run(monkeypatch, tmp_path, "state_dir: state") == EXIT_CONFIG


def test_nothing_is_made_and_no_secret_is_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A look at a configuration must be safe on any machine, and its output in any ticket."""
    (tmp_path / ".env").write_text(
        "IQFEED_LOGIN=123456\nIQFEED_PASSWORD=sesame\nIQFEED_PRODUCT_ID=MY_PRODUCT\n",
        encoding="utf-8",
    )
    assert run(monkeypatch, tmp_path, "state_dir: state/deep") == 0
    printed = capsys.readouterr()
    assert not (tmp_path / "state").exists()
    assert "logged in by    this gateway" in printed.out
    assert "does not exist yet" in printed.err
    for secret in ("123456", "sesame"):
        assert secret not in printed.out + printed.err


def test_what_is_probably_not_meant_is_warned_about(tmp_path: Path) -> None:
    """Usable is not the same as wise."""
    overrides = {
        "state_dir": str(tmp_path),
        "security": {"allow_local_admin": True},
        "iqconnect": {"command": ["/no/such/iqconnect"]},
        "connection": {"enable_circuit_breaker": False},
    }
    settings = load_settings(None, overrides=overrides)
    warnings = list(warnings_of(settings, Credentials.none()))
    assert len(warnings) == 3
    assert "no program that can be found" in warnings[0]
    assert "IQFEED_LOGIN" in warnings[1]
    assert "allow_local_admin" in warnings[2]


def binds(data: int, control: int, http: int) -> str:
    """A configuration with these ports."""
    return (
        f"data: {{bind: 'tcp://127.0.0.1:{data}'}}\n"
        f"control: {{bind: 'tcp://127.0.0.1:{control}'}}\n"
        f"http: {{bind: '127.0.0.1:{http}'}}\n"
    )


@pytest.mark.parametrize(
    ("place", "setting"), [(0, "data.bind"), (1, "control.bind"), (2, "http.bind")]
)
def test_a_port_that_a_stranger_has_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    place: int,
    setting: str,
) -> None:
    """`run` would end right after its start, in the evening perhaps."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        ports = free_ports(3)
        ports[place] = stranger.getsockname()[1]
        assert run(monkeypatch, tmp_path, binds(*ports)) == EXIT_CONFIG
        assert f"{setting} cannot be bound" in capsys.readouterr().err
    assert run(monkeypatch, tmp_path, binds(*ports)) == 0


def test_ports_of_a_gateway_that_runs_are_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A changed configuration is checked while the old one is in use."""
    with (
        zmq.Context() as context,
        context.socket(zmq.XPUB) as data,
        context.socket(zmq.ROUTER) as control,
    ):
        ports = [peer.bind_to_random_port("tcp://127.0.0.1") for peer in (data, control)]
        assert run(monkeypatch, tmp_path, binds(*ports, *free_ports(1))) == 0
    assert f"a gateway runs at tcp://127.0.0.1:{ports[0]}" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")
def test_a_log_directory_in_which_nothing_can_be_made_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Permissions alone do not tell: the superuser may write there, and cannot."""
    assert run(monkeypatch, tmp_path, "log: {directory: /proc/nope}") == EXIT_CONFIG
    assert "log.directory cannot be written" in capsys.readouterr().err
    assert run(monkeypatch, tmp_path, "log: {directory: logs}") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["gateway.yaml"]


def test_a_program_that_cannot_be_told_of_alerts_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pager that never rings is found out now; a web address may only be away for a moment."""
    (tmp_path / "page-me").write_text("#!/bin/sh", encoding="utf-8")
    text = f"alerts: {{command: ['{tmp_path}/page-me']}}"
    assert run(monkeypatch, tmp_path, text) == EXIT_CONFIG
    assert "is not executable" in capsys.readouterr().err
    assert run(monkeypatch, tmp_path, "alerts: {command: [no-such-pager]}") == EXIT_CONFIG
    assert "is no program that can be found here" in capsys.readouterr().err
    url = f"http://127.0.0.1:{free_ports(1)[0]}/secret-of-the-hook"
    assert run(monkeypatch, tmp_path, f"alerts: {{webhook_url: '{url}'}}") == 0
    printed = capsys.readouterr()
    assert "cannot be reached (connection refused)" in printed.err
    assert "secret-of-the-hook" not in printed.err + printed.out


def test_a_host_without_an_address_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The gateway would start and go on looking: a boot may be too early for name servers."""
    assert run(monkeypatch, tmp_path, "iqconnect: {host: no-such-host.invalid}") == 0
    assert "warning: iqconnect.host no-such-host.invalid has no address" in capsys.readouterr().err


def test_what_no_host_can_be_called_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Waiting would not help."""
    assert run(monkeypatch, tmp_path, "iqconnect: {host: iq..connect}") == EXIT_CONFIG
    assert "iqconnect.host is no name of a host" in capsys.readouterr().err
