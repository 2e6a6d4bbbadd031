"""A health monitor for programs of your own: a thread that judges figures, again and again.

It stands on the same rules as the gateway's own monitor: thresholds with a margin, conditions that
must last, alerts told once, trends in fixed memory.
"""

import threading
import time
from types import TracebackType
from typing import Any, Self

from gateway_monitoring import HealthThresholds, Monitor, Source

STOP_S_MAX = 5.0
"""How long `stop_monitoring` waits for a source that is being asked."""


class HealthMonitor:
    """Asks data sources for figures at an interval and judges them.

    Any thread may call it. What a source returns is a map of figures, nested as it comes, such as
    `get_metrics` of a client: figures known by name are judged (`latency_ms` or
    `average_latency_ms`, `error_rate_pct` or `processing_errors`, `throughput_msg_per_sec`,
    `message_gap_seconds`, `memory_mb` or `rss_mb`, …), those and all at the top level have trends.
    A figure that is None does not apply at the moment. A source that raises is an alert.

    Args:
        thresholds: Where trouble begins; the defaults when absent.
    """

    def __init__(self, thresholds: HealthThresholds | None = None) -> None:
        self._monitor = Monitor(thresholds if thresholds is not None else HealthThresholds())
        self._lock = threading.Lock()
        self._checking = threading.Lock()
        """Held while sources are asked, which may take their time: nobody else waits for them."""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def register_data_source(self, name: str, source: Source) -> None:
        """Ask a source at every check; one of the same name is replaced.

        Args:
            name: What an alert calls it.
            source: Called in the monitor's thread, without arguments; returns a map of figures.

        Raises:
            ValueError: More than 32.
        """
        with self._lock:
            self._monitor.register_data_source(name, source)

    def start_monitoring(self, check_interval: float = 10.0) -> None:
        """Begin to check, at once and then again and again; again without effect.

        Args:
            check_interval: Seconds from one check to the next, more than 0.

        Raises:
            ValueError: Not more than 0.
        """
        if not check_interval > 0:
            raise ValueError(f"check_interval must be more than 0 seconds, got {check_interval!r}")
        with self._lock:
            if self._thread is not None:
                return
            self._stop = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(self._stop, check_interval), name="health", daemon=True
            )
            self._thread.start()

    def stop_monitoring(self) -> None:
        """End the checks; alerts and trends stay readable."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stop.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_S_MAX)

    def check(self) -> list[dict[str, Any]]:
        """Check now, in the calling thread.

        Returns:
            Alerts that were raised, changed or cleared: maps with `event` and the alert.
        """
        with self._checking:
            reading, failed = self._monitor.read()
            now_ns, now_us = time.monotonic_ns(), time.time_ns() // 1000
            with self._lock:
                return self._monitor.follow(reading, tuple(failed), now_ns=now_ns, now_us=now_us)

    def get_active_alerts(self) -> list[dict[str, Any]]:
        """List the alerts that stand, the gravest first.

        Returns:
            Maps with id, code, level (`warning` or `critical`), message, hint, since_us and more.
        """
        with self._lock:
            return self._monitor.alerts.active

    def get_recent_alerts(self) -> list[dict[str, Any]]:
        """List the alerts that were cleared, newest first; at most 200."""
        with self._lock:
            return self._monitor.alerts.recent

    def get_performance_trends(self, window_minutes: float = 60) -> dict[str, dict[str, Any]]:
        """Say how each figure moved.

        Args:
            window_minutes: How far to look back; up to a day is kept.

        Returns:
            Per figure mean, max, min, p95, slope (a minute), samples and last.
        """
        with self._lock:
            return self._monitor.trends.summary(
                window_minutes=window_minutes, now_ns=time.monotonic_ns()
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop_monitoring()

    def _run(self, stop: threading.Event, check_interval: float) -> None:
        while not stop.is_set():
            self.check()
            stop.wait(check_interval)
