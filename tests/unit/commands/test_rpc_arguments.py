"""What `rpc` is told: names are checked before anything is sent."""

import sys

import pytest

from gateway import cli
from gateway.commands.rpc_arguments import check_names, method_lines, parse_params
from gateway.model.methods import METHODS
from tests.support.stage import free_ports


@pytest.mark.parametrize(
    ("method", "params", "told"),
    [
        ("subscribe", ["client=me", "symbols=AAPL", "lease=300"], "did you mean lease_s?"),
        ("symbols", ["stat=stale"], "did you mean state?"),
        ("errors", ["limt=20"], "did you mean limit?"),
        ("health", ["limit=20"], "it takes none"),
        ("helth", [], "did you mean health?"),
        ("no-such-thing", [], "there is no method 'no-such-thing'\n"),
    ],
)
def test_a_misspelled_name_is_refused(method: str, params: list[str], told: str) -> None:
    """The gateway ignores what it does not know: the lease would have lived 60 s, not 300."""
    with pytest.raises(ValueError, match="what to do") as refused:
        check_names(method, parse_params(params))
    assert told in str(refused.value)


def test_every_parameter_of_every_method_is_known() -> None:
    """What the contract has is never refused here."""
    for method, spec in METHODS.items():
        check_names(method, dict.fromkeys(spec.params.model_fields))


def test_the_list_has_a_line_for_each_method_that_is_answered() -> None:
    """Name, role, what it does."""
    lines = {line.split()[0]: line for line in method_lines()}
    assert set(lines) == {name for name, spec in METHODS.items() if spec.is_available}
    assert lines["errors"].split(maxsplit=2)[1:] == [
        "monitor",
        "The history of errors, newest first.",
    ]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    """Run the command line; its exit code."""
    monkeypatch.setattr(sys, "argv", ["iqfeed-gateway", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def test_the_command_refuses_and_lists(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """2 as for every other mistake in arguments; a list needs no gateway."""
    assert run(monkeypatch, "rpc", "symbols", "stat=stale") == 2
    assert "did you mean state?" in capsys.readouterr().err
    assert run(monkeypatch, "rpc", "--list") == 0
    assert capsys.readouterr().out.splitlines() == method_lines()


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (["rpc", "health"], "--control"),
        (["why", "AAPL"], "--control"),
        (["top", "--once"], "--control"),
        (["tail", "quote", "AAPL"], "--control"),
        (["tail", "quote", "AAPL"], "--data"),
        (["doctor"], "--control"),
        (["doctor"], "--data"),
    ],
)
def test_an_address_without_its_scheme_is_corrected(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    option: str,
) -> None:
    """ZeroMQ says no more than that its argument is invalid."""
    assert run(monkeypatch, *command, option, "127.0.0.1:7701") == 2
    printed = capsys.readouterr().err
    assert option in printed
    assert "write tcp://127.0.0.1:7701" in printed


@pytest.mark.parametrize(
    "command", [["rpc", "health"], ["why", "AAPL"], ["top", "--once"], ["tail", "quote", "AAPL"]]
)
def test_a_port_that_refuses_is_answered_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """Nothing is sent and nothing awaited: a request that is made fails the test."""
    for place in ("gateway.commands.rpc._exchange", "gateway.commands.tail.GatewayClient"):
        monkeypatch.setattr(place, pytest.fail)
    endpoint = f"tcp://127.0.0.1:{free_ports(1)[0]}"
    assert run(monkeypatch, *command, "--control", endpoint) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(f"no gateway listens at {endpoint}: connection refused\n")
    for name in ("run", "demo", "doctor"):
        assert f"`iqfeed-gateway {name}`" in printed
