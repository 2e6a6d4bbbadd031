"""Requests about the way to DTN: what went wrong, why a symbol is as it is, and what to do anew.

What costs the vendor something, or is an administrator's, is rationed here, in the control loop:
what is refused never reaches the feed thread.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Final

from gateway.clock import Clock
from gateway.control.admin_port import AdminPort
from gateway.control.explaining import explain, holds_of
from gateway.control.feed_commands import (
    Explain,
    FeedCommand,
    ReconnectPort,
    ResetBreakers,
    Resync,
)
from gateway.control.public_topics import public_topic
from gateway.counters import Counter, Counters
from gateway.errors import (
    GatewayError,
    InvalidParams,
    RateLimited,
    SecurityValidationError,
    Unauthorized,
)
from gateway.iqfeed.commands import check_symbol
from gateway.model import methods as m
from gateway.policy.error_history import ErrorHistory
from gateway.policy.leases import Leases
from gateway.policy.rate_limit import KeyedBuckets, Window, as_ms
from gateway.wire.topics import TopicName

Steps = Generator[FeedCommand, Any, dict[str, Any]]
SECOND_NS: Final = 1_000_000_000
SYMBOL_NS: Final = 5 * SECOND_NS
"""One symbol is asked for anew at most this often."""
RESYNCS_MAX: Final = 20
RESYNCS_NS: Final = 10 * SECOND_NS
"""All together, so many in any stretch of this length."""
CALLER_BURST_MAX: Final = 5
CALLER_NS: Final = SECOND_NS
"""One requester may ask so many times at once, and then once in this time."""
ADMIN_NS: Final = 5 * SECOND_NS
"""One admin method is done to one port at most this often."""
KEYS_MAX: Final = 1_000
"""Requesters and symbols whose pace is remembered."""
SERVED_PORTS: Final = frozenset({"level1", "level2", "admin"})

Audit = Callable[..., object]
"""Writes one line of the audit log: words, and facts by name."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, as far as that can be known."""

    identity: str = ""
    """The connection's routing id, hexadecimal; new with each connection."""
    address: str = ""
    """The peer's network address; empty where ZeroMQ does not tell."""
    user: str = ""
    """The client's name, as the handshake has proven; empty without keys."""

    @property
    def account(self) -> str:
        """Whom what it asks for is counted to: its user, or without keys its connection."""
        return self.user or self.identity

    @property
    def requester(self) -> bytes:
        """What tells its requests from others': another user may have had its routing id."""
        return f"{self.user}/{self.identity}".encode()

    @property
    def facts(self) -> dict[str, str]:
        """What the audit log says of it."""
        facts = {"caller": self.identity, "address": self.address}
        return facts | {"user": self.user} if self.user else facts


NOBODY: Final = Caller()
"""A request of our own, or of a test."""


