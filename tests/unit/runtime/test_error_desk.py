"""Errors that the control loop sees: requests, the admin port, the login, and full queues."""

import pytest
import structlog

from gateway.clock import FakeClock
from gateway.counters import Counter
from gateway.errors import (
    FeedThreadFailed,
    GatewayError,
    InvalidParams,
    Overloaded,
    QuotaExceeded,
    RequestTimedOut,
    SecurityValidationError,
    SymbolInvalid,
    Unauthorized,
    UnknownMethod,
)
from gateway.policy.error_history import ErrorHistory
from gateway.policy.login import LoginState
from gateway.runtime.error_desk import QUEUES, ErrorDesk
from tests.unit.health.feed_reports import GOOD, counted
from tests.unit.runtime.test_port_errors import Attempts


class Bench:
    """A desk with nothing recorded."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.counts: dict[str, int] = {}
        self.desk = ErrorDesk(ErrorHistory(), clock=self.clock, counts=lambda: self.counts)

    def codes(self) -> list[tuple[str, str, int]]:
        """Port, code and count of what was recorded, newest first."""
        rows = self.desk.history.newest(100)
        return [(row["port"], row["code"], row["count"]) for row in rows]


@pytest.mark.parametrize(
    "error",
    [
        SymbolInvalid("x"),
        SecurityValidationError("x"),
        Overloaded("x"),
        QuotaExceeded("x"),
        Unauthorized("x"),
        RequestTimedOut("x"),
        FeedThreadFailed("x"),
    ],
)
def test_what_an_operator_must_see_of_requests_is_recorded(error: GatewayError) -> None:
    """Injections, exhausted limits and our own failures are more than a client's slip."""
    bench = Bench()
    bench.desk.note_refusal(error)
    assert bench.codes() == [("control", error.code, 1)]


@pytest.mark.parametrize("error", [InvalidParams("x"), UnknownMethod("x")])
def test_a_clients_slip_is_not_recorded(error: GatewayError) -> None:
    """A client under development would push everything else out."""
    bench = Bench()
    bench.desk.note_refusal(error)
    assert bench.codes() == []


def test_the_admin_port_is_lost_only_after_it_was_there() -> None:
    """Unreachable and lost are two different mornings."""
    bench = Bench()
    attempts = Attempts(bench.clock)
    bench.desk.note_admin_loss("refused", address="x", retry=attempts)
    bench.desk.note_admin_connected()
    bench.desk.note_admin_loss("closed", address="x", retry=attempts)
    bench.desk.note_admin_loss("refused", address="x", retry=attempts)
    assert bench.codes() == [("admin", "feed_unreachable", 2), ("admin", "feed_closed", 1)]


def test_a_lost_login_is_recorded_by_its_kind() -> None:
    """Wrong credentials and a second machine need different people."""
    bench = Bench()
    for state in LoginState:
        bench.desk.note_login(state)
    assert bench.codes() == [("admin", "login_replaced", 1), ("admin", "login_refused", 1)]


def test_a_queue_that_ran_full_is_recorded_with_what_it_lost() -> None:
    """Each report is compared with the one before: what was told is not told again."""
    bench = Bench()
    bench.desk.note_report(GOOD)
    bench.desk.note_report(counted(GOOD, commands_refused=3))
    bench.desk.note_report(counted(GOOD, commands_refused=3))
    assert bench.codes() == [("level1", "queue_full", 3)]
    bench.desk.note_report(counted(GOOD, commands_refused=5))
    assert bench.codes() == [("level1", "queue_full", 5)]


@pytest.mark.parametrize("counter", QUEUES, ids=lambda counter: counter.label)
def test_every_counter_of_a_full_queue_is_watched_in_both_loops(counter: object) -> None:
    """Some are counted in the feed thread, some in the control loop; both must be seen."""
    label = getattr(counter, "label", "")
    bench = Bench()
    bench.counts[label] = 1
    bench.desk.note_report(counted(GOOD, **{label: 1}))
    ((_, code, count),) = bench.codes()
    assert (code, count) == ("queue_full", 2)


def test_every_entry_is_logged_but_for_lines_that_the_log_lost() -> None:
    """The history ends with the run, the log does not; and a full disk must not feed itself."""
    with structlog.testing.capture_logs() as events:
        bench = Bench()
        bench.desk.note(SymbolInvalid("no symbol", symbol="a"), port="control")
        bench.desk.note(FeedThreadFailed("it fell"), port="gateway")
        bench.counts = {Counter.LOG_LINES_LOST.label: 5, Counter.AUDIT_LINES_LOST.label: 2}
        bench.desk.note_report(GOOD)
    assert ("gateway", "queue_full", 5) in bench.codes()
    told = [(event["event"], event["log_level"], event["part"]) for event in events]
    assert told == [
        ("no symbol", "warning", "errors"),
        ("it fell", "critical", "errors"),
        ("lines are missing from the audit log", "warning", "errors"),
    ]
    assert events[0]["code"] == SymbolInvalid.code
    assert events[0]["details"] == {"symbol": "a"}
