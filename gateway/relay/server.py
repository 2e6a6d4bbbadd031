"""The relay's control socket: what it answers itself, and what it passes on to the gateway."""

import asyncio
from typing import Any

import zmq.asyncio

from gateway.control.desk import parse_params
from gateway.control.upstream_requests import Caller
from gateway.model.methods import Request
from gateway.relay.gateway_link import GatewayLink
from gateway.relay.requests import RelayDesk
from gateway.runtime.rpc_server import RequestServer, Whole


class RelayServer(RequestServer):
    """Serves the relay's control socket.

    Args:
        control: The ROUTER; closed by `close`.
        desk: Answers what is the relay's own.
        gateway: Takes everything else.
        options: As `RequestServer` takes them.
    """

    def __init__(
        self,
        control: zmq.asyncio.Socket,
        *,
        desk: RelayDesk,
        gateway: GatewayLink,
        **options: Any,
    ) -> None:
        super().__init__(control, **options)
        self._desk = desk
        self._gateway = gateway

    @property
    def epoch(self) -> int:
        """The gateway's run, as its heartbeats tell; 0 before the first."""
        return self._desk.epoch

    async def answer(
        self,
        request: Request,
        raw: dict[str, Any],
        caller: Caller,
        deadline_ms: int,
        late: list[asyncio.Future[Any]],
    ) -> Any:
        """Answer what is the relay's own, pass the rest on."""
        del late
        handler = self._desk.handlers.get(request.method)
        if handler is None:
            self._desk.note_passing(request)
            return Whole(await self._gateway.forward(raw, deadline_ms=deadline_ms))
        params = parse_params(request.method, request.params)
        return await handler(params, raw, caller, deadline_ms)
