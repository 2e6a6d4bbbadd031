"""Reads what this process uses of what it may: memory, descriptors, threads."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import psutil

from gateway.policy.guards import Resource, Use

if sys.platform != "win32":
    import resource

MIB: Final = 1_048_576
UNLIMITED_BYTES_MIN: Final = 1 << 60
"""A cgroup's limit from here on is none: version 1 writes the largest number it knows."""
_CGROUPS: Final = Path("/sys/fs/cgroup")


class ResourceGauge:
    """Reads memory, descriptors, threads and queues, each with the limit that is nearest.

    Limits are read anew each time: an operator may move them, and the process between cgroups.

    Args:
        memory_mb_max: Limit of memory, MiB; 0 takes the system's.
        threads_max: Limit of threads; 0 takes the cgroup's.
        queues: The queues by name: how much is in each, and how much may be.
        cgroups: Where cgroups are mounted.
    """

    def __init__(
        self,
        *,
        memory_mb_max: int = 0,
        threads_max: int = 0,
        queues: Callable[[], Mapping[str, tuple[int, int]]] = dict,
        cgroups: Path = _CGROUPS,
    ) -> None:
        self._memory_mb_max = memory_mb_max
        self._threads_max = threads_max
        self._queues = queues
        self._cgroups = cgroups
        self._process = psutil.Process()
        self._machine_bytes = psutil.virtual_memory().total

    def read(self) -> dict[Resource, Use]:
        """Read everything that this system tells."""
        uses = dict[Resource, Use]()
        with contextlib.suppress(psutil.Error, OSError), self._process.oneshot():
            uses[Resource.MEMORY] = max(self._memory(), key=lambda use: use.share)
            uses[Resource.THREADS] = self._threads()
        descriptors = _descriptors()
        if descriptors is not None:
            uses[Resource.DESCRIPTORS] = descriptors
        name, (size, capacity) = max(
            self._queues().items(),
            key=lambda queue: queue[1][0] / queue[1][1] if queue[1][1] else 0.0,
            default=("", (0, 0)),
        )
        uses[Resource.QUEUES] = Use(size, capacity, source=name)
        return uses

    def _memory(self) -> Iterator[Use]:
        """Every limit of memory with what counts against it."""
        info = self._process.memory_info()
        if self._memory_mb_max:
            limit_mb = float(self._memory_mb_max)
            yield Use(info.rss / MIB, limit_mb, "MB", "guards.memory_mb_max")
        else:
            yield Use(info.rss / MIB, self._machine_bytes / MIB, "MB", "this machine")
        space = _soft_limit("RLIMIT_AS")
        if space:
            yield Use(info.vms / MIB, space / MIB, "MB", "RLIMIT_AS")
        group = self._group_of("memory")
        if group is not None:
            yield from _memory_of(group)

    def _threads(self) -> Use:
        own = Use(self._process.num_threads(), self._threads_max, source="guards.threads_max")
        group = self._group_of("pids")
        limit = _number(group / "pids.max") if group is not None else None
        if self._threads_max or group is None or limit is None:
            return own
        return Use(_number(group / "pids.current") or 0, limit, source="cgroup")

    def _group_of(self, controller: str) -> Path | None:
        """This process's cgroup for a controller; None where there is none."""
        if sys.platform != "linux":
            return None
        with contextlib.suppress(OSError):
            for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
                _, controllers, path = line.split(":", 2)
                if controller in controllers.split(","):
                    return _existing(self._cgroups / controller, path)
                if not controllers and (self._cgroups / "cgroup.controllers").exists():
                    return _existing(self._cgroups, path)
        return None


def _memory_of(group: Path) -> Iterator[Use]:
    """What a cgroup may use, in either version: all its processes count, not this one alone."""
    for used, limit, cache in (
        ("memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file"),
        ("memory.current", "memory.max", "inactive_file"),
    ):
        limit_bytes = _number(group / limit)
        used_bytes = _number(group / used)
        if used_bytes is None or limit_bytes is None or limit_bytes >= UNLIMITED_BYTES_MIN:
            continue
        # What the kernel can drop at once is not what it kills for.
        used_bytes = max(0, used_bytes - _figure(group / "memory.stat", cache))
        yield Use(used_bytes / MIB, limit_bytes / MIB, "MB", "cgroup")


def _descriptors() -> Use | None:
    limit = _soft_limit("RLIMIT_NOFILE")
    if not limit:
        return None
    for folder in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            return Use(len(os.listdir(folder)), limit, source="RLIMIT_NOFILE")
    # The listing itself needs one: there is none left.
    return Use(limit, limit, source="RLIMIT_NOFILE")


def _soft_limit(name: str) -> int | None:
    """A limit of this process; None where it has none, or the system knows no such thing."""
    if sys.platform == "win32":
        return None
    # Not by psutil, which opens a file for it: there may be no descriptor left.
    limit = resource.getrlimit(getattr(resource, name))[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _existing(root: Path, path: str) -> Path | None:
    """A cgroup's folder; in a container that sees its own only, the root itself."""
    own = root / path.lstrip("/")
    if own.is_dir():
        return own
    return root if root.is_dir() else None


def _number(path: Path) -> int | None:
    """A number in a file; None where there is none, such as `max`."""
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii"))
    return None


def _figure(path: Path, name: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text(encoding="ascii").splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0
