"""Repeats: the first few pass, the rest are counted, told, and never lost from sight."""

import io
import json
import threading
from typing import Any

import pytest

from gateway.clock import FakeClock
from gateway.logs import Logging, RepeatLimiter, get_logger, set_up_logging
from gateway.logs.repeats import KEYS_MAX

pytestmark = pytest.mark.usefixtures("restored_logging")


class Bench:
    """A log of five repeats a minute, with a clock that stands still."""

    def __init__(self, *, count_max: int = 5) -> None:
        self.clock = FakeClock()
        self.limiter = RepeatLimiter(self.clock, count_max=count_max, lock=threading.Lock())
        self.file = io.StringIO()
        self.running: Logging = set_up_logging(
            level="info", form="json", file=self.file, repeats=self.limiter
        )

    def written(self) -> list[dict[str, Any]]:
        """What was written since the last look."""
        text = self.file.getvalue()
        self.file.seek(0)
        self.file.truncate()
        return [json.loads(line) for line in text.splitlines()]


def test_the_first_few_pass_and_the_rest_are_told_when_the_minute_is_over() -> None:
    """A vendor's error a thousand times a second must not hide everything else."""
    bench = Bench()
    for number in range(1_000):
        get_logger("feed").warning("vendor error", port="level1", text=str(number))
    assert [event["text"] for event in bench.written()] == ["0", "1", "2", "3", "4"]
    assert bench.limiter.suppressed == 995
    bench.clock.advance(seconds=59.9)
    bench.running.tell_repeats()
    assert bench.written() == []
    bench.clock.advance(seconds=0.2)
    bench.running.tell_repeats()
    (told,) = bench.written()
    assert told.pop("timestamp")
    assert told == {
        "event": "vendor error",
        "part": "feed",
        "level": "warning",
        "port": "level1",
        "repeated": 995,
    }
    bench.running.tell_repeats(is_last=True)
    assert bench.written() == [], "told once"


def test_the_next_one_behind_the_minute_tells_as_well() -> None:
    """Where nobody calls once a second the count still comes before the message."""
    bench = Bench()
    log = get_logger("feed")
    for _ in range(7):
        log.info("x")
    bench.written()
    bench.clock.advance(seconds=61)
    log.info("x")
    told, again = bench.written()
    assert told["repeated"] == 2
    assert "repeated" not in again


def test_different_messages_do_not_count_for_each_other() -> None:
    """Another part, level, text, connection or code is another message."""
    bench = Bench(count_max=1)
    for _ in range(3):
        get_logger("a").info("x")
        get_logger("b").info("x")
        get_logger("a").warning("x")
        get_logger("a").info("y")
        get_logger("a").info("x", port="level1")
        get_logger("a").info("x", port="level2")
        get_logger("a").info("x", code="one")
    assert len(bench.written()) == 7


def test_critical_and_audit_events_always_pass() -> None:
    """What an administrator did, and what ends the gateway, is never one of many."""
    bench = Bench(count_max=1)
    for _ in range(50):
        get_logger("audit").warning("admin request refused")
        get_logger("gateway").critical("part failed")
    assert len(bench.written()) == 100
    assert bench.limiter.suppressed == 0


def test_a_stranger_cannot_fill_the_memory_with_messages() -> None:
    """The oldest message makes room, and what was left out of it is told."""
    bench = Bench(count_max=1)
    for _ in range(3):
        get_logger("a").info("first")
    bench.written()
    for number in range(KEYS_MAX + 50):
        get_logger("a").info("x" * 1_000_000 if number == 5 else f"message {number}")
    told = [event for event in bench.written() if "repeated" in event]
    assert [(event["event"], event["repeated"]) for event in told] == [("first", 2)]
    assert len(bench.limiter._windows) == KEYS_MAX


def test_zero_lets_everything_pass() -> None:
    """Who looks for a fault wants to see each line."""
    bench = Bench(count_max=0)
    for _ in range(100):
        get_logger("a").info("x")
    assert len(bench.written()) == 100


def test_the_end_of_the_log_tells_what_is_left() -> None:
    """The last minute is the one that is looked at."""
    bench = Bench()
    for _ in range(8):
        get_logger("a").info("x")
    bench.written()
    bench.running.tell_repeats(is_last=True)
    assert [event["repeated"] for event in bench.written()] == [3]


def test_a_hostile_message_is_escaped_when_it_is_told_again() -> None:
    """The line that tells is a line like any other."""
    bench = Bench(count_max=1)
    for _ in range(2):
        get_logger("a").info("x\r\n\x1b[2J", peer="\x85\n")
    bench.running.tell_repeats(is_last=True)
    for event in bench.written():
        assert event["event"].isprintable()
        assert event["peer"].isprintable()


def test_threads_count_together() -> None:
    """Feed thread and control loop log the same, and no count is lost."""
    bench = Bench()
    threads = [
        threading.Thread(target=lambda: [get_logger("a").info("x") for _ in range(500)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    bench.running.tell_repeats(is_last=True)
    *passed, told = bench.written()
    assert len(passed) == 5
    assert told["repeated"] == bench.limiter.suppressed == 4 * 500 - 5
