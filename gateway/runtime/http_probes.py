"""Probes over HTTP: does the process work, can prices be live, and what is wrong."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from gateway.clock import Clock
from gateway.runtime.http_messages import JSON, Handler, HttpRequest, Response, plain

KEPT_NS: Final = 250_000_000
"""A verdict is good for so long: it rests on reports that come once a second."""
Judge = Callable[[], Awaitable[Mapping[str, Any]]]
"""Answers the request `health`."""


class Probes:
    """Answers `/livez`, `/readyz` and `/healthz`.

    Args:
        judge: Answers the request `health`.
        clock: Says how old a verdict is.
    """

    def __init__(self, judge: Judge, *, clock: Clock) -> None:
        self._judge = judge
        self._clock = clock
        self._asking = asyncio.Lock()
        self._verdict: Mapping[str, Any] = {}
        self._judged_ns: int | None = None

    def routes(self) -> dict[str, Handler]:
        """Path to handler."""
        return {"/livez": self.livez, "/readyz": self.readyz, "/healthz": self.healthz}

    async def livez(self, _: HttpRequest) -> Response:
        """200 while the process works; a supervisor starts it again when it does not."""
        verdict = await self.verdict()
        if verdict["live"]:
            return plain(200, "live")
        return plain(503, "\n".join(("not live", *_words(verdict))))

    async def readyz(self, _: HttpRequest) -> Response:
        """200 while prices can be live; else why not, one cause a line."""
        verdict = await self.verdict()
        if verdict["ready"]:
            return plain(200, "ready")
        return plain(503, "\n".join(("not ready", *_words(verdict))))

    async def healthz(self, _: HttpRequest) -> Response:
        """Give the whole verdict, as the request `health` does."""
        verdict = await self.verdict()
        body = json.dumps(verdict, ensure_ascii=False, default=str).encode() + b"\n"
        return Response(503 if verdict["level"] == "critical" else 200, body, JSON)

    async def verdict(self) -> Mapping[str, Any]:
        """The verdict, at most a quarter of a second old.

        Raises:
            GatewayError: There is none.
        """
        async with self._asking:
            now_ns = self._clock.monotonic_ns()
            if self._judged_ns is None or now_ns - self._judged_ns > KEPT_NS:
                self._verdict = await self._judge()
                self._judged_ns = self._clock.monotonic_ns()
        return self._verdict


def _words(verdict: Mapping[str, Any]) -> list[str]:
    """What is critical, each with what to do."""
    return [
        f"{issue['code']}: {issue['message']}. {issue['hint']}"
        for issue in verdict["issues"]
        if issue["level"] == "critical"
    ]
