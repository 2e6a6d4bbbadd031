"""Addresses that are bound: that they are some, nobody else's, and open to nobody by mistake."""

import ipaddress
import re
from typing import Final

from gateway.errors import ConfigError
from gateway.settings.connection import ports_of
from gateway.settings.http import address_of, check_http, is_loopback
from gateway.settings.relay import RelaySettings
from gateway.settings.section import PORT_MAX
from gateway.settings.sections import Settings

_TCP: Final = re.compile(r"tcp://(\[[0-9a-fA-F:.%]+\]|[^:\[\]]+):([0-9]{1,5}|\*)")


def check_addresses_of(settings: Settings) -> None:
    """Refuse addresses that cannot be used, that others could reach, or that are another's.

    Raises:
        ConfigError: The first one.
    """
    _check_binds(settings)
    if settings.http.enabled:
        check_http(settings.http)
    _refuse_iqconnect_ports(settings)
    _refuse_http_port(settings)


def check_relay_addresses(settings: Settings, relay: RelaySettings) -> None:
    """Refuse a relay's addresses: its own, and those of its gateway.

    Raises:
        ConfigError: The first one.
    """
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
