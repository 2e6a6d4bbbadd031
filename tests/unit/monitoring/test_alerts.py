"""The alert book: raised in time, told once, cleared after, and calm at the boundary."""

from typing import Any

import pytest
from gateway_monitoring import AlertBook, Finding
from gateway_monitoring.alerts import ACTIVE_MAX, MEMORY_MAX, RECENT_MAX

SECOND_NS = 1_000_000_000
T0_US = 1_700_000_000_000_000


class Days:
    """A book and the seconds that pass."""

    def __init__(self) -> None:
        self.book = AlertBook()
        self.second = 0

    def look(self, *findings: Finding, seconds: int = 1) -> list[dict[str, Any]]:
        """Look once a second for a while; everything that was told."""
        told = []
        for _ in range(seconds):
            self.second += 1
            now_ns, now_us = self.second * SECOND_NS, T0_US + self.second * 1_000_000
            told += self.book.update(findings, now_ns=now_ns, now_us=now_us)
        return told


def finding(level: str = "warning", **given: Any) -> Finding:
    """Something that must last three seconds, and be over for four."""
    known: dict[str, Any] = {
        "raise_after_s": 3.0,
        "clear_after_s": 4.0,
        "hint": "do",
        "message": "bad",
    }
    return Finding(code="hot", level=level, **(known | given))


@pytest.fixture
def days() -> Days:
    """Nothing has happened yet."""
    return Days()


