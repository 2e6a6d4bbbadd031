"""Alerts are told by every way there is, and a way that is blocked holds up no other."""

from collections.abc import Mapping
from typing import Any, cast

from gateway.control.feed_commands import AnnounceAlert, FeedCommand
from gateway.counters import Counter, Counters
from gateway.errors import Overloaded
from gateway.runtime.feed_access import FeedAccess
from gateway.runtime.health_loop import AlertTeller, thread_facts

ALERT = {
    "event": "raised",
    "id": "x",
    "code": "x",
    "level": "critical",
    "message": "m",
    "hint": None,
}


class Access:
    """A feed thread that takes commands, or has no room for any."""

    def __init__(self, *, is_full: bool = False) -> None:
        self.commands: list[FeedCommand] = []
        self._is_full = is_full

    def tell(self, command: FeedCommand) -> None:
        """Take a command."""
        if self._is_full:
            raise Overloaded("full")
        self.commands.append(command)


def told_by(access: Access, counters: Counters) -> list[Mapping[str, Any]]:
    """What a sink hears of one alert."""
    teller = AlertTeller(cast(FeedAccess, access), counters)
    heard: list[Mapping[str, Any]] = []
    teller.sinks.append(heard.append)
    teller.tell(ALERT)
    return heard


def test_an_alert_is_published_and_passed_on() -> None:
    """Keys without a value are left out of every map on the wire."""
    access = Access()
    assert told_by(access, Counters()) == [ALERT]
    (command,) = access.commands
    assert isinstance(command, AnnounceAlert)
    assert command.told == {name: value for name, value in ALERT.items() if name != "hint"}


def test_a_feed_thread_that_hangs_does_not_keep_the_alert_from_others() -> None:
    """That it hangs is what the alert is about."""
    counters = Counters()
    assert told_by(Access(is_full=True), counters) == [ALERT]
    assert counters.value(Counter.ALERTS_UNPUBLISHED) == 1


def test_the_two_threads_are_told_by_what_they_do() -> None:
    """Whoever reads it need not know which is Python's main one."""
    facts = thread_facts(is_feed_alive=False, report_age_ms=None, late_ms=3.0)
    assert facts["feed"] == {"alive": False, "report_age_ms": None}
    assert facts["control"] == {"alive": True, "late_ms": 3.0}
    assert "MainThread" not in facts
