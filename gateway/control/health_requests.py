"""Requests about how the gateway is: health, figures, alerts, trends, diagnostics, symbols."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from heapq import nsmallest
from typing import Any, Final

from gateway.clock import Clock
from gateway.control.admin_port import AdminPort
from gateway.control.feed_commands import (
    SYMBOLS_PER_COMMAND_MAX,
    FeedCommand,
    ReadSymbols,
    ReadWatches,
    ReloadConfiguration,
    SymbolRows,
    WatchReport,
)
from gateway.control.figures import figures_of
from gateway.control.identity import Identity
from gateway.control.upstream_requests import Audit, Caller, check_reason
from gateway.errors import GatewayError, InvalidParams
from gateway.health.facts import FeedHistory, FeedReport, LinkReport
from gateway.health.monitor import HealthMonitor
from gateway.model import methods as m
from gateway.policy.breaker import BreakerState
from gateway.policy.leases import Leases

Steps = Generator[FeedCommand | None, Any, dict[str, Any]]
"""A handler in progress; None lets others run."""
MOMENT_NS: Final = 50_000_000
"""Age up to which an answer to `health` is new."""
PEERS_MAX: Final = 5_000
"""Longest list of consumers in an answer."""
_BREAKERS: Final = (BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED)
"""From worst to best."""


@dataclass(frozen=True, slots=True)
class Inside:
    """Reads what only the process itself knows."""

    process: Callable[[], Mapping[str, Any]] = dict
    """Memory, processor, threads and descriptors."""
    counts: Callable[[], Mapping[str, int]] = dict
    """What was counted outside the feed thread, by label."""
    queues: Callable[[], Mapping[str, tuple[int, int]]] = dict
    """By name: how much is in it, and how much may be."""
    threads: Callable[[], Mapping[str, Any]] = dict
    """By name: how each is."""
    config: Callable[[], Mapping[str, Any]] = dict
    """Every setting, secrets masked."""
    own_watch: Callable[[], Mapping[str, int]] = dict
    """What is watched because `symbols_file` lists it."""


class HealthRequests:
    """Answers `health`, `metrics`, `alerts`, `trends`, `diagnostics`, `symbols` and more.

    Args:
        identity: Who this gateway is.
        monitor: Judges.
        history: The feed thread's reports.
        leases: Living leases.
        admin: The admin connection.
        inside: What only the process knows.
        clock: Both clocks.
        audit: Takes what administrators did.
        tell: Tells of an alert: publishes it, logs it, sends it on.
    """

    def __init__(
        self,
        *,
        identity: Identity,
        monitor: HealthMonitor,
        history: FeedHistory,
        leases: Leases,
        admin: AdminPort,
        inside: Inside,
        clock: Clock,
        audit: Audit,
        tell: Callable[[Mapping[str, Any]], object],
    ) -> None:
        self.identity: Final = identity
        """Who this gateway run is."""
        self.monitor: Final = monitor
        """Judges, and knows alerts and trends."""
        self._history = history
        self._leases = leases
        self._admin = admin
        self.inside: Final = inside
        """What only the process knows."""
        self._clock = clock
        self._audit = audit
        self._tell = tell
        self._started_ns = clock.monotonic_ns()
        self._verdict: dict[str, Any] = {}
        self._judged_ns = 0

    @property
    def history(self) -> FeedHistory:
        """The feed thread's last reports."""
        return self._history

    @property
    def report(self) -> FeedReport | None:
        """The feed thread's last report; None before the first."""
        return self._history.newest

    def health(self, _: m.HealthParams) -> dict[str, Any]:
        """Judge the last seconds; who asks at the same moment gets the same answer.

        Judging costs a millisecond and more: what everybody may ask for two hundred times a second
        would hold up everybody else.
        """
        now_ns = self._clock.monotonic_ns()
        if not self._verdict or now_ns - self._judged_ns >= MOMENT_NS:
            pipeline = self.identity.pipeline.as_map()
            self._verdict = {**self.monitor.verdict(), "pipeline": pipeline}
            self._judged_ns = now_ns
        return self._verdict

    def metrics(self, _: m.MetricsParams) -> dict[str, Any]:
        """Give the figures."""
        return figures_of(
            self._history,
            admin=self._admin,
            lease_count=len(self._leases.living()),
            counts=self.inside.counts(),
            process={**self.inside.process(), "pipeline": self.identity.pipeline.name},
            readings=self.monitor.readings,
        )

    def alerts(self, _: m.AlertsParams) -> dict[str, Any]:
        """List what stands and what was cleared of late."""
        return {"active": self.monitor.active, "recent": self.monitor.recent}

    def trends(self, params: m.TrendsParams) -> Steps:
        """Say how each figure moved, in pieces: a day of one takes milliseconds."""
        metrics: dict[str, Any] = {}
        for name in self.monitor.trend_names:
            trend = yield from self.monitor.trend(name, params.window_minutes)
            if trend is not None:
                metrics[name] = trend
            yield None
        return {"window_minutes": params.window_minutes, "metrics": metrics}

    def diagnostics(self, _: m.DiagnosticsParams) -> Steps:
        """Gather everything an operator needs to see at once.

        A feed thread that hangs is not asked: that is when diagnostics are needed most.
        """
        peers: list[dict[str, Any]] = []
        if self.monitor.verdict()["live"]:
            watched: WatchReport = yield ReadWatches(PEERS_MAX)
            peers = watched.peers
        report = self._history.newest
        links = [self._admin.report(), *(report.links if report is not None else ())]
        verdict = self.monitor.verdict()
        yield None
        return {
            "client_status": {
                "connected": bool(verdict["ready"]),
                "health_level": verdict["level"],
                "gateway_id": self.identity.gateway_id,
                "version": self.identity.version,
                "epoch": self.identity.epoch,
                "pipeline": self.identity.pipeline.as_map(),
                "uptime_s": (self._clock.monotonic_ns() - self._started_ns) // 1_000_000_000,
                "upstream": verdict["upstream"],
                "login": self._admin.login,
                "symbols": dict(report.symbols) if report is not None else {},
                "leases": len(self._leases.living()),
                "symbols_file": dict(self.inside.own_watch()),
                "consumers": report.connection_count if report is not None else 0,
            },
            "queue_status": self._queue_status(links),
            "thread_status": dict(self.inside.threads()),
            "connections": {link.port: link.as_map() for link in links},
            "breaker": breaker_of(links),
            "clients": peers,
            "thresholds": self.monitor.limits.as_map(),
            "config": dict(self.inside.config()),
        }

    def symbols(
        self, params: m.SymbolsParams, may_see: Callable[[str], bool] | None = None
    ) -> Steps:
        """List symbols and their states, sorted by name.

        Args:
            params: Which symbols.
            may_see: Says which symbols there are for the caller; None for all.
        """
        wanted = ReadSymbols(
            search=(params.search or "").upper(),
            state=params.state or "",
            after=params.after or "",
            may_see=may_see,
        )
        # By name: symbols that moved while they were read may come twice.
        found: dict[str, dict[str, Any]] = {}
        place: int | None = 0
        total, before = 0, ""
        while place is not None:
            slice_: SymbolRows = yield replace(wanted, place=place, before=before)
            found |= {row["symbol"]: row for row in slice_.rows}
            place = slice_.place
            total = slice_.total if may_see is None else total + slice_.seen
            if len(found) > params.limit + SYMBOLS_PER_COMMAND_MAX:
                # Rows behind the page are not even made any more.
                page = nsmallest(params.limit + 1, found)
                found = {name: found[name] for name in page}
                before = page[-1]
        names = nsmallest(params.limit, found)
        return {
            "symbols": [found[name] for name in names],
            "complete": len(found) <= params.limit,
            "total": total,
        }

    def acknowledge(self, caller: Caller, params: m.AdminAcknowledgeParams) -> dict[str, Any]:
        """Note that somebody takes care of an alert.

        Raises:
            InvalidParams: No such alert stands.
            SecurityValidationError: The reason would break a line of the log.
        """
        check_reason("admin.acknowledge", params.reason)
        by = caller.user or caller.address or caller.identity
        told = self.monitor.acknowledge(params.alert, by=by, reason=params.reason)
        self._write("admin.acknowledge", caller, params.reason, alert=params.alert, ok=bool(told))
        if told is None:
            raise InvalidParams(
                "no such alert stands",
                hint="Name the `id` of an active alert, as `alerts` lists them.",
                alert=params.alert,
            )
        self._tell(told)
        return {"alert": {name: value for name, value in told.items() if name != "event"}}

    def set_thresholds(self, caller: Caller, params: m.AdminSetThresholdsParams) -> dict[str, Any]:
        """Judge by other thresholds until the next start.

        Raises:
            InvalidParams: No threshold, or limits that contradict each other; nothing is changed.
            SecurityValidationError: The reason would break a line of the log.
        """
        check_reason("admin.set_thresholds", params.reason)
        before = self.monitor.limits
        try:
            limits = before.changed(params.thresholds)
        except ValueError as error:
            self._write("admin.set_thresholds", caller, params.reason, ok=False)
            raise InvalidParams(str(error), hint="Nothing was changed.") from error
        self.monitor.set_limits(limits)
        known, now = before.as_map(), limits.as_map()
        changed = {name: now[name] for name in now if now[name] != known[name]}
        self._write("admin.set_thresholds", caller, params.reason, ok=True, changed=changed)
        return {"thresholds": now}

    def reload(self, caller: Caller, params: m.AdminReloadParams) -> Steps:
        """Read the configuration again, and say what changed.

        Raises:
            InvalidParams: It cannot be used; everything stays as it was.
            SecurityValidationError: The reason would break a line of the log.
        """
        check_reason("admin.reload", params.reason)
        try:
            changes: dict[str, Any] = yield ReloadConfiguration("admin.reload")
        except GatewayError:
            self._write("admin.reload", caller, params.reason, ok=False)
            raise
        self._write("admin.reload", caller, params.reason, ok=True, changed=changes["changed"])
        return changes

    def _write(
        self, method: str, caller: Caller, reason: str, *, ok: bool, **facts: object
    ) -> None:
        """Write a line of the audit log."""
        self._audit(
            "admin request",
            method=method,
            reason=reason,
            **caller.facts,
            outcome="done" if ok else "invalid_params",
            **facts,
        )

    def _queue_status(self, links: list[LinkReport]) -> dict[str, int]:
        """Every queue with its size and its capacity; `size` and `capacity` are the fullest's."""
        queues = dict(self.inside.queues())
        queues |= {
            f"{link.port.replace('.', '_')}_held_lines": (link.held_lines, link.held_lines_max)
            for link in links
            if link.held_lines_max
        }
        fullest = max(queues.values(), key=lambda queue: queue[0] / queue[1], default=(0, 1))
        status = {"size": fullest[0], "capacity": fullest[1]}
        for name, (size, capacity) in queues.items():
            status |= {f"{name}_size": size, f"{name}_capacity": capacity}
        return status


def breaker_of(links: list[LinkReport]) -> dict[str, Any]:
    """The circuit breakers: the worst one's state, and each by its port."""
    ports = {link.port: dict(link.breaker) for link in links}
    states = [str(breaker.get("state")) for breaker in ports.values()]
    worst = next((s.value for s in _BREAKERS if s.value in states), BreakerState.CLOSED.value)
    return {"state": worst, "ports": ports}
