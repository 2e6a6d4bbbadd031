"""Errors that the control loop sees: its own, the admin port's, and queues that ran full."""

from collections.abc import Callable, Mapping
from typing import Final

from gateway.clock import Clock
from gateway.counters import Counter
from gateway.errors import (
    FeedThreadFailed,
    GatewayError,
    LoginRefused,
    LoginReplaced,
    QueueFull,
    RequestTimedOut,
    ResourceExhausted,
    SecurityValidationError,
    Severity,
    Unauthorized,
)
from gateway.health.facts import FeedReport
from gateway.logs import HISTORY, get_logger
from gateway.policy.error_history import ErrorFact, ErrorHistory, fact_of
from gateway.policy.login import LoginState
from gateway.runtime.port_errors import PortErrors, Retried

QUEUES: Final[Mapping[Counter, tuple[str, str]]] = {
    Counter.COMMANDS_REFUSED: ("level1", "requests to IQConnect were dropped, their queue full"),
    Counter.BACKLOGS_SHED: ("level1", "more lines waited than may: quotes were merged"),
    Counter.BOOK_ROWS_REFUSED: ("level2", "rows of order books were refused, the books being full"),
    Counter.SUBSCRIPTIONS_REFUSED: ("gateway", "subscriptions were not granted"),
    Counter.WISHES_REFUSED: ("gateway", "subscriptions could not be counted as wishes"),
    Counter.FACTS_DROPPED: ("gateway", "facts for the control loop were dropped"),
    Counter.LOG_TEXTS_DROPPED: ("gateway", "log texts were dropped, nobody reading them"),
    Counter.LOG_LINES_LOST: ("gateway", "lines are missing from log files"),
    Counter.AUDIT_LINES_LOST: ("gateway", "lines are missing from the audit log"),
    Counter.RPC_REPLIES_LOST: ("control", "replies found their requester gone, or not reading"),
}
"""Counters that grow when something bounded is full: where, and what that means."""
_RECORDED: Final = (
    SecurityValidationError,
    ResourceExhausted,
    Unauthorized,
    RequestTimedOut,
    FeedThreadFailed,
)
"""Answers to requests that are more than a client's slip."""


class ErrorDesk:
    """Records what goes wrong outside the feed thread.

    Args:
        history: Where errors are kept.
        clock: Stamps.
        counts: Reads what was counted outside the feed thread, by label.
    """

    def __init__(
        self, history: ErrorHistory, *, clock: Clock, counts: Callable[[], Mapping[str, int]]
    ) -> None:
        self.history: Final = history
        """Everything that was recorded."""
        history.on_add = self._log_entry
        self._log = get_logger(HISTORY)
        self._clock = clock
        self._counts = counts
        self._admin = PortErrors("admin", report=history.add, clock=clock)
        self._was_connected = False
        self._seen: dict[Counter, int] = dict.fromkeys(QUEUES, 0)

    def note(self, error: GatewayError, *, port: str) -> None:
        """Record an error."""
        self.history.add(fact_of(error, port=port, at_us=self._clock.utc_us()))

    def _log_entry(self, fact: ErrorFact) -> None:
        """Keep an entry in the log of errors: the history itself ends with the run."""
        if fact.details.get("counter") == Counter.LOG_LINES_LOST.label:
            # Its line would be lost as well, and counted, and become an entry again.
            return
        write = {"fatal": self._log.critical, "error": self._log.error}
        write.get(fact.severity, self._log.warning)(
            fact.message,
            port=fact.port,
            code=fact.code,
            count=fact.count,
            details=dict(fact.details),
            hint=fact.hint,
            at_us=fact.at_us,
        )

    def note_refusal(self, error: GatewayError) -> None:
        """Record the answer to a request, unless it is a mere slip of the client's."""
        if isinstance(error, _RECORDED) or error.severity is Severity.FATAL:
            self.note(error, port="control")

    def note_admin_connected(self) -> None:
        """Note that the admin port has begun to talk."""
        self._was_connected = True

    def note_admin_loss(self, reason: str, *, address: str, retry: Retried) -> None:
        """Record that the admin connection is gone or could not be made."""
        was_connected, self._was_connected = self._was_connected, False
        self._admin.note_loss(reason, was_connected=was_connected, address=address, retry=retry)

    def note_login(self, state: LoginState) -> None:
        """Record that the login is lost; its other states are none of the history's."""
        if state is LoginState.REFUSED:
            self._admin.note(LoginRefused("IQConnect is not logged in to DTN"))
        elif state is LoginState.REPLACED:
            self._admin.note(LoginReplaced("IQConnect lost its login to DTN"))

    def note_report(self, report: FeedReport) -> None:
        """Record the queues that ran full since the last report."""
        counts = self._counts()
        for counter, (port, told) in QUEUES.items():
            total = report.counters[counter.label] + counts.get(counter.label, 0)
            growth = total - self._seen[counter]
            if growth > 0:
                self._seen[counter] = total
                error = QueueFull(told, counter=counter.label, total=total)
                at_us = self._clock.utc_us()
                self.history.add(fact_of(error, port=port, at_us=at_us, count=growth))
