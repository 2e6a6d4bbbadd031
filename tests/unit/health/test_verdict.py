"""The verdict: healthy, warning or critical, since when, and what to do."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.clock import FakeClock
from gateway.health.facts import FeedHistory, FeedReport, LinkReport
from gateway.health.latency import LatencyHistogram
from gateway.health.readings import BAD_LINE_LABELS, client_metrics, error_percent
from gateway.health.verdict import REPORT_AGE_NS_MAX, HealthJudge
from gateway.policy.error_history import ErrorFact, ErrorHistory
from tests.unit.health.feed_reports import GOOD, counted, history_of


def codes(verdict: dict[str, Any]) -> list[str]:
    """The issues' codes."""
    return [issue["code"] for issue in verdict["issues"]]


def verdict_of(judge: HealthJudge, history: FeedHistory, **known: Any) -> dict[str, Any]:
    """What `health` says when nothing else is wrong."""
    return judge.answer(judge.issues(history, **known), history.newest)


@pytest.fixture
def clock() -> FakeClock:
    """Ages reports."""
    return FakeClock()


@pytest.fixture
def judge(clock: FakeClock) -> HealthJudge:
    """A judge that has seen nothing yet."""
    return HealthJudge(clock)


def test_a_gateway_without_issues_is_healthy_live_and_ready(judge: HealthJudge) -> None:
    """Nothing to say is said in every field."""
    assert verdict_of(judge, history_of(GOOD)) == {
        "level": "healthy",
        "is_healthy": True,
        "live": True,
        "ready": True,
        "issues": [],
        "upstream": {"level1": "streaming", "admin": "streaming"},
        "error_message": None,
    }


def test_before_the_first_report_the_gateway_is_not_ready(judge: HealthJudge) -> None:
    """A probe that asks too early must not be told that all is well."""
    verdict = verdict_of(judge, FeedHistory())
    assert (verdict["level"], verdict["live"], verdict["ready"]) == ("critical", False, False)
    assert codes(verdict) == ["feed_thread_stuck"]
    assert verdict["upstream"] == {}
    assert verdict["error_message"] == "the feed thread does not report"


def test_a_feed_thread_that_stops_reporting_is_critical(
    judge: HealthJudge, clock: FakeClock
) -> None:
    """A process that answers requests while its data thread hangs must be restarted."""
    history = history_of(GOOD)
    clock.advance(seconds=REPORT_AGE_NS_MAX / 1e9)
    assert verdict_of(judge, history)["live"]
    clock.advance(seconds=0.001)
    verdict = verdict_of(judge, history)
    assert not verdict["live"]
    assert verdict["level"] == "critical"


def test_a_gateway_whose_feed_thread_is_stuck_is_not_ready(
    judge: HealthJudge, clock: FakeClock
) -> None:
    """Nothing can be live behind a thread that hangs; consumers must be sent elsewhere."""
    clock.advance(seconds=60)
    assert not verdict_of(judge, history_of(GOOD))["ready"]


@pytest.mark.parametrize("cause", ["iqconnect_down", "dtn_link_down", "link_silent", "login_lost"])
def test_an_upstream_that_is_not_whole_is_critical_and_names_its_cause(
    judge: HealthJudge, cause: str
) -> None:
    """The cause is the same word as in every symbol's state, with advice beside it."""
    verdict = verdict_of(judge, history_of(replace(GOOD, cause=cause)))
    assert codes(verdict) == [cause]
    assert verdict["level"] == "critical"
    assert verdict["live"], "the process itself works"
    assert not verdict["ready"]
    assert cause in verdict["error_message"]
    assert verdict["issues"][0]["hint"].endswith(".")


@pytest.mark.parametrize(
    ("report", "code", "words"),
    [
        (replace(GOOD, ports={"level1": "streaming", "admin": "closed"}), "admin_down", "closed"),
        (replace(GOOD, ports={}), "admin_down", "unknown"),
        (replace(GOOD, symbols={"live": 1, "refused": 2}), "symbols_refused", "2 symbols"),
        (replace(GOOD, is_delayed=True), "delayed", "delayed"),
    ],
)
def test_what_does_not_stop_prices_is_a_warning(
    judge: HealthJudge, report: FeedReport, code: str, words: str
) -> None:
    """Prices flow, so the gateway stays ready; the operator is told what to look at."""
    verdict = verdict_of(judge, history_of(report))
    assert codes(verdict) == [code]
    assert (verdict["level"], verdict["is_healthy"]) == ("warning", False)
    assert (verdict["live"], verdict["ready"]) == (True, True)
    assert words in verdict["error_message"]
    assert verdict["issues"][0]["hint"]


def test_the_worst_issue_decides_level_and_message(judge: HealthJudge) -> None:
    """A warning that is listed first must not hide that nothing is live."""
    report = replace(GOOD, cause="dtn_link_down", is_delayed=True, symbols={"refused": 1})
    verdict = verdict_of(judge, history_of(report))
    assert verdict["level"] == "critical"
    assert "dtn_link_down" in verdict["error_message"]
    assert codes(verdict) == ["dtn_link_down", "symbols_refused", "delayed"]
    assert [issue["level"] for issue in verdict["issues"]] == ["critical", "warning", "warning"]


