"""The audit log's chain, for any log and any hand that is laid on it."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import FakeClock
from gateway.logs.chain_check import Report, check
from gateway.runtime.audit_files import audit_files
from gateway.runtime.chained_file import ChainedFile

BYTES_MAX = 1_200
"""Two or three lines a file."""
FILES_MAX = 50


def opened(folder: Path, *, files_max: int = FILES_MAX) -> ChainedFile:
    """The log of a run."""
    path = folder / "audit.log"
    return ChainedFile(path, bytes_max=BYTES_MAX, files_max=files_max, clock=FakeClock())


def body(number: int) -> str:
    """One event."""
    return json.dumps(
        {"part": "audit", "event": "deed", "number": number, "x": "y" * (number % 90)}
    )


def written(folder: Path, count: int, *, runs: int = 1, files_max: int = FILES_MAX) -> None:
    """A log of some lines, from some runs that ended in order."""
    for run in range(runs):
        file = opened(folder, files_max=files_max)
        for number in range(count):
            file.write(body(number + run))
        file.sync(is_closed=True)
        file.close()
        assert file.lost == 0


def verified(folder: Path) -> Report:
    """What the checker says."""
    return check(*audit_files(folder))


def deeds(folder: Path) -> list[int]:
    """The events that are in the log, in its order."""
    files, _ = audit_files(folder)
    facts = [json.loads(raw) for file in files for raw in file.lines()]
    return [fact["number"] for fact in facts if fact["event"] == "deed"]


def read(folder: Path) -> list[tuple[Path, list[bytes]]]:
    """Every file with its lines, oldest first."""
    files, _ = audit_files(folder)
    return [(folder / file.name, list(file.lines())) for file in files]


class Folder:
    """A folder for the time of one example."""

    def __enter__(self) -> Path:
        self._folder = tempfile.TemporaryDirectory()
        return Path(self._folder.name)

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


@given(count=st.integers(1, 40), runs=st.integers(1, 3), files_max=st.sampled_from([1, 2, 5, 50]))
def test_an_untouched_log_always_verifies(count: int, runs: int, files_max: int) -> None:
    """However many runs, and however many files had to make room."""
    with Folder() as folder:
        written(folder, count, runs=runs, files_max=files_max)
        report = verified(folder)
        assert report.breaks == []
        assert report.last == report.first + report.lines - 1 if report.first else False


_edits = st.sampled_from(
    ["flip", "delete", "insert", "copy", "swap", "cut", "cut_files", "blank", "join"]
)


@given(data=st.data(), count=st.integers(2, 25), edit=_edits, runs=st.integers(1, 2))
def test_any_single_edit_is_found_where_it_is(
    data: st.DataObject, count: int, edit: str, runs: int
) -> None:
    """A byte changed, a line removed, inserted or swapped, a tail cut off, a file gone."""
    with Folder() as folder:
        written(folder, count, runs=runs)
        files = read(folder)
        index = data.draw(st.integers(0, len(files) - 1), label="file")
        path, lines = files[index]
        at = data.draw(st.integers(0, len(lines) - 1), label="line")
        before = [b"".join(lines) for _, lines in files]
        expected = EDITS[edit](data, files, index, at)
        if edit != "cut_files":
            after = [one.read_bytes() for one, _ in files]
            if after == before:
                return
        report = verified(folder)
        assert report.breaks, f"{edit} of {path.name}:{at + 1} was not found"
        first = report.breaks[0]
        if expected is not None:
            file, line, whats = expected
            assert (first.file, first.line) == (file, line), (first, expected)
            assert first.what in whats


Expected = tuple[str, int, set[str]] | None
Files = list[tuple[Path, list[bytes]]]


def flip(data: st.DataObject, files: Files, index: int, at: int) -> Expected:
    """Change one byte of a line, its end left alone."""
    path, lines = files[index]
    line = bytearray(lines[at])
    place = data.draw(st.integers(0, len(line) - 2), label="byte")
    line[place] ^= data.draw(st.integers(1, 255), label="bits")
    write(path, [*lines[:at], bytes(line), *lines[at + 1 :]])
    # A digit of its number makes it another line, of which only the place is known.
    return path.name, at + 1, {"changed", "removed", "inserted", "reordered"}


def delete(_: st.DataObject, files: Files, index: int, at: int) -> Expected:
    """Take a line out."""
    path, lines = files[index]
    write(path, [*lines[:at], *lines[at + 1 :]])
    if at + 1 < len(lines):
        return path.name, at + 1, {"removed"}
    return (files[index + 1][0].name, 1, {"removed"}) if index + 1 < len(files) else None


def insert(data: st.DataObject, files: Files, index: int, at: int) -> Expected:
    """Put a line in that was never written, sealed or not."""
    path, lines = files[index]
    forged = data.draw(
        st.sampled_from(
            [b'{"event": "forged"}\n', lines[at].replace(b"deed", b"dead").replace(b"y", b"z")]
        ),
        label="forged",
    )
    if forged == lines[at]:
        forged = b"{}\n"
    write(path, [*lines[:at], forged, *lines[at:]])
    return path.name, at + 1, {"inserted", "changed", "removed"}


def copy(data: st.DataObject, files: Files, index: int, at: int) -> Expected:
    """Put a line in that stands elsewhere."""
    path, lines = files[index]
    everything = [line for _, others in files for line in others]
    line = data.draw(st.sampled_from(everything), label="copied")
    write(path, [*lines[:at], line, *lines[at:]])
    place = at + 1 if line != lines[at] else at + 2
    return path.name, place, {"inserted", "reordered", "removed"}


def swap(data: st.DataObject, files: Files, index: int, at: int) -> Expected:
    """Let two lines of a file change places."""
    path, lines = files[index]
    other = data.draw(st.integers(0, len(lines) - 1), label="other")
    changed = list(lines)
    changed[at], changed[other] = changed[other], changed[at]
    write(path, changed)
    return path.name, min(at, other) + 1, {"reordered", "removed"}


def cut(data: st.DataObject, files: Files, index: int, _: int) -> Expected:
    """Cut a file's end off, at any byte."""
    path, lines = files[index]
    whole = b"".join(lines)
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1), label="size")])
    return None


