"""How a relay introduces itself to the gateway, so that the limits of one consumer do not hold."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from gateway.errors import GatewayError
from gateway.logs import get_logger
from gateway.relay.gateway_link import GatewayLink

REPEAT_S: Final = 10.0
"""The gateway may have forgotten: it was restarted, or the connection was made anew."""
SETTLE_S: Final = 1.0
"""How long the relay's own subscription may be on its way."""
UNSEEN_MAX: Final = 3
"""Introductions in a row that find no connection of ours at the gateway: it is made anew."""
ANSWER_MS_MAX: Final = 2_000
REFUSED: Final = "refused_subscriptions"
"""Tells how many of our subscriptions were not granted, and nil while ours was not seen."""


class Introduction:
    """Says `hello` to the gateway again and again; used in the control loop only.

    Args:
        gateway: Is told.
        name: The relay's name, as a client of the gateway.
        version: The program's version.
        token: Of the relay's own topic, which its data connection is subscribed to.
        on_refused: Asks for everything once more: some of it was not granted.
        on_unseen: Makes the data connection anew: the gateway has not seen our own topic on it.
    """

    def __init__(
        self,
        gateway: GatewayLink,
        *,
        name: str,
        version: str,
        token: str,
        on_refused: Callable[[], object],
        on_unseen: Callable[[], object],
    ) -> None:
        self._gateway = gateway
        self._on_refused = on_refused
        self._on_unseen = on_unseen
        self._params = {
            "client": name,
            "language": "python",
            "version": version,
            "data_token": token,
            "is_relay": True,
        }
        self._news = asyncio.Event()
        self._unseen_count = 0
        self._log = get_logger("relay")
        self.refusal: str | None = None
        """Why the gateway does not take this relay as one; None while it does, or is away."""

    def repeat(self) -> None:
        """Introduce the relay again at once."""
        self._unseen_count = 0
        self._news.set()

    async def run(self) -> None:
        """Introduce the relay until cancelled.

        Cancel safety: nothing is lost.
        """
        while True:
            self._news.clear()
            is_settled = await self._introduce()
            try:
                async with asyncio.timeout(REPEAT_S if is_settled else SETTLE_S):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _introduce(self) -> bool:
        """Introduce the relay once; whether nothing is left to be done soon."""
        try:
            reply = await self._gateway.ask("hello", self._params, deadline_ms=ANSWER_MS_MAX)
        except GatewayError as error:
            # It is away; `health` says so, and news or the next time will find it back.
            self._log.debug("not introduced to the gateway", reason=str(error))
            return True
        told = reply.get("error") or {}
        self._note_refusal(None if reply["ok"] else f"{told.get('code')}: {told.get('message')}")
        return not reply["ok"] or self._is_settled(reply["result"])

    def _note_refusal(self, refusal: str | None) -> None:
        if refusal == self.refusal:
            return
        self.refusal = refusal
        if refusal is None:
            self._log.info("the gateway takes this relay as one")
        else:
            self._log.warning("the gateway does not take this relay as one", reason=refusal)

    def _is_settled(self, result: dict[str, Any]) -> bool:
        """Look whether all of the relay's subscriptions were granted, and do something if not."""
        if REFUSED not in result:
            # A gateway that does not know of relays: there is nothing to be told.
            return True
        refused = result[REFUSED]
        if refused is None:
            self._unseen_count += 1
            if self._unseen_count >= UNSEEN_MAX:
                self._unseen_count = 0
                self._on_unseen()
            return False
        self._unseen_count = 0
        if refused:
            self._log.warning("asking for everything once more", not_granted=refused)
            self._on_refused()
        return not refused
