"""The keys of commands that ask a gateway."""

from pathlib import Path
from typing import Any

import zmq
from gateway_client import CurveKeys, GatewayClientError, load_keys
from gateway_client.subscriber import set_curve

from gateway.errors import ConfigError


def read_client_keys(path: Path | None) -> CurveKeys | None:
    """Read a client's key file; None where none is named.

    Raises:
        ConfigError: It cannot be used.
    """
    if path is None:
        return None
    try:
        return load_keys(path)
    except GatewayClientError as error:
        raise ConfigError(str(error), hint=error.hint) from error


def use_keys(peer: "zmq.Socket[Any]", keys: CurveKeys | None) -> None:
    """Give a client's socket its keys, when there are any; before it connects."""
    set_curve(peer, keys)