def cut_files(_: st.DataObject, files: Files, index: int, __: int) -> Expected:
    """Remove a whole file."""
    files[index][0].unlink()
    return None


def blank(_: st.DataObject, files: Files, index: int, at: int) -> Expected:
    """Put an empty line in."""
    path, lines = files[index]
    write(path, [*lines[:at], b"\n", *lines[at:]])
    return path.name, at + 1, {"inserted", "changed"}


def join(_: st.DataObject, files: Files, index: int, at: int) -> Expected:
    """Make one line of two."""
    path, lines = files[index]
    write(path, [*lines[:at], lines[at].rstrip(b"\n"), *lines[at + 1 :]])
    return (path.name, at + 1, {"changed", "removed", "reordered"}) if at + 1 < len(lines) else None


def write(path: Path, lines: list[bytes]) -> None:
    """Replace a file."""
    path.write_bytes(b"".join(lines))


EDITS: dict[str, Callable[[st.DataObject, Files, int, int], Expected]] = {
    edit.__name__: edit for edit in (flip, delete, insert, copy, swap, cut, cut_files, blank, join)
}


@given(data=st.data(), count=st.integers(1, 20), synced=st.integers(0, 20))
def test_a_crash_at_any_byte_leaves_what_verifies_and_the_next_run_goes_on(
    data: st.DataObject, count: int, synced: int
) -> None:
    """Of what is surely on the disk nothing is missing; an unfinished line is named."""
    with Folder() as folder:
        file = opened(folder)
        floor = (folder / "audit.log", 0)
        for number in range(count):
            file.write(body(number))
            if number == synced:
                file.sync()
                floor = (file.path, file.path.stat().st_size)
            if number > synced and file.path.stat().st_size < floor[1]:
                floor = (file.path, 0)
        file.close()
        last, lines = read(folder)[-1]
        whole = b"".join(lines)
        lowest = floor[1] if synced < count else 0
        if lowest > len(whole):
            lowest = 0
        size = data.draw(st.integers(lowest, len(whole)), label="size")
        last.write_bytes(whole[:size])
        is_torn = size > 0 and whole[:size][-1:] != b"\n" and whole[size : size + 1] != b"\n"
        report = verified(folder)
        assert [found.what for found in report.breaks] == (["torn"] if is_torn else [])
        left = whole[:size].count(b"\n") + (not is_torn and whole[size : size + 1] == b"\n")
        assert report.breaks == [] or report.breaks[0].line == left + 1
        again = opened(folder)
        again.write(body(1_000))
        again.sync(is_closed=True)
        again.close()
        report = verified(folder)
        assert report.breaks == []
        assert report.torn == is_torn
        assert deeds(folder)[-1] == 1_000


def whole_numbers(folder: Path) -> Iterator[int]:
    """The numbers of all lines."""
    for _, lines in read(folder):
        yield from (json.loads(line)["no"] for line in lines)


@given(edit=st.sampled_from(["flip", "cut", "no_head", "added"]), count=st.integers(2, 9))
def test_the_next_run_notices_and_never_mends(edit: str, count: int) -> None:
    """A log that was laid a hand on between two runs goes on in a new file, and stays broken."""
    with Folder() as folder:
        written(folder, count)
        path, lines = read(folder)[-1]
        if edit == "flip":
            write(path, [*lines[:-1], lines[-1].replace(b'"y', b'"z').replace(b"deed", b"dead")])
        elif edit == "cut":
            write(path, lines[:-1])
        elif edit == "no_head":
            (folder / "audit.head").unlink()
        else:
            write(path, [*lines, lines[-1]])
        told: list[str] = []
        file = ChainedFile(
            path, bytes_max=10_000, files_max=FILES_MAX, clock=FakeClock(), on_damage=told.append
        )
        file.write(body(1))
        file.sync(is_closed=True)
        file.close()
        assert len(told) == 1
        report = verified(folder)
        assert "damaged" in {found.what for found in report.breaks}
        numbers = list(whole_numbers(folder))
        assert numbers[-1] == max(numbers)
