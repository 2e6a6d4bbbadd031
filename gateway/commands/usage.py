"""`usage`: who consumed which symbols."""

import json
from typing import Annotated

import typer

from gateway.commands.config_option import ConfigOption


def usage(
    config: ConfigOption = None,
    day: Annotated[
        str | None, typer.Option(help="Such as 2026-01-31, UTC; the newest by default.")
    ] = None,
    is_relay: Annotated[
        bool, typer.Option("--relay", help="What a relay with this state_dir has reported.")
    ] = False,
    is_json: Annotated[bool, typer.Option("--json", help="JSON, for programs.")] = False,
) -> None:
    """Say who consumed which symbols on a day, as exchanges ask."""
    from gateway.commands.usage_report import report_of, text_of
    from gateway.runtime.usage_files import RELAY_FOLDER
    from gateway.settings import load_settings

    directory = load_settings(config).state_dir
    if directory is not None and is_relay:
        directory /= RELAY_FOLDER
    report = report_of(directory, day)
    typer.echo(json.dumps(report) if is_json else text_of(report))
