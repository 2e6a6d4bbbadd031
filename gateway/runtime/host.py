"""What the machine tells of this process and its disk."""

import contextlib
import errno
import os
import shutil
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psutil

from gateway.clock import Clock

if sys.platform != "win32":
    import resource

DISK_PERIOD_NS: Final = 2_000_000_000
"""From one reading of free space to the next."""
DISK_NS_MAX: Final = 5_000_000_000
"""A disk that takes longer to tell hangs."""


class ProcessGauge:
    """Reads memory, and the processor's share since the last reading.

    Args:
        clock: Measures the time between.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._process = psutil.Process()
        self._seen_ns = clock.monotonic_ns()
        self._seen_cpu_s = sum(self._process.cpu_times()[:2])

    def read(self) -> dict[str, float | None]:
        """Read memory_mb (MiB resident) and cpu_pct (percent of one processor)."""
        now_ns = self._clock.monotonic_ns()
        with self._process.oneshot():
            rss_mb = self._process.memory_info().rss / 1_048_576
            cpu_s = sum(self._process.cpu_times()[:2])
        elapsed_s, used_s = (now_ns - self._seen_ns) / 1e9, cpu_s - self._seen_cpu_s
        self._seen_ns, self._seen_cpu_s = now_ns, cpu_s
        return {
            "memory_mb": rss_mb,
            "cpu_pct": 100.0 * used_s / elapsed_s if elapsed_s > 0 else None,
        }


class DiskGauge:
    """Reads free space, of several directories the least.

    In a thread: a network drive that hangs must not hold up whoever asks, and with it all requests
    and alerts.

    Args:
        directories: At least one.
        clock: Paces readings, and says how long one takes.
    """

    def __init__(self, directories: Sequence[Path], *, clock: Clock) -> None:
        self._directories = tuple(directories)
        self._clock = clock
        self._began_ns: int | None = None
        self._reading: threading.Thread | None = None
        self._found: float | OSError | None = None

    def read(self) -> dict[str, float]:
        """Give disk_free_mb, MiB, a few seconds old; nothing before the first reading is done.

        Raises:
            OSError: A directory is gone, or its disk does not answer.
        """
        now_ns = self._clock.monotonic_ns()
        is_reading = self._reading is not None and self._reading.is_alive()
        age_ns = None if self._began_ns is None else now_ns - self._began_ns
        if is_reading and age_ns is not None and age_ns > DISK_NS_MAX:
            raise TimeoutError(errno.ETIMEDOUT, "a disk does not answer")
        if not is_reading and (age_ns is None or age_ns >= DISK_PERIOD_NS):
            self._began_ns = now_ns
            self._reading = threading.Thread(target=self._read, name="disk", daemon=True)
            self._reading.start()
        if isinstance(self._found, OSError):
            # Raised again and again, it would gather the places of all of them.
            raise self._found.with_traceback(None)
        return {} if self._found is None else {"disk_free_mb": self._found}

    def _read(self) -> None:
        try:
            free = min(shutil.disk_usage(directory).free for directory in self._directories)
            self._found = free / 1_048_576
        except OSError as error:
            self._found = error


def forbid_core_dumps() -> None:
    """Let this process leave no image of its memory behind: it has keys and passwords in it."""
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def process_facts() -> dict[str, Any]:
    """Memory, processor and threads of this process; what cannot be read is left out.

    A platform may lack a figure, and a process without a free descriptor can read none: just then
    somebody asks for all the others.
    """
    facts: dict[str, Any] = {"pid": os.getpid()}
    with contextlib.suppress(AttributeError, OSError, psutil.Error):
        process = psutil.Process()
        with process.oneshot():
            facts["rss_mb"] = process.memory_info().rss / 1_048_576
            facts["cpu_seconds"] = sum(process.cpu_times()[:2])
            facts["threads"] = process.num_threads()
            facts["descriptors"] = process.num_fds()
    return facts
