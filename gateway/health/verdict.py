"""The verdict: from facts to healthy, warning or critical, with issues that say what to do."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway_monitoring import worst_of

from gateway.clock import Clock
from gateway.health.facts import FeedHistory, FeedReport, LinkReport
from gateway.policy.breaker import BreakerState
from gateway.policy.error_history import ErrorHistory
from gateway.policy.login import LoginState

UNKNOWN_LINES_MIN: Final = 100
UNKNOWN_SHARE: Final = 0.05
"""Lines of unknown kinds are no errors, since the vendor may add kinds; so many in ten seconds, and
such a share of all, are no kind of the vendor's."""
SLOW_NAMED_MAX: Final = 5
"""Slow consumers that an issue names."""
REPORT_AGE_NS_MAX: Final = 2_000_000_000
"""A feed thread that has not reported for two seconds, where it does each second, is stuck."""

CAUSE_HINTS: Final = {
    "iqconnect_down": "Start IQConnect and check iqconnect.host and iqconnect.level1_port; "
    "the gateway connects by itself.",
    "dtn_link_down": "IQConnect has no connection to DTN: check its login and the network; "
    "the gateway recovers by itself.",
    "link_silent": "IQConnect sends nothing, not even its clock: the gateway opens the "
    "connection anew by itself; restart IQConnect if it stays so.",
    "login_lost": "IQConnect is not logged in to DTN: check the credentials, and whether another "
    "machine uses the login; with credentials the gateway logs in again by itself.",
    "overload": "This process did not run for a while and reads old lines: give the machine more "
    "room if it repeats.",
}
LOGIN_HINTS: Final = {
    LoginState.REFUSED.value: "A login brought nothing, or nobody logs in: check IQFEED_LOGIN, "
    "IQFEED_PASSWORD and IQFEED_PRODUCT_ID, or log in by hand.",
    LoginState.REPLACED.value: "Another machine may have taken the login: one login works on one "
    "machine only.",
}
"""What to do about a lost login, where more is known than that it is lost."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong."""

    code: str
    """Stable, lower snake case."""
    level: str
    """`warning` or `critical`."""
    message: str
    """What is wrong, with figures."""
    hint: str
    """What to do."""
    port: str = ""
    """The port it is about; empty for none."""
    group: str = ""
    """Issues of one group are one trouble whose cause changes."""
    since_us: int | None = None
    """Since when, UTC; None in the making, until it is known since when it was seen."""


