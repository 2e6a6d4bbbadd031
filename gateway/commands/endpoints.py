"""The addresses people type: are they addresses, and does anybody listen there?"""

import contextlib
import socket
from typing import Final

from gateway.commands.doctor.zmtp import open_endpoint
from gateway.errors import bounded

DATA_ENDPOINT: Final = "tcp://127.0.0.1:7700"
CONTROL_ENDPOINT: Final = "tcp://127.0.0.1:7701"
"""Where a gateway is that nobody has configured otherwise."""
PROBE_S_MAX: Final = 1.0
"""A refusal comes at once; who is slower may be a gateway all the same."""
HINT: Final = (
    "correct the address, or start a gateway: `iqfeed-gateway run` with IQConnect, "
    "`iqfeed-gateway demo` without; `iqfeed-gateway doctor` finds out what is wrong."
)
KEYS_HINT: Final = "give --keys where they are asked for;"
"""Before it, where somebody listens and does not answer."""


def problem_of_endpoint(endpoint: str) -> str:
    """Why an address cannot be connected to; empty when it can be tried."""
    if endpoint.startswith("ipc://") and len(endpoint) > len("ipc://"):
        return ""
    scheme, separator, place = endpoint.partition("://")
    if not separator:
        scheme, place = "tcp", endpoint
    host, colon, port = place.rpartition(":")
    is_port = port.isascii() and port.isdecimal() and 0 < int(port) <= 65_535
    if scheme != "tcp" or not colon or not host or not is_port:
        return (
            f"{bounded(endpoint)} is no address: write tcp://HOST:PORT, such as "
            "tcp://127.0.0.1:7701, or ipc://PATH"
        )
    return "" if separator else f"write tcp://{bounded(endpoint)[1:-1]}"


def own_address(bind: str) -> str:
    """Where this machine reaches what is bound there: an address of all is none to connect to."""
    for everywhere, here in (
        ("tcp://0.0.0.0:", "tcp://127.0.0.1:"),
        ("tcp://[::]:", "tcp://[::1]:"),
    ):
        if bind.startswith(everywhere):
            return here + bind.removeprefix(everywhere)
    return bind


def nobody_at(endpoint: str) -> str:
    """Look whether a connection is refused at once, which ZeroMQ itself never tells.

    Args:
        endpoint: As `problem_of_endpoint` accepts it.

    Returns:
        The system's words when nobody listens there; empty when somebody does, or may do.
    """
    try:
        peer = open_endpoint(endpoint, PROBE_S_MAX)
    except (ConnectionRefusedError, FileNotFoundError) as error:
        return (error.strerror or "refused").lower()
    except (OSError, ValueError):
        # Slow, unreachable for now, or unknown: ZeroMQ tries again, and so may the caller.
        return ""
    with peer, contextlib.suppress(OSError):
        peer.shutdown(socket.SHUT_RDWR)
    return ""


def refusal_of(*endpoints: str) -> str:
    """Why none of this can work, with what to do; empty when each address may be in use."""
    for endpoint in endpoints:
        reason = nobody_at(endpoint)
        if reason:
            return (
                f"no gateway listens at {bounded(endpoint)[1:-1]}: {reason}\n  what to do: {HINT}\n"
            )
    return ""
