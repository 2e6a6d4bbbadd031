"""A log file under every mix of failures: what was written is there, what was not is named."""

import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock import FakeClock
from gateway.runtime import rotating_file
from gateway.runtime.rotating_file import RotatingFile

BYTES_MAX = 300
FILES_MAX = 1_000
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 120)),
        st.tuples(
            st.just("fail"), st.sampled_from(["write", "half", "truncate", "rename", "open"])
        ),
        st.tuples(st.just("heal"), st.none()),
        st.tuples(st.just("idle"), st.none()),
        st.tuples(st.just("restart"), st.none()),
    ),
    max_size=60,
)


class Disk:
    """The operating system's calls, some of which fail for a while."""

    def __init__(self) -> None:
        self.failing: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def _refuse(self, what: str) -> None:
        if what in self.failing:
            raise OSError(errno.ENOSPC, "No space left on device")

    def open(self, *arguments: Any) -> int:
        """Open, or not."""
        self._refuse("open")
        return os.open(*arguments)

    def write(self, file: int, data: Any) -> int:
        """Write all, the first half, or nothing."""
        self._refuse("write")
        if "half" in self.failing:
            if len(data) < 4:
                raise OSError(errno.ENOSPC, "No space left on device")
            return os.write(file, data[: len(data) // 2])
        return os.write(file, data)

    def ftruncate(self, file: int, size: int) -> None:
        """Cut, or not."""
        self._refuse("truncate")
        os.ftruncate(file, size)


class FailingPath(type(Path())):  # type: ignore[misc]
    """A path that sometimes cannot be renamed."""

    disk: Disk

    def replace(self, target: Any) -> Any:
        """Rename, or not."""
        self.disk._refuse("rename")
        return super().replace(target)


@settings(deadline=None)
@given(steps=_steps)
def test_no_line_is_lost_unnoticed_torn_or_out_of_order(steps: list[tuple[str, Any]]) -> None:
    """Every number from the first to the last is in the files, or within a count of losses."""
    disk = Disk()
    FailingPath.disk = disk
    with mock.patch.object(rotating_file, "os", disk), tempfile.TemporaryDirectory() as folder:
        check(disk, FailingPath(folder) / "a.log", steps)


def check(disk: Disk, path: Path, steps: list[tuple[str, Any]]) -> None:
    """Do everything, heal the disk at last, and read the files."""
    number, lost_before = 0, 0

    def opened() -> RotatingFile:
        return RotatingFile(
            path, bytes_max=BYTES_MAX, files_max=FILES_MAX, clock=FakeClock(), is_private=True
        )

    file = opened()
    for step, value in [*steps, ("heal", None), ("idle", None), ("write", 1)]:
        if step == "write":
            file.write(json.dumps({"number": number, "x": "x" * value}))
            number += 1
        elif step == "fail":
            disk.failing.add(value)
        elif step == "heal":
            disk.failing.clear()
        elif step == "idle":
            file.tell_lost()
        elif not disk.failing:
            # A run that ends says what it lost, where it can.
            file.tell_lost()
            file.close()
            lost_before += file.lost
            file = opened()
    file.close()
    lost = lost_before + file.lost
    files = sorted(path.parent.iterdir(), key=lambda p: -int(p.suffix[1:]) if p != path else 0)
    told, found, torn = 0, list[int](), 0
    for one in files:
        for text in one.read_text().split("\n")[:-1]:
            try:
                event = json.loads(text)
            except ValueError:
                torn += 1
                continue
            told += event.get("lost", 0)
            found += [event["number"]] if "number" in event else []
    assert found == sorted(set(found))
    assert len(found) + told == number
    assert told == lost
    assert torn == 0 or any(step == ("fail", "truncate") for step in steps)
