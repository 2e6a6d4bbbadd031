"""Reading the settings: file, environment, and errors that say where a value came from."""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pydantic
from pydantic_settings import EnvSettingsSource

from gateway.errors import ConfigError
from gateway.settings.binds import check_addresses_of, check_relay_addresses
from gateway.settings.contradictions import refuse_contradictions
from gateway.settings.credentials import environment_of_child
from gateway.settings.files import (
    Configs,
    Layers,
    Place,
    merge,
    paths_of,
    read_layers,
    read_settings_file,
)
from gateway.settings.problems import CREDENTIALS_HINT, PLAIN_HINT, describe, is_secret
from gateway.settings.relay import RelaySettings
from gateway.settings.sections import ENV_PREFIX, ControlSettings, Settings

ALERT_VARIABLES: Final = tuple(f"IQGW_ALERT_{name}" for name in ("CODE", "EVENT", "ID", "LEVEL"))
"""What the program that alerts are brought to is told; it may start one of our commands."""
NO_SETTINGS: Final = (*ALERT_VARIABLES, "IQGW_BUILD_COMPILED", "IQGW_CLIENT_KEYS")
"""Variables of ours that are none: the last two are the build's, and name the keys of commands that
ask a gateway."""
_NAME: Final = re.compile(r"^[a-z_]+(?= )|[a-z0-9_]+(?:\.[a-z0-9_]+)+")


