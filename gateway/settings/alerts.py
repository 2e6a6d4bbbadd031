"""Where alerts are brought beside `sys,alert,` and the log."""

from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from gateway.settings.section import PORT_MAX, Section

URL_CHARACTERS_MAX: Final = 2_048
TOKEN_CHARACTERS_MAX: Final = 1_024
Argument = Annotated[str, Field(min_length=1, max_length=4_096, pattern=r"^[^\x00]*$")]
Level = Literal["warning", "critical"]


class AlertSettings(Section):
    """Who else is told of alerts: a web address, a program."""

    level_min: Level = "warning"
    """The lowest level that is told. An alert that was told is told to its end, whatever its level
    is by then."""
    consequences: bool = False
    """Whether alerts that only follow from another one, as an open breaker does from an IQConnect
    that is gone, are brought as well. `sys,alert,`, `alerts` and the log have them in any case."""
    webhook_url: SecretStr | None = None
    """`http://` or `https://`: each alert is sent there by POST, as JSON. Such addresses
    often are secrets, so it is never shown. Redirects are not followed."""
    webhook_level_min: Level | None = None
    """Another lowest level for the web address alone."""
    webhook_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Longest time for one attempt, from name to answer; there are three, and more for ten minutes
    while nobody is reached."""
    webhook_token: SecretStr | None = None
    """Sent as `Authorization: Bearer …`. From the environment only: IQGW_ALERTS__WEBHOOK_TOKEN."""
    command: Annotated[tuple[Argument, ...], Field(max_length=64)] = ()
    """Program and arguments, started for each alert without a shell: the alert is on its standard
    input as JSON, and its code, level, event and id in IQGW_ALERT_CODE and so on. One at a time."""
    command_level_min: Level | None = None
    """Another lowest level for the program alone."""
    command_timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    """A program that runs longer is killed, and started again at most twice."""

    @field_validator("webhook_url")
    @classmethod
    def _check_url(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None and (problem := problem_of_url(given.get_secret_value())):
            raise ValueError(problem)
        return given

    @field_validator("webhook_token")
    @classmethod
    def _check_token(cls, given: SecretStr | None) -> SecretStr | None:
        if given is None:
            return None
        token = given.get_secret_value()
        is_sendable = token.isascii() and token.isprintable() and " " not in token
        if not is_sendable or not 0 < len(token) <= TOKEN_CHARACTERS_MAX:
            raise ValueError("write printable ASCII without blanks")
        return given


def problem_of_url(url: str) -> str:
    """Why alerts cannot be sent to an address; empty when they can. Quotes nothing of it."""
    if len(url) > URL_CHARACTERS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        return f"write at most {URL_CHARACTERS_MAX} printable ASCII characters without blanks"
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return f"it has no host, or a port that is no number up to {PORT_MAX}"
    problems = {
        "only http:// and https:// can be used": parts.scheme not in ("http", "https"),
        f"it has no host, or a port that is no number up to {PORT_MAX}": not has_host,
        "it has a user or password; use IQGW_ALERTS__WEBHOOK_TOKEN": "@" in parts.netloc,
        "it has a fragment (#...), which is never sent": bool(parts.fragment),
    }
    return next((problem for problem, is_so in problems.items() if is_so), "")
