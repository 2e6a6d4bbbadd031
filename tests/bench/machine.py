"""What figures are measured on, and what processes take of it."""

import os
import platform
import subprocess
from typing import Any

import psutil


def commit() -> str:
    """The commit that is measured, marked when files differ from it; empty when unknown."""
    return subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"],  # noqa: S607 - whichever git
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()


def machine() -> dict[str, Any]:
    """What figures were measured on."""
    return {
        "machine": platform.platform(),
        "processor": processor(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "commit": commit(),
        "load_at_start": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def processor() -> str:
    """The processor's name, as far as the system says it."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model n")]
    except OSError:
        names = []
    return names[0] if names else platform.processor()


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used so far."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def rss_bytes(pid: int) -> int:
    """Memory a process has in use."""
    return int(psutil.Process(pid).memory_info().rss)
