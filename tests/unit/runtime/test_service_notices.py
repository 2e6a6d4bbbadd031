"""What is told to a service manager, and that nothing of it is lost because it does not listen."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.runtime.service_notices import ServiceNotices, status_of
from tests.support.service_manager import HeardManager

HEALTHY: dict[str, Any] = {
    "level": "healthy",
    "live": True,
    "upstream": {"admin": "streaming", "level1": "streaming"},
    "error_message": None,
}
STUCK: dict[str, Any] = {**HEALTHY, "level": "critical", "live": False, "error_message": "a\nb"}


def test_without_a_manager_nothing_is_done() -> None:
    """Outside of systemd the task ends at once and nobody is judged."""

    def judge() -> dict[str, Any]:
        pytest.fail("nobody wants to know")

    notices = ServiceNotices(None, watchdog_s=None, judge=judge)
    asyncio.run(notices.run())
    notices.tell_stopping()
    notices.close()
    assert notices.failed == 0


def test_a_status_is_told_when_it_changes(tmp_path: Path) -> None:
    """`systemctl status` shows the last one; the watchdog's beats carry nothing else."""
    verdict = dict(HEALTHY)
    with HeardManager(tmp_path / "notify") as manager:
        notices = ServiceNotices(manager.address, watchdog_s=10.0, judge=lambda: verdict)
        notices.beat()
        notices.beat()
        verdict.update(STUCK)
        notices.beat()
        notices.beat()
        manager.listen(0.1)
        notices.close()
    words = "healthy: admin streaming, level1 streaming"
    assert [told for _, told in manager.heard] == [
        {"READY": "1", "WATCHDOG": "1", "STATUS": words},
        {"WATCHDOG": "1"},
        {"STATUS": "critical: a b"},
    ]


def test_without_a_watchdog_none_is_fed(tmp_path: Path) -> None:
    """What nobody waits for is not sent."""
    with HeardManager(tmp_path / "notify") as manager:
        notices = ServiceNotices(manager.address, watchdog_s=None, judge=lambda: HEALTHY)
        notices.beat()
        manager.listen(0.1)
        notices.close()
    assert manager.times_of("WATCHDOG") == []
    assert manager.values_of("READY") == ["1"]


def test_a_manager_that_does_not_read_is_not_waited_for_and_told_later(tmp_path: Path) -> None:
    """Its queue is full: this thread goes on, and being ready is told when there is room."""
    with HeardManager(tmp_path / "notify") as manager:
        flood = ServiceNotices(manager.address, watchdog_s=1.0, judge=lambda: HEALTHY)
        while not flood.failed:
            flood.beat()
        notices = ServiceNotices(manager.address, watchdog_s=1.0, judge=lambda: HEALTHY)
        notices.beat()
        assert notices.failed == 1
        manager.listen(0.1)
        manager.heard.clear()
        notices.beat()
        manager.listen(0.1)
        flood.close()
        notices.close()
    assert manager.values_of("READY") == ["1"]


def test_a_status_is_one_bounded_line() -> None:
    """A line break would begin another statement to the manager."""
    long = {**STUCK, "error_message": "x\nWATCHDOG=1\n" * 100}
    assert "\n" not in status_of(long)
    assert len(status_of(long)) <= 200
