"""What a relay answers itself: who it is, how it is, and who its consumers are."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.clock import Clock
from gateway.control.upstream_requests import Audit, Caller
from gateway.counters import Counter, Counters
from gateway.errors import GatewayError
from gateway.model import methods as m
from gateway.relay.gateway_link import GatewayLink
from gateway.relay.names import ConsumerNames
from gateway.relay.report import RelayReport, RelayReporter
from gateway.relay.thread import RelayThread
from gateway.relay.verdict import RelayFacts, RelayJudge
from gateway.runtime.rpc_server import Whole
from gateway.wire.codec import pack_reply

THREAD_S_MAX: Final = 1.0
"""A relay thread that does not answer for so long is stuck."""
OPINION_MS_MAX: Final = 1_000
"""How long the gateway's part of an answer of the relay's own is waited for."""
CAPABILITY: Final = "relay"
COUNTED: Final = (
    Counter.FRAMES_RELAYED,
    Counter.BYTES_RELAYED,
    Counter.FRAMES_INVALID,
    Counter.UPSTREAM_REOPENED,
    Counter.SUBSCRIPTIONS_SEEN,
    Counter.SUBSCRIPTIONS_REFUSED,
    Counter.USER_MESSAGES,
    Counter.RPC_REQUESTS,
    Counter.RPC_ERRORS,
    Counter.RPC_REPLIES_LOST,
    Counter.RPC_FORWARDED,
    Counter.RPC_UNANSWERED,
    Counter.RPC_REPLIES_LATE,
)
"""What of the catalogue a relay counts."""

Handler = Callable[[Any, Mapping[str, Any], Caller, int], Awaitable[Any]]
"""Gets the checked parameters, the request as sent, the caller, and the time in milliseconds."""


@dataclass(frozen=True, slots=True)
class RelayIdentity:
    """Who this relay is."""

    name: str
    """Its name, as a client of the gateway."""
    version: str
    """The program's version."""
    endpoints: Mapping[str, str]
    """Socket name to the address it is bound to."""
    upstream: Mapping[str, str]
    """The gateway's addresses."""


