"""Walks an audit log from its oldest line to its newest and says where its chain breaks."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.logs.chain import (
    FILE_BEGUN,
    GENESIS,
    LINE_TORN,
    LINES_MISSING,
    Head,
    SealedLine,
    chain_of,
    read_line,
)

BREAKS_MAX: Final = 20
"""Breaks that are told; a log that breaks more often is not looked at any further."""
STATES_MAX: Final = 16
"""Ways to go on behind a break that are tried at one time."""
HEAD_FILE: Final = "audit.head"


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file of the log."""

    name: str
    """As it is told."""
    lines: Callable[[], Iterator[bytes]]
    """Reads it anew: its lines with their ends."""


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the log is not what was written."""

    file: str
    """The file's name."""
    line: int
    """From 1; 0 where the file itself is missing."""
    what: str
    """changed, removed, inserted, reordered, truncated, torn or damaged."""
    detail: str
    """In words."""

    def as_map(self) -> dict[str, Any]:
        """For machines."""
        return {"file": self.file, "line": self.line, "what": self.what, "detail": self.detail}


@dataclass(slots=True)
class Report:
    """What was found."""

    breaks: list[Break] = field(default_factory=list)
    """The first one is exact; what follows it is told as well as can be known."""
    lines: int = 0
    """Lines that were read."""
    first: int | None = None
    """Number of the oldest line."""
    last: int | None = None
    """Number of the last line that follows the ones before it."""
    chain: str | None = None
    """Its chain: note it elsewhere, and nobody can write the log anew unseen."""
    lost: int = 0
    """Events that the log itself says are missing, such as for a full disk."""
    torn: int = 0
    """Unfinished lines that the log itself names."""


@dataclass(frozen=True, slots=True)
class _State:
    """One idea of what the next line follows."""

    number: int | None
    """The last line's; None where nothing is known."""
    chain: str | None
    """The last line's; None where it cannot be known."""

    def admits(self, line: SealedLine) -> bool:
        if self.number is not None and line.number != self.number + 1:
            return False
        return self.chain is None or line.follows(self.chain)


@dataclass(frozen=True, slots=True)
class _Gap:
    """A line that does not follow, before it is known why."""

    file: str
    line: int
    expected: int | None
    found: int | None


class _Walk:
    """Follows the chain."""

    def __init__(self, head: Head | None) -> None:
        self.report = Report()
        self.gaps: list[_Gap | Break] = []
        self._head = head
        self._states: list[_State] = []
        self._unread: tuple[str, int, bytes] | None = None
        self._is_ended = True
        self._first_kept = 0
        self._is_start_lost = False
        self._first_at = ""
        self._at = ("audit.log", 0)
        self._head_at: tuple[str, int] | None = None
        self._head_chain: str | None = None

    def take(self, file: str, index: int, raw: bytes) -> None:
        """Take the next line, with its end."""
        if not self._is_ended and self._unread is None:
            self.gaps.append(Break(*self._at, "changed", "the line has no end"))
        self.report.lines += 1
        self._is_ended = raw.endswith(b"\n")
        text = raw.removesuffix(b"\n")
        line = read_line(text)
        if line is None:
            self._judge_unread(None)
            self._unread = (file, index, text)
            self._at = (file, index)
            return
        self._judge_unread(line)
        self._at = (file, index)
        facts = line.facts() if b'"audit_' in line.canonical or b'"lost"' in line.canonical else {}
        if self.report.first is None:
            self._begin(file, index, line, facts)
        elif any(state.admits(line) for state in self._states):
            self._states = [_State(line.number, line.chain)]
        else:
            self._break(file, index, line)
        self._note(file, index, line, facts)

    def end(self) -> None:
        """Judge the end of the log."""
        head, last = self._head, self.report.last or 0
        file, index = self._at
        missing = head is not None and head.number > last
        if self._is_ended:
            self._judge_unread(None)
        elif self._unread is None and head is not None and head.number == last:
            self.gaps.append(Break(file, index, "truncated", "the last line has no end"))
        if self._unread is not None and not missing:
            file, index, text = self._unread
            detail = f"an unfinished line of {len(text)} bytes; the next start names it and goes on"
            self.gaps.append(Break(file, index, "torn", detail))
        if head is None:
            detail = "the file that says where the log ends is missing or unreadable"
            self.gaps.append(Break(HEAD_FILE, 0, "removed", detail))
            return
        if missing and not any(isinstance(gap, _Gap) for gap in self.gaps):
            detail = f"lines {last + 1} to {head.number} are missing at the end"
            self.gaps.append(Break(file, index, "truncated", detail))
        if self._head_chain not in (None, head.chain) and self._head_at is not None:
            detail = f"line {head.number} is not the one that {HEAD_FILE} knows"
            self.gaps.append(Break(*self._head_at, "changed", detail))
        if head.is_closed and last > head.number:
            detail = f"lines {head.number + 1} to {last} were added after the gateway had ended"
            self.gaps.append(Break(file, index, "inserted", detail))
        if not self._is_start_lost and 0 < self._first_kept < (self.report.first or 0):
            detail = f"files with the lines from {self._first_kept} on are missing"
            self.gaps.insert(0, Break(self._first_at, 1, "removed", detail))

    def _begin(self, file: str, index: int, line: SealedLine, facts: dict[str, Any]) -> None:
        """Take the log's oldest line."""
        self.report.first, self._first_at = line.number, file
        previous = facts.get("previous")
        is_begin = facts.get("event") == FILE_BEGUN and isinstance(previous, str)
        if not is_begin:
            self._is_start_lost = True
            self.gaps.append(Break(file, index, "removed", "the file's first line is missing"))
        elif not line.follows(str(previous)) or (line.number == 1) != (previous == GENESIS):
            self.gaps.append(Break(file, index, "changed", "the first line is not as written"))
        self._states = [_State(line.number, line.chain)]

    def _break(self, file: str, index: int, line: SealedLine) -> None:
        first = self._states[0]
        expected = None if first.number is None else first.number + 1
        self.gaps.append(_Gap(file, index, expected, line.number))
        # It was changed, and its seal is either the one it had or the one it should have; or it
        # does not belong here; or lines before it are gone.
        ways = [_State(line.number, line.chain)]
        if expected is not None:
            ways.append(_State(expected, line.chain))
            if first.chain is not None:
                ways.append(_State(expected, chain_of(first.chain, line.canonical)))
        if expected is not None and line.number < expected:
            ways = [first, *ways]
        ways += self._states
        self._states = list(dict.fromkeys(ways))[:STATES_MAX]

    def _note(self, file: str, index: int, line: SealedLine, facts: dict[str, Any]) -> None:
        report = self.report
        report.last, report.chain = self._states[0].number, self._states[0].chain
        if self._head is not None and line.number == self._head.number:
            self._head_chain, self._head_at = line.chain, (file, index)
        if facts.get("event") == FILE_BEGUN:
            kept = facts.get("first_kept")
            self._first_kept = kept if isinstance(kept, int) else self._first_kept
            if "damage" in facts:
                self.gaps.append(Break(file, index, "damaged", str(facts["damage"])))
        lost = facts.get("lost")
        if facts.get("event") == LINES_MISSING and isinstance(lost, int):
            report.lost += lost
        report.torn += facts.get("event") in (FILE_BEGUN, LINE_TORN) and "sha256" in facts

    def _judge_unread(self, following: SealedLine | None) -> None:
        """Say what a line is that could not be read, now that the next one is known."""
        if self._unread is None:
            return
        (file, index, text), self._unread = self._unread, None
        facts = following.facts() if following is not None else {}
        is_named = facts.get("event") in (FILE_BEGUN, LINE_TORN)
        is_in_place = is_named and facts.get("is_in_place") is True
        if is_in_place and facts.get("sha256") == hashlib.sha256(text).hexdigest():
            return
        if not self._states:
            self.report.first = 0
            self._states = [_State(None, None)]
        first = self._states[0]
        expected = None if first.number is None else first.number + 1
        self.gaps.append(_Gap(file, index, expected, None))
        ways = [*self._states, _State(expected, None)]
        self._states = list(dict.fromkeys(ways))[:STATES_MAX]