class HealthJudge:
    """Judges reports and remembers since when each issue stands.

    Args:
        clock: Ages on the monotonic clock, stamps in UTC.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_us: dict[str, int] = {}

    def issues(
        self,
        history: FeedHistory,
        *,
        admin: LinkReport | None = None,
        login: str | None = None,
        errors: ErrorHistory | None = None,
        others: Iterable[Issue] = (),
    ) -> list[Issue]:
        """Say what is wrong at this moment.

        Args:
            history: The feed thread's last reports.
            admin: The admin connection; None when it is not known.
            login: What is known of IQConnect's login; None when nothing is.
            errors: What went wrong in this run; the last error of a port is named with its issue.
            others: What is wrong elsewhere.
        """
        now_us = self._clock.utc_us()
        own = self._issues(history, history.newest, admin=admin, login=login)
        found = [_with_last_error(issue, errors) for issue in (*own, *others)]
        codes = {issue.code for issue in found}
        self._since_us = {code: self._since_us.get(code, now_us) for code in codes}
        return [
            replace(issue, since_us=issue.since_us or self._since_us[issue.code]) for issue in found
        ]

    def answer(self, issues: Sequence[Issue], report: FeedReport | None) -> dict[str, Any]:
        """Answer the `health` request.

        Args:
            issues: Everything that is wrong.
            report: The feed thread's last one.

        Returns:
            level, is_healthy, live (the process works), ready (prices can be live), issues,
            upstream (port to state) and error_message (None when there is none).
        """
        is_live = all(issue.code != "feed_thread_stuck" for issue in issues)
        level = worst_of(issue.level for issue in issues)
        worst = next((issue for issue in issues if issue.level == level), None)
        return {
            "level": level,
            "is_healthy": level == "healthy",
            "live": is_live,
            # What a thread that hangs reported last says nothing about now.
            "ready": is_live and report is not None and report.cause is None,
            "issues": [
                {
                    "code": issue.code,
                    "level": issue.level,
                    "message": issue.message,
                    "since_us": issue.since_us,
                    "hint": issue.hint,
                }
                for issue in issues
            ],
            "upstream": dict(report.ports) if report is not None else {},
            "error_message": worst.message if worst is not None else None,
        }

    def _issues(
        self,
        history: FeedHistory,
        report: FeedReport | None,
        *,
        admin: LinkReport | None,
        login: str | None,
    ) -> Iterator[Issue]:
        if report is None or self._clock.monotonic_ns() - report.at_ns > REPORT_AGE_NS_MAX:
            yield Issue(
                "feed_thread_stuck",
                "critical",
                "the feed thread does not report",
                "Right after the start wait a moment; else restart the gateway and report it.",
            )
        if report is None:
            return
        yield from _upstream_issues(report, login)
        yield from _breaker_issues((*report.links, *((admin,) if admin is not None else ())))
        refused = report.symbols.get("refused", 0)
        if refused:
            yield Issue(
                "symbols_refused",
                "warning",
                f"{refused} {'symbol is' if refused == 1 else 'symbols are'} refused by the vendor",
                "Read their `state` topics: spelling (symbol_not_found) or limit (symbol_limit).",
            )
        books_refused = report.books.get("refused", 0)
        if books_refused:
            yield Issue(
                "books_refused",
                "warning",
                (
                    f"the vendor has no depth for {books_refused} "
                    f"{'symbol' if books_refused == 1 else 'symbols'}, or does not show it"
                ),
                "Read `level2_cause` in their `state`: no_depth, not_entitled, symbol_limit.",
            )
        yield from _stale_issues(report)
        if report.is_delayed:
            yield Issue(
                "delayed",
                "warning",
                "the account's prices are delayed",
                "Every message carries the DELAYED flag; ask DTN for a real-time service.",
            )
        yield from _line_issues(history)
        yield from consumer_issues(report.slow_consumers)


def _line_issues(history: FeedHistory) -> Iterator[Issue]:
    """What is wrong with the lines of the last seconds."""
    unknown, lines = history.growth("lines_unknown"), history.growth("feed_lines")
    if unknown >= UNKNOWN_LINES_MIN and unknown > UNKNOWN_SHARE * lines:
        yield Issue(
            "unknown_lines",
            "warning",
            f"{unknown} of {lines} lines of the last ten seconds were of no known kind",
            "Something else than IQConnect may be writing, or bytes were lost: `metrics` "
            "quotes some of them in its samples.",
        )
    merged = history.growth("quotes_merged")
    if merged:
        yield Issue(
            "backlog_shed",
            "warning",
            f"{merged} quotes were merged into newer ones: more lines waited than may",
            "Watch fewer symbols, or give the machine more room; trades and books are whole.",
        )


def _stale_issues(report: FeedReport) -> Iterator[Issue]:
    """Symbols that are stale by themselves, though their port is live."""
    for what, states, cause in (
        ("symbol", report.symbols, report.cause),
        ("book", report.books, report.depth_cause),
    ):
        count = states.get("stale", 0)
        if count and cause is None:
            yield Issue(
                f"{what}s_stale",
                "warning",
                f"{count} {what}{'' if count == 1 else 's'} stale although the connection is live",
                "`symbols state=stale` lists them, `why` says of each what it follows from; the "
                "gateway asks the vendor anew by itself.",
            )


def _upstream_issues(report: FeedReport, login: str | None) -> Iterator[Issue]:
    """What is wrong between DTN and us, port by port."""
    if report.cause is not None:
        hint = CAUSE_HINTS.get(report.cause, "Read the log.")
        if report.cause == "login_lost" and login is not None:
            hint = LOGIN_HINTS.get(login, hint)
        yield Issue(
            report.cause,
            "critical",
            f"prices are not live: {report.cause}",
            hint,
            "level1",
            "level1",
        )
    if report.depth_cause is not None:
        yield Issue(
            f"level2_{report.depth_cause}",
            "critical",
            f"order books are not live: {report.depth_cause}",
            CAUSE_HINTS.get(report.depth_cause, "Read the log.").replace("level1", "level2"),
            "level2",
            "level2",
        )
    if report.ports.get("admin") != "streaming":
        yield Issue(
            "admin_down",
            "warning",
            f"the admin port is {report.ports.get('admin', 'unknown')}",
            "Check iqconnect.admin_port; IQConnect may exit when its last client leaves.",
            "admin",
        )


def consumer_issues(consumers: Sequence[Mapping[str, object]]) -> Iterator[Issue]:
    """Consumers that fall behind, the furthest first."""
    slow = sorted(consumers, key=lambda peer: -int(str(peer["lag_us"])))
    if slow:
        names = ", ".join(
            f"{peer['client'] or peer['peer']} ({int(str(peer['lag_us'])) / 1e6:.1f} s)"
            for peer in slow[:SLOW_NAMED_MAX]
        )
        more = f" and {len(slow) - SLOW_NAMED_MAX} more" if len(slow) > SLOW_NAMED_MAX else ""
        since_us = [us for peer in slow if isinstance(us := peer.get("slow_since_us"), int)]
        count = "a consumer falls" if len(slow) == 1 else f"{len(slow)} consumers fall"
        yield Issue(
            "slow_consumers",
            "warning",
            f"{count} behind: {names}{more}",
            "Others are not affected. Let them read faster, subscribe to less or take conflated "
            "topics; `subscriptions` shows every consumer, `admin.evict` cuts one off.",
            since_us=min(since_us, default=None),
        )


def _breaker_issues(links: tuple[LinkReport, ...]) -> Iterator[Issue]:
    """The circuit breakers that are open, one by one."""
    for link in links:
        if link.breaker.get("state") != BreakerState.OPEN:
            continue
        wait_ms = link.breaker.get("retry_in_ms")
        yield Issue(
            f"{link.port.replace('.', '_')}_breaker_open",
            "warning",
            f"the circuit breaker of {link.port} is open: next attempt in {wait_ms} ms",
            f"Repair what keeps {link.address} from working; attempts go on by themselves, and "
            "`admin.breaker_reset` makes one at once.",
            link.port,
        )


def _with_last_error(issue: Issue, errors: ErrorHistory | None) -> Issue:
    """Name the port's last error with an issue about it: it says more than the state."""
    latest = errors.latest_of(issue.port) if errors is not None and issue.port else None
    if latest is None:
        return issue
    reason = latest.details.get("reason")
    told = f"{latest.message} ({reason})" if reason is not None else latest.message
    return replace(issue, hint=f"{issue.hint} Last on {issue.port}: {told}; see `errors`.")