class RelayDesk:
    """Answers `hello`, `ping`, `health`, `metrics`, `subscriptions` and `admin.evict`.

    Args:
        identity: Who this relay is.
        gateway: Answers its part.
        thread: The relay thread.
        reporter: Reports on it; asked in that thread.
        names: Knows which client a consumer is.
        refusal: Reads why the gateway does not take this relay as one; None while it does.
        clock: For stamps.
        counters: The control loop's own.
        process_facts: Reads memory, processor and threads of this process.
        is_admin_allowed: Whether every local program counts as an administrator.
        audit: Takes what administrators did and tried.
    """

    def __init__(
        self,
        *,
        identity: RelayIdentity,
        gateway: GatewayLink,
        thread: RelayThread,
        reporter: RelayReporter,
        names: ConsumerNames,
        refusal: Callable[[], str | None],
        clock: Clock,
        counters: Counters,
        process_facts: Callable[[], dict[str, Any]],
        is_admin_allowed: bool,
        audit: Audit,
    ) -> None:
        self._identity = identity
        self._gateway = gateway
        self._thread = thread
        self._reporter = reporter
        self._names = names
        self._refusal = refusal
        self._judge = RelayJudge(clock)
        self._counters = counters
        self._process_facts = process_facts
        self._is_admin_allowed = is_admin_allowed
        self._audit = audit
        self.handlers: Final[Mapping[str, Handler]] = {
            "hello": self.hello,
            "ping": self.ping,
            "health": self.health,
            "metrics": self.metrics,
            "subscriptions": self.subscriptions,
        }
        """By method; what is not here is the gateway's."""

    async def hello(
        self, params: m.HelloParams, raw: Mapping[str, Any], _: Caller, deadline_ms: int
    ) -> Any:
        """Say who the gateway is, and that this is the way to it.

        Raises:
            UpstreamDown: Nobody knows who it is: it does not answer.
            RequestTimedOut: It did not answer this in time.
        """
        # A relay behind this one is a consumer to the gateway: one connection, one relay.
        asked = params.model_dump(exclude_none=True, exclude={"is_relay"})
        reply = await self._gateway.ask("hello", asked, deadline_ms=deadline_ms)
        if not reply["ok"]:
            return Whole(pack_reply(reply | {"id": raw.get("id")}))
        result: dict[str, Any] = reply["result"]
        identity = self._identity
        return result | {
            "endpoints": dict(identity.endpoints),
            "capabilities": [*result.get("capabilities", []), CAPABILITY],
            "relay": {"name": identity.name, "version": identity.version},
        }

    async def ping(self, *_: object) -> dict[str, Any]:
        """Answer, and nothing else."""
        return {}

    async def health(self, *request: Any) -> dict[str, Any]:
        """Judge the relay and, by its own word, the gateway."""
        report, (gateway, error) = await asyncio.gather(
            self._report(), self._opinion("health", request[-1])
        )
        return self._judge.judge(
            RelayFacts(
                silent_ns=report.silent_ns if report is not None else None,
                gateway=gateway,
                gateway_error=error,
                refusal=self._refusal(),
            )
        )

    async def metrics(self, *request: Any) -> dict[str, Any]:
        """Give the relay's figures, and the gateway's beside them."""
        report, (gateway, _) = await asyncio.gather(
            self._report(), self._opinion("metrics", request[-1])
        )
        counted = self._counters.as_map()
        figures: dict[str, Any] = {"client_metrics": {}, "connections": {}, "topics": {}}
        if report is not None:
            counted = {label: count + counted[label] for label, count in report.counters.items()}
            figures = _figures_of(report)
        figures["client_metrics"]["counters"] = {c.label: counted[c.label] for c in COUNTED}
        links = gateway.get("connections", {}) if gateway is not None else {}
        return {
            "client_metrics": figures["client_metrics"],
            # The gateway's connections to DTN are what matters behind a relay, too.
            "connections": {**links, **figures["connections"], "gateway": self._identity.upstream},
            "topics": figures["topics"],
            "process": self._process_facts(),
            "gateway": gateway,
        }

    async def subscriptions(
        self, params: m.SubscriptionsParams, _: Mapping[str, Any], __: Caller, deadline_ms: int
    ) -> dict[str, Any]:
        """List what the gateway knows, with this relay's consumers as the peers."""
        asked = params.model_dump(exclude_none=True)
        peers, (gateway, _error) = await asyncio.gather(
            self._peers(), self._opinion("subscriptions", deadline_ms, asked)
        )
        if gateway is None:
            gateway = {"leases": [], "watches": [], "demand": {}, "complete": False}
        wanted = [peer for peer in peers if params.client in (None, peer["client"])]
        return {**gateway, "peers": wanted}

    @property
    def epoch(self) -> int:
        """The gateway's run, as its heartbeats tell; 0 before the first."""
        return self._reporter.epoch

    async def _report(self) -> RelayReport | None:
        """Ask the relay thread how it is; None when it is stuck."""
        try:
            async with asyncio.timeout(THREAD_S_MAX):
                report: RelayReport = await asyncio.wrap_future(
                    self._thread.ask(self._reporter.report)
                )
        except TimeoutError:
            return None
        return report

    async def _peers(self) -> list[dict[str, Any]]:
        """List the consumers by name."""
        peers: list[dict[str, Any]] = await asyncio.wrap_future(
            self._thread.ask(self._reporter.peers)
        )
        return [{"client": self._names.of(peer.pop("token")), **peer} for peer in peers]

    async def _opinion(
        self, method: str, deadline_ms: int, params: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any] | None, str | None]:
        """Ask the gateway for its part of an answer.

        Returns:
            Its result, or None and why there is none.
        """
        # Half the time, so that the relay's own part arrives without the gateway's.
        wait_ms = max(1, min(OPINION_MS_MAX, deadline_ms // 2))
        try:
            reply = await self._gateway.ask(method, params or {}, deadline_ms=wait_ms)
        except GatewayError as error:
            return None, error.text
        if not reply["ok"]:
            return None, str(reply.get("error", {}).get("message"))
        result: dict[str, Any] = reply["result"]
        return result, None


def _figures_of(report: RelayReport) -> dict[str, Any]:
    """The relay thread's figures, laid out as `metrics` lays out the gateway's."""
    return {
        "client_metrics": {
            "throughput_msg_per_sec": report.frames_per_s,
            "throughput_bytes_per_sec": report.bytes_per_s,
            "messages": report.counters[Counter.FRAMES_RELAYED.label],
        },
        "connections": {
            "consumers": report.consumer_count,
            "gateway_silent_ms": report.silent_ns // 1_000_000,
        },
        "topics": {
            "topics": report.topic_count,
            "subscriptions": report.subscription_count,
            "gateway_topics": report.gateway_topic_count,
        },
    }
