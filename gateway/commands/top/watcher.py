"""Asks a gateway for what the screen shows, again and again, and keeps the last answers.

Only the control socket is used, so the gateway may be on another machine behind a tunnel, and a
stuck data socket shows instead of stopping the view. Each question has its own pace: one that takes
the gateway long is asked more rarely, so that looking never becomes a load. A method that the
gateway does not have is left out and asked for again after its next start.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import zmq
from gateway_client import CurveKeys
from gateway_client.errors import GatewayClientError, RequestRefused, RequestTimedOut
from gateway_client.rpc_client import Outcome, RpcClient
from gateway_client.rpc_codec import Reply

from gateway.clock import Clock, SystemClock

SECOND_NS: Final = 1_000_000_000
REQUEST_NS: Final = 2 * SECOND_NS
LOST_NS: Final = 3 * SECOND_NS
"""Without any answer for so long, contact counts as lost."""
SHARE_MAX: Final = 20
"""A question is asked at most once in so many times as long as its answer took."""
UNKNOWN_NS: Final = 60 * SECOND_NS
ROWS_MAX: Final = 500
"""Symbols asked for of each state."""
ERRORS_MAX: Final = 100
HISTORY_MAX: Final = 120
UNUSUAL_STATES: Final = ("stale", "refused", "recovering", "pending")
"""Those that come first: what trades well needs no look."""
UNKNOWN_METHOD: Final = "unknown_method"


@dataclass(slots=True)
class Source:
    """One question and its last answer."""

    method: str
    """What is asked."""
    params: Callable[[], Mapping[str, Any] | None]
    """With what; None when it need not be asked now."""
    period_ns: int
    """How often at most."""
    due_ns: int = 0
    """When it is asked next, monotonic."""
    is_pending: bool = False
    """Whether an answer is awaited."""
    answer: Any = None
    """The last result; None while there was none."""
    error: str | None = None
    """The code of the last refusal; None after an answer."""


class Watcher:
    """A gateway, as its control socket tells it.

    Args:
        control: The gateway's control socket.
        search: Part of the symbols wanted; may be changed while it runs.
        clock: For paces and ages.
        keys: For a gateway that asks for them.
    """

    def __init__(
        self,
        control: str,
        *,
        search: str = "",
        clock: Clock | None = None,
        keys: CurveKeys | None = None,
    ) -> None:
        self.control = control
        self.search = search
        self._clock: Clock = SystemClock() if clock is None else clock
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            self._rpc = RpcClient(self._context, control, curve=keys, silence_ns=LOST_NS)
        except zmq.ZMQError:
            self._context.destroy(linger=0)
            raise
        self._started_ns = self._clock.monotonic_ns()
        self.epoch: int | None = None
        """The gateway's run; None before its first answer."""
        self.restarts = 0
        """Times it came back as another run."""
        self.heard_us: int | None = None
        """When it answered last, by our clock."""
        self.gateway_us: int | None = None
        """What its own clock said then."""
        self._heard_ns: int | None = None
        self.last_error: str | None = None
        """Why the last question was not answered."""
        self.revision = 0
        """Grows with everything that may change the picture."""
        self.history: deque[tuple[float, float]] = deque(maxlen=HISTORY_MAX)
        """Messages a second and mean latency in ms of each second, newest last."""
        self.sources: dict[str, Source] = {
            "health": Source("health", dict, SECOND_NS),
            "metrics": Source("metrics", dict, SECOND_NS),
            "alerts": Source("alerts", dict, SECOND_NS),
            "diagnostics": Source("diagnostics", dict, 2 * SECOND_NS),
            "errors": Source("errors", lambda: {"limit": ERRORS_MAX}, 2 * SECOND_NS),
            "trends": Source("trends", lambda: {"window_minutes": 15}, 10 * SECOND_NS),
            "symbols": Source("symbols", self._symbol_params, 2 * SECOND_NS),
            "subscriptions": Source("subscriptions", self._fallback_params, 2 * SECOND_NS),
        }
        for state in UNUSUAL_STATES:
            params = partial(self._symbol_params, state)
            self.sources[f"symbols.{state}"] = Source("symbols", params, SECOND_NS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._rpc.close(RequestTimedOut("closed"))
        self._context.destroy(linger=0)

    @property
    def socket(self) -> "zmq.Socket[bytes]":
        """What to poll for answers; another one after the peer was silent."""
        return self._rpc.socket

    @property
    def has_unsent(self) -> bool:
        """Whether questions wait for the connection: poll for writing, too."""
        return self._rpc.has_unsent

    @property
    def is_lost(self) -> bool:
        """Whether the gateway has not answered anything for a while."""
        since_ns = self._started_ns if self._heard_ns is None else self._heard_ns
        return self._clock.monotonic_ns() - since_ns > LOST_NS

    @property
    def is_complete(self) -> bool:
        """Whether every question that is to be asked has an outcome."""
        asked = [source for source in self.sources.values() if source.params() is not None]
        return all(source.answer is not None or source.error is not None for source in asked)

    def answer(self, name: str) -> Any:
        """The last answer to a question; None while there is none."""
        return self.sources[name].answer

    def is_unknown(self, name: str) -> bool:
        """Whether the gateway does not have that method."""
        return self.sources[name].error == UNKNOWN_METHOD

    def search_for(self, text: str) -> None:
        """Look for other symbols, at once."""
        self.search = text
        for name, source in self.sources.items():
            if name.startswith("symbols"):
                source.due_ns = 0

    def work(self) -> None:
        """Take answers, end what is too late, and ask what is due; never waits."""
        now_ns = self._clock.monotonic_ns()
        self._rpc.receive(now_ns)
        self._rpc.expire(now_ns)
        for source in self.sources.values():
            if source.is_pending or source.due_ns > now_ns:
                continue
            params = source.params()
            if params is None:
                continue
            source.is_pending = True
            self._rpc.request(
                source.method,
                dict(params),
                timeout_ns=REQUEST_NS,
                now_ns=now_ns,
                on_done=partial(self._take, source, now_ns),
            )
        self._rpc.flush(now_ns)

    def wait_ms(self) -> int:
        """Milliseconds until `work` has something to do even if nothing comes."""
        now_ns = self._clock.monotonic_ns()
        moments_ns = [
            source.due_ns
            for source in self.sources.values()
            if not source.is_pending and source.params() is not None
        ]
        deadline_ns = self._rpc.deadline_ns()
        if deadline_ns is not None:
            moments_ns.append(deadline_ns)
        earliest_ns = min(moments_ns, default=now_ns + SECOND_NS)
        return max(1, min(1000, (earliest_ns - now_ns) // 1_000_000 + 1))

    def _take(self, source: Source, asked_ns: int, outcome: Outcome) -> None:
        now_ns = self._clock.monotonic_ns()
        source.is_pending = False
        source.due_ns = max(asked_ns + source.period_ns, now_ns + SHARE_MAX * (now_ns - asked_ns))
        self.revision += 1
        if isinstance(outcome, Reply):
            self._hear(now_ns, outcome)
            source.answer, source.error = outcome.result, None
            if source.method == "metrics":
                self._note_figures(outcome.result)
            return
        self.last_error = _told(outcome)
        if isinstance(outcome, RequestRefused):
            self._hear(now_ns, None)
            source.error = outcome.code
            if outcome.code == UNKNOWN_METHOD:
                source.answer = None
                source.due_ns = now_ns + UNKNOWN_NS
        else:
            # What was answered before stays on the screen, marked as old.
            source.due_ns = asked_ns + SECOND_NS

    def _hear(self, now_ns: int, reply: Reply | None) -> None:
        self._heard_ns, self.heard_us = now_ns, self._clock.utc_us()
        if reply is None:
            return
        self.gateway_us = reply.now_us
        if reply.epoch is not None and reply.epoch != self.epoch:
            self.restarts += self.epoch is not None
            self.epoch = reply.epoch
            self.history.clear()
            for source in self.sources.values():
                # Another version may run now.
                source.error = None
                if not source.is_pending:
                    source.due_ns = 0

    def _note_figures(self, result: object) -> None:
        figures = result.get("client_metrics") if isinstance(result, dict) else None
        if isinstance(figures, dict):
            rate, latency = figures.get("throughput_msg_per_sec"), figures.get("average_latency_ms")
            is_number = isinstance(rate, int | float) and isinstance(latency, int | float)
            if is_number:
                self.history.append((float(rate or 0), float(latency or 0)))

    def _symbol_params(self, state: str | None = None) -> dict[str, Any] | None:
        """What to ask symbols for; None for a state that no symbol is in."""
        params: dict[str, Any] = {"limit": ROWS_MAX}
        if self.search:
            params["search"] = self.search
        if state is None:
            return params
        if self.is_unknown("symbols") or not self._count_of(state):
            # Rows of the past must not stay when the last symbol has left the state.
            self.sources[f"symbols.{state}"].answer = None
            return None
        return params | {"state": state}

    def _count_of(self, state: str) -> int:
        metrics = self.sources["metrics"].answer
        topics = metrics.get("topics") if isinstance(metrics, dict) else None
        if not isinstance(topics, dict):
            return 0
        counts = [topics.get(name) for name in ("symbols", "books")]
        found = [part.get(state) for part in counts if isinstance(part, dict)]
        return sum(count for count in found if isinstance(count, int))

    def _fallback_params(self) -> dict[str, Any] | None:
        """`subscriptions` stands in for what an older gateway does not have."""
        is_needed = self.is_unknown("symbols") or self.is_unknown("diagnostics")
        return {} if is_needed else None


def _told(error: GatewayClientError) -> str:
    return f"{error.code}: {error.text}"