class UpstreamRequests:
    """Answers `errors`, `why`, `resync`, `admin.breaker_reset` and `admin.reconnect`.

    Args:
        leases: Living leases.
        errors: What went wrong in this run.
        admin: The admin connection.
        clock: For the pace.
        counters: Where asking anew is counted.
        is_admin_allowed: Whether every local program counts as an administrator.
        audit: Takes what administrators did and tried.
    """

    def __init__(
        self,
        *,
        leases: Leases,
        errors: ErrorHistory,
        admin: AdminPort,
        clock: Clock,
        counters: Counters,
        is_admin_allowed: bool,
        audit: Audit,
    ) -> None:
        self._leases = leases
        self.history: Final = errors
        """What went wrong in this run."""
        self.admin: Final = admin
        """The admin connection."""
        self._counters = counters
        self._is_admin_allowed = is_admin_allowed
        self._audit = audit
        self._by_caller = KeyedBuckets(
            clock, tokens_max=CALLER_BURST_MAX, token_ns=CALLER_NS, keys_max=KEYS_MAX
        )
        self._by_symbol = KeyedBuckets(clock, tokens_max=1, token_ns=SYMBOL_NS, keys_max=KEYS_MAX)
        self._all = Window(clock, count_max=RESYNCS_MAX, length_ns=RESYNCS_NS)
        self._by_deed = KeyedBuckets(clock, tokens_max=1, token_ns=ADMIN_NS, keys_max=KEYS_MAX)

    def errors(self, params: m.ErrorsParams) -> dict[str, Any]:
        """List what went wrong, newest first."""
        return {"errors": self.history.newest(params.limit)}

    def why(self, params: m.WhyParams, *, is_seen: Callable[[str], bool] = lambda _: True) -> Steps:
        """Say in plain words why a symbol is as it is.

        Args:
            params: Which symbol.
            is_seen: Says whose leases may be spoken of.

        Raises:
            SymbolInvalid: Not a symbol.
        """
        symbol = check_symbol(params.symbol)
        lineage = yield Explain(symbol)
        leases = [lease for lease in self._leases.living() if is_seen(lease.user)]
        return explain(
            lineage,
            holds_of(leases, symbol),
            admin=self.admin.report(),
            login=self.admin.login,
        )

    def resync(self, caller: Caller, params: m.ResyncParams) -> Steps:
        """Ask the vendor for fresh values of a symbol, within the budget.

        Raises:
            InvalidParams: Not a topic, or not one that somebody wants.
            RateLimited: Over the budget; `retry_ms` says when it is not.
            UpstreamDown: The vendor cannot be asked.
        """
        name = public_topic(params.topic)
        self._spend(caller, name)
        try:
            yield Resync(name)
        except GatewayError:
            # Nothing was asked of the vendor: only the requester's own pace was used.
            self._by_symbol.give_back(name.symbol)
            self._all.give_back()
            raise
        self._counters.add(Counter.RESYNCS_ASKED)
        return {"requested": True}

    def _spend(self, caller: Caller, name: TopicName) -> None:
        wait_ns = max(
            self._by_caller.wait_ns(caller.account),
            self._by_symbol.wait_ns(name.symbol),
            self._all.wait_ns(),
        )
        if wait_ns > 0:
            self._counters.add(Counter.RESYNCS_REFUSED)
            raise RateLimited(
                "fresh values are asked for too often",
                topic=name.spelling,
                retry_ms=as_ms(wait_ns),
            )
        self._by_caller.take(caller.account)
        self._by_symbol.take(name.symbol)
        self._all.take()

    def authorize(self, caller: Caller, method: str) -> None:
        """Let an administrator through.

        Raises:
            Unauthorized: Nobody is one here.
        """
        if self._is_admin_allowed:
            return
        self._audit(
            "admin request refused",
            method=method,
            **caller.facts,
            outcome=Unauthorized.code,
        )
        raise Unauthorized("admin methods are off", method=method)

    def reset_breaker(self, caller: Caller, params: m.AdminBreakerResetParams) -> Steps:
        """Close the circuit breakers of a port.

        Raises:
            InvalidParams: A port that is not served.
            RateLimited: It was done a moment ago.
        """
        return self._do(caller, "admin.breaker_reset", params.port, params.reason)

    def reconnect(self, caller: Caller, params: m.AdminReconnectParams) -> Steps:
        """Make the connections of a port anew.

        Raises:
            InvalidParams: A port that is not served.
            RateLimited: It was done a moment ago.
        """
        return self._do(caller, "admin.reconnect", params.port, params.reason)

    def _do(self, caller: Caller, method: str, port: str, reason: str) -> Steps:
        """Do one administrator's deed, and write down what became of it."""
        outcome = "failed"
        try:
            self._check(method, port, reason)
            count = yield from self._act(method, port)
            outcome = "done"
        except GatewayError as error:
            outcome = error.code
            raise
        finally:
            self._audit(
                "admin request",
                method=method,
                port=port,
                reason=reason,
                **caller.facts,
                outcome=outcome,
            )
        return {"connections": count}

    def _check(self, method: str, port: str, reason: str) -> None:
        if port not in SERVED_PORTS:
            raise InvalidParams(
                "this port is not served yet",
                hint=f"Name one of {', '.join(sorted(SERVED_PORTS))}.",
                port=port,
            )
        check_reason(method, reason)
        deed = f"{method} {port}"
        wait_ns = self._by_deed.wait_ns(deed)
        if wait_ns > 0:
            raise RateLimited(
                "this was done a moment ago", method=method, port=port, retry_ms=as_ms(wait_ns)
            )
        self._by_deed.take(deed)

    def _act(self, method: str, port: str) -> Generator[FeedCommand, Any, int]:
        is_reset = method == "admin.breaker_reset"
        if port == "admin":
            if is_reset:
                self.admin.reset_breaker()
            else:
                self.admin.reconnect()
            return 1
        answer: int = yield ResetBreakers(port) if is_reset else ReconnectPort(port)
        return answer


def check_reason(method: str, reason: str) -> None:
    """Let a reason into the audit log.

    Raises:
        SecurityValidationError: It would break a line, or forge one.
    """
    if not reason.isprintable():
        raise SecurityValidationError(
            "a reason is one line of printable text", method=method, reason=reason
        )
