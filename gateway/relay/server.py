"""The relay's control socket: what it answers itself, and what it passes on to the gateway."""

from typing import Any, Final

import zmq.asyncio

from gateway.control.desk import parse_params
from gateway.model.methods import METHODS
from gateway.relay.gateway_link import GatewayLink
from gateway.relay.hiding import HIDING, asked_of
from gateway.relay.passing import PassingRules
from gateway.relay.requests import RelayDesk
from gateway.runtime.rpc_call import Call, Whole
from gateway.runtime.rpc_server import RequestServer
from gateway.wire.codec import pack_reply

OWN_MS: Final = 20
"""How long the relay's own part of an answer may take."""


class RelayServer(RequestServer):
    """Serves the relay's control socket.

    Args:
        control: The ROUTER; closed by `close`.
        desk: Answers what is the relay's own.
        gateway: Takes everything else.
        rules: Judges what is passed on.
        options: As `RequestServer` takes them.
    """

    def __init__(
        self,
        control: zmq.asyncio.Socket,
        *,
        desk: RelayDesk,
        gateway: GatewayLink,
        rules: PassingRules,
        **options: Any,
    ) -> None:
        super().__init__(control, **options)
        self._desk = desk
        self._gateway = gateway
        self._rules = rules

    @property
    def epoch(self) -> int:
        """The gateway's run, as its heartbeats tell; 0 before the first."""
        return self._desk.epoch

    async def answer(self, call: Call) -> Any:
        """Answer what is the relay's own, pass the rest on."""
        # A little less than the caller's time: what is wrong is known best here.
        deadline_ms = max(1, call.deadline_ms - min(OWN_MS, call.deadline_ms // 20))
        spec = METHODS.get(call.request.method)
        if spec is not None:
            self._rules.access.authorize(call.caller, call.request.method, spec.role)
        handler = self._desk.handlers.get(call.request.method)
        if handler is None:
            self._desk.authorize_passing(call.request, call.caller)
            raw = self._rules.passable(call.request, call.raw, call.caller)
            self._desk.note_passing(call.request, call.caller)
            if call.request.method == "replay":
                return await self._replay(call, raw, deadline_ms)
            if call.request.method in HIDING and not self._sees_others(call):
                return await self._answer_hiding(call, raw, deadline_ms)
            return await self._gateway.forward(raw, deadline_ms=deadline_ms)
        params = parse_params(call.request.method, call.request.params)
        self._desk.note_passing(call.request, call.caller)
        return await handler(params, call.raw, call.caller, deadline_ms)

    async def _replay(self, call: Call, raw: dict[str, Any], deadline_ms: int) -> Whole:
        """Have the gateway send events again; their bytes are their user's, not the relay's."""
        reserved = self._rules.reserve_replay(call.request, call.caller)
        byte_count = 0
        try:
            whole = await self._gateway.forward(raw, deadline_ms=deadline_ms)
            byte_count = len(whole.reply) if whole.is_ok else 0
        finally:
            reserved.settle(byte_count)
        return whole

    def _sees_others(self, call: Call) -> bool:
        return self._rules.access.rights_of(call.caller).sees_others

    async def _answer_hiding(self, call: Call, raw: dict[str, Any], deadline_ms: int) -> Any:
        """Have the gateway answer, and leave out what is about others."""
        method, params = call.request.method, call.request.params or {}
        asked = asked_of(method, params)
        reply = await self._gateway.ask(method, asked, deadline_ms=deadline_ms)
        if not reply["ok"]:
            return Whole(pack_reply(reply | {"id": raw.get("id")}), is_ok=False)
        return HIDING[method](reply["result"], params)
