"""Log files are written by a thread of their own; nobody waits for a disk."""

import json
import stat
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.errors import ConfigError
from gateway.logs import Stream, get_logger, set_up_logging
from gateway.logs.chain_check import check
from gateway.runtime import log_files
from gateway.runtime.audit_files import audit_files
from gateway.runtime.log_files import AUDIT_LINES_MAX, LINES_MAX, LogFiles
from gateway.runtime.rotating_file import RotatingFile
from tests.support.stage import wait_until

pytestmark = pytest.mark.usefixtures("restored_logging")

PRODUCTION = (Stream.PRODUCTION,)
AUDIT = (Stream.PRODUCTION, Stream.AUDIT)


def opened(folder: Path, *, bytes_max: int = 1_000_000) -> LogFiles:
    """Files in a folder."""
    return LogFiles(folder, bytes_max=bytes_max, files_max=100, clock=SystemClock())


DEED = '{"event": "deed"}'


def deeds(folder: Path) -> list[str]:
    """The audit log's events in their order, without its own lines."""
    files, head = audit_files(folder)
    assert check(files, head).breaks == []
    facts = [json.loads(line) for file in files for line in file.lines()]
    return [fact["event"] for fact in facts if fact["event"] != "audit_file_begun"]


def lines(folder: Path, name: str) -> list[str]:
    """What one file holds."""
    return (folder / f"{name}.log").read_text(encoding="ascii").splitlines()


class Stuck:
    """A disk that hangs until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_reached = threading.Event()
        self.is_free = threading.Event()
        write: Callable[[RotatingFile, str], None] = RotatingFile.write

        def hang(file: RotatingFile, line: str) -> None:
            self.is_reached.set()
            assert self.is_free.wait(30.0)
            write(file, line)

        monkeypatch.setattr(RotatingFile, "write", hang)


def test_each_line_is_in_its_files(tmp_path: Path) -> None:
    """A folder that does not exist yet is made, and four files in it, audit for this user only."""
    folder = tmp_path / "a" / "logs"
    files = opened(folder)
    for number in range(1_000):
        files.write(PRODUCTION, str(number))
    files.write(AUDIT, DEED)
    files.write((Stream.HEALTH, Stream.ERRORS), "ill")
    files.write((), "nowhere")
    files.close()
    assert lines(folder, "production") == [*map(str, range(1_000)), DEED]
    assert deeds(folder) == ["deed"]
    assert lines(folder, "health") == lines(folder, "errors") == ["ill"]
    assert stat.S_IMODE((folder / "audit.log").stat().st_mode) == 0o600
    assert (files.lost, files.audit_lost, files.rotations_failed) == (0, 0, 0)


def test_a_disk_that_hangs_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The feed thread logs too; what is dropped is counted, and the files say so themselves."""
    disk = Stuck(monkeypatch)
    files = opened(tmp_path)
    files.write(PRODUCTION, "first")
    assert disk.is_reached.wait(10.0)
    started_s = time.monotonic()
    for _ in range(LINES_MAX + 500):
        files.write(PRODUCTION, "line")
    assert files.lost == 500
    for _ in range(AUDIT_LINES_MAX + 10):
        files.write(AUDIT, DEED)
    assert files.audit_lost == 10, "others' floods leave room for the audit log"
    assert time.monotonic() - started_s < 10.0
    disk.is_free.set()
    files.close()
    audit = deeds(tmp_path)
    (told,) = [json.loads(text) for text in lines(tmp_path, "audit") if '"lost"' in text]
    assert told["lost"] == 10
    assert len(audit) == AUDIT_LINES_MAX + 1
    assert files.audit_lost == 10
    assert files.lost == 510
    assert (
        sum(json.loads(t).get("lost", 0) for t in lines(tmp_path, "production") if t[0] == "{")
        == 510
    )


class Console:
    """Keeps what is shown."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def write(self, text: str) -> int:
        """Keep one text."""
        self.texts.append(text)
        return len(text)

    def flush(self) -> None:
        """Nothing to do."""

    def isatty(self) -> bool:
        """Nobody reads along."""
        return False


def test_a_disk_that_goes_and_comes_back_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line for each line that was lost would be a flood of its own."""
    monkeypatch.setattr(log_files, "IDLE_S", 0.02)
    above = tmp_path / "disk"
    folder = above / "logs"
    files, console = opened(folder), Console()
    set_up_logging(level="info", form="json", file=console, streams=files)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    above.rmdir()
    for number in range(50):
        get_logger("audit").warning("deed", number=number)
    wait_until(lambda: files.audit_lost == 50, what="losses are counted")
    above.mkdir()
    wait_until(lambda: any("can be written again" in t for t in console.texts), what="recovery")
    wait_until((folder / "audit.log").exists, what="the file is back by itself")
    files.close()
    told = [json.loads(text) for text in console.texts]
    troubles = [event for event in told if "cannot be written" in event["event"]]
    assert sorted(event["file"] for event in troubles) == [
        "audit.log",
        "errors.log",
        "production.log",
    ]
    begun, words = map(json.loads, lines(folder, "audit"))
    assert begun["event"] == "audit_file_begun"
    assert words["lost"] == 50
    assert words["part"] == "log"


def test_a_folder_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path) -> None:
    """Whoever wants logs must not learn that there are none when he needs them."""
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "logs", Path("/proc/no/logs")):
        with pytest.raises(ConfigError, match=r"log\.directory cannot be used") as caught:
            opened(folder)
        assert caught.value.facts["directory"] == str(folder)
        assert "log.directory" in caught.value.hint


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    """They would put each other's files aside; the next run of the same gateway has it again."""
    first = opened(tmp_path)
    with pytest.raises(ConfigError, match=r"log\.directory is in use"):
        opened(tmp_path)
    first.write(PRODUCTION, "a")
    first.close()
    assert lines(tmp_path, "production") == ["a"]
    second = opened(tmp_path)
    second.close()


def test_threads_lose_and_mix_nothing(tmp_path: Path) -> None:
    """Feed thread, control loop and workers log at one time."""
    files = opened(tmp_path, bytes_max=20_000)

    def write(streams: Sequence[Stream], name: str) -> None:
        for number in range(300):
            text = f"{name} {number}"
            files.write(streams, json.dumps({"event": text}) if name == "a" else text)

    threads = [
        threading.Thread(target=write, args=(AUDIT if name == "a" else PRODUCTION, name))
        for name in "abcd"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    files.close()
    assert deeds(tmp_path) == [f"a {number}" for number in range(300)]
    production = [text for text in lines(tmp_path, "production") if text[0] != "{"]
    assert sorted(production) == sorted(
        f"{name} {number}" for name in "bcd" for number in range(300)
    )
