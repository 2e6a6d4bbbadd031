"""A log file: whole lines, bounded, and it recovers from everything that befalls a disk."""

import errno
import json
import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import FakeClock
from gateway.runtime.rotating_file import RotatingFile
from tests.support.processes import ROOT


class Bench:
    """A file of a hundred bytes, and what it says of itself."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.path = folder / "audit.log"
        self.troubles: list[tuple[str, str]] = []
        self.recoveries: list[tuple[str, int]] = []
        given = {"bytes_max": 100, "files_max": 3} | options
        self.file = RotatingFile(
            self.path,
            clock=FakeClock(),
            on_trouble=lambda name, reason: self.troubles.append((name, reason)),
            on_recovery=lambda name, lost: self.recoveries.append((name, lost)),
            **given,
        )
        self.file.open()

    def lines(self, number: int = 0) -> list[str]:
        """What is in the file of a number."""
        path = self.path.with_name(f"audit.log.{number}") if number else self.path
        return path.read_text(encoding="ascii").splitlines()


def line(number: int) -> str:
    """A line of 39 bytes, its end left out."""
    return json.dumps({"number": f"{number:025d}"})


def test_a_full_file_is_put_aside_and_the_oldest_is_removed(tmp_path: Path) -> None:
    """A log must not fill the disk of the machine that trades."""
    bench = Bench(tmp_path)
    for number in range(20):
        bench.file.write(line(number))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "audit.log",
        "audit.log.1",
        "audit.log.2",
    ]
    kept = [json.loads(text)["number"] for n in (2, 1, 0) for text in bench.lines(n)]
    assert kept == [f"{number:025d}" for number in range(14, 20)], "in order, none torn or twice"
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())


def test_a_line_longer_than_a_file_has_one_of_its_own(tmp_path: Path) -> None:
    """It is bounded before it comes here; losing it would be worse than a large file."""
    bench = Bench(tmp_path)
    for text in ("a", "b" * 500, "c"):
        bench.file.write(text)
    assert (bench.lines(2), bench.lines(1), bench.lines()) == (["a"], ["b" * 500], ["c"])


def test_one_file_is_started_over(tmp_path: Path) -> None:
    """Who keeps one file keeps the newest lines."""
    bench = Bench(tmp_path, files_max=1)
    for number in range(5):
        bench.file.write(line(number))
    assert [path.name for path in tmp_path.iterdir()] == ["audit.log"]
    assert bench.lines() == [line(4)]


def test_files_of_an_earlier_larger_number_are_removed(tmp_path: Path) -> None:
    """Whoever lowers the number wants the room back."""
    for number in range(1, 8):
        (tmp_path / f"audit.log.{number}").write_text("old\n")
    bench = Bench(tmp_path)
    for number in range(3):
        bench.file.write(line(number))
    assert len(list(tmp_path.iterdir())) == 3


def test_it_goes_on_where_the_last_run_ended(tmp_path: Path) -> None:
    """A restart must not cost the lines that explain it; half a line of a crash stays alone."""
    path = tmp_path / "audit.log"
    path.write_bytes(b'{"a": 1}\n{"b":')
    bench = Bench(tmp_path)
    bench.file.write('{"c": 1}')
    assert bench.lines() == ['{"a": 1}', '{"b":', '{"c": 1}']


def test_only_this_user_reads_a_private_file(tmp_path: Path) -> None:
    """What administrators did is nobody else's business; an earlier, open file is closed too."""
    (tmp_path / "audit.log").write_text("")
    (tmp_path / "audit.log").chmod(0o644)
    bench = Bench(tmp_path, is_private=True)
    assert stat.S_IMODE(bench.path.stat().st_mode) == 0o600
    for number in range(3):
        bench.file.write(line(number))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}


@pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
def test_what_is_no_ordinary_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    """A pipe without a reader would hold up every line for ever."""
    path = tmp_path / "audit.log"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"."):
        Bench(tmp_path)


def test_a_folder_that_vanishes_is_made_again(tmp_path: Path) -> None:
    """Nothing is written into a file that no name leads to."""
    folder = tmp_path / "logs"
    folder.mkdir()
    bench = Bench(folder)
    bench.file.write("a")
    bench.path.unlink()
    folder.rmdir()
    bench.file.write("b")
    assert bench.lines() == ["b"]
    assert bench.file.lost == 0
    assert bench.troubles == []