def load_settings(configs: Configs, *, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read and check all settings.

    Args:
        configs: A YAML file; several, of which what a later one says wins; None for defaults and
            environment only.
        overrides: Values that win over the files, nested like them; for tests and the demo.

    Returns:
        Settings that can be used as they are.

    Raises:
        ConfigError: A file, name or value that cannot be used, where it stands, and what to do
            about it.
    """
    _refuse_unknown_environment()
    layers = read_layers(configs)
    thresholds_file = _thresholds_file(layers, overrides or {})
    if thresholds_file is not None:
        # Below all others: the main file and a profile may say otherwise of single ones. Before
        # anything is checked: theirs and the file's make sense together only.
        layers.files.insert(0, read_settings_file(thresholds_file).below("health", "thresholds"))
    settings = _build(layers, overrides or {})
    try:
        refuse_contradictions(settings)
        check_addresses_of(settings)
    except ConfigError as error:
        raise _located(error, layers, overrides or {}) from error
    return settings


def find_control_bind(configs: Configs) -> str:
    """Find `control.bind` in a configuration that cannot be used as a whole.

    The gateway that was started with it may run all the same, and can be asked there.

    Args:
        configs: As for `load_settings`; files that cannot be read are left out.

    Returns:
        What the environment, the last file that has it, or the default says; unchecked.
    """
    found: object = ControlSettings().bind
    for path in paths_of(configs):
        try:
            control = read_settings_file(path).values.get("control")
        except ConfigError:
            # Whoever asks has been told by `load_settings`.
            control = None
        if isinstance(control, Mapping):
            found = control.get("bind", found)
    variable = _environment().get(f"{ENV_PREFIX}CONTROL__BIND")
    return os.environ[variable] if variable is not None else str(found)


def _thresholds_file(layers: Layers, overrides: Mapping[str, Any]) -> Path | None:
    """The file of thresholds that is named; None for none, and for what `_build` will refuse."""
    with contextlib.suppress(ValueError):
        # An environment that cannot be read is refused when all of it is.
        overrides = merge(overrides, EnvSettingsSource(Settings)())
    health = merge(layers.values, overrides).get("health")
    named = health.get("thresholds_file") if isinstance(health, Mapping) else None
    return Path(named) if isinstance(named, str | Path) else None


def _build(layers: Layers, overrides: Mapping[str, Any]) -> Settings:
    values = layers.values
    _refuse_token(values, layers)
    try:
        return Settings(**merge(values, overrides))
    except pydantic.ValidationError as error:
        raise _config_error(error, layers, overrides) from error
    except (ValueError, TypeError) as error:
        # pydantic-settings reports an unreadable nested environment value this way.
        raise ConfigError("a setting cannot be read", reason=str(error)) from error


def find_source(error: ConfigError, configs: Configs) -> ConfigError:
    """Say where the settings were given that an error names which came up later, as at the start.

    Args:
        error: Names settings with dots, or knows its source already.
        configs: As for `load_settings`.

    Returns:
        The error with `source` among its facts; as it is when nothing is found.
    """
    if "source" in error.facts:
        return error
    try:
        return _located(error, read_layers(configs), {})
    except ConfigError:
        # They have changed meanwhile; what they said has been read.
        return error


def _located(error: ConfigError, layers: Layers, overrides: Mapping[str, Any]) -> ConfigError:
    """The same error with where the settings that it speaks of were given."""
    found = dict.fromkeys(_sources_in(error.text, layers, overrides))
    if not found:
        return error
    return ConfigError(error.text, hint=error.hint, source=", ".join(found), **error.facts)


def _sources_in(text: str, layers: Layers, overrides: Mapping[str, Any]) -> Iterator[str]:
    """Where each setting was given that a text names: with dots, or as its first word."""
    given = merge(layers.values, overrides)
    environment = EnvSettingsSource(Settings)()
    for name in _NAME.findall(text):
        place = tuple(name.split("."))
        if _is_in(environment, place) or _is_in(given, place):
            yield _source_of(place, layers, overrides)


def load_relay_settings(configs: Configs, *, options: Mapping[str, str | None]) -> Settings:
    """Read and check the settings of a relay.

    Args:
        configs: As for `load_settings`.
        options: Values of the section `relay` from the command line, which win; None for those
            that were not given.

    Returns:
        Settings whose section `relay` can be used as it is, with a name.

    Raises:
        ConfigError: As `load_settings`; or an address on another machine.
    """
    settings = load_settings(configs)
    if settings.security.rotation is not None:
        raise ConfigError(
            "security.rotation is the gateway's",
            hint="Leave it out for a relay: start a second one with the next key instead.",
        )
    given = {name: value for name, value in options.items() if value is not None}
    named = {"name": f"relay@{settings.gateway_id}"[:64]}
    known = settings.relay.model_dump(exclude_none=True)
    try:
        relay = RelaySettings.model_validate(named | known | given)
    except pydantic.ValidationError as error:
        problems = [{**problem, "loc": ("relay", *problem["loc"])} for problem in error.errors()]
        raise ConfigError("; ".join(map(describe, problems)), source="options") from error
    check_relay_addresses(settings, relay)
    return settings.model_copy(update={"relay": relay})


def _refuse_token(values: Mapping[str, Any], layers: Layers) -> None:
    """Refuse a secret in the file, which is copied and mailed around."""
    alerts = values.get("alerts")
    if isinstance(alerts, Mapping) and "webhook_token" in alerts:
        raise ConfigError(
            "alerts.webhook_token does not belong into a file",
            hint="Set IQGW_ALERTS__WEBHOOK_TOKEN in the environment.",
            source=layers.where(("alerts", "webhook_token")),
        )


def _environment() -> dict[str, str]:
    """The gateway's variables: name in upper case to name as written; any case is read."""
    return {
        name.upper(): name
        for name in os.environ
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in NO_SETTINGS
    }


def environment_without_settings() -> dict[str, str]:
    """The environment for a gateway of our own: without settings and without the login."""
    return {
        name: value
        for name, value in environment_of_child().items()
        if not name.upper().startswith(ENV_PREFIX)
    }


def _refuse_unknown_environment() -> None:
    known = {name.upper() for name in Settings.model_fields}
    for upper, name in _environment().items():
        if upper.removeprefix(ENV_PREFIX).split("__")[0] not in known:
            raise ConfigError(
                "unknown setting in the environment",
                hint=f"Known are {', '.join(sorted(known))}.",
                name=name,
            )


def _config_error(
    error: pydantic.ValidationError, layers: Layers, overrides: Mapping[str, Any]
) -> ConfigError:
    lines, sources = [], []
    for problem in error.errors()[:5]:
        lines.append(describe(problem))
        sources.append(_source_of(problem["loc"], layers, overrides, text=problem["msg"]))
    # Each source once, in the order of its problems.
    has_secret = any(
        is_secret(problem["loc"]) and problem["loc"][0] != "alerts" for problem in error.errors()
    )
    return ConfigError(
        "; ".join(lines),
        hint=CREDENTIALS_HINT if has_secret else PLAIN_HINT,
        source=", ".join(dict.fromkeys(sources)),
    )


def _source_of(
    place: Place, layers: Layers, overrides: Mapping[str, Any], *, text: str = ""
) -> str:
    """Where the value at a place was given: the environment wins, then overrides, then the files.

    Args:
        place: Where the value is.
        layers: The files.
        overrides: What a program passed.
        text: What is wrong, which may name a part of the value.
    """
    if _is_in(EnvSettingsSource(Settings)(), place):
        return _variable_of(place)
    if not layers.files or _is_in(overrides, place):
        return "overrides"
    return layers.where(place, text=text)


def _variable_of(place: Place) -> str:
    """The variable that gave a value: its own, its section's as JSON, or one with levels more."""
    key = ENV_PREFIX + "__".join(str(part) for part in place).upper()
    related = [
        name
        for upper, name in _environment().items()
        if f"{key}__".startswith(f"{upper}__") or upper.startswith(f"{key}__")
    ]
    return max(related, key=len, default="environment")


def _is_in(values: object, place: Place) -> bool:
    """Whether nested values reach a place, or end in a plain value on the way to it."""
    for part in place:
        if not isinstance(values, Mapping):
            return True
        if part not in values:
            return False
        values = values[part]
    return True
