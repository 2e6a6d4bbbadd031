"""The client's health monitor: the specification's names over the gateway's own rules."""

import threading
import time
from collections.abc import Iterator

import pytest
from gateway_client import HealthMonitor, HealthThresholds, health_monitor

WAIT_S = 10.0


@pytest.fixture
def monitor() -> Iterator[HealthMonitor]:
    """One whose thread ends with the test."""
    with HealthMonitor(HealthThresholds(message_gap_warning_seconds=5)) as monitor:
        yield monitor


def test_sources_are_asked_at_the_interval_until_it_stops(monitor: HealthMonitor) -> None:
    """In a thread of its own, the first time at once."""
    asked, names = threading.Semaphore(0), set()

    def source() -> dict[str, float]:
        names.add(threading.current_thread().name)
        asked.release()
        return {"latency_ms": 3.0}

    monitor.register_data_source("test", source)
    monitor.start_monitoring(check_interval=0.01)
    monitor.start_monitoring(check_interval=0.01)
    for _ in range(3):
        assert asked.acquire(timeout=WAIT_S)
    monitor.stop_monitoring()
    assert names == {"health"}
    assert not any(thread.name == "health" for thread in threading.enumerate())
    trend = monitor.get_performance_trends(window_minutes=30)["latency_ms"]
    assert (trend["mean"], trend["max"]) == (3.0, 3.0)
    assert trend["samples"] >= 3


def test_an_alert_has_a_level_and_words(monitor: HealthMonitor) -> None:
    """What the operations guide prints of it."""
    gap = {"message_gap_seconds": 7.0}
    monitor.register_data_source("test", lambda: gap)
    (told,) = monitor.check()
    assert told["event"] == "raised"
    (alert,) = monitor.get_active_alerts()
    assert (alert["level"], alert["code"]) == ("warning", "message_gap")
    assert "no market data for 7 s" in alert["message"]
    assert monitor.get_recent_alerts() == []


def test_a_source_that_fails_is_an_alert_and_the_thread_goes_on(monitor: HealthMonitor) -> None:
    """A gateway that is gone is exactly what a monitor is for."""
    asked = threading.Semaphore(0)

    def source() -> dict[str, float]:
        asked.release()
        raise ConnectionError("no gateway")

    monitor.register_data_source("client_metrics", source)
    monitor.start_monitoring(check_interval=0.01)
    for _ in range(3):
        assert asked.acquire(timeout=WAIT_S)
    monitor.stop_monitoring()
    (alert,) = monitor.get_active_alerts()
    assert alert["id"] == "source_failed:client_metrics"
    assert "ConnectionError: no gateway" in alert["message"]


def test_a_source_that_hangs_keeps_nobody_waiting(
    monitor: HealthMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A strategy asks for alerts while the gateway does not answer, and wants to end, too."""
    monkeypatch.setattr(health_monitor, "STOP_S_MAX", 0.05)
    is_asked, is_free = threading.Event(), threading.Event()

    def source() -> dict[str, float]:
        is_asked.set()
        is_free.wait(WAIT_S)
        return {"message_gap_seconds": 7.0}

    monitor.register_data_source("test", source)
    monitor.start_monitoring(check_interval=60)
    assert is_asked.wait(WAIT_S)
    started_s = time.monotonic()
    assert monitor.get_active_alerts() == monitor.get_recent_alerts() == []
    assert monitor.get_performance_trends() == {}
    monitor.register_data_source("other", dict)
    monitor.stop_monitoring()
    assert time.monotonic() - started_s < WAIT_S / 2
    is_free.set()


def test_it_can_be_started_again(monitor: HealthMonitor) -> None:
    """After a stop, with another interval."""
    asked = threading.Semaphore(0)

    def source() -> dict[str, float]:
        asked.release()
        return {}

    monitor.register_data_source("test", source)
    for _ in range(2):
        monitor.start_monitoring(check_interval=60)
        assert asked.acquire(timeout=WAIT_S)
        monitor.stop_monitoring()
    monitor.stop_monitoring()


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_an_interval_is_more_than_nothing(monitor: HealthMonitor, seconds: float) -> None:
    """A loop without a pause would take a processor."""
    with pytest.raises(ValueError, match="check_interval"):
        monitor.start_monitoring(check_interval=seconds)
