"""`--config`: the same for every command that reads settings."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    list[Path] | None,
    typer.Option("--config", "-c", help="YAML file with settings; of several, later ones win."),
]
