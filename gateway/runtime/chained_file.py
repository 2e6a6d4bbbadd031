"""The audit log's file: a rotating file whose every line is sealed with those before it.

`audit.head` beside it says how far the log is surely on the disk; without it a cut tail would
leave no trace. It is written after the lines are, so a crash never makes it name a line that is not
there. Nothing that was written is ever changed: only a line that a crash or a full disk left
unfinished is taken out, kept in `audit.torn`, and named by the next line.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from gateway.clock import Clock
from gateway.logs.chain import (
    FILE_BEGUN,
    GENESIS,
    LINE_TORN,
    SEAL_CHARACTERS_MAX,
    Head,
    SealedLine,
    read_head,
    read_line,
    seal,
    spell,
)
from gateway.runtime.rotating_file import PRIVATE_MODE, RotatingFile

TAIL_BYTES: Final = 1_048_576
"""How much of a file's end is looked at; a line is far shorter."""
TORN_CHARACTERS_MAX: Final = 2_000
"""So much of an unfinished line is repeated in the line that names it."""
HEAD_BYTES_MAX: Final = 1_000


class ChainedFile(RotatingFile):
    """Appends sealed lines; as `RotatingFile`, and belongs to one thread as well.

    Args:
        path: The file in use.
        bytes_max: It is put aside before it grows beyond this.
        files_max: Files kept, the one in use included; 1 or more.
        clock: Stamps what the file says of itself.
        on_trouble: Told once when lines begin to be lost, or the file cannot be put aside.
        on_recovery: Told when lines are written again, and how many were lost.
        on_damage: Told when the log is not as this gateway left it.
    """

    def __init__(
        self,
        path: Path,
        *,
        bytes_max: int,
        files_max: int,
        clock: Clock,
        on_trouble: Callable[[str, str], object] = lambda _, __: None,
        on_recovery: Callable[[str, int], object] = lambda _, __: None,
        on_damage: Callable[[str], object] = lambda _: None,
    ) -> None:
        super().__init__(
            path,
            bytes_max=bytes_max,
            files_max=files_max,
            clock=clock,
            is_private=True,
            on_trouble=on_trouble,
            on_recovery=on_recovery,
        )
        self._on_damage = on_damage
        self._head_path = path.with_suffix(".head")
        self._torn_path = path.with_suffix(".torn")
        self._number = 0
        self._chain = GENESIS
        self._size: int | None = None
        self._damage: str | None = None
        self._is_dirty = False
        self.syncs_failed = 0
        """Times the log could not be brought to the disk for sure."""

    def sync(self, *, is_closed: bool = False) -> None:
        """Bring what was written to the disk for sure, and say how far that is.

        Args:
            is_closed: Whether this is the end, so that nothing may be added.
        """
        if self._size is None or self._file is None or not (self._is_dirty or is_closed):
            return
        try:
            os.fsync(self._file)
            self._write_head(is_closed=is_closed)
        except OSError as error:
            if not self.syncs_failed:
                self._on_trouble(self._head_path.name, error.strerror or str(error))
            self.syncs_failed += 1
            return
        self._is_dirty = False

    def _append(self, text: str) -> None:
        size = self._reach()
        if self._size is None:
            size = self._resume(size)
        elif size != self._size:
            size = self._find_damage(f"the file has {size} bytes and not {self._size}", size)
        lost = self.lost - self._told
        told = self._words_of(lost) if lost else ""
        size, torn = self._take_torn(size)
        if size and size + len(told) + len(text) + 2 * SEAL_CHARACTERS_MAX > self._bytes_max:
            size = self._rotate(size)
        size = self._begin(size, torn)
        if told:
            size = self._put(told.rstrip("\n"), size)
            self._told += lost
        if text:
            self._put(text.rstrip("\n"), size)
        if self._reason:
            self._reason = ""
            self._on_recovery(self.path.name, lost)

    def _put(self, body: str, size: int) -> int:
        """Seal one line and write it; the chain goes on only when that has worked."""
        line = seal(body, number=self._number + 1, previous=self._chain)
        try:
            size = self._write_whole(f"{spell(line)}\n", size)
        except OSError:
            # What is left of it, where that could not be cut off, is known: it is no damage.
            with contextlib.suppress(OSError):
                self._size = self.path.stat().st_size
            raise
        self._number, self._chain, self._size = line.number, line.chain, size
        self._is_dirty = True
        return size

    def _begin(self, size: int, torn: Mapping[str, Any]) -> int:
        """Write a file's first line: which chain it continues, and what is kept of the log.

        Args:
            size: Of the file.
            torn: What is known of an unfinished line that stands, or stood, at its end.
        """
        is_first = not size or (torn.get("is_in_place") is True and torn["bytes"] == size)
        if not is_first:
            return self._put(self._own(LINE_TORN, "warning", **torn), size) if torn else size
        facts = {"previous": self._chain, "first_kept": self._first_kept(), **torn}
        if self._damage is not None:
            facts["damage"] = self._damage
        if self._number == 0:
            # There is never a log without a head, not even after a crash at this moment.
            self._write_head(is_closed=False)
        level = "info" if self._damage is None else "error"
        size = self._put(self._own(FILE_BEGUN, level, **facts), size)
        self._damage = None
        return size

    def _first_kept(self) -> int:
        """Number of the oldest line that is kept; this file's own first one where it is alone."""
        for number in range(self._files_max - 1, 0, -1):
            first = _first_line(self._numbered(number))
            if first is not None:
                return first.number
        return self._number + 1

    def _resume(self, size: int) -> int:
        """Find out where the log of an earlier run ends, and whether it is as it was left."""
        head = self._read_head()
        text = _tail_of(self.path)
        lines = _last_lines(text)
        if len(lines) < 2:
            # The run may have ended right after it put a full file aside.
            lines = [*_last_lines(_tail_of(self._numbered(1))), *lines][-2:]
        self._size = size
        if not lines and head in (None, Head(0, GENESIS, is_closed=False)):
            return size
        last = lines[-1] if lines else None
        if last is not None and (head is None or last.number >= head.number):
            self._number, self._chain = last.number, last.chain
        elif head is not None:
            self._number, self._chain = head.number, head.chain
        damage = _damage_of(lines, head)
        if head is not None and head.is_closed:
            # From here on lines may stand behind the one it names.
            self._write_head(is_closed=False)
        return size if damage is None else self._find_damage(damage, size)

    def _find_damage(self, damage: str, size: int) -> int:
        """Begin a new file that says what is wrong with the one before; nothing is mended."""
        self._damage = damage
        self._on_damage(damage)
        self._size = size
        return self._rotate(size) if size else 0

    def _rotate(self, size: int) -> int:
        self._size = super()._rotate(size)
        return self._size

    def _take_torn(self, size: int) -> tuple[int, dict[str, Any]]:
        """Take an unfinished last line out of the file and keep it aside.

        Returns:
            The file's size, and what is to be said of the line; nothing where there is none.
        """
        torn = _tail_of(self.path).rpartition(b"\n")[2] if self._is_torn else b""
        known = read_line(torn)
        if not torn:
            return size, {}
        if known is not None and known.chain == self._chain:
            # It lacks nothing but its end.
            self._size = self._write_whole("", size)
            return self._size, {}
        with contextlib.suppress(OSError):
            _write_aside(self._torn_path, torn)
        is_in_place = True
        if self._file is not None:
            # Not on a file that the system lets grow only.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, size - len(torn))
                is_in_place = self._is_torn = False
        self._size = size if is_in_place else size - len(torn)
        return self._size, {
            "bytes": len(torn),
            "sha256": hashlib.sha256(torn).hexdigest(),
            "torn": torn[:TORN_CHARACTERS_MAX].decode("latin-1"),
            "is_in_place": is_in_place,
        }

    def _own(self, event: str, level: str, **facts: Any) -> str:
        head = {"part": "audit", "event": event, "level": level}
        return json.dumps(head | facts | {"timestamp": self._stamp()}, ensure_ascii=True)

    def _read_head(self) -> Head | None:
        try:
            with self._head_path.open("r", encoding="ascii") as file:
                return read_head(file.read(HEAD_BYTES_MAX))
        except (OSError, ValueError):
            return None

    def _write_head(self, *, is_closed: bool) -> None:
        """Replace the head whole: a reader sees the old one or the new one."""
        text = Head(self._number, self._chain, is_closed).as_text()
        beside = self._head_path.with_suffix(".head.new")
        _write_aside(beside, text.encode("ascii"))
        beside.replace(self._head_path)


