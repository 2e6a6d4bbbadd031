"""Lets the monitor look once a moment, and hands on what it has to tell."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.clock import Clock
from gateway.control.feed_commands import AnnounceAlert
from gateway.counters import Counter, Counters
from gateway.errors import Overloaded
from gateway.health.monitor import HealthMonitor
from gateway.logs import HEALTH, get_logger
from gateway.runtime.feed_access import FeedAccess

MS_NS: Final = 1_000_000
_LEVELS: Final[Mapping[str, str]] = {"warning": "warning", "critical": "critical"}


class AlertTeller:
    """Tells of alerts: on `sys,alert,`, in the log, and to whoever else wants to know.

    Args:
        access: Asks the feed thread to publish.
        counters: Where alerts that could not be published are counted.
    """

    def __init__(self, access: FeedAccess, counters: Counters) -> None:
        self._access = access
        self._counters = counters
        self._log = get_logger(HEALTH)
        self.sinks: Final[list[Callable[[Mapping[str, Any]], object]]] = []
        """Told of every alert; must not block."""

    def tell(self, told: Mapping[str, Any]) -> None:
        """Tell of an alert of the monitor's."""
        facts = {name: value for name, value in told.items() if value is not None}
        try:
            self._access.tell(AnnounceAlert(facts))
        except Overloaded:
            # A feed thread that hangs is itself what has to be told, by all other ways.
            self._counters.add(Counter.ALERTS_UNPUBLISHED)
        self.note(told)

    def note(self, told: Mapping[str, Any]) -> None:
        """Write down and pass on an alert that is published already."""
        facts = dict(told)
        event = facts.pop("event")
        # A line of the log has a level of its own: the end of a critical alert is one of `info`.
        facts["alert_level"] = facts.pop("level")
        level = "info" if event in ("cleared", "acknowledged") else _LEVELS[facts["alert_level"]]
        getattr(self._log, level)("alert", change=event, **facts)
        for sink in self.sinks:
            sink(told)


class HealthLoop:
    """Lets the monitor look at everything, again and again.

    Args:
        monitor: Judges.
        teller: Tells of what it finds.
        interval_s: From one look to the next.
        clock: Measures how late this loop is.
    """

    def __init__(
        self, monitor: HealthMonitor, teller: AlertTeller, *, interval_s: float, clock: Clock
    ) -> None:
        self._monitor = monitor
        self._teller = teller
        self._interval_s = interval_s
        self._clock = clock
        self.late_ms = 0.0
        """How much later than planned the last look came: the control loop was busy so long."""

    async def run(self) -> None:
        """Look until cancelled.

        Cancel safety: nothing is lost; what was found stands.
        """
        while True:
            began_ns = self._clock.monotonic_ns()
            await asyncio.sleep(self._interval_s)
            slept_ms = (self._clock.monotonic_ns() - began_ns) / MS_NS
            self.late_ms = max(0.0, slept_ms - 1000 * self._interval_s)
            for told in self._monitor.check():
                self._teller.tell(told)


def thread_facts(
    *, is_feed_alive: bool, report_age_ms: float | None, late_ms: float
) -> dict[str, Any]:
    """How each thread of this process is, by its name.

    Args:
        is_feed_alive: Whether the feed thread runs.
        report_age_ms: How long ago it last reported; None before its first.
        late_ms: How late the control loop was at the last look.
    """
    facts: dict[str, Any] = {
        thread.name: {"alive": thread.is_alive()} for thread in threading.enumerate()
    }
    facts["feed"] = {"alive": is_feed_alive, "report_age_ms": report_age_ms}
    facts["control"] = {"alive": True, "late_ms": late_ms}
    facts.pop("MainThread", None)
    return facts
