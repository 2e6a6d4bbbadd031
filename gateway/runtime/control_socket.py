"""The control socket: a ROUTER that never blocks on a peer, and is not blocked by one."""

from typing import Final

import zmq
import zmq.asyncio

from gateway.model.protocol import REQUEST_BYTES_MAX
from gateway.runtime.intake import IS_TOLD
from gateway.runtime.publisher import (
    BACKLOG,
    HANDSHAKE_MS,
    Guard,
    bind_socket,
    bound_input,
)

WAITING_MAX: Final = 0 if IS_TOLD else 4
"""Requests of one connection that wait for us in ZeroMQ's queue. Any number where the guard counts
their bytes: a full queue is what libzmq can be made to abort by (`bound_input`). Else a few, for
each may be long."""


def open_control_socket(
    context: zmq.asyncio.Context,
    *,
    bind: str,
    name: str = "control.bind",
    guard: Guard | None = None,
) -> zmq.asyncio.Socket:
    """Make and bind the control socket.

    Args:
        context: The socket's.
        bind: Where to listen.
        name: The setting that an address which cannot be bound is to be blamed on.
        guard: Gives the socket its keys before it is bound; None without keys.

    Raises:
        ConfigError: The address cannot be bound; the text says why.
    """
    control = context.socket(zmq.ROUTER)
    control.setsockopt(zmq.ROUTER_MANDATORY, 1)
    control.setsockopt(zmq.MAXMSGSIZE, REQUEST_BYTES_MAX)
    control.setsockopt(zmq.SNDHWM, 1_000)
    bound_input(control, waiting_max=WAITING_MAX)
    control.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
    control.setsockopt(zmq.BACKLOG, BACKLOG)
    control.setsockopt(zmq.LINGER, 0)
    if guard is not None:
        guard(control)
    bind_socket(control, name, bind)
    return control
