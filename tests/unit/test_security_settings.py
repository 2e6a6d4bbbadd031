"""Keys open addresses to other machines, with consent; what goes with them is checked."""

from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.settings import load_settings

WITH_KEYS: dict[str, Any] = {
    "security": {"keys_dir": "/etc/gateway/keys"},
    "license": {"redistribution_acknowledged": True},
}


@pytest.mark.parametrize("section", ["data", "control"])
@pytest.mark.parametrize("bind", ["tcp://0.0.0.0:7800", "tcp://[::]:7800", "tcp://10.0.0.1:*"])
def test_keys_and_consent_together_open_an_address(section: str, bind: str) -> None:
    """Each alone does not: who reaches it must be known, and DTN must have agreed."""
    settings = load_settings(None, overrides=WITH_KEYS | {section: {"bind": bind}})
    assert getattr(settings, section).bind == bind
    for missing in WITH_KEYS:
        rest = {name: value for name, value in WITH_KEYS.items() if name != missing}
        with pytest.raises(ConfigError, match="other machines") as caught:
            load_settings(None, overrides=rest | {section: {"bind": bind}})
        assert "security.keys_dir" in caught.value.hint
        assert "license.redistribution_acknowledged" in caught.value.hint


@pytest.mark.parametrize(
    "bind", ["tcp://eth0:7800", "tcp://*:7800", "tcp://gateway.example:7800", "tcp://1.2.3:7800"]
)
def test_an_address_for_others_is_written_as_a_number(bind: str) -> None:
    """A name may come to mean another address."""
    with pytest.raises(ConfigError, match="no numeric address"):
        load_settings(None, overrides=WITH_KEYS | {"data": {"bind": bind}})


def test_with_keys_subscriptions_ask_iqfeed_for_nothing_unless_told_to() -> None:
    """Otherwise any client could use up the account's symbols."""
    assert load_settings(None).is_auto_watch
    assert not load_settings(None, overrides=WITH_KEYS).is_auto_watch
    told = WITH_KEYS | {"data": {"auto_watch": True}}
    assert load_settings(None, overrides=told).is_auto_watch


def rotating(**binds: str) -> dict[str, Any]:
    """Settings with a second pair of addresses."""
    pair = {"data_bind": "tcp://127.0.0.1:7800", "control_bind": "tcp://127.0.0.1:7801"} | binds
    return {"security": {"keys_dir": "keys", "rotation": pair}}


def test_the_next_keys_addresses_are_checked_as_all_others() -> None:
    """They are doors as well."""
    assert load_settings(None, overrides=rotating()).security.rotation is not None
    with pytest.raises(ConfigError, match=r"rotation\.data_bind would let other machines"):
        load_settings(None, overrides=rotating(data_bind="tcp://0.0.0.0:7800"))
    with pytest.raises(ConfigError, match=r"control\.bind and security.* are the same"):
        load_settings(None, overrides=rotating(data_bind="tcp://127.0.0.1:7701"))
    without = rotating()
    del without["security"]["keys_dir"]
    with pytest.raises(ConfigError, match=r"without security\.keys_dir"):
        load_settings(None, overrides=without)


def test_a_clients_keys_in_the_environment_are_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway may be started from a shell that asks another one."""
    monkeypatch.setenv("IQGW_CLIENT_KEYS", "alice.key")
    assert load_settings(None).security.keys_dir is None


def test_how_the_package_was_built_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever builds and starts in one shell must not be refused."""
    monkeypatch.setenv("IQGW_BUILD_COMPILED", "required")
    assert load_settings(None).pipeline == "auto"