def check(files: Sequence[LogFile], head: Head | None) -> Report:
    """Check a whole log.

    Args:
        files: Oldest first.
        head: What is known of its end; None where that is missing.
    """
    walk = _Walk(head)
    for file in files:
        for index, raw in enumerate(file.lines(), 1):
            walk.take(file.name, index, raw)
            if len(walk.gaps) > BREAKS_MAX:
                break
    walk.end()
    numbers = {n for gap in walk.gaps if isinstance(gap, _Gap) for n in (gap.expected, gap.found)}
    places = _places(files, numbers) if numbers else {}
    walk.report.breaks = [
        gap if isinstance(gap, Break) else _explain(gap, places) for gap in walk.gaps[:BREAKS_MAX]
    ]
    return walk.report


def _places(
    files: Iterable[LogFile], numbers: set[int | None]
) -> dict[int | None, list[tuple[str, int]]]:
    """Where lines of some numbers are."""
    places: dict[int | None, list[tuple[str, int]]] = {number: [] for number in numbers}
    for file in files:
        for index, raw in enumerate(file.lines(), 1):
            line = read_line(raw.removesuffix(b"\n"))
            if line is not None and line.number in places:
                places[line.number].append((file.name, index))
    return places


def _explain(gap: _Gap, places: dict[int | None, list[tuple[str, int]]]) -> Break:
    """Say why a line does not follow the one before it."""
    here = (gap.file, gap.line)
    elsewhere = [place for place in places.get(gap.expected, []) if place != here]
    found, expected = gap.found, gap.expected
    if expected is None or found is None or found == expected:
        if elsewhere and expected is not None:
            what, detail = "inserted", f"line {expected} itself is at {_spell(elsewhere[0])}"
        else:
            what, detail = "changed", "the line is not the one that was written"
    elif found > expected and not elsewhere:
        count = found - expected
        what, detail = "removed", f"{count} lines are missing before it, from number {expected}"
    else:
        others = [place for place in places.get(found, []) if place != here]
        is_copy = found < expected and bool(others)
        what = "inserted" if is_copy else "reordered"
        detail = f"number {found} stands where {expected} belongs"
    return Break(gap.file, gap.line, what, detail)


def _spell(place: tuple[str, int]) -> str:
    return f"{place[0]}:{place[1]}"
