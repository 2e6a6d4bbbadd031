"""The verdict: from facts to healthy, warning or critical, with issues that say what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from gateway.clock import Clock
from gateway.health.facts import FeedHistory, FeedReport

REPORT_AGE_NS_MAX: Final = 3_000_000_000
"""A feed thread that has not reported for three seconds is stuck."""
ERROR_PERCENT_MAX: Final = 1.0
"""Share of lines that could not be processed above which the data is suspect."""
BAD_LINE_LABELS: Final = (
    "lines_truncated",
    "lines_invalid",
    "lines_oversize",
    "lines_unmapped",
    "processing_faults",
)
"""Counters of lines that were lost to processing."""
_ORDER: Final = {"healthy": 0, "warning": 1, "critical": 2}

CAUSE_HINTS: Final = {
    "iqconnect_down": "Start IQConnect and check iqconnect.host and iqconnect.level1_port; "
    "the gateway connects by itself.",
    "dtn_link_down": "IQConnect has no connection to DTN: check its login and the network; "
    "the gateway recovers by itself.",
    "link_silent": "IQConnect sends nothing, not even its clock: the gateway opens the "
    "connection anew by itself; restart IQConnect if it stays so.",
}


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


class HealthJudge:
    """Judges reports and remembers since when each issue stands.

    Args:
        clock: Ages on the monotonic clock, stamps in UTC.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_us: dict[str, int] = {}

    def judge(self, history: FeedHistory) -> dict[str, Any]:
        """Answer the `health` request.

        Args:
            history: The feed thread's last reports.

        Returns:
            level, is_healthy, live (the process works), ready (prices can be live), issues,
            upstream (port to state) and error_message (None when there is none).
        """
        now_us = self._clock.utc_us()
        report = history.newest
        issues = list(self._issues(history, report))
        codes = {issue.code for issue in issues}
        self._since_us = {code: self._since_us.get(code, now_us) for code in codes}
        is_live = "feed_thread_stuck" not in codes
        level = max((issue.level for issue in issues), key=_ORDER.__getitem__, default="healthy")
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
                    "since_us": self._since_us[issue.code],
                    "hint": issue.hint,
                }
                for issue in issues
            ],
            "upstream": dict(report.ports) if report is not None else {},
            "error_message": worst.message if worst is not None else None,
        }

    def _issues(self, history: FeedHistory, report: FeedReport | None) -> Iterator[Issue]:
        if report is None or self._clock.monotonic_ns() - report.at_ns > REPORT_AGE_NS_MAX:
            yield Issue(
                "feed_thread_stuck",
                "critical",
                "the feed thread does not report",
                "Right after the start wait a moment; else restart the gateway and report it.",
            )
        if report is None:
            return
        yield from _upstream_issues(report)
        refused = report.symbols.get("refused", 0)
        if refused:
            yield Issue(
                "symbols_refused",
                "warning",
                f"{refused} symbols are refused by the vendor",
                "Read their `state` topics: spelling (symbol_not_found) or limit (symbol_limit).",
            )
        books_refused = report.books.get("refused", 0)
        if books_refused:
            yield Issue(
                "books_refused",
                "warning",
                f"the vendor has no depth for {books_refused} symbols, or does not show it",
                "Read `level2_cause` in their `state`: no_depth, not_entitled, symbol_limit.",
            )
        if report.is_delayed:
            yield Issue(
                "delayed",
                "warning",
                "the account's prices are delayed",
                "Every message carries the DELAYED flag; ask DTN for a real-time service.",
            )
        percent = error_percent(history)
        if percent > ERROR_PERCENT_MAX:
            yield Issue(
                "processing_errors",
                "warning",
                f"{percent:.2f} % of lines could not be processed",
                "Read `metrics`: its samples quote the lines.",
            )


def _upstream_issues(report: FeedReport) -> Iterator[Issue]:
    """What is wrong between DTN and us, port by port."""
    if report.cause is not None:
        yield Issue(
            report.cause,
            "critical",
            f"prices are not live: {report.cause}",
            CAUSE_HINTS.get(report.cause, "Read the log."),
        )
    if report.depth_cause is not None:
        yield Issue(
            f"level2_{report.depth_cause}",
            "critical",
            f"order books are not live: {report.depth_cause}",
            CAUSE_HINTS.get(report.depth_cause, "Read the log.").replace("level1", "level2"),
        )
    if report.ports.get("admin") != "streaming":
        yield Issue(
            "admin_down",
            "warning",
            f"the admin port is {report.ports.get('admin', 'unknown')}",
            "Check iqconnect.admin_port; IQConnect may exit when its last client leaves.",
        )


def error_percent(history: FeedHistory) -> float:
    """Share of the window's lines that were lost to processing, in percent."""
    lines = history.growth("feed_lines")
    bad = sum(history.growth(label) for label in BAD_LINE_LABELS)
    return 100.0 * bad / lines if lines else 0.0


def client_metrics(history: FeedHistory) -> dict[str, Any]:
    """Answer the figures of the `metrics` request.

    Args:
        history: The feed thread's last reports.

    Returns:
        Throughput over the last ten seconds, latencies in their named units, errors in percent,
        and every counter since the start.
    """
    latency = history.latency()
    mean_us = latency.mean_us()
    report = history.newest
    return {
        "throughput_msg_per_sec": history.rate("messages_published"),
        "lines_per_sec": history.rate("feed_lines"),
        "average_latency_ms": (mean_us or 0.0) / 1000,
        "p50_latency_us": latency.quantile_us(0.5),
        "p99_latency_us": latency.quantile_us(0.99),
        "p999_latency_us": latency.quantile_us(0.999),
        "processing_errors": error_percent(history),
        "messages": report.counters["messages_published"] if report is not None else 0,
        "counters": report.counters if report is not None else {},
        "samples": report.samples if report is not None else [],
    }
