"""Settings of a relay: options, environment and file, refused as the gateway's are."""

import os
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.settings import ENV_PREFIX, load_relay_settings, load_settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's own may decide a test."""
    for name in list(os.environ):
        if name.upper().startswith(ENV_PREFIX):
            monkeypatch.delenv(name)


def test_the_defaults_stand_before_a_gateway_of_defaults() -> None:
    """`iqfeed-gateway relay` beside `iqfeed-gateway run` works without a word more."""
    relay = load_relay_settings(None, options={}).relay
    gateway = load_settings(None)
    assert (relay.data, relay.control) == (gateway.data.bind, gateway.control.bind)
    assert (relay.bind_data, relay.bind_control) == ("tcp://127.0.0.1:7710", "tcp://127.0.0.1:7711")
    assert relay.name == f"relay@{gateway.gateway_id}"[:64]


def test_options_win_over_the_environment_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is typed is meant."""
    config = tmp_path / "gateway.yaml"
    config.write_text(
        "gateway_id: gw\n"
        "relay: {name: from-file, bind_data: 'tcp://127.0.0.1:7810', data: 'ipc:///tmp/gw'}\n"
    )
    monkeypatch.setenv("IQGW_RELAY__NAME", "from-environment")
    monkeypatch.setenv("IQGW_RELAY__BIND_DATA", "tcp://127.0.0.1:7811")
    options = {"bind_data": "tcp://127.0.0.1:*", "name": None}
    relay = load_relay_settings(config, options=options).relay
    assert relay.name == "from-environment"
    assert relay.bind_data == "tcp://127.0.0.1:*"
    assert relay.data == "ipc:///tmp/gw"
    assert load_settings(config).relay.bind_data == "tcp://127.0.0.1:7811", "a gateway lets it be"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bind_data": "tcp://*:7710"}, "relay.bind_data would let other machines in"),
        ({"bind_control": "tcp://[::]:7711"}, "relay.bind_control would let other machines in"),
        ({"data": "tcp://10.0.0.1:7700"}, "relay.data is on another machine"),
        ({"control": "tcp://gw.example.com:7701"}, "relay.control is on another machine"),
        ({"data": "udp://127.0.0.1:7700"}, "relay.data is no address"),
        ({"data": "tcp://127.0.0.1:0"}, "relay.data has no port"),
        ({"bind_data": "tcp://127.0.0.1:99999"}, "relay.bind_data has a port that does not exist"),
        ({"bind_data": "tcp://127.0.0.1:7711"}, "two of the relay's addresses are the same"),
        ({"bind_control": "tcp://127.0.0.1:7701"}, "two of the relay's addresses are the same"),
        ({"name": "a b"}, "relay.name"),
    ],
)
def test_what_cannot_be_used_is_refused(options: dict[str, str], message: str) -> None:
    """With the setting's name, before anything is opened."""
    with pytest.raises(ConfigError, match=message) as refused:
        load_relay_settings(None, options=options)
    assert refused.value.hint


def test_both_ends_without_a_fixed_port_are_no_clash() -> None:
    """For tests and containers."""
    any_port = "tcp://127.0.0.1:*"
    options = {"bind_data": any_port, "bind_control": any_port}
    relay = load_relay_settings(None, options=options).relay
    assert relay.bind_data == relay.bind_control == any_port
