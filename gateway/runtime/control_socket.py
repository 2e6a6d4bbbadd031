"""The control socket: a ROUTER that never blocks on a peer, and is not blocked by one."""

import zmq
import zmq.asyncio

from gateway.model.protocol import REQUEST_BYTES_MAX
from gateway.runtime.publisher import (
    BACKLOG,
    HANDSHAKE_MS,
    HEARTBEAT_MS,
    HEARTBEAT_TIMEOUT_MS,
    Guard,
    bind_socket,
)


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
    control.setsockopt(zmq.RCVHWM, 100)
    control.setsockopt(zmq.SNDHWM, 1_000)
    control.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    control.setsockopt(zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
    control.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
    control.setsockopt(zmq.BACKLOG, BACKLOG)
    control.setsockopt(zmq.LINGER, 0)
    if guard is not None:
        guard(control)
    bind_socket(control, name, bind)
    return control
