"""The HTTP server's settings: probes, metrics and the page; never market data."""

import ipaddress
import re
from typing import Annotated, Final

from pydantic import Field

from gateway.errors import ConfigError
from gateway.settings.section import PORT_MAX, Section

_ADDRESS: Final = re.compile(r"(localhost|[0-9.]+|\[[0-9a-fA-F:.]+\]):([0-9]{1,5})")


class HttpSettings(Section):
    """The HTTP server: `/livez` `/readyz` `/healthz` `/metrics` and the page."""

    enabled: bool = True
    """Whether there is one."""
    bind: str = "127.0.0.1:7702"
    """`ADDRESS:PORT`; port 0 takes any free one."""
    allow_remote: bool = False
    """Whether other machines may reach it, for probes and scrapers of a private network. There is
    no encryption and no password: who reaches it sees figures, symbols and clients' names."""
    connections_max: Annotated[int, Field(ge=2, le=1_000)] = 64
    """Connections at one time; one more takes the place of that which keeps us waiting longest."""
    requests_per_second_max: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Requests answered a second, all connections together; more wait for their turn, so that a
    flood cannot take the processor from prices."""


def address_of(bind: str) -> tuple[str, int]:
    """Take `http.bind` apart.

    Returns:
        Host without brackets, and port.

    Raises:
        ConfigError: Not an address with a port.
    """
    match = _ADDRESS.fullmatch(bind)
    if match is None or int(match[2]) > PORT_MAX:
        raise ConfigError(
            "http.bind is no address with a port",
            hint=f"Write 127.0.0.1:7702 or [::1]:7702: an address, no name, and a port up to "
            f"{PORT_MAX}.",
            bind=bind,
        )
    return match[1].strip("[]"), int(match[2])


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own, reached by nobody else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_http(http: HttpSettings) -> None:
    """Refuse an address that other machines could reach, unless they are meant to.

    Raises:
        ConfigError: Such an address without `http.allow_remote`, or no address at all.
    """
    host, _ = address_of(http.bind)
    if not http.allow_remote and not is_loopback(host):
        raise ConfigError(
            "http.bind would let other machines in",
            hint="Bind 127.0.0.1 or [::1]; or set http.allow_remote to true, on a private network "
            "only: there is no encryption and no password.",
            bind=http.bind,
        )
