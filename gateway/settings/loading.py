"""Reading the settings: file, environment, and errors that say where a value came from."""

import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pydantic
import yaml
from pydantic_settings import EnvSettingsSource

from gateway.bounded_yaml import BoundedLoader
from gateway.errors import ConfigError
from gateway.settings.connection import contradiction_of, ports_of
from gateway.settings.credentials import environment_of_child
from gateway.settings.http import address_of, check_http, is_loopback
from gateway.settings.problems import CREDENTIALS_HINT, PLAIN_HINT, describe, is_secret
from gateway.settings.relay import RelaySettings
from gateway.settings.section import PORT_MAX
from gateway.settings.sections import ENV_PREFIX, Settings

ALERT_VARIABLES: Final = tuple(f"IQGW_ALERT_{name}" for name in ("CODE", "EVENT", "ID", "LEVEL"))
"""What the program that alerts are brought to is told; it may start one of our commands."""
NO_SETTINGS: Final = (*ALERT_VARIABLES, "IQGW_CLIENT_KEYS")
"""Variables of ours that are none; the last one names the keys of commands that ask a gateway."""
CONFIG_BYTES_MAX: Final = 1_048_576
_TCP: Final = re.compile(r"tcp://(\[[0-9a-fA-F:.%]+\]|[^:\[\]]+):([0-9]{1,5}|\*)")


