"""What a relay answers itself: who it is, how it is, and who its consumers are."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pydantic

from gateway.clock import Clock
from gateway.control.peer_desk import PeerDesk
from gateway.control.upstream_requests import Audit, Caller, check_reason
from gateway.control.visible import without_names
from gateway.counters import Counter, Counters
from gateway.errors import GatewayError, RequestTimedOut, Unauthorized, bounded
from gateway.health.verdict import Issue
from gateway.model import methods as m
from gateway.model.methods import Request
from gateway.relay.counted import COUNTED
from gateway.relay.gateway_link import GatewayLink
from gateway.relay.leasing import share_of
from gateway.relay.passing import PassingRules
from gateway.relay.report import RelayReport, RelayReporter
from gateway.relay.thread import RelayThread
from gateway.relay.verdict import RelayFacts, RelayJudge
from gateway.runtime.rpc_call import Whole
from gateway.wire.codec import pack_reply

THREAD_S_MAX: Final = 1.0
"""A relay thread that does not answer for so long is stuck."""
OPINION_MS_MAX: Final = 1_000
"""How long the gateway's part of an answer of the relay's own is waited for."""
PEERS_MAX: Final = 5_000
"""Longest list of consumers in an answer, as in the gateway's."""
CAPABILITY: Final = "relay"
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
        peers: Who the consumers are; asked in that thread.
        refusal: Reads why the gateway does not take this relay as one; None while it does.
        clock: For stamps.
        counters: The control loop's own.
        process_facts: Reads memory, processor and threads of this process.
        is_admin_allowed: Whether every local program counts as an administrator.
        audit: Takes what administrators did and tried.
        other_counts: Reads what was counted elsewhere: where logs are written, at the sockets.
        issues: Reads what is wrong at the relay's own sockets.
        rules: Judges what clients may ask for.
    """

    def __init__(
        self,
        *,
        identity: RelayIdentity,
        gateway: GatewayLink,
        thread: RelayThread,
        reporter: RelayReporter,
        peers: PeerDesk,
        refusal: Callable[[], str | None],
        clock: Clock,
        counters: Counters,
        process_facts: Callable[[], dict[str, Any]],
        is_admin_allowed: bool,
        audit: Audit,
        other_counts: Callable[[], Iterable[tuple[Counter, int]]],
        issues: Callable[[], Iterable[Issue]],
        rules: PassingRules,
    ) -> None:
        self._identity = identity
        self._gateway = gateway
        self._thread = thread
        self._reporter = reporter
        self._peers = peers
        self._refusal = refusal
        self._judge = RelayJudge(clock)
        self._counters = counters
        self._process_facts = process_facts
        self._is_admin_allowed = is_admin_allowed
        self._audit = audit
        self._other_counts = other_counts
        self._issues = issues
        self._rules = rules
        self.handlers: Final[Mapping[str, Handler]] = {
            "hello": self.hello,
            "ping": self.ping,
            "health": self.health,
            "metrics": self.metrics,
            "subscriptions": self.subscriptions,
            "symbols": self.symbols,
            "subscribe": self.subscribe,
            "admin.evict": self.evict,
        }
        """By method; what is not here is the gateway's."""

    async def hello(
        self, params: m.HelloParams, raw: Mapping[str, Any], caller: Caller, deadline_ms: int
    ) -> Any:
        """Say who the gateway is, and that this is the way to it.

        Raises:
            UpstreamDown: Nobody knows who it is: it does not answer.
            RequestTimedOut: It did not answer this in time.
            QuotaExceeded: A relay behind this one, and there are enough.
        """
        refused = None
        if params.client is not None and params.data_token is not None:
            bind = partial(self._peers.bind, params.client, params.data_token, user=caller.user)
            is_relay = bool(params.is_relay)
            if is_relay:
                self._rules.access.check_relay(caller)
            refused = await self._in_thread(lambda: bind(is_relay=is_relay))
        # A relay behind this one is a consumer to the gateway: one connection, one relay.
        asked = params.model_dump(exclude_none=True, exclude={"is_relay"})
        reply = await self._gateway.ask("hello", asked, deadline_ms=deadline_ms)
        if not reply["ok"]:
            return Whole(pack_reply(reply | {"id": raw.get("id")}), is_ok=False)
        result: dict[str, Any] = reply["result"]
        identity = self._identity
        return result | {
            "endpoints": dict(identity.endpoints),
            "capabilities": [*result.get("capabilities", []), CAPABILITY],
            "refused_subscriptions": refused,
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
        told = self._judge.judge(
            RelayFacts(
                silent_ns=report.silent_ns if report is not None else None,
                gateway=gateway,
                gateway_error=error,
                refusal=self._refusal(),
                slow=report.slow if report is not None else (),
                sockets=tuple(self._issues()),
            )
        )
        caller: Caller = request[2]
        return told if self._rules.access.rights_of(caller).sees_others else without_names(told)

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
        for counter, count in self._other_counts():
            counted[counter.label] += count
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

    async def symbols(
        self,
        params: m.SymbolsParams,
        raw: Mapping[str, Any],
        caller: Caller,
        deadline_ms: int,
    ) -> Any:
        """List the gateway's symbols, those that the caller may see."""
        if self._rules.access.rights_of(caller).hears_everything:
            return await self._gateway.forward(dict(raw), deadline_ms=deadline_ms)
        asked = params.model_dump(exclude_none=True)
        reply = await self._gateway.ask("symbols", asked, deadline_ms=deadline_ms)
        if not reply["ok"]:
            return Whole(pack_reply(reply | {"id": raw.get("id")}), is_ok=False)
        return self._rules.keep_seen(reply["result"], caller)

    async def subscribe(
        self, params: m.SubscribeParams, raw: Mapping[str, Any], caller: Caller, deadline_ms: int
    ) -> Any:
        """Take a lease at the gateway on what the caller may have, and tell what it may not."""
        share = share_of(params, caller, self._rules.access)
        named = self._rules.named(dict(raw), caller)
        if share.is_whole:
            return await self._gateway.forward(named, deadline_ms=deadline_ms)
        if not share.symbols:
            return share.complete({"lease_id": None, "expires_us": None})
        asked = {**named["params"], "symbols": share.symbols, "kinds": share.kinds}
        reply = await self._gateway.ask("subscribe", asked, deadline_ms=deadline_ms)
        if not reply["ok"]:
            return Whole(pack_reply(reply | {"id": raw.get("id")}), is_ok=False)
        return share.complete(reply["result"])

    async def subscriptions(
        self, params: m.SubscriptionsParams, _: Mapping[str, Any], caller: Caller, deadline_ms: int
    ) -> dict[str, Any]:
        """List what the gateway knows, with this relay's consumers as the peers."""
        asked = params.model_dump(exclude_none=True)
        peers, (gateway, _error) = await asyncio.gather(
            self._in_thread(self._peers.peers),
            self._opinion("subscriptions", deadline_ms, asked),
        )
        if gateway is None:
            gateway = {"leases": [], "watches": [], "demand": {}, "complete": False}
        wanted = [peer for peer in peers if params.client in (None, peer["client"])]
        if not self._rules.access.rights_of(caller).sees_others:
            # What the gateway knows is of all clients of this relay together.
            gateway = {"leases": [], "watches": [], "demand": {}, "complete": True}
            wanted = [peer for peer in wanted if peer["user"] == caller.user]
        return {**gateway, "peers": wanted[:PEERS_MAX]}

    def authorize_passing(self, request: Request, caller: Caller) -> None:
        """Let an administrator's request through to the gateway, and write down that it was.

        The gateway sees the relay as the caller, so who it was is known here only.

        Raises:
            Unauthorized: Nobody is an administrator here.
        """
        spec = m.METHODS.get(request.method)
        if spec is None or spec.role is not m.Role.ADMIN:
            return
        is_allowed = self._is_admin(caller)
        self._audit(
            "admin request",
            method=request.method,
            params=bounded(request.params),
            **caller.facts,
            outcome="passed on" if is_allowed else Unauthorized.code,
        )
        if not is_allowed:
            raise Unauthorized("admin methods are off", method=request.method)

    def _is_admin(self, caller: Caller) -> bool:
        """Whether a caller is an administrator; where there are no keys a setting says so."""
        if self._rules.access.is_by_user:
            return self._rules.access.rights_of(caller).may_ask(m.Role.ADMIN)
        return self._is_admin_allowed

    async def evict(
        self, params: m.AdminEvictParams, _: Mapping[str, Any], caller: Caller, __: int
    ) -> dict[str, Any]:
        """Cut off consumers of this relay, and write down who asked and why.

        Raises:
            Unauthorized: Nobody is an administrator here.
            SecurityValidationError: The reason would break a line of the log.
            InvalidParams: The name is that of several users' clients.
        """
        outcome: object = Unauthorized.code
        try:
            if not self._is_admin(caller):
                raise Unauthorized("admin methods are off", method="admin.evict")
            outcome = "refused"
            check_reason("admin.evict", params.reason)
            count = await self._in_thread(partial(self._peers.evict, params.peer, params.user))
            outcome = f"{count} cut off"
        finally:
            self._audit(
                "admin request",
                method="admin.evict",
                peer=bounded(params.peer),
                **({} if params.user is None else {"of_user": bounded(params.user)}),
                reason=bounded(params.reason),
                **caller.facts,
                outcome=outcome,
            )
        return {"evicted": count}

    def note_passing(self, request: m.Request, caller: Caller) -> None:
        """Learn from a request that is passed on whose a data connection is."""
        params = request.params or {}
        try:
            if request.method == "renew":
                renewed = m.RenewParams.model_validate(params)
                told = renewed.model_dump(include={"received", "gaps", "lag_us"}, exclude_none=True)
                if renewed.data_token is not None:
                    report = partial(self._peers.report, renewed.client, renewed.data_token, told)
                    self._thread.ask(partial(report, user=caller.user))
            elif request.method == "subscribe":
                who = {name: params.get(name) for name in ("client", "data_token")}
                named = m.HelloParams.model_validate(who)
                if named.client is not None and named.data_token is not None:
                    bind = partial(self._peers.bind, named.client, named.data_token)
                    self._thread.ask(partial(bind, user=caller.user))
        except pydantic.ValidationError:
            # The gateway will say what is wrong with it.
            return

    @property
    def epoch(self) -> int:
        """The gateway's run, as its heartbeats tell; 0 before the first."""
        return self._reporter.epoch

    async def _report(self) -> RelayReport | None:
        """Ask the relay thread how it is; None when it is stuck."""
        try:
            report: RelayReport = await self._in_thread(self._reporter.report)
        except RequestTimedOut:
            return None
        return report

    async def _in_thread(self, task: Callable[[], Any]) -> Any:
        """Have something done in the relay thread, which is never away for long.

        Raises:
            RequestTimedOut: It is.
        """
        try:
            async with asyncio.timeout(THREAD_S_MAX):
                return await asyncio.wrap_future(self._thread.ask(task))
        except TimeoutError as error:
            raise RequestTimedOut("the relay thread does not answer") from error

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
            "consumers_slow": len(report.slow),
            "consumers_unmeasured": report.unmeasured_count,
            "gateway_silent_ms": report.silent_ns // 1_000_000,
        },
        "topics": {
            "topics": report.topic_count,
            "subscriptions": report.subscription_count,
            "gateway_topics": report.gateway_topic_count,
        },
    }
