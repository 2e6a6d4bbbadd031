"""The login: from the environment or a file of its own, complete, and never shown."""

from pathlib import Path

import pytest

from gateway.app_options import login_commands
from gateway.errors import ConfigError
from gateway.settings import Credentials, load_credentials, load_settings
from gateway.settings.credentials import environment_of_child

VALUES = {
    "IQFEED_LOGIN": "trader7",
    "IQFEED_PASSWORD": "s3cret-Pa55word",
    "IQFEED_PRODUCT_ID": "MY_PRODUCT",
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials of the developer's own may decide a test."""
    for name in VALUES:
        monkeypatch.delenv(name, raising=False)


def write(path: Path, values: dict[str, str]) -> Path:
    """A file of `NAME=value` lines."""
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    return path


def test_without_credentials_somebody_else_logs_in(tmp_path: Path) -> None:
    """A first run needs none: IQConnect is logged in by hand, or is the simulator."""
    found = load_credentials(tmp_path / ".env")
    assert not found.is_complete
    assert login_commands(load_settings(None), found) == []
    assert not Credentials.none().is_complete


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service manager's secret is newer than a file that was left behind."""
    file = write(tmp_path / ".env", VALUES | {"OTHER": "x"})
    found = load_credentials(file)
    assert found.is_complete
    assert found.login is not None
    assert found.login.get_secret_value() == "trader7"
    monkeypatch.setenv("IQFEED_LOGIN", "other8")
    newer = load_credentials(file).login
    assert newer is not None
    assert newer.get_secret_value() == "other8"


def test_the_login_is_said_in_the_vendors_order(tmp_path: Path) -> None:
    """Registered first, connected last."""
    found = load_credentials(write(tmp_path / ".env", VALUES))
    assert login_commands(load_settings(None), found) == [
        b"S,REGISTER CLIENT APP,MY_PRODUCT,1.0\r\n",
        b"S,SET LOGINID,trader7\r\n",
        b"S,SET PASSWORD,s3cret-Pa55word\r\n",
        b"S,CONNECT\r\n",
    ]


@pytest.mark.parametrize("missing", VALUES)
def test_half_a_login_is_refused(tmp_path: Path, missing: str) -> None:
    """It would look like a wrong password, for which IQConnect has no error."""
    values = {name: value for name, value in VALUES.items() if name != missing}
    with pytest.raises(ConfigError, match=missing) as caught:
        load_credentials(write(tmp_path / ".env", values))
    assert VALUES["IQFEED_PASSWORD"] not in str(caught.value)


@pytest.mark.parametrize("value", ["a,b", "caf\xe9", "", "x" * 129, "a\tb"])
@pytest.mark.parametrize("name", VALUES)
def test_what_cannot_be_sent_is_refused_unquoted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """A comma would be the end of the argument, and the error must not show the rest."""
    for one, usual in VALUES.items():
        monkeypatch.setenv(one, usual)
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_credentials(None)
    texts = [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]
    assert not any(secret in text for secret in VALUES.values() for text in texts)


def test_nothing_shows_a_secret(tmp_path: Path) -> None:
    """Not by accident: in a traceback, a log of all settings, a dump."""
    found = load_credentials(write(tmp_path / ".env", VALUES))
    for text in (repr(found), str(found), found.model_dump_json(), str(found.model_dump())):
        assert VALUES["IQFEED_PASSWORD"] not in text
        assert VALUES["IQFEED_LOGIN"] not in text


def test_a_program_we_start_gets_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may see processes may see their environment."""
    for name, value in VALUES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SOMETHING_ELSE", "kept")
    environment = environment_of_child()
    assert environment["SOMETHING_ELSE"] == "kept"
    assert not set(environment) & {"IQFEED_LOGIN", "IQFEED_PASSWORD"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("iqconnect: {host: a}\nconnection: {host: b}", "different hosts"),
        ("iqconnect: {level1_port: 7}\nconnection: {port: 8}", "differ"),
        ("connection: {retry_backoff_first: 3}", "longer than"),
        ("connection: {level1_connections: 2}", "max_connections allows 2"),
        ("connection: {max_connections: 4, level2_connections: 4}", "max_connections allows 4"),
        ("iqconnect: {admin_port: 5009}", "different ports"),
        ("connection: {port: 9200}", "different ports"),
        ("connection: {timeout_seconds: 0}", "timeout_seconds"),
        ("connection: {login_retry_seconds: 29}", "login_retry_seconds"),
        ("connection: {message_queue_size: 10}", "message_queue_size"),
        ("iqconnect: {password: x}", "password"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, text: str, words: str) -> None:
    """Two settings that say different things: one of them would be silently ignored."""
    file = tmp_path / "gateway.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_settings(file)


def test_the_operations_guides_values_are_accepted(tmp_path: Path) -> None:
    """They were promised; what they cost is said by `validate`."""
    file = tmp_path / "gateway.yaml"
    file.write_text(
        "connection:\n"
        "  {host: localhost, port: 5009, timeout_seconds: 30.0, max_retry_attempts: 5,\n"
        "   retry_backoff_base: 2.0, retry_backoff_max: 300.0, keepalive_interval: 30.0,\n"
        "   message_queue_size: 50000, thread_pool_size: 8, enable_circuit_breaker: true,\n"
        "   max_connections: 5}\n"
    )
    settings = load_settings(file)
    assert (settings.iqconnect_host, settings.level1_port) == ("localhost", 5009)
    assert settings.connection.level1_count == 4
