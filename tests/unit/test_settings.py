"""Settings: file and environment, refused when they cannot mean what they say."""

import os
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.settings import CONFIG_BYTES_MAX, ENV_PREFIX, Settings, load_settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's own may decide a test."""
    for name in list(os.environ):
        if name.upper().startswith(ENV_PREFIX):
            monkeypatch.delenv(name)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration file to be written."""
    return tmp_path / "gateway.yaml"


def test_the_defaults_can_be_used_as_they_are() -> None:
    """A first run needs no file: loopback only, the contract's ports."""
    settings = load_settings(None)
    assert settings.data.bind == "tcp://127.0.0.1:7700"
    assert settings.control.bind == "tcp://127.0.0.1:7701"
    assert settings.iqconnect.level1_port == 5009
    assert settings.is_auto_watch
    assert settings.gateway_id


def test_the_file_wins_over_defaults_and_the_environment_over_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator can change one value of a deployed file without editing it."""
    config.write_text("data:\n  bind: tcp://127.0.0.1:9000\n  watch_linger_s: 5\n")
    assert load_settings(config).data.watch_linger_s == 5
    monkeypatch.setenv("IQGW_DATA__BIND", "tcp://127.0.0.1:9999")
    settings = load_settings(config)
    assert settings.data.bind == "tcp://127.0.0.1:9999"
    assert settings.data.watch_linger_s == 5, "its neighbors still come from the file"


def test_a_whole_section_may_be_json_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orchestrators often can pass one variable only."""
    monkeypatch.setenv("IQGW_DATA", '{"watch_linger_s": 7}')
    assert load_settings(None).data.watch_linger_s == 7


def test_overrides_win_over_the_file_and_keep_the_rest(config: Path) -> None:
    """The demo changes ports and leaves what the user wrote."""
    config.write_text("gateway_id: mine\ndata: {watch_linger_s: 5}\nlog: {level: debug}\n")
    settings = load_settings(
        config, overrides={"data": {"bind": "tcp://127.0.0.1:*"}, "gateway_id": "other"}
    )
    assert settings.gateway_id == "other"
    assert settings.data.bind == "tcp://127.0.0.1:*"
    assert settings.data.watch_linger_s == 5
    assert settings.log.level == "debug"


