"""Keeps the report of usage: takes what was heard, and writes it down as the day goes on."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gateway.clock import Clock
from gateway.control.usage_tap import UsageFact
from gateway.counters import Counter, Counters
from gateway.errors import ConfigError
from gateway.logs import get_logger
from gateway.policy.usage import DayTold, UsageBook, Use
from gateway.runtime.usage_files import UsageFiles

WRITE_S: Final = 60.0
"""How much of the report a crash may cost."""
LOOK_S: Final = 1.0
ROWS_AT_ONCE: Final = 500
"""Rows of a file that are taken before others have their turn."""


class UsageKeeper:
    """Keeps the report; used in the control loop.

    Args:
        directory: `state_dir`; None keeps nothing.
        clock: Both clocks.
        counters: The control loop's own.
        is_on: Whether there are keys, and so users to report.
    """

    def __init__(
        self, directory: Path | None, *, clock: Clock, counters: Counters, is_on: bool
    ) -> None:
        self._files = UsageFiles(directory) if directory is not None and is_on else None
        self._clock = clock
        self._counters = counters
        self._book = UsageBook(clock.utc_us())
        self._over: list[tuple[str, DayTold]] = []
        self._is_restored = False
        self._unread: Iterator[dict[str, Any]] | None = None
        self._writing = threading.Lock()
        self._is_changed = False

    def take(self, fact: UsageFact) -> None:
        """Take what the feed thread has seen."""
        for use in fact.uses:
            self.note(use)

    def note(self, use: Use) -> None:
        """Take one fact."""
        if self._files is None:
            return
        self._turn()
        before = self._book.dropped
        self._book.note(use)
        self._is_changed = True
        self._counters.add(Counter.USAGE_DROPPED, self._book.dropped - before)

    async def run(self) -> None:
        """Write the report until cancelled.

        Cancel safety: a file is replaced whole; `close` writes the rest.
        """
        if self._files is None:
            return
        written_s = 0.0
        while True:
            if not self._is_restored:
                await self._restore(self._files)
            if self._over or (written_s >= WRITE_S and self._is_changed):
                written_s = 0.0
                days = self._days_to_write()
                await asyncio.to_thread(self._write, self._files, days)
                del self._over[: len(days) - 1]
            await asyncio.sleep(LOOK_S)
            written_s += LOOK_S
            self._turn()

    def close(self) -> None:
        """Write what is left."""
        if self._files is None:
            return
        self._turn()
        if not self._is_restored:
            if self._unread is None:
                self._unread = self._read(self._files, self._book.day)
            self._book.restore(self._unread)
            self._is_restored = True
        self._write(self._files, self._days_to_write())

    def _turn(self) -> None:
        if not self._is_restored:
            # What was written of this day belongs to it: the day is not over before that is read.
            return
        day = self._book.day
        over = self._book.turn(self._clock.utc_us())
        if over is not None:
            self._over.append((day, over))
            self._is_changed = True
            self._is_restored = False

    def _days_to_write(self) -> list[tuple[str, DayTold]]:
        """What is to be written now; of days that are over for the last time, this one last."""
        # What is heard still was heard until now: the day is written while it is.
        self._is_changed = len(self._book) > 0
        return [*self._over, (self._book.day, self._book.rows(self._clock.utc_us()))]

    def _write(self, files: UsageFiles, days: list[tuple[str, DayTold]]) -> None:
        # A run that was cancelled may be writing still when `close` begins.
        with self._writing:
            for day, rows in days:
                if rows:
                    files.write(day, rows)
            if len(days) > 1:
                files.forget_old()

    async def _restore(self, files: UsageFiles) -> None:
        """Go on with this day's file, a slice at a time."""
        if self._unread is None:
            self._unread = await asyncio.to_thread(self._read, files, self._book.day)
        while rows := list(itertools.islice(self._unread, ROWS_AT_ONCE)):
            self._book.restore(rows)
            await asyncio.sleep(0)
        self._unread = None
        self._is_restored = True

    def _read(self, files: UsageFiles, day: str) -> Iterator[dict[str, Any]]:
        """What was written of a day before: by an earlier run, or before the clock was set back."""
        try:
            return iter(files.read(day))
        except ConfigError as error:
            get_logger("usage").error("usage of today begins anew", reason=str(error))
            files.put_aside(day)
            return iter(())
