"""Where the HTTP server may listen."""

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.settings import address_of, is_loopback, load_settings


def test_it_is_on_and_for_this_machine_only_by_default() -> None:
    """Probes should work without a setting, and strangers should not."""
    http = load_settings(None).http
    assert (http.enabled, http.bind, http.allow_remote) == (True, "127.0.0.1:7702", False)


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "127.0.0.9:7702", "localhost:80", "[::1]:7702"])
def test_addresses_of_this_machine_are_taken(bind: str) -> None:
    """All of them are reached from here only."""
    assert load_settings(None, overrides={"http": {"bind": bind}}).http.bind == bind


@pytest.mark.parametrize("bind", ["0.0.0.0:7702", "10.0.0.7:7702", "[::]:7702", "169.254.1.1:7702"])
def test_others_need_a_word(bind: str) -> None:
    """The refusal names both settings: the one that is wrong and the one that allows it."""
    with pytest.raises(ConfigError, match=r"http\.bind would let other machines in") as refused:
        load_settings(None, overrides={"http": {"bind": bind}})
    assert "http.allow_remote" in refused.value.hint
    http = {"bind": bind, "allow_remote": True}
    assert load_settings(None, overrides={"http": http}).http.bind == bind


@pytest.mark.parametrize(
    "bind", ["7702", "127.0.0.1", "tcp://127.0.0.1:7702", "host.example:80", "*:7702", ":7702"]
)
def test_what_is_no_address_is_refused(bind: str) -> None:
    """Names could mean another address tomorrow."""
    with pytest.raises(ConfigError, match=r"http\.bind is no address"):
        load_settings(None, overrides={"http": {"bind": bind}})
    with pytest.raises(ConfigError, match=r"http\.bind is no address"):
        load_settings(None, overrides={"http": {"bind": "127.0.0.1:65536"}})


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"http": {"bind": "127.0.0.1:7700"}}, "data.bind"),
        ({"http": {"bind": "127.0.0.1:7701"}}, "control.bind"),
        ({"http": {"bind": "127.0.0.1:9300"}}, "iqconnect.admin_port"),
        ({"http": {"bind": "127.0.0.1:5009"}}, "iqconnect.level1_port"),
        ({"data": {"bind": "tcp://127.0.0.1:7702"}}, "data.bind"),
    ],
)
def test_a_port_that_is_needed_elsewhere_is_refused(
    values: dict[str, dict[str, str]], name: str
) -> None:
    """Found before anything is started, with the other setting's name."""
    with pytest.raises(ConfigError, match=f"http.bind has the port of {name}"):
        load_settings(None, overrides=values)


def test_without_the_server_its_address_does_not_matter(tmp_path: Path) -> None:
    """Who turns it off need not care."""
    config = tmp_path / "gateway.yaml"
    config.write_text("http: {enabled: false, bind: '0.0.0.0:7700'}\n", encoding="utf-8")
    assert not load_settings(config).http.enabled


def test_addresses_are_taken_apart() -> None:
    """Brackets are spelling, not address."""
    assert address_of("[::1]:80") == ("::1", 80)
    assert address_of("localhost:0") == ("localhost", 0)
    assert [is_loopback(host) for host in ("localhost", "127.1.2.3", "::1", "10.0.0.1", "x")] == [
        *(True, True, True),
        *(False, False),
    ]