def _damage_of(lines: Sequence[SealedLine | None], head: Head | None) -> str | None:
    """What is wrong with a log's last two whole lines; None when nothing is."""
    if head is None:
        return "the file that says where the log ends is missing or unreadable"
    last = lines[-1] if lines else None
    if last is None:
        return "the last line is not sealed" if lines else f"lines up to {head.number} are missing"
    before = lines[-2] if len(lines) > 1 else None
    if before is not None:
        is_right = last.number == before.number + 1 and last.follows(before.chain)
    else:
        is_right = len(lines) == 1 and last.follows(str(last.facts().get("previous", "")))
    if not is_right:
        return f"line {last.number} does not follow the one before it"
    return _difference(last, head)


def _difference(last: SealedLine, head: Head) -> str | None:
    """What a log's last line and what is known of it have not in common."""
    if last.number < head.number:
        return f"lines {last.number + 1} to {head.number} are missing"
    if last.number == head.number and last.chain != head.chain:
        return f"line {last.number} is not the one that was written"
    if head.is_closed and last.number > head.number:
        return f"lines {head.number + 1} to {last.number} were added"
    return None


def _last_lines(text: bytes) -> list[SealedLine | None]:
    """The last two whole lines of a file's end, one that lacks nothing but its end among them."""
    whole, _, rest = text.rpartition(b"\n")
    raw = whole.split(b"\n")[-2:] if whole else []
    return [read_line(one) for one in ([*raw, rest] if read_line(rest) is not None else raw)[-2:]]


def _tail_of(path: Path) -> bytes:
    """The end of a file; nothing of one that cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            return file.read(TAIL_BYTES)
    except OSError:
        return b""


def _first_line(path: Path) -> SealedLine | None:
    """A file's first sealed line, which one that was left unfinished may stand before."""
    try:
        with path.open("rb") as file:
            lines = [read_line(file.readline(TAIL_BYTES).removesuffix(b"\n")) for _ in range(2)]
    except OSError:
        return None
    return next((line for line in lines if line is not None), None)


def _write_aside(path: Path, data: bytes) -> None:
    """Write a small file whole, and bring it to the disk.

    Raises:
        OSError: It cannot be.
    """
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_MODE)
    try:
        os.write(file, data)
        os.fsync(file)
    finally:
        os.close(file)