def events(told: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What happened to which level."""
    return [(one["event"], one["level"]) for one in told]


def test_an_alert_is_raised_once_when_it_has_lasted(days: Days) -> None:
    """Neither at the first sign of it, nor again each second."""
    assert days.look(finding(), seconds=3) == []
    assert days.book.active == []
    (raised,) = days.look(finding())
    assert raised["event"] == "raised"
    assert (raised["id"], raised["code"], raised["level"]) == ("hot", "hot", "warning")
    assert raised["since_us"] == T0_US + 1_000_000  # since the first sign of it
    assert raised["changed_us"] == T0_US + 4_000_000
    assert raised["count"] == 1
    assert days.look(finding(), seconds=60) == []
    assert len(days.book.active) == 1


def test_what_does_not_last_is_no_alert(days: Days) -> None:
    """A spike of two seconds, however often."""
    for _ in range(20):
        assert days.look(finding(), seconds=3) == []
        assert days.look() == []
    assert days.book.recent == []


def test_an_alert_is_cleared_when_it_has_been_over_for_long_enough(days: Days) -> None:
    """A pause shorter than that is no end."""
    days.look(finding(), seconds=4)
    assert days.look(seconds=3) == []
    assert days.look(finding()) == []
    assert days.look(seconds=3) == []
    (cleared,) = days.look()
    assert (cleared["event"], cleared["message"]) == ("cleared", "over: bad")
    assert days.book.active == []
    (recent,) = days.book.recent
    assert recent["cleared_us"] == T0_US + days.second * 1_000_000


def test_it_worsens_at_once_and_grows_milder_after_a_while(days: Days) -> None:
    """Bad news first; good news when it has proved to be."""
    days.look(finding(), seconds=4)
    assert events(days.look(finding("critical"))) == [("changed", "critical")]
    assert days.look(finding(), seconds=4) == []
    assert events(days.look(finding())) == [("changed", "warning")]


def test_a_value_that_swings_over_the_limit_is_told_ever_more_rarely(days: Days) -> None:
    """Raised again soon after its end, an alert must be over for twice as long each time."""
    told = []
    for _ in range(1_000):
        told += days.look(finding(), seconds=6)
        told += days.look(seconds=6)
    # 12,000 seconds of swinging: without doubling 1,000 times each way.
    assert len([one for one in told if one["event"] == "raised"]) <= 3


def test_ten_calm_minutes_forgive_earlier_swings(days: Days) -> None:
    """A new day begins with the usual patience."""
    days.look(finding(), seconds=4)
    days.look(seconds=5)
    days.look(finding(), seconds=4)
    assert days.look(seconds=7) == []  # twice four seconds now
    days.look(seconds=700)
    days.look(finding(), seconds=4)
    assert events(days.look(seconds=4)) == [("cleared", "warning")]


def test_a_moment_of_less_is_forgotten_when_it_is_grave_again(days: Days) -> None:
    """Each time it must have been milder for all of the time, in one piece."""
    days.look(finding("critical"), seconds=4)
    assert days.look(finding("warning"), seconds=3) == []
    assert days.look(finding("critical"), seconds=10) == []
    assert days.look(finding("warning"), seconds=4) == []
    assert events(days.look(finding("warning"))) == [("changed", "warning")]


def test_a_trouble_whose_cause_changes_lasts_all_the_same(days: Days) -> None:
    """Causes that take turns must not keep an alert from ever being raised."""
    told = []
    for number in range(6):
        told += days.look(finding(subject="ab"[number % 2], group="prices"))
    assert [(one["event"], one["id"]) for one in told][:1] == [("raised", "hot:b")]
    days.look(seconds=10)
    assert days.look(finding(subject="a", group="prices"), seconds=3) == []


def test_two_subjects_of_one_code_are_two_alerts(days: Days) -> None:
    """One source that fails must not hide another."""
    told = days.look(finding(subject="a"), finding(subject="b"), seconds=4)
    assert [one["id"] for one in told] == ["hot:a", "hot:b"]
    assert [one["id"] for one in days.book.active] == ["hot:a", "hot:b"]


def test_active_alerts_are_listed_gravest_and_oldest_first(days: Days) -> None:
    """The first line is what to look at first."""
    days.look(finding(subject="old"), seconds=4)
    days.look(finding(subject="old"), finding("critical", subject="new"), seconds=4)
    assert [one["id"] for one in days.book.active] == ["hot:new", "hot:old"]


def test_somebody_may_take_care_of_an_alert(days: Days) -> None:
    """It is told, stays with the alert, and is gone with it."""
    days.look(finding(), seconds=4)
    told = days.book.acknowledge("hot", by="me", reason="on it", now_us=7)
    assert told is not None
    assert (told["event"], told["acknowledged_by"]) == ("acknowledged", "me")
    (active,) = days.book.active
    assert (active["acknowledged_us"], active["acknowledged_reason"]) == (7, "on it")
    days.look(seconds=5)
    assert days.book.acknowledge("hot", by="me", reason="late", now_us=8) is None
    days.look(finding(), seconds=5)
    assert "acknowledged_by" not in days.book.active[0]


def test_one_that_is_not_raised_yet_cannot_be_acknowledged(days: Days) -> None:
    """Nobody was told of it."""
    days.look(finding())
    assert days.book.acknowledge("hot", by="me", reason="x", now_us=7) is None
    assert days.book.acknowledge("cold", by="me", reason="x", now_us=7) is None


def test_alerts_raised_elsewhere_are_listed_with_the_others(days: Days) -> None:
    """The feed thread raises its own; whoever asks wants one list."""
    told = {"event": "raised", "id": "slow:1", "code": "slow", "level": "warning", "since_us": 5}
    days.book.take(told, now_us=9)
    (active,) = days.book.active
    assert (active["id"], active["count"], "event" in active) == ("slow:1", 1, False)
    assert days.book.acknowledge("slow:1", by="me", reason="x", now_us=10) is not None
    days.book.take({**told, "event": "changed", "level": "critical"}, now_us=11)
    (active,) = days.book.active
    assert (active["level"], active["acknowledged_by"], active["count"]) == ("critical", "me", 1)
    days.book.take({**told, "event": "cleared"}, now_us=12)
    assert days.book.active == []
    assert days.book.recent[0]["cleared_us"] == 12
    days.book.take(told, now_us=13)
    assert days.book.active[0]["count"] == 2


def test_there_are_never_more_than_so_many(days: Days) -> None:
    """A flood of subjects is counted, not kept."""
    many = [finding(subject=str(number), raise_after_s=0.0) for number in range(ACTIVE_MAX + 5)]
    assert len(days.look(*many)) == ACTIVE_MAX
    assert days.book.refused == 5
    assert len(days.look(seconds=5)) == ACTIVE_MAX
    assert len(days.book.recent) == RECENT_MAX


def test_a_flood_from_elsewhere_hides_nothing_found_here(days: Days) -> None:
    """With a thousand slow consumers it is still told that prices stopped."""
    for number in range(ACTIVE_MAX + 5):
        told = {"event": "raised", "id": f"slow:{number}", "level": "warning", "since_us": 1}
        days.book.take(told, now_us=1)
    assert (days.book.refused, len(days.book.active)) == (5, ACTIVE_MAX)
    assert events(days.look(finding("critical"), seconds=4)) == [("raised", "critical")]
    assert days.book.active[0]["code"] == "hot"
    assert days.book.refused == 5


def test_what_was_raised_long_ago_is_forgotten(days: Days) -> None:
    """A gateway that runs for a year keeps the last thousand in mind."""
    for number in range(MEMORY_MAX + 1):
        told = {"event": "cleared", "id": str(number), "level": "warning", "since_us": 1}
        days.book.take(told, now_us=number)
    assert len(days.book._memory) == MEMORY_MAX