def test_a_file_that_others_put_aside_is_begun_anew(tmp_path: Path) -> None:
    """Systems have tools of their own for that."""
    bench = Bench(tmp_path)
    bench.file.write("a")
    bench.path.rename(tmp_path / "elsewhere")
    bench.file.write("b")
    assert bench.lines() == ["b"]


def test_losses_are_counted_told_once_and_named_in_the_file(tmp_path: Path) -> None:
    """Whoever reads an audit log must know that it is not whole."""
    above = tmp_path / "disk"
    folder = above / "logs"
    folder.mkdir(parents=True)
    bench = Bench(folder, bytes_max=10_000)
    bench.file.write("a")
    bench.path.unlink()
    folder.rmdir()
    above.rmdir()
    for _ in range(7):
        bench.file.write("lost")
    assert bench.file.lost == 7
    assert bench.troubles == [("audit.log", os.strerror(errno.ENOENT))]
    bench.file.tell_lost()
    assert bench.file.lost == 7, "trying loses nothing"
    above.mkdir()
    bench.file.write("b")
    told, written = bench.lines()
    assert written == "b"
    words = json.loads(told)
    assert (words["lost"], words["reason"]) == (7, os.strerror(errno.ENOENT))
    assert words["timestamp"] == "2023-11-14T22:13:20Z"
    assert bench.recoveries == [("audit.log", 7)]
    bench.file.write("c")
    assert bench.lines()[1:] == ["b", "c"]


def test_a_file_says_what_it_lost_without_another_line(tmp_path: Path) -> None:
    """The next audit event may be days away."""
    bench = Bench(tmp_path)
    bench.file.lost += 3
    bench.file.tell_lost()
    (told,) = bench.lines()
    assert json.loads(told)["lost"] == 3
    bench.file.tell_lost()
    assert len(bench.lines()) == 1


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    """What a full disk took of a line is cut off, and the file goes on when there is room."""
    bench = Bench(tmp_path, bytes_max=1_000_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        for number in range(6):
            bench.file.write(line(number))
        assert bench.lines() == [line(0), line(1)]
        assert bench.file.lost == 4
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    bench.file.write(line(6))
    first, second, told, last = bench.lines()
    assert (first, second, last) == (line(0), line(1), line(6))
    assert json.loads(told)["lost"] == 4
    assert bench.troubles == [("audit.log", os.strerror(errno.EFBIG))]


def test_a_file_that_cannot_be_renamed_stays_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows any reader forbids it: the file grows to twice its size and no further."""
    bench = Bench(tmp_path)
    rename = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if self.name == "audit.log":
            raise PermissionError(errno.EACCES, "in use")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    (tmp_path / "audit.log.1").write_text("older\n")
    for number in range(20):
        bench.file.write(line(number))
    assert 100 < bench.path.stat().st_size <= 240
    assert bench.file.rotations_failed > 10
    assert bench.file.lost > 10
    assert (tmp_path / "audit.log.2").read_text() == "older\n", "no attempt costs an older file"
    assert len(bench.troubles) == 2, "that it cannot be put aside, and that lines are lost"
    monkeypatch.undo()
    bench.file.write("b")
    assert bench.lines()[-1] == "b"
    assert bench.recoveries == [("audit.log", bench.file.lost)]


KILLED = """
import sys
from pathlib import Path
from gateway.clock import SystemClock
from gateway.runtime.rotating_file import RotatingFile
file = RotatingFile(Path(sys.argv[1]), bytes_max=2_000, files_max=50, clock=SystemClock())
print("ready", flush=True)
for number in range(10**9):
    file.write('{"number": %d}' % number)
"""


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_whole_lines_in_order(tmp_path: Path) -> None:
    """Whatever the moment: while writing, while renaming."""
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path / "a.log")],
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        with process:
            assert process.stdout is not None
            process.stdout.readline()
            while not (tmp_path / "a.log.3").exists():
                assert process.poll() is None
            process.kill()
        files = sorted(
            tmp_path.iterdir(), key=lambda p: int(p.suffix[1:]) if p.suffix != ".log" else 0
        )
        numbers = [
            json.loads(text)["number"]
            for path in reversed(files)
            for text in path.read_text().splitlines()
        ]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        for path in files:
            path.unlink()
