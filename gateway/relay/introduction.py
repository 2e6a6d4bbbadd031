"""How a relay introduces itself to the gateway, so that the limits of one consumer do not hold."""

import asyncio
from typing import Final

from gateway.errors import GatewayError
from gateway.logs import get_logger
from gateway.relay.gateway_link import GatewayLink

REPEAT_S: Final = 10.0
"""The gateway may have forgotten: it was restarted, or the connection was made anew."""
ANSWER_MS_MAX: Final = 2_000


class Introduction:
    """Says `hello` to the gateway again and again; used in the control loop only.

    Args:
        gateway: Is told.
        name: The relay's name, as a client of the gateway.
        version: The program's version.
        token: Of the relay's own topic, which its data connection is subscribed to.
    """

    def __init__(self, gateway: GatewayLink, *, name: str, version: str, token: str) -> None:
        self._gateway = gateway
        self._params = {
            "client": name,
            "language": "python",
            "version": version,
            "data_token": token,
            "is_relay": True,
        }
        self._news = asyncio.Event()
        self._log = get_logger("relay")
        self.refusal: str | None = None
        """Why the gateway does not take this relay as one; None while it does, or is away."""

    def repeat(self) -> None:
        """Introduce the relay again at once."""
        self._news.set()

    async def run(self) -> None:
        """Introduce the relay until cancelled.

        Cancel safety: nothing is lost.
        """
        while True:
            self._news.clear()
            await self._introduce()
            try:
                async with asyncio.timeout(REPEAT_S):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _introduce(self) -> None:
        try:
            reply = await self._gateway.ask("hello", self._params, deadline_ms=ANSWER_MS_MAX)
        except GatewayError as error:
            # It is away; `health` says so, and news or the next time will find it back.
            self._log.debug("not introduced to the gateway", reason=str(error))
            return
        told = reply.get("error") or {}
        refusal = None if reply["ok"] else f"{told.get('code')}: {told.get('message')}"
        if refusal != self.refusal:
            self.refusal = refusal
            if refusal is None:
                self._log.info("the gateway takes this relay as one")
            else:
                self._log.warning("the gateway does not take this relay as one", reason=refusal)