def test_since_stays_while_an_issue_stands(judge: HealthJudge, clock: FakeClock) -> None:
    """How long prices have been dead is the first question of whoever is woken up."""
    began_us = clock.utc_us()
    down = replace(GOOD, cause="dtn_link_down")
    for _ in range(3):
        (issue,) = verdict_of(judge, history_of(replace(down, at_ns=clock.monotonic_ns())))[
            "issues"
        ]
        assert issue["since_us"] == began_us
        clock.advance(seconds=1)


def test_an_issue_that_comes_back_begins_anew(judge: HealthJudge, clock: FakeClock) -> None:
    """An outage of today must not be dated to last week."""
    delayed = history_of(replace(GOOD, is_delayed=True))
    verdict_of(judge, delayed)
    clock.advance(seconds=1)
    assert verdict_of(judge, history_of(GOOD))["issues"] == []
    clock.advance(seconds=1)
    (issue,) = verdict_of(judge, delayed)["issues"]
    assert issue["since_us"] == clock.utc_us()


def test_issues_are_dated_each_by_itself(judge: HealthJudge, clock: FakeClock) -> None:
    """A new issue must not make an old one look new."""
    began_us = clock.utc_us()
    verdict_of(judge, history_of(replace(GOOD, is_delayed=True)))
    clock.advance(seconds=2)
    verdict = verdict_of(judge, history_of(replace(GOOD, is_delayed=True, symbols={"refused": 1})))
    since = {issue["code"]: issue["since_us"] for issue in verdict["issues"]}
    assert since == {"delayed": began_us, "symbols_refused": clock.utc_us()}


def test_errors_are_a_share_of_the_windows_lines() -> None:
    """The percentage is of lines lost to processing, all kinds together."""
    bad = dict.fromkeys(BAD_LINE_LABELS, 1)
    history = history_of(GOOD, counted(GOOD, feed_lines=200, **bad))
    assert error_percent(history) == pytest.approx(100 * len(bad) / 200)
    assert error_percent(FeedHistory()) == 0
    assert error_percent(history_of(GOOD, GOOD)) == 0


def test_metrics_name_their_units_and_are_of_the_window() -> None:
    """Throughput by the second, latencies in the unit of their name."""
    latency = LatencyHistogram()
    latency.record(2_000, 10)
    last = replace(
        counted(GOOD, messages_published=50, feed_lines=100, lines_invalid=1),
        at_ns=10_000_000_000,
        latency=latency,
        samples=[{"line": "'x'"}],
    )
    metrics = client_metrics(history_of(GOOD, last))
    assert metrics["throughput_msg_per_sec"] == 5
    assert metrics["lines_per_sec"] == 10
    assert metrics["average_latency_ms"] == 2
    assert 2_000 <= metrics["p50_latency_us"] <= metrics["p99_latency_us"] <= 2_250
    assert metrics["p999_latency_us"] == metrics["p99_latency_us"]
    assert metrics["processing_errors"] == 1
    assert metrics["messages"] == 50
    assert metrics["counters"] == last.counters
    assert metrics["samples"] == [{"line": "'x'"}]


def test_metrics_can_be_asked_before_anything_happened() -> None:
    """Collectors ask from the first second on."""
    metrics = client_metrics(FeedHistory())
    assert metrics["messages"] == 0
    assert metrics["average_latency_ms"] == 0
    assert metrics["p99_latency_us"] is None
    assert metrics["counters"] == {}


LINK = LinkReport(
    port="level1.2",
    state="closed",
    address="127.0.0.1:5009",
    breaker={"state": "open", "retry_in_ms": 900},
    attempts=5,
    held_lines=0,
    heard_ns=None,
    due_ns=None,
)


def test_an_open_breaker_is_told_port_by_port_with_its_wait(judge: HealthJudge) -> None:
    """That nothing is tried for a while looks like a hang to whoever does not know why."""
    admin = replace(LINK, port="admin", address="127.0.0.1:9300")
    closed = replace(LINK, port="level2", breaker={"state": "closed"})
    verdict = verdict_of(judge, history_of(replace(GOOD, links=(LINK, closed))), admin=admin)
    assert codes(verdict) == ["level1_2_breaker_open", "admin_breaker_open"]
    assert verdict["level"] == "warning"
    message = verdict["issues"][0]["message"]
    assert message == "the circuit breaker of level1.2 is open: next attempt in 900 ms"
    assert "127.0.0.1:5009" in verdict["issues"][0]["hint"]


@pytest.mark.parametrize(
    ("login", "word"),
    [("refused", "IQFEED_PASSWORD"), ("replaced", "Another machine"), (None, "credentials")],
)
def test_a_lost_login_says_what_is_known_of_it(
    judge: HealthJudge, login: str | None, word: str
) -> None:
    """Wrong credentials and a second machine need different people."""
    lost = history_of(replace(GOOD, cause="login_lost"))
    (issue,) = verdict_of(judge, lost, login=login)["issues"]
    assert (issue["code"], issue["level"]) == ("login_lost", "critical")
    assert word in issue["hint"]


