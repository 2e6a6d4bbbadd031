"""A thread of the gateway does not come back: health says so within two seconds."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.fault_table import fault_row, note
from tests.support.slack import SLACK
from tests.support.stage import simulated, wait_until

pytestmark = pytest.mark.slow
HOG_S = 4.0


@fault_row(60)
@pytest.mark.long
def test_a_feed_thread_that_hangs_is_told_within_two_seconds() -> None:
    """By whoever asks; and it is over when the thread goes on."""
    with simulated(rate=50.0) as stage, pytest.MonkeyPatch.context() as patch:
        consumer = stage.consumer("sys,alert,", "sys,heartbeat,", "quote,AAPL,")
        consumer.wait_for_topic("quote,AAPL,")
        requester = stage.requester()
        wait_until(lambda: bool(requester.result("health")["live"]), what="it lives")
        desk = stage.gateway._feed._parts.desk
        usual: Callable[[], Any] = desk.close_lingering
        is_stuck, began_s = threading.Event(), 0.0

        def hog() -> None:
            if not is_stuck.is_set():
                is_stuck.set()
                time.sleep(HOG_S * SLACK)
            usual()

        patch.setattr(desk, "close_lingering", hog)
        assert is_stuck.wait(5.0)
        began_s = time.monotonic()
        wait_until(lambda: not requester.result("health")["is_healthy"], what="it is noticed")
        wait_until(lambda: not requester.result("health")["live"], what="it is told")
        detect_s = time.monotonic() - began_s
        threads = requester.result("diagnostics", seconds=20.0)["thread_status"]
        assert "late_ms" in threads["control"]
        wait_until(
            lambda: bool(requester.result("health")["live"]), what="it is over", seconds=15.0
        )
        requester.close()
    note(60, "the feed thread hangs", detect_s=detect_s, cause="feed_thread_stuck")
    # Two seconds of silence, and the next question.
    assert detect_s <= 2.5 * SLACK


@fault_row(60)
def test_a_control_loop_that_was_busy_says_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gauge shows it with the next look."""
    with simulated(rate=200.0) as stage:
        late: list[float] = []
        health = stage.gateway._health
        check = health._monitor.check

        def note_lateness() -> Any:
            late.append(health.late_ms)
            return check()

        monkeypatch.setattr(health._monitor, "check", note_lateness)
        hog = threading.Thread(target=stage.call, args=(time.sleep, 1.5), daemon=True)
        hog.start()
        hog.join(10.0)
        wait_until(lambda: max(late, default=0.0) >= 400.0, what="the gauge shows it")
    note(60, "the control loop is busy for 1.5 s", more=f"gauge {max(late):.0f} ms")
