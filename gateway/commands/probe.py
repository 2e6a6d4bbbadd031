"""`probe`: whether a running gateway works, as an exit code for supervisors and containers."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.config_option import ConfigOption
from gateway.errors import ConfigError


def probe(
    config: ConfigOption = None,
    control: Annotated[
        str | None, typer.Option(help="The gateway's control socket; by default as configured.")
    ] = None,
    is_ready: Annotated[
        bool, typer.Option("--ready", help="Whether prices can be live, too.")
    ] = False,
    timeout_s: Annotated[float, typer.Option(min=0.1, max=60)] = 3.0,
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys", envvar="IQGW_CLIENT_KEYS", show_envvar=True, help="Key file of a client."
        ),
    ] = None,
) -> None:
    """Ask a running gateway for its health: exit 0 when it works, 1 when not."""
    from gateway.commands.client_keys import read_client_keys
    from gateway.commands.rpc import fetch

    address, problem = (control, None) if control is not None else _address_in(config)
    verdict = fetch("health", {}, control=address, timeout_s=timeout_s, keys=read_client_keys(keys))
    if problem is not None:
        if verdict is None:
            raise problem
        # What runs is the configuration before, and that is what was asked about.
        typer.echo(f"the configuration on disk cannot be used: {problem}", err=True)
    if verdict is None:
        raise typer.Exit(1)
    is_well = verdict["ready" if is_ready else "live"]
    words = "ready" if verdict["ready"] else "live" if verdict["live"] else "not live"
    typer.echo(f"{words}, {verdict['level']}: {verdict['error_message'] or 'nothing is wrong'}")
    raise typer.Exit(0 if is_well else 1)


def _address_in(config: list[Path] | None) -> tuple[str, ConfigError | None]:
    """Where the gateway is asked, and what is wrong with the configuration that says so."""
    from gateway.commands.endpoints import own_address
    from gateway.settings import find_control_bind, load_settings

    try:
        return own_address(load_settings(config).control.bind), None
    except ConfigError as error:
        return own_address(find_control_bind(config)), error