@pytest.mark.parametrize("is_on", [True, False])
def test_auto_watch_can_be_chosen(is_on: bool) -> None:
    """Where symbols are scarce, only leases may ask for them."""
    assert load_settings(None, overrides={"data": {"auto_watch": is_on}}).is_auto_watch is is_on


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
def test_an_empty_file_means_the_defaults(config: Path, text: str) -> None:
    """A file of comments is how most begin."""
    config.write_text(text)
    assert load_settings(config) == load_settings(None)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("dta: {}", "dta"),
        ("data: {high_watermark: 5}", "data.high_watermark"),
        ("data: {bind: 5}", "data.bind"),
        ("data: 5", "data"),
        ("iqconnect: {level1_port: 0}", "iqconnect.level1_port"),
        ("iqconnect: {level1_port: 65536}", "iqconnect.level1_port"),
        ("iqconnect: {client_name: 'a b'}", "iqconnect.client_name"),
        ("iqconnect: {host: ''}", "iqconnect.host"),
        ("data: {high_water_mark: 0}", "data.high_water_mark"),
        ("data: {watch_linger_s: -1}", "data.watch_linger_s"),
        ("upstream: {retry_base: 0.5}", "upstream.retry_base"),
        ("upstream: {read_bytes_max: soon}", "upstream.read_bytes_max"),
        ("log: {level: loud}", "log.level"),
        ("gateway_id: 'a\\nb'", "gateway_id"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(
    config: Path, text: str, named: str
) -> None:
    """A misspelled limit is no limit: better no start than a start without it."""
    config.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(config)
    assert str(caught.value).startswith((f"{named}: ", f"unknown setting '{named}'"))
    assert str(config) in str(caught.value)


def test_many_mistakes_are_told_at_once_but_not_all(config: Path) -> None:
    """Correcting one by one is tedious; a hundred lines are not read."""
    config.write_text("".join(f"wrong_{n}: 1\n" for n in range(50)))
    with pytest.raises(ConfigError) as caught:
        load_settings(config)
    assert str(caught.value).count("wrong_") == 5


def test_a_wrong_value_is_quoted_within_bounds(config: Path) -> None:
    """A file pasted into a value must not become the error message."""
    config.write_text(f"gateway_id: {'x' * 100_000}")
    with pytest.raises(ConfigError) as caught:
        load_settings(config)
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("name", ["IQGW_DTA__BIND", "IQGW_DATA_BIND", "IQGW_", "IQGW_FOO"])
def test_an_unknown_variable_is_refused_by_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One underscore too few would otherwise be a setting silently ignored."""
    monkeypatch.setenv(name, "tcp://127.0.0.1:9999")
    with pytest.raises(ConfigError) as caught:
        load_settings(None)
    assert repr(name) in str(caught.value)
    assert "DATA" in caught.value.hint


def test_an_unknown_name_inside_a_section_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is checked as deeply as the file."""
    monkeypatch.setenv("IQGW_DATA__BINDD", "x")
    with pytest.raises(ConfigError, match=r"data\.bindd"):
        load_settings(None)


def test_an_unknown_variable_in_lower_case_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """`iqgw_data__bind` is a setting, so `iqgw_dta__bind` must not be silently ignored."""
    monkeypatch.setenv("iqgw_data__bind", "tcp://127.0.0.1:9999")
    assert load_settings(None).data.bind == "tcp://127.0.0.1:9999"
    monkeypatch.setenv("iqgw_dta__bind", "tcp://127.0.0.1:9998")
    with pytest.raises(ConfigError):
        load_settings(None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IQGW_DATA__HIGH_WATER_MARK", "0"),
        ("iqgw_data__high_water_mark", "0"),
        ("IQGW_DATA", '{"high_water_mark": 0}'),
        ("IQGW_DATA__BINDD", "x"),
        ("IQGW_LOG__LEVEL__DEEPER", "x"),
        ("IQGW_GATEWAY_ID", "a b"),
    ],
)
def test_a_wrong_variable_is_not_blamed_on_the_file(
    name: str, value: str, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator who is sent to the wrong place finds nothing wrong there."""
    config.write_text("data: {watch_linger_s: 5, high_water_mark: 7}\nlog: {level: info}\n")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_settings(config)
    assert caught.value.facts == {"source": name}


def test_a_wrong_file_is_not_blamed_on_its_sections_variable(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A section may come from both; each source is named for what it said, and once."""
    config.write_text("data: {watch_linger_s: -1, symbol_count_max: 0}\n")
    monkeypatch.setenv("IQGW_DATA", '{"bind": "tcp://127.0.0.1:9999"}')
    with pytest.raises(ConfigError) as caught:
        load_settings(config)
    assert caught.value.facts == {"source": f"{config}:1"}
    monkeypatch.setenv("IQGW_DATA__WATCH_LINGER_S", "-2")
    with pytest.raises(ConfigError) as caught:
        load_settings(config)
    assert caught.value.facts == {"source": f"IQGW_DATA__WATCH_LINGER_S, {config}:1"}


def test_a_wrong_override_is_blamed_on_the_caller(config: Path) -> None:
    """Neither file nor environment can be corrected when a program passed the value."""
    config.write_text("data: {watch_linger_s: 5}\n")
    for path in (config, None):
        with pytest.raises(ConfigError) as caught:
            load_settings(path, overrides={"data": {"watch_linger_s": -1}})
        assert caught.value.facts == {"source": "overrides"}


def test_other_variables_are_nobodys_business(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the gateway's own prefix is judged."""
    monkeypatch.setenv("IQFEED_LOGIN", "someone")
    assert load_settings(None).gateway_id


def test_a_variable_that_is_no_json_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A section given as text is a mistake with a name, not a traceback."""
    monkeypatch.setenv("IQGW_DATA", "{")
    with pytest.raises(ConfigError, match="data"):
        load_settings(None)


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    """A typing error in --config must not start a gateway with defaults."""
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path / "missing.yaml")
    assert "missing.yaml" in str(caught.value)
    assert "--config" in caught.value.hint


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    """Nothing but a documented error may come out of a wrong path."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(tmp_path)


@pytest.mark.parametrize("content", [b"a: [", b"a: \x07", b"\t- x: {"])
def test_what_is_not_yaml_is_refused(config: Path, content: bytes) -> None:
    """A half-written file is reported as such."""
    config.write_bytes(content)
    with pytest.raises(ConfigError, match="not a YAML file"):
        load_settings(config)


def test_what_is_no_text_is_refused(config: Path) -> None:
    """A database under the wrong name."""
    config.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_settings(config)


@pytest.mark.parametrize("part", ["[", "{a: ", "- "])
def test_nesting_without_an_end_is_refused(config: Path, part: str) -> None:
    """It was a traceback, after seconds of reading ahead."""
    config.write_text(part * 2_000)
    with pytest.raises(ConfigError, match="nested more than 16 levels"):
        load_settings(config)


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text", "5: 6", "!!python/name:os.system x"])
def test_yaml_that_is_no_map_of_settings_is_refused(config: Path, text: str) -> None:
    """Other documents, executable ones among them, are no configuration."""
    config.write_text(text)
    with pytest.raises(ConfigError):
        load_settings(config)


@pytest.mark.slow
def test_a_huge_file_is_not_read(config: Path) -> None:
    """A wrong path to a log of gigabytes must fail at once."""
    config.write_bytes(b"#" * (CONFIG_BYTES_MAX + 1))
    with pytest.raises(ConfigError, match="too large"):
        load_settings(config)
    config.write_bytes(b"#" * CONFIG_BYTES_MAX)
    assert load_settings(config) == load_settings(None)


@pytest.mark.parametrize("section", ["data", "control"])
@pytest.mark.parametrize(
    "bind",
    [
        "tcp://0.0.0.0:7800",
        "tcp://*:7800",
        "tcp://[::]:7800",
        "tcp://192.168.1.5:7800",
        "tcp://10.0.0.1:*",
        "tcp://eth0:7800",
        "tcp://gateway.example:7800",
        "tcp://127.0.0.1.example:7800",
        "tcp://127.0.0.1;10.0.0.1:7800",
    ],
)
def test_an_address_that_others_can_reach_is_refused_naming_both_settings(
    section: str, bind: str
) -> None:
    """DTN's terms and the lack of keys forbid it; there is no override."""
    overrides: dict[str, Any] = {
        section: {"bind": bind},
        "license": {"redistribution_acknowledged": True},
    }
    with pytest.raises(ConfigError) as caught:
        load_settings(None, overrides=overrides)
    assert f"{section}.bind" in str(caught.value)
    assert "security.keys_dir" in caught.value.hint
    assert "license.redistribution_acknowledged" in caught.value.hint


@pytest.mark.parametrize(
    "bind",
    [
        "tcp://127.0.0.1:7800",
        "tcp://127.5.5.5:*",
        "tcp://[::1]:7800",
        "tcp://localhost:7800",
        "ipc:///tmp/gateway.data",
    ],
)
def test_an_address_of_this_machine_is_accepted(bind: str) -> None:
    """Every spelling of the local machine works without keys."""
    assert load_settings(None, overrides={"data": {"bind": bind}}).data.bind == bind


@pytest.mark.parametrize(
    "bind",
    [
        "",
        "127.0.0.1:7700",
        "tcp://",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:",
        "tcp://127.0.0.1:port",
        "tcp://127.0.0.1:123456",
        "tcp://127.0.0.1:7700\n",
        "udp://127.0.0.1:7700",
        "inproc://data",
        "ipc://",
        "tcp://None:7700\x00",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(bind: str) -> None:
    """The message shows how one looks."""
    with pytest.raises(ConfigError, match=r"control\.bind"):
        load_settings(None, overrides={"control": {"bind": bind}})


@pytest.mark.parametrize("port", [65_536, 73_236, 99_999])
def test_a_port_beyond_65535_is_refused(port: int) -> None:
    """The gateway would listen on another port than the one its operator wrote."""
    with pytest.raises(ConfigError):
        load_settings(None, overrides={"data": {"bind": f"tcp://127.0.0.1:{port}"}})


def test_both_sockets_cannot_have_one_address() -> None:
    """The second bind would fail later with a text that blames another gateway."""
    with pytest.raises(ConfigError, match="the same"):
        load_settings(None, overrides={"control": {"bind": "tcp://127.0.0.1:7700"}})
    both = {"bind": "tcp://127.0.0.1:*"}
    settings = load_settings(None, overrides={"data": both, "control": both})
    assert settings.data.bind == settings.control.bind


@pytest.mark.parametrize("port", ["0", "00", "*"])
def test_both_sockets_may_ask_for_any_port_by_zero(port: str) -> None:
    """Port 0 is the usual spelling of a free port, and two of them are not one address."""
    both = {"bind": f"tcp://127.0.0.1:{port}"}
    settings = load_settings(None, overrides={"data": both, "control": both})
    assert settings.data.bind == settings.control.bind


@pytest.mark.parametrize("bind", ["ipc:///tmp/gateway:0", "ipc:///tmp/gateway:*"])
def test_a_path_that_ends_like_any_port_is_still_one_address(bind: str) -> None:
    """Two sockets cannot share a file, whatever it is called."""
    with pytest.raises(ConfigError, match="the same"):
        load_settings(None, overrides={"data": {"bind": bind}, "control": {"bind": bind}})


def test_the_last_port_can_be_bound() -> None:
    """A limit is usable to the last port."""
    bind = "tcp://127.0.0.1:65535"
    assert load_settings(None, overrides={"data": {"bind": bind}}).data.bind == bind


def test_settings_cannot_be_changed_afterwards() -> None:
    """What was checked is what runs."""
    settings = Settings()
    with pytest.raises(ValueError, match="frozen"):
        setattr(settings, "gateway_id", "other")  # noqa: B010 - mypy forbids it as it should
    with pytest.raises(ValueError, match="frozen"):
        setattr(settings.data, "bind", "tcp://0.0.0.0:1")  # noqa: B010


@pytest.mark.parametrize(
    ("node", "gateway_id"), [("host.example", "host.example"), ("a b/\xe4", "a-b--"), ("", "gw")]
)
def test_a_gateway_is_named_after_its_host(
    node: str, gateway_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the host is called, the name fits heartbeats and logs."""
    monkeypatch.setattr("platform.node", lambda: node)
    assert load_settings(None).gateway_id == gateway_id
