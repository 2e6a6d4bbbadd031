"""The gateway's own monitor: once a moment it judges everything, and says what has to be told."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from gateway_monitoring import Finding, HealthThresholds, Monitor, Source, TrendSteps

from gateway.clock import Clock
from gateway.health.activity import Activity, ActivityWatch
from gateway.health.facts import AlertFact, FeedHistory, LinkReport
from gateway.health.readings import Reconnections, feed_readings
from gateway.health.sessions import TradingHours
from gateway.health.verdict import HealthJudge, Issue
from gateway.policy.error_history import ErrorHistory

RAISE_AFTER_S: Final[Mapping[str, float]] = {
    "admin_down": 5.0,
    "symbols_stale": 5.0,
    "books_stale": 5.0,
}
"""How long an issue must last before it is an alert, where that is not `ISSUE_S`: IQConnect opens
its ports one after another, and symbols become live one after another."""
ISSUE_S: Final = 2.0
"""A connection that is made within this time, as at the start, was no trouble."""
AT_ONCE: Final = ("feed_thread_stuck", "_breaker_open", "_guard")
"""Issues (or their endings) that have lasted when they are first seen."""
CLEAR_AFTER_S: Final = 3.0
CONSEQUENCES: Final[Mapping[str, str]] = {"admin_down": "iqconnect_down"}
"""Issues that only follow from another one while that stands; breakers and books do as well."""
TOLD_OTHERWISE: Final = frozenset({"slow_consumers"})
"""Issues that are no alerts of their own: each slow consumer has one."""


class HealthMonitor:
    """Judges reports, figures and connections; owned by the control loop.

    Args:
        limits: The thresholds.
        hours: When the market is expected to trade.
        history: The feed thread's reports.
        errors: What went wrong in this run.
        admin: Reads the admin connection and what is known of IQConnect's login.
        clock: Both clocks.
    """

    def __init__(
        self,
        limits: HealthThresholds,
        *,
        hours: TradingHours,
        history: FeedHistory,
        errors: ErrorHistory,
        admin: Callable[[], tuple[LinkReport, str]],
        clock: Clock,
    ) -> None:
        self._monitor = Monitor(limits)
        self._judge = HealthJudge(clock)
        self._history = history
        self._errors = errors
        self._admin = admin
        self._clock = clock
        self._activity = ActivityWatch(hours)
        self._reconnections = Reconnections()
        self._conditions: list[Callable[[], Iterable[Issue]]] = []
        self.register_data_source("feed", self._read_feed)

    def register_conditions(self, conditions: Callable[[], Iterable[Issue]]) -> None:
        """Ask for issues that neither figures nor the feed thread's reports show.

        Args:
            conditions: Reads those that stand at this moment; must not fail.
        """
        self._conditions.append(conditions)

    def register_data_source(self, name: str, source: Source) -> None:
        """Ask for figures at every check; a source that fails is an issue by itself.

        Args:
            name: What the issue calls it.
            source: Reads figures by their names; None for one that does not apply.
        """
        self._monitor.register_data_source(name, source)

    @property
    def limits(self) -> HealthThresholds:
        """The thresholds."""
        return self._monitor.limits

    def set_limits(self, limits: HealthThresholds) -> None:
        """Judge by other thresholds from now on."""
        self._monitor.set_limits(limits)

    def set_hours(self, hours: TradingHours) -> None:
        """Expect trading at other times from now on."""
        self._activity.set_hours(hours)

    @property
    def readings(self) -> Mapping[str, float | None]:
        """The figures of the last check; None for what does not apply."""
        return self._monitor.reading.values

    def check(self) -> list[dict[str, Any]]:
        """Look at everything.

        Returns:
            Alerts that have to be told: maps with `event` (raised, changed, cleared) and the alert.
        """
        now_ns, now_us = self._clock.monotonic_ns(), self._clock.utc_us()
        issues = self._issues()
        codes = {issue.code for issue in issues}
        found = tuple(
            finding_of(issue, because=root_of(issue.code, codes))
            for issue in issues
            if issue.code not in TOLD_OTHERWISE
        )
        return self._monitor.check(now_ns=now_ns, now_us=now_us, findings=found)

    def verdict(self) -> dict[str, Any]:
        """Answer `health`: what is wrong at this moment, and thresholds passed for long enough."""
        issues = self._issues()
        known = {issue.code for issue in issues}
        lasting = [alert for alert in self.active if alert["code"] not in known | TOLD_OTHERWISE]
        # An alert that an issue has raised outlives it for a moment; a verdict does not.
        issues += [
            Issue(
                alert["code"],
                alert["level"],
                alert["message"],
                alert.get("hint") or "Read `alerts`.",
                since_us=alert["since_us"],
            )
            for alert in lasting
            if "limit" in alert or alert["code"] == "source_failed"
        ]
        return self._judge.answer(issues, self._history.newest)

    def take(self, fact: AlertFact) -> None:
        """Take an alert that the feed thread raised, changed or cleared."""
        self._monitor.alerts.take(fact.told, now_us=self._clock.utc_us())

    def acknowledge(self, alert_id: str, *, by: str, reason: str) -> dict[str, Any] | None:
        """Note that somebody takes care of an alert.

        Returns:
            What has to be told; None where no such alert stands.
        """
        now_us = self._clock.utc_us()
        return self._monitor.alerts.acknowledge(alert_id, by=by, reason=reason, now_us=now_us)

    @property
    def active(self) -> list[dict[str, Any]]:
        """The alerts that stand, the gravest and oldest first."""
        return self._monitor.alerts.active

    @property
    def recent(self) -> list[dict[str, Any]]:
        """The alerts that were cleared, newest first."""
        return self._monitor.alerts.recent

    @property
    def refused(self) -> int:
        """Alerts and figures that were not followed because there were too many."""
        return self._monitor.alerts.refused + self._monitor.trends.refused

    @property
    def trend_names(self) -> list[str]:
        """The figures whose trends are kept."""
        return self._monitor.trends.names

    def trend(self, name: str, window_minutes: float) -> TrendSteps:
        """Say in pieces how one figure moved; None without a value in the window."""
        now_ns = self._clock.monotonic_ns()
        return self._monitor.trends.steps(name, window_minutes=window_minutes, now_ns=now_ns)

    def points(self, name: str, seconds: float) -> list[tuple[float, float]]:
        """A figure's values of the last seconds: age in seconds and value, oldest first."""
        now_ns = self._clock.monotonic_ns()
        return self._monitor.trends.points(name, seconds=seconds, now_ns=now_ns)

    def _issues(self) -> list[Issue]:
        admin, login = self._admin()
        others = [issue for read in self._conditions for issue in read()]
        return self._judge.issues(
            self._history, admin=admin, login=login, errors=self._errors, others=others
        )

    def _read_feed(self) -> Mapping[str, Any]:
        """The figures of the feed; the same report twice tells nothing new of its activity."""
        report = self._history.newest
        activity, reconnections = Activity(), 0
        if report is not None:
            reconnections = self._reconnections.follow(report)
            activity = self._activity.follow(
                report,
                throughput=self._history.rate("messages_published"),
                throughput_min=self._monitor.limits.throughput_warning_min,
            )
        return feed_readings(self._history, activity=activity, reconnections=reconnections)


def root_of(code: str, codes: Collection[str]) -> str | None:
    """Which of the issues that stand an issue follows from; None for one of its own."""
    if code.endswith("_breaker_open"):
        root = "iqconnect_down"
    elif code.startswith("level2_"):
        # IQConnect, its login and its link to DTN are the same for both ports.
        root = code.removeprefix("level2_")
    else:
        root = CONSEQUENCES.get(code, "")
    return root if root in codes else None


def finding_of(issue: Issue, *, because: str | None = None) -> Finding:
    """Make of an issue what may become an alert.

    Args:
        issue: What is wrong.
        because: The issue that it follows from.
    """
    is_lasting = issue.code.endswith(AT_ONCE)
    return Finding(
        code=issue.code,
        level=issue.level,
        message=issue.message,
        hint=issue.hint,
        since_us=issue.since_us,
        raise_after_s=0.0 if is_lasting else RAISE_AFTER_S.get(issue.code, ISSUE_S),
        clear_after_s=CLEAR_AFTER_S,
        group=issue.group,
        extra={"because": because} if because is not None else {},
    )
