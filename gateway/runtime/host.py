"""What the machine tells: addresses of names, and figures of this process."""

import asyncio
import contextlib
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import psutil

from gateway.clock import Clock
from gateway.errors import ConfigError


async def resolve_host(loop: asyncio.AbstractEventLoop, host: str) -> str:
    """Look the host up once, before anything depends on it.

    Raises:
        ConfigError: Not a name this machine knows.
    """
    try:
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError(
            "iqconnect.host cannot be resolved", host=host, reason=str(error)
        ) from error
    # IQConnect listens on IPv4 loopback: prefer it where a name has both.
    addresses = sorted(found, key=lambda entry: entry[0] is not socket.AF_INET)
    return str(addresses[0][4][0])


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


def disk_free_mb(directory: Path) -> dict[str, float]:
    """Read disk_free_mb: free space where a directory is, MiB.

    Raises:
        OSError: The directory is gone.
    """
    return {"disk_free_mb": shutil.disk_usage(directory).free / 1_048_576}


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