def load_settings(config: Path | None, *, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read and check all settings.

    Args:
        config: A YAML file; None for defaults and environment only.
        overrides: Values that win over the file, nested like it; for tests and the demo.

    Returns:
        Settings that can be used as they are.

    Raises:
        ConfigError: A file, name or value that cannot be used, and what to do about it.
    """
    _refuse_unknown_environment()
    values = _read_yaml(config) if config is not None else {}
    _refuse_token(values, config)
    for name, value in (overrides or {}).items():
        section = values.get(name)
        is_both = isinstance(section, dict) and isinstance(value, Mapping)
        values[name] = {**section, **value} if is_both and section is not None else value
    try:
        settings = Settings(**values)
    except pydantic.ValidationError as error:
        raise _config_error(error, config, overrides or {}) from error
    except (ValueError, TypeError) as error:
        # pydantic-settings reports an unreadable nested environment value this way.
        raise ConfigError("a setting cannot be read", reason=str(error)) from error
    contradiction = contradiction_of(settings.iqconnect, settings.connection)
    if contradiction is not None:
        raise ConfigError(contradiction)
    _check_binds(settings)
    if settings.http.enabled:
        check_http(settings.http)
    _refuse_iqconnect_ports(settings)
    _refuse_http_port(settings)
    return settings


def load_relay_settings(config: Path | None, *, options: Mapping[str, str | None]) -> Settings:
    """Read and check the settings of a relay.

    Args:
        config: As for `load_settings`.
        options: Values of the section `relay` from the command line, which win; None for those
            that were not given.

    Returns:
        Settings whose section `relay` can be used as it is, with a name.

    Raises:
        ConfigError: As `load_settings`; or an address on another machine.
    """
    settings = load_settings(config)
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
    addresses = relay.model_dump(include={"data", "control", "bind_data", "bind_control"})
    for name, address in addresses.items():
        is_ours = name.startswith("bind")
        is_open = is_open_to_others(settings) if is_ours else is_open_to_others(settings, relay)
        _check_bind(f"relay.{name}", address, is_open=is_open, is_ours=is_ours)
    concrete = [address for address in addresses.values() if not _is_any_port(address)]
    if len(set(concrete)) < len(concrete):
        raise ConfigError(
            "two of the relay's addresses are the same",
            hint="It needs two of its own beside the gateway's two.",
            **addresses,
        )
    return settings.model_copy(update={"relay": relay})


def _refuse_token(values: Mapping[str, Any], config: Path | None) -> None:
    """Refuse a secret in the file, which is copied and mailed around."""
    alerts = values.get("alerts")
    if isinstance(alerts, Mapping) and "webhook_token" in alerts:
        raise ConfigError(
            "alerts.webhook_token does not belong into a file",
            hint="Set IQGW_ALERTS__WEBHOOK_TOKEN in the environment.",
            source=str(config),
        )


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > CONFIG_BYTES_MAX:
            raise ConfigError("configuration file too large", file=str(path))
        text = path.read_text(encoding="utf-8")
        values = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ConfigError(
            "configuration file cannot be read",
            hint="Check the path after --config and its permissions.",
            file=str(path),
            reason=error.strerror or str(error),
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark is not None else None
        raise ConfigError(
            "not a YAML file", file=str(path), line=line, reason=error.problem
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        # A date or a number that YAML recognizes and Python has not, as 2026-13-01, is one, too.
        raise ConfigError("not a YAML file", file=str(path), reason=str(error)) from error
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError("not a map of settings", file=str(path))
    return values


class _Loader(BoundedLoader):
    """Refuses a setting that is written twice: YAML takes the last one and says nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make a map of one node."""
        names = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in names:
                raise yaml.MarkedYAMLError(
                    problem=f"{key.value} is written twice", problem_mark=key.start_mark
                )
            names.add(key.value)
        return super().construct_mapping(node, deep)


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
    error: pydantic.ValidationError, config: Path | None, overrides: Mapping[str, Any]
) -> ConfigError:
    lines, sources = [], []
    for problem in error.errors()[:5]:
        lines.append(describe(problem))
        sources.append(_source_of(problem["loc"], config, overrides))
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
    place: tuple[int | str, ...], config: Path | None, overrides: Mapping[str, Any]
) -> str:
    """Where the value at a place was given: the environment wins, then overrides, then the file."""
    if _is_in(EnvSettingsSource(Settings)(), place):
        return _variable_of(place)
    if config is None or _is_in(overrides, place):
        return "overrides"
    return str(config)


def _variable_of(place: tuple[int | str, ...]) -> str:
    """The variable that gave a value: its own, its section's as JSON, or one with levels more."""
    key = ENV_PREFIX + "__".join(str(part) for part in place).upper()
    related = [
        name
        for upper, name in _environment().items()
        if f"{key}__".startswith(f"{upper}__") or upper.startswith(f"{key}__")
    ]
    return max(related, key=len, default="environment")


def _is_in(values: object, place: tuple[int | str, ...]) -> bool:
    """Whether nested values reach a place, or end in a plain value on the way to it."""
    for part in place:
        if not isinstance(values, Mapping):
            return True
        if part not in values:
            return False
        values = values[part]
    return True


def _is_any_port(bind: str) -> bool:
    """Whether the system chooses the port, so that the same text twice is not one address."""
    match = _TCP.fullmatch(bind)
    return match is not None and match[2].strip("0") in ("", "*")


def _refuse_iqconnect_ports(settings: Settings) -> None:
    """Refuse to take a port that IQConnect needs: whichever comes first would shut out the other.

    On another host IQConnect's ports are its own.
    """
    host = settings.connection.host or settings.iqconnect.host
    if host != "localhost" and not host.startswith("127."):
        return
    ports = ports_of(settings.iqconnect, settings.connection)
    for name, bind in (("data", settings.data.bind), ("control", settings.control.bind)):
        match = _TCP.fullmatch(bind)
        for taken, port in ports.items():
            if match is not None and match[2] == str(port):
                raise ConfigError(
                    f"{name}.bind has a port of IQConnect, {taken}",
                    hint="Choose another port; 7700 to 7702 are the gateway's own.",
                    bind=bind,
                )


def _refuse_http_port(settings: Settings) -> None:
    """Refuse an HTTP port that the gateway itself or IQConnect needs."""
    if not settings.http.enabled:
        return
    _, port = address_of(settings.http.bind)
    others: dict[str, int | None] = {}
    for name, bind in (("data.bind", settings.data.bind), ("control.bind", settings.control.bind)):
        match = _TCP.fullmatch(bind)
        others[name] = int(match[2]) if match is not None and match[2] != "*" else None
    host = settings.connection.host or settings.iqconnect.host
    if is_loopback(host):
        others |= ports_of(settings.iqconnect, settings.connection)
    for name, taken in others.items():
        if port and port == taken:
            raise ConfigError(
                f"http.bind has the port of {name}",
                hint="Choose another port; 7702 is the one meant for it.",
                bind=settings.http.bind,
            )


def _check_binds(settings: Settings) -> None:
    """Refuse addresses of data and control that cannot be used, or not together.

    Raises:
        ConfigError: One that is none, that others could reach, or that is another's.
    """
    security = settings.security
    binds = {"data.bind": settings.data.bind, "control.bind": settings.control.bind}
    if security.rotation is not None:
        if security.keys_dir is None:
            raise ConfigError(
                "security.rotation without security.keys_dir",
                hint="Only a gateway with keys has one to replace.",
            )
        binds["security.rotation.data_bind"] = security.rotation.data_bind
        binds["security.rotation.control_bind"] = security.rotation.control_bind
    names: dict[str, str] = {}
    for name, bind in binds.items():
        _check_bind(name, bind, is_open=is_open_to_others(settings))
        other = name if _is_any_port(bind) else names.setdefault(bind, name)
        if other != name:
            raise ConfigError(f"{other} and {name} are the same", bind=bind)


def is_open_to_others(settings: Settings, relay: RelaySettings | None = None) -> bool:
    """Whether sockets may be where other machines reach them, or, for a relay, on another one.

    Args:
        settings: Its keys guard the sockets that we bind.
        relay: Its keys are for those that we connect to.
    """
    keys = settings.security.keys_dir if relay is None else relay.keys
    has_keys = keys is not None
    return has_keys and settings.license.redistribution_acknowledged


def _check_bind(name: str, bind: str, *, is_open: bool = False, is_ours: bool = True) -> None:
    """Refuse an address that other machines could reach.

    Args:
        name: The setting.
        bind: The address.
        is_open: Whether other machines may reach it: there are keys, and DTN's consent.
        is_ours: Whether we listen there; otherwise we connect to it, and nothing may come from
            another machine either.
    """
    if bind.startswith("ipc://") and len(bind) > len("ipc://"):
        return
    match = _TCP.fullmatch(bind)
    if match is None:
        raise ConfigError(
            f"{name} is no address to bind",
            hint="Write tcp://127.0.0.1:7700 or ipc:///path.",
            bind=bind,
        )
    if match[2] != "*" and int(match[2]) > PORT_MAX:
        # libzmq would take it modulo 65,536 and listen on a port that nobody wrote.
        raise ConfigError(
            f"{name} has a port that does not exist",
            hint=f"Write a port up to {PORT_MAX}, or * for any free one.",
            bind=bind,
        )
    if not is_ours and _is_any_port(bind):
        raise ConfigError(f"{name} has no port", hint="Write the gateway's.", bind=bind)
    host = match[1].strip("[]")
    try:
        is_allowed = ipaddress.ip_address(host).is_loopback or is_open
    except ValueError:
        is_allowed = host == "localhost"
        if is_open and not is_allowed:
            raise ConfigError(
                f"{name} has no numeric address",
                hint="Write the address itself: a name may come to mean another one.",
                bind=bind,
            ) from None
    if not is_allowed:
        what = "would let other machines in" if is_ours else "is on another machine"
        raise ConfigError(
            f"{name} {what}",
            hint=f"{'Bind' if is_ours else 'Use'} 127.0.0.1, [::1] or ipc://. "
            f"Other machines need keys ({'security.keys_dir' if is_ours else 'relay.keys'}; see "
            "`iqfeed-gateway keys --help`) "
            "and, because DTN restricts data leaving this machine, "
            "license.redistribution_acknowledged: true. There is no other way.",
            bind=bind,
        )
