"""Keeps the report of usage: takes what was heard, and writes it down as the day goes on."""

import asyncio
from pathlib import Path
from typing import Any, Final

from gateway.clock import Clock
from gateway.control.usage_tap import UsageFact
from gateway.counters import Counter, Counters
from gateway.errors import ConfigError
from gateway.logs import get_logger
from gateway.policy.usage import UsageBook, Use
from gateway.runtime.usage_files import UsageFiles

WRITE_S: Final = 60.0
"""How much of the report a crash may cost."""
LOOK_S: Final = 1.0


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
        self._over: list[tuple[str, list[dict[str, Any]]]] = []
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
        await asyncio.to_thread(self._restore, self._files)
        written_s = 0.0
        while True:
            await asyncio.sleep(LOOK_S)
            written_s += LOOK_S
            self._turn()
            if self._over or (written_s >= WRITE_S and self._is_changed):
                written_s = 0.0
                await asyncio.to_thread(self._write, self._files, self._rows_to_write())

    def close(self) -> None:
        """Write what is left."""
        if self._files is not None:
            self._turn()
            self._write(self._files, self._rows_to_write())

    def _turn(self) -> None:
        day = self._book.day
        over = self._book.turn(self._clock.utc_us())
        if over is not None:
            self._over.append((day, over))
            self._is_changed = True

    def _rows_to_write(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """What is to be written now; of days that are over for the last time."""
        days, self._over = self._over, []
        # What is heard still was heard until now: the day is written while it is.
        self._is_changed = len(self._book) > 0
        return [*days, (self._book.day, list(self._book.rows(self._clock.utc_us())))]

    def _write(self, files: UsageFiles, days: list[tuple[str, list[dict[str, Any]]]]) -> None:
        for day, rows in days:
            if rows:
                files.write(day, rows)
        if len(days) > 1:
            files.forget_old()

    def _restore(self, files: UsageFiles) -> None:
        """Go on with this day's file."""
        day = self._book.day
        try:
            rows = files.read(day)
        except ConfigError as error:
            get_logger("usage").error("usage of today begins anew", reason=str(error))
            files.put_aside(day)
            return
        self._book.restore(rows)
