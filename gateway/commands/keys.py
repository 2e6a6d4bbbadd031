"""`keys`: the gateway's own key, and those of its clients."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.config_option import ConfigOption
from gateway.settings import Configs

keys_app = typer.Typer(
    no_args_is_help=True, help="Make, list and revoke the keys that clients connect with."
)
DirectoryOption = Annotated[
    Path | None, typer.Option("--keys-dir", help="The directory itself, without a configuration.")
]
IfMissingOption = Annotated[
    bool, typer.Option("--if-missing", help="Do nothing where it was made already; for scripts.")
]


@keys_app.command("server")
def server(
    config: ConfigOption = None,
    keys_dir: DirectoryOption = None,
    is_next: Annotated[
        bool, typer.Option("--next", help="Make the key that is to replace the present one.")
    ] = False,
    is_promotion: Annotated[
        bool, typer.Option("--promote", help="Put the next key in the place of the present one.")
    ] = False,
    is_if_missing: IfMissingOption = False,
) -> None:
    """Make the gateway's own key."""
    from gateway.commands.key_directory import KeyDirectory

    if is_next and is_promotion:
        raise typer.BadParameter("--next makes a key, --promote uses it: one at a time")
    if is_if_missing and (is_next or is_promotion):
        raise typer.BadParameter("--if-missing is for the gateway's first key")
    directory = KeyDirectory(_directory_of(config, keys_dir))
    if is_if_missing:
        print(directory.ensure_server())
        return
    if is_promotion:
        print(directory.promote())
        return
    print(directory.make_server(is_next=is_next))


@keys_app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Of the client: letters, digits and ._:@-")],
    config: ConfigOption = None,
    keys_dir: DirectoryOption = None,
    role: Annotated[str, typer.Option(help="monitor, consumer or admin.")] = "consumer",
    out: Annotated[
        Path | None, typer.Option(help="Where the client's keys go; by default ./NAME.key")
    ] = None,
    is_next: Annotated[
        bool, typer.Option("--next", help="For the gateway's next key, while it is replaced.")
    ] = False,
    is_relay: Annotated[
        bool, typer.Option("--relay", help="For a relay, which stands for many consumers.")
    ] = False,
    is_if_missing: IfMissingOption = False,
) -> None:
    """Make a client's key; a running gateway lets it in within a second or two."""
    from gateway.commands.key_directory import KeyDirectory

    directory = KeyDirectory(_directory_of(config, keys_dir))
    path = out or Path(f"{name}.key")
    if is_if_missing and directory.has_given(path, is_next=is_next):
        print(f"{name} has its keys in {path}")
        return
    if is_if_missing:
        directory.withdraw(name, path)
    print(directory.add(name, role=role, out=path, is_next=is_next, is_relay=is_relay))


@keys_app.command("list")
def list_clients(config: ConfigOption = None, keys_dir: DirectoryOption = None) -> None:
    """List the clients: fingerprint, role, since when."""
    from gateway.commands.key_directory import KeyDirectory

    lines, problems = KeyDirectory(_directory_of(config, keys_dir)).clients()
    for line in lines:
        print(line)
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    raise typer.Exit(1 if problems else 0)


@keys_app.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="Of the client.")],
    config: ConfigOption = None,
    keys_dir: DirectoryOption = None,
) -> None:
    """Take a client's key back; a running gateway cuts its connections within two seconds."""
    from gateway.commands.key_directory import KeyDirectory

    print(KeyDirectory(_directory_of(config, keys_dir)).revoke(name))


def _directory_of(config: Configs, keys_dir: Path | None) -> Path:
    """Where the keys are.

    Raises:
        ConfigError: Nowhere.
    """
    from gateway.errors import ConfigError
    from gateway.settings import load_settings

    found = keys_dir if keys_dir is not None else load_settings(config).security.keys_dir
    if found is None:
        raise ConfigError(
            "no directory of keys",
            hint="Set security.keys_dir in the file after --config, or give --keys-dir.",
        )
    return found
