"""Settings of logs and alerts: what is refused, by which name, and that no secret is repeated."""

from pathlib import Path

import pytest

from gateway.app_alerts import known_secrets
from gateway.errors import ConfigError
from gateway.settings import Credentials, load_settings
from gateway.settings.alerts import problem_of_url
from gateway.settings.credentials import environment_of_child
from tests.support.refusals import refusal

SECRET = "s3cret-hook-T0K3N"  # noqa: S105 - made up


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/hook",
        "https://hooks.example.com/services/T000/B000/abc?a=b",
        "http://[::1]:80/",
        "https://example.com",
    ],
)
def test_an_ordinary_address_can_be_used(url: str) -> None:
    """Chat services, pagers, a program on this machine."""
    assert problem_of_url(url) == ""


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.com/", "only http"),
        ("file:///etc/passwd", "only http"),
        ("gopher://x", "only http"),
        ("javascript:alert(1)", "only http"),
        ("//example.com/", "only http"),
        ("", "only http"),
        ("http://", "no host"),
        ("http://example.com:0/", "no host"),
        ("http://example.com:99999/", "no number up to"),
        ("http://[::1/", "no number up to"),
        ("http://me:pw@example.com/", "IQGW_ALERTS__WEBHOOK_TOKEN"),
        ("http://@example.com/", "IQGW_ALERTS__WEBHOOK_TOKEN"),
        ("http://example.com/#part", "fragment"),
        ("http://example.com/a b", "printable"),
        ("http://example.com/\r\nX: y", "printable"),
        ("http://exämple.com/", "printable"),
        ("http://example.com/" + "x" * 3_000, "at most"),
    ],
)
def test_another_address_is_refused_at_the_start(tmp_path: Path, url: str, said: str) -> None:
    """Found out when it is written, not when something is wrong at night."""
    assert said in problem_of_url(url)
    with pytest.raises(ConfigError) as caught:
        load_settings(None, overrides={"alerts": {"webhook_url": url}})
    assert str(caught.value).startswith("alerts.webhook_url: ")
    assert not url or f"'{url}'" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("alerts: {level_min: loud}", "alerts.level_min"),
        ("alerts: {webhook_timeout_seconds: 0}", "alerts.webhook_timeout_seconds"),
        ("alerts: {command: notify --now}", "alerts.command"),
        ("alerts: {command: ['']}", "alerts.command.0"),
        ("alerts: {command_timeout_seconds: 1000}", "alerts.command_timeout_seconds"),
        ("log: {format: xml}", "log.format"),
        ("log: {file_mb_max: 0}", "log.file_mb_max"),
        ("log: {files_max: 0}", "log.files_max"),
        ("log: {repeats_per_minute_max: -1}", "log.repeats_per_minute_max"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(
    tmp_path: Path, text: str, named: str
) -> None:
    """Better no start than a start without it."""
    assert str(refusal(tmp_path, text)).startswith(f"{named}: ")


@pytest.mark.parametrize(
    "text",
    [
        f"alerts: {{webhook_token: {SECRET}}}",
        f"alerts: {{webhook_url: 'ftp://x/{SECRET}'}}",
        f"alerts: {{command: 'notify {SECRET}'}}",
        f"alerts: {{webhook_tokn: {SECRET}}}",
    ],
)
def test_no_refusal_repeats_a_secret(tmp_path: Path, text: str) -> None:
    """The error ends up in logs and tickets."""
    error = refusal(tmp_path, text)
    assert SECRET not in f"{error} {error!r} {error.hint}"


def test_a_token_belongs_into_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Configuration files are copied and mailed around."""
    error = refusal(tmp_path, f"alerts: {{webhook_token: {SECRET}}}")
    assert "IQGW_ALERTS__WEBHOOK_TOKEN" in error.hint
    monkeypatch.setenv("IQGW_ALERTS__WEBHOOK_TOKEN", SECRET)
    settings = load_settings(None)
    assert settings.alerts.webhook_token is not None
    assert settings.alerts.webhook_token.get_secret_value() == SECRET
    assert SECRET not in repr(settings)
    monkeypatch.setenv("iqgw_alerts__webhook_url", f"http://x/{SECRET}")
    monkeypatch.setenv("IQGW_OTHER__API_KEY", SECRET)
    assert SECRET not in repr(environment_of_child()), "no program of ours inherits it"
    assert known_secrets(settings, Credentials.none()).mask(f"<{SECRET}>") == "<***>"


@pytest.mark.parametrize("token", ["a b", "a\nb", "ä", "", "x" * 2_000])
def test_a_token_that_no_header_can_carry_is_refused(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """A line end in it would be a header of its own."""
    monkeypatch.setenv("IQGW_ALERTS__WEBHOOK_TOKEN", token)
    with pytest.raises(ConfigError, match=r"alerts\.webhook_token: write printable") as caught:
        load_settings(None)
    assert "IQFEED_LOGIN" not in caught.value.hint


def test_everything_secret_is_known_to_the_log() -> None:
    """Login, password, product, and the address of a chat's webhook, whole or its path."""
    path = f"services/T000/B000/{SECRET}"
    settings = load_settings(None, overrides={"alerts": {"webhook_url": f"https://a.b/{path}"}})
    credentials = Credentials(login="123456", password="hunter22", product_id="MY_PROD")  # noqa: S106
    secrets = known_secrets(settings, credentials)
    for text in ("123456", "hunter22", "MY_PROD", f"https://a.b/{path}", path):
        assert secrets.mask(f"<{text}>") == "<***>"
    assert SECRET not in repr(settings)
    plain = load_settings(None, overrides={"alerts": {"webhook_url": "http://127.0.0.1/alerts"}})
    assert known_secrets(plain, Credentials.none()).mask("all alerts") == "all alerts"


def test_what_a_told_program_inherits_does_not_stop_it_from_starting_us(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Such a program may well call `iqfeed-gateway`; a misspelled setting is still refused."""
    for name in ("CODE", "EVENT", "ID", "LEVEL"):
        monkeypatch.setenv(f"IQGW_ALERT_{name}", "x")
    load_settings(None)
    monkeypatch.setenv("IQGW_ALERT__WEBHOOK_URL", "http://x/")
    with pytest.raises(ConfigError, match="unknown setting"):
        load_settings(None)