def test_merged_quotes_are_a_warning_with_their_number(judge: HealthJudge) -> None:
    """Consumers see fewer quotes than there were; the operator must know before they ask."""
    history = history_of(counted(GOOD, quotes_merged=10), counted(GOOD, quotes_merged=25))
    (issue,) = verdict_of(judge, history)["issues"]
    assert (issue["code"], issue["level"]) == ("backlog_shed", "warning")
    assert issue["message"].startswith("15 quotes")


@pytest.mark.parametrize(
    ("unknown", "lines", "is_told"),
    [(3_000, 5_000, True), (99, 100, False), (100, 1_900, True), (100, 2_000, False)],
)
def test_garbage_is_told_and_a_new_kind_of_line_is_not(
    judge: HealthJudge, unknown: int, lines: int, is_told: bool
) -> None:
    """The vendor may add kinds; thousands of none are something else."""
    history = history_of(GOOD, counted(GOOD, lines_unknown=unknown, feed_lines=lines))
    assert (codes(verdict_of(judge, history)) == ["unknown_lines"]) is is_told


def test_symbols_stale_with_their_port_are_its_trouble(judge: HealthJudge) -> None:
    """A link that is down is one issue, not one more for its symbols."""
    down = replace(GOOD, cause="dtn_link_down", symbols={"stale": 5})
    assert codes(verdict_of(judge, history_of(down))) == ["dtn_link_down"]


def test_merged_quotes_of_long_ago_are_no_issue(judge: HealthJudge) -> None:
    """A verdict is about now."""
    history = history_of(counted(GOOD, quotes_merged=10), counted(GOOD, quotes_merged=10))
    assert verdict_of(judge, history)["is_healthy"]


@pytest.mark.parametrize(
    ("details", "told"),
    [({"reason": "refused"}, "cannot connect (refused)"), ({}, "cannot connect")],
)
def test_the_last_error_of_a_port_is_named_with_its_issue(
    judge: HealthJudge, details: dict[str, object], told: str
) -> None:
    """The state says that it is down, the last error says why."""
    errors = ErrorHistory()
    for port in ("level1", "admin"):
        fact = ErrorFact(1, port, "feed_unreachable", "error", "cannot connect", "", details)
        errors.add(fact)
    down = history_of(replace(GOOD, cause="iqconnect_down"))
    (issue,) = verdict_of(judge, down, errors=errors)["issues"]
    assert issue["hint"].endswith(f" Last on level1: {told}; see `errors`.")


def test_an_issue_without_an_error_keeps_its_hint(judge: HealthJudge) -> None:
    """Nothing is made up where nothing was recorded."""
    down = history_of(replace(GOOD, cause="iqconnect_down"))
    assert (
        verdict_of(judge, down, errors=ErrorHistory())["issues"]
        == verdict_of(judge, down)["issues"]
    )


def test_counts_of_both_loops_are_added_up() -> None:
    """Requests are counted in the control loop, lines in the feed thread; readers want one map."""
    metrics = client_metrics(
        history_of(counted(GOOD, lines_invalid=2)), {"rpc_requests": 3, "lines_invalid": 1}
    )
    assert metrics["counters"]["rpc_requests"] == 3
    assert metrics["counters"]["lines_invalid"] == 3
    assert client_metrics(FeedHistory(), {"rpc_requests": 3})["counters"] == {"rpc_requests": 3}


def slow(peer: str, *, lag_us: int, since_us: int, client: str | None = None) -> dict[str, object]:
    """A consumer that falls behind, as the feed thread reports it."""
    return {"peer": peer, "client": client, "lag_us": lag_us, "slow_since_us": since_us}


def test_slow_consumers_are_named_the_furthest_first(judge: HealthJudge) -> None:
    """And dated by when the first of them fell behind, not by when somebody asked."""
    one = slow("tcp://127.0.0.1:1", lag_us=4_000_000, since_us=70)
    two = slow("tcp://127.0.0.1:2", lag_us=9_500_000, since_us=80, client="desk")
    (issue,) = verdict_of(judge, history_of(replace(GOOD, slow_consumers=(one, two))))["issues"]
    assert (issue["code"], issue["level"], issue["since_us"]) == ("slow_consumers", "warning", 70)
    assert issue["message"] == ("2 consumers fall behind: desk (9.5 s), tcp://127.0.0.1:1 (4.0 s)")
    (issue,) = verdict_of(judge, history_of(replace(GOOD, slow_consumers=(one,))))["issues"]
    assert issue["message"] == "a consumer falls behind: tcp://127.0.0.1:1 (4.0 s)"
    many = tuple(slow(f"p{n}", lag_us=n, since_us=n + 1) for n in range(8))
    (issue,) = verdict_of(judge, history_of(replace(GOOD, slow_consumers=many)))["issues"]
    assert issue["message"].endswith("p3 (0.0 s) and 3 more")
