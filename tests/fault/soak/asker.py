"""A program that asks all the time, and holds a lease: what it was answered, and how soon."""

import itertools
import threading
import time
from types import TracebackType
from typing import Any, Final, Self

from tests.support.requester import Requester

PAUSE_S: Final = 0.25
ANSWER_S_MAX: Final = 3.0
LEASE_S: Final = 60
RENEW_S: Final = 10.0
QUESTIONS: Final = ("health", "metrics", "snapshot", "subscriptions", "alerts")


class Asker:
    """One thread with a socket of its own, made anew when no answer comes.

    Args:
        endpoint: The gateway's control socket.
        symbols: Leased, and asked for.
    """

    def __init__(self, endpoint: str, symbols: list[str]) -> None:
        self._endpoint = endpoint
        self._symbols = symbols
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="asker", daemon=True)
        self._lease_id = ""
        self._renew_s = 0.0
        self.answers_us: list[int] = []
        """How long each answer took."""
        self.refused: dict[str, int] = {}
        """How many requests were answered by an error, by its code."""
        self.unanswered_us: list[int] = []
        """When requests were sent that nobody answered, us UTC."""
        self.leases_lost = 0
        """How often a lease that should have lasted was not known any more."""
        self.error_percents: list[float] = []
        """The gateway's own share of lines it could not process, at each look."""
        self.gateway_ms: list[float] = []
        """The gateway's own average of how long a line took, at each look."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._thread.join(3 * ANSWER_S_MAX)

    def _run(self) -> None:
        questions = itertools.cycle(QUESTIONS)
        while not self._ending.is_set():
            began_us = time.time_ns() // 1000
            try:
                with Requester(self._endpoint) as requester:
                    while not self._ending.wait(PAUSE_S):
                        began_us = time.time_ns() // 1000
                        self._hold(requester)
                        self._ask(requester, next(questions))
            except AssertionError:
                # The requester's word for no answer in time; the next socket is a new one.
                self.unanswered_us.append(began_us)

    def _hold(self, requester: Requester) -> None:
        if time.monotonic() < self._renew_s:
            return
        if self._lease_id:
            reply = self._call(requester, "renew", client="asker", lease_id=self._lease_id)
            if not reply["ok"] and reply["error"]["code"] != "busy":
                self.leases_lost += 1
                self._lease_id = ""
        if not self._lease_id:
            reply = self._call(
                requester,
                "subscribe",
                client="asker",
                symbols=self._symbols,
                kinds=["l1"],
                lease_s=LEASE_S,
            )
            self._lease_id = reply["result"]["lease_id"] if reply["ok"] else ""
        self._renew_s = time.monotonic() + RENEW_S

    def _ask(self, requester: Requester, method: str) -> None:
        topics = {"topics": [f"quote,{symbol}," for symbol in self._symbols[:20]]}
        reply = self._call(requester, method, **(topics if method == "snapshot" else {}))
        if method == "metrics" and reply["ok"]:
            metrics = reply["result"]["client_metrics"]
            self.error_percents.append(float(metrics["processing_errors"]))
            self.gateway_ms.append(float(metrics["average_latency_ms"]))

    def _call(self, requester: Requester, method: str, **params: object) -> dict[str, Any]:
        began_s = time.monotonic()
        reply = requester.call(method, seconds=ANSWER_S_MAX, **params)
        self.answers_us.append(round((time.monotonic() - began_s) * 1e6))
        if not reply["ok"]:
            code = str(reply["error"]["code"])
            self.refused[code] = self.refused.get(code, 0) + 1
        return reply
