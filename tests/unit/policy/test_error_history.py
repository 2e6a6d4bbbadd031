"""The error history: order, repeats, bounds, and what it makes of hostile facts."""

from dataclasses import replace

import pytest

from gateway.errors import FeedClosed, VendorReportedError
from gateway.policy.error_history import PORTS_MAX, ErrorFact, ErrorHistory, fact_of

FACT = ErrorFact(1_000, "level1", "feed_closed", "error", "lost", "Wait.", {"reason": "closed"})


def messages(history: ErrorHistory, limit: int = 100) -> list[str]:
    """The entries' words, as answered."""
    return [str(row["message"]) for row in history.newest(limit)]


def test_an_error_is_told_whole() -> None:
    """The reader needs when, where, what, why and what to do, in one row."""
    history = ErrorHistory()
    history.add(FACT)
    assert history.newest(1) == [
        {
            "at_us": 1_000,
            "port": "level1",
            "code": "feed_closed",
            "severity": "error",
            "message": "lost",
            "hint": "Wait.",
            "details": {"reason": "closed"},
            "count": 1,
            "first_us": 1_000,
        }
    ]


def test_the_newest_comes_first_over_all_ports() -> None:
    """What happened last is what is looked for, wherever it happened."""
    history = ErrorHistory()
    for number, port in enumerate(["level1", "admin", "level1", "control"]):
        history.add(replace(FACT, port=port, message=f"error {number}"))
    assert messages(history) == ["error 3", "error 2", "error 1", "error 0"]
    assert messages(history, limit=2) == ["error 3", "error 2"]


def test_repeats_are_one_entry_with_a_count_and_both_times() -> None:
    """A thousand failed attempts must not push everything else out."""
    history = ErrorHistory()
    history.add(FACT)
    history.add(replace(FACT, message="another"))
    history.add(replace(FACT, at_us=9_000, details={"reason": "silent"}, count=3))
    rows = history.newest(10)
    assert [row["message"] for row in rows] == ["lost", "another"]
    assert (rows[0]["count"], rows[0]["first_us"], rows[0]["at_us"]) == (4, 1_000, 9_000)
    assert rows[0]["details"] == {"reason": "silent"}, "the newest repeat's"


def test_the_same_words_on_another_port_are_another_error() -> None:
    """Which connection broke is the question."""
    history = ErrorHistory()
    history.add(FACT)
    history.add(replace(FACT, port="level1.2"))
    assert [row["port"] for row in history.newest(10)] == ["level1.2", "level1"]


def test_each_port_has_room_of_its_own_and_the_oldest_makes_room() -> None:
    """A flood on one port must not hide the one error of another."""
    history = ErrorHistory(entries_per_port_max=3)
    history.add(replace(FACT, port="admin", message="the one"))
    for number in range(10):
        history.add(replace(FACT, message=f"error {number}"))
    assert messages(history) == ["error 9", "error 8", "error 7", "the one"]
    assert history.dropped == 7


def test_ports_are_bounded() -> None:
    """Names of ports that nobody has are no way to fill memory."""
    history = ErrorHistory()
    for number in range(PORTS_MAX + 5):
        history.add(replace(FACT, port=f"port{number}"))
    assert len(history.newest(1_000)) == PORTS_MAX
    assert history.dropped == 5


def test_the_latest_of_a_port_is_known() -> None:
    """A verdict names what happened last on the port it complains of."""
    history = ErrorHistory()
    assert history.latest_of("level1") is None
    history.add(FACT)
    history.add(replace(FACT, message="another"))
    history.add(FACT)
    latest = history.latest_of("level1")
    assert latest is not None
    assert latest.message == "lost"


def test_an_exception_becomes_plain_bounded_facts() -> None:
    """What is kept outlives its cause and goes to any client: no objects, no floods."""
    error = FeedClosed(
        "connection lost",
        reason="closed",
        attempt=3,
        is_first=True,
        nothing=None,
        line="E,\r\nforged",
        long="x" * 10_000,
        thing=object,
    )
    fact = fact_of(error, port="level1", at_us=7, count=2)
    assert (fact.at_us, fact.port, fact.code, fact.severity) == (
        7,
        "level1",
        "feed_closed",
        "error",
    )
    assert (fact.message, fact.hint, fact.count) == ("connection lost", FeedClosed.hint, 2)
    details = fact.details
    assert (details["reason"], details["attempt"], details["is_first"]) == ("closed", 3, True)
    assert details["nothing"] is None
    assert details["line"] == r"'E,\r\nforged'"
    assert len(str(details["long"])) < 300
    assert isinstance(details["thing"], str)


@pytest.mark.parametrize("severity", ["warn"])
def test_the_severity_is_the_exceptions(severity: str) -> None:
    """Who sorts by gravity must not sort by our words."""
    assert fact_of(VendorReportedError("x"), port="level1", at_us=1).severity == severity
