"""What the machine tells of this process and its disk."""

import errno
import os
from pathlib import Path

import psutil
import pytest

from gateway.clock import FakeClock, SystemClock
from gateway.runtime.host import ProcessGauge, disk_free_mb, process_facts


def test_memory_and_processor_are_those_of_this_process() -> None:
    """Of one busy loop the processor's share is more than nothing."""
    gauge = ProcessGauge(SystemClock())
    total = sum(number * number for number in range(300_000))
    assert total > 0
    read = gauge.read()
    assert read["memory_mb"] == pytest.approx(process_facts()["rss_mb"], rel=0.2)
    assert read["cpu_pct"] is not None
    assert 0 < read["cpu_pct"] < 1000


def test_without_a_free_descriptor_the_rest_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """`metrics` and the page are asked for just then, and must not fail with it."""

    def exhausted(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    assert {"pid", "rss_mb", "cpu_seconds", "threads"} <= process_facts().keys()
    monkeypatch.setattr(psutil, "Process", exhausted)
    assert process_facts() == {"pid": os.getpid()}


def test_two_readings_of_one_moment_have_no_share() -> None:
    """Nothing is divided by zero."""
    assert ProcessGauge(FakeClock()).read()["cpu_pct"] is None


def test_free_space_is_that_of_the_directory(tmp_path: Path) -> None:
    """And a directory that is gone is an error, which the monitor reports."""
    assert disk_free_mb(tmp_path)["disk_free_mb"] > 0
    with pytest.raises(OSError, match="gone"):
        disk_free_mb(tmp_path / "gone")
