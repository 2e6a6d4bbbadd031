"""The IQFeed login: from the environment or a `.env` file, never from the configuration file."""

import os
from pathlib import Path
from typing import Annotated, Final

import pydantic
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.errors import ConfigError
from gateway.logs import hints_at_secret
from gateway.settings.service_manager import NOTICE_VARIABLES

_PLAIN = r"^[^\x00-\x20,\x7f-\uffff]{1,128}$"


_SECRETS: Final = ("IQFEED_LOGIN", "IQFEED_PASSWORD", "IQGW_ALERTS", "IQGW_ALERTS__WEBHOOK_URL")


class Credentials(BaseSettings):
    """Login, password and product; all three, or none when somebody else logs IQConnect in."""

    model_config = SettingsConfigDict(env_prefix="IQFEED_", frozen=True, extra="ignore")

    login: SecretStr | None = None
    """`IQFEED_LOGIN`."""
    password: SecretStr | None = None
    """`IQFEED_PASSWORD`."""
    product_id: Annotated[str, Field(pattern=_PLAIN)] | None = None
    """`IQFEED_PRODUCT_ID`: the id DTN gave you when your product was registered."""

    @classmethod
    def none(cls) -> "Credentials":
        """No credentials, whatever the environment says."""
        return cls.model_construct()

    @property
    def is_complete(self) -> bool:
        """Whether the gateway can log IQConnect in by itself."""
        return None not in (self.login, self.password, self.product_id)


def load_credentials(env_file: Path | None = Path(".env")) -> Credentials:
    """Read the login.

    Args:
        env_file: A file of `NAME=value` lines; the environment wins over it. Absent is no error.

    Returns:
        What was found; no value of it shows in logs, errors or `repr`.

    Raises:
        ConfigError: Some of the three are missing, or one cannot be sent to IQConnect. No value
            is quoted.
    """
    try:
        found = Credentials(_env_file=env_file, _env_file_encoding="utf-8")
    except (pydantic.ValidationError, UnicodeDecodeError) as error:
        raise ConfigError(
            "the IQFeed credentials cannot be read",
            hint="Write printable ASCII without blanks and commas.",
            source=f"IQFEED_* variables or {env_file}",
        ) from _without_values(error)
    names = {"LOGIN": found.login, "PASSWORD": found.password, "PRODUCT_ID": found.product_id}
    missing = [f"IQFEED_{name}" for name, value in names.items() if value is None]
    if found.login is not None or found.password is not None:
        if missing:
            raise ConfigError(
                "incomplete IQFeed credentials",
                hint="Give login, password and product id, or neither login nor password.",
                missing=", ".join(missing),
            )
        for name, secret in (("LOGIN", found.login), ("PASSWORD", found.password)):
            if secret is not None and not _is_sendable(secret.get_secret_value()):
                raise ConfigError(
                    "a credential cannot be sent to IQConnect",
                    hint="Write 1 to 128 printable ASCII characters without a comma.",
                    name=f"IQFEED_{name}",
                )
    return found


def changed_credentials(old: Credentials, new: Credentials) -> list[str]:
    """Name the variables whose values differ, without the values."""
    return [
        f"IQFEED_{name.upper()}"
        for name in Credentials.model_fields
        if getattr(old, name) != getattr(new, name)
    ]


def environment_of_child() -> dict[str, str]:
    """The environment for a program that we start.

    It is ours without the login, our own secrets, and what the service manager told us alone.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name.upper() not in (*_SECRETS, *NOTICE_VARIABLES)
        and not (name.upper().startswith("IQGW_") and hints_at_secret(name))
    }


def _is_sendable(text: str) -> bool:
    return 0 < len(text) <= 128 and text.isascii() and text.isprintable() and "," not in text


def _without_values(error: ValueError) -> ValueError:
    """A cause that names fields only: pydantic's own text quotes what was given."""
    if isinstance(error, pydantic.ValidationError):
        places = [".".join(str(part) for part in e["loc"]) for e in error.errors()]
        return ValueError(f"refused: {', '.join(places)}")
    return ValueError("not UTF-8")
