"""What the machine tells of this process and its disk."""

import contextlib
import errno
import os
import shutil
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from gateway.clock import FakeClock, SystemClock
from gateway.runtime.host import DiskGauge, ProcessGauge, process_facts


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


def until_read(gauge: DiskGauge) -> dict[str, float]:
    """Ask once a while until the first reading is done."""
    deadline_s = time.monotonic() + 10.0
    while not (read := gauge.read()):
        assert time.monotonic() < deadline_s
        time.sleep(0.001)
    return read


def test_free_space_is_that_of_the_directory_with_the_least(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logs on one disk and leases on another: either may be full."""
    free = {tmp_path / "logs": 9, tmp_path / "state": 5}
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: SimpleNamespace(free=free[path] * 1_048_576)
    )
    assert until_read(DiskGauge([*free], clock=FakeClock())) == {"disk_free_mb": 5}


def test_a_directory_that_is_gone_is_an_error_until_it_is_back(tmp_path: Path) -> None:
    """The monitor reports it."""
    clock, place = FakeClock(), tmp_path / "gone"
    gauge = DiskGauge([tmp_path, place], clock=clock)
    with pytest.raises(OSError, match="gone"):
        until_read(gauge)
    place.mkdir()
    clock.advance(seconds=2)
    with contextlib.suppress(OSError):
        # Begins to read anew; what was read before is told until that is done.
        gauge.read()
    reading = gauge._reading
    if reading is not None:
        reading.join(10.0)
    assert gauge.read()["disk_free_mb"] > 0


def test_a_disk_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is told after five seconds, by one thread however long it lasts, and then it is over."""
    is_free, clock = threading.Event(), FakeClock()
    calls: list[Path] = []

    def hang(path: Path) -> SimpleNamespace:
        calls.append(path)
        is_free.wait(30.0)
        return SimpleNamespace(free=1_048_576)

    monkeypatch.setattr(shutil, "disk_usage", hang)
    gauge = DiskGauge([tmp_path], clock=clock)
    assert gauge.read() == {}
    clock.advance(seconds=4)
    assert gauge.read() == {}
    for _ in range(3):
        clock.advance(seconds=10)
        with pytest.raises(TimeoutError, match="a disk does not answer"):
            gauge.read()
    assert calls == [tmp_path]
    is_free.set()
    reading = gauge._reading
    assert reading is not None
    reading.join(10.0)
    assert gauge.read() == {"disk_free_mb": 1.0}
