"""What this process uses of what it may, as the system tells it."""

import os
import resource
from pathlib import Path

import pytest

from gateway.policy.guards import Resource
from gateway.runtime.resources import MIB, ResourceGauge, _memory_of


def test_descriptors_are_counted_against_the_limit() -> None:
    """Each socket is one: opening some must show."""
    gauge = ResourceGauge()
    before = gauge.read()[Resource.DESCRIPTORS]
    opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
    try:
        after = gauge.read()[Resource.DESCRIPTORS]
    finally:
        for file in opened:
            os.close(file)
    assert after.used - before.used == 20
    assert after.limit == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_a_setting_is_a_limit_of_memory_and_threads() -> None:
    """Where the machine is shared with others, say."""
    uses = ResourceGauge(memory_mb_max=1, threads_max=1).read()
    assert uses[Resource.MEMORY].source == "guards.memory_mb_max"
    assert uses[Resource.MEMORY].share > 5
    assert uses[Resource.THREADS].share >= 1


def test_the_fullest_queue_is_the_one_that_counts() -> None:
    """An average hides the one that overflows."""
    gauge = ResourceGauge(queues=lambda: {"a": (1, 100), "b": (9, 10), "none": (0, 0)})
    use = gauge.read()[Resource.QUEUES]
    assert (use.share, use.source) == (0.9, "b")
    assert ResourceGauge().read()[Resource.QUEUES].share == 0


@pytest.mark.parametrize("version", [1, 2])
def test_a_cgroup_is_read_without_what_the_kernel_can_drop(tmp_path: Path, version: int) -> None:
    """Files that were read fill any cgroup; nobody is killed for them."""
    names = {
        1: ("memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file"),
        2: ("memory.current", "memory.max", "inactive_file"),
    }[version]
    (tmp_path / names[0]).write_text(f"{300 * MIB}\n")
    (tmp_path / names[1]).write_text(f"{400 * MIB}\n")
    (tmp_path / "memory.stat").write_text(f"cache 5\n{names[2]} {100 * MIB}\n")
    (use,) = _memory_of(tmp_path)
    assert (use.used, use.limit, use.share) == (200, 400, 0.5)


@pytest.mark.parametrize("limit", ["max", "9223372036854771712"])
def test_a_cgroup_without_a_limit_is_none(tmp_path: Path, limit: str) -> None:
    """Version 2 says so, version 1 writes the largest number it knows."""
    for used, most in (
        ("memory.current", "memory.max"),
        ("memory.usage_in_bytes", "memory.limit_in_bytes"),
    ):
        (tmp_path / used).write_text("1000\n")
        (tmp_path / most).write_text(f"{limit}\n")
    assert list(_memory_of(tmp_path)) == []
    assert list(_memory_of(tmp_path / "nothing")) == []
