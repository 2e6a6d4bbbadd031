"""What `run` would stumble over at its start, found without starting anything."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import zmq

from gateway.commands.doctor.zmtp import Reach, look
from gateway.errors import ConfigError
from gateway.logs import Stream
from gateway.runtime.http_server import open_http_socket
from gateway.runtime.publisher import bind_socket
from gateway.settings import Settings
from gateway.settings.http import address_of

LOOK_S: Final = 1.0
DATA_TYPES: Final = ("XPUB", "PUB")


def check_directory(name: str, directory: Path | None) -> None:
    """Refuse a directory that the gateway could not write, without making it.

    Args:
        name: The setting.
        directory: Its value.

    Raises:
        ConfigError: It is no directory, or nothing can be made there.
    """
    if directory is None:
        return
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    reason = _unwritable(existing)
    if not reason and name == "log.directory":
        files = [directory / f"{stream.value}.log" for stream in Stream]
        locked = [str(file) for file in files if file.exists() and not os.access(file, os.W_OK)]
        reason = f"{locked[0]} cannot be written" if locked else ""
    if reason:
        raise ConfigError(
            f"{name} cannot be written",
            hint=f"Choose a directory the gateway may write, or remove {name}.",
            directory=str(directory),
            reason=reason,
        )


def check_addresses(settings: Settings) -> Iterator[str]:
    """Try whether the addresses can be listened on; they are let go at once.

    A gateway that runs with this configuration has them rightly: that is a warning.

    Args:
        settings: As checked by `load_settings`.

    Yields:
        A warning when a gateway runs there already.

    Raises:
        ConfigError: Somebody else has an address, or it is not this machine's.
    """
    control = look(settings.control.bind, seconds=LOOK_S)
    data = look(settings.data.bind, seconds=LOOK_S)
    is_running = control.reach is Reach.ZEROMQ and control.detail == "ROUTER"
    is_running &= data.reach is Reach.ZEROMQ and data.detail in DATA_TYPES
    if settings.security.keys_dir is not None:
        # More than that it asks for keys it tells nobody who has none.
        is_running = control.reach is Reach.KEYS and data.reach is Reach.KEYS
    if is_running:
        yield (
            f"a gateway runs at {settings.data.bind} and {settings.control.bind} already: another "
            "one cannot start beside it with this configuration"
        )
        return
    with zmq.Context() as context:
        for name, bind in (
            ("data.bind", settings.data.bind),
            ("control.bind", settings.control.bind),
        ):
            # An ipc address is a file, which binding would replace.
            if bind.startswith("tcp://"):
                with context.socket(zmq.ROUTER) as tried:
                    tried.setsockopt(zmq.IPV6, bind.startswith("tcp://["))
                    bind_socket(tried, name, bind)
    if settings.http.enabled:
        open_http_socket(*address_of(settings.http.bind)).close()


def _unwritable(directory: Path) -> str:
    """Why nothing can be made in a directory; empty when something could be, and was removed."""
    if not directory.is_dir():
        return f"{directory} is no directory"
    try:
        # Permissions do not tell everything: nobody can make anything in /proc.
        Path(tempfile.mkdtemp(prefix=".iqfeed-gateway-", dir=directory)).rmdir()
    except OSError as error:
        return f"{directory}: {(error.strerror or str(error)).lower()}"
    return ""
