"""Keeps leases in order: lets them end in time, judges them anew, and keeps them on disk."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from gateway.control.desk import RequestDesk
from gateway.policy.key_book import KeyBook
from gateway.policy.leases import Leases
from gateway.runtime.rpc_server import Ask, drive
from gateway.runtime.state_files import StateFiles

LOOK_S: Final = 0.5
REVIEWS: Final = 2
"""Times that leases are judged when clients' files have changed: one that was being taken meanwhile
was judged by what they said before."""


class LeaseKeeper:
    """Looks after leases; used in the control loop.

    Args:
        desk: What it means to end one, or a part of it.
        leases: Living leases.
        files: Where they are kept.
        ask: Asks the feed thread.
    """

    def __init__(self, desk: RequestDesk, leases: Leases, files: StateFiles, *, ask: Ask) -> None:
        self._desk = desk
        self._leases = leases
        self._files = files
        self._ask = ask
        self._written_revision = -1
        self.on_look: Sequence[Callable[[], object]] = ()
        """Called with every look."""
        self._judged_by: KeyBook | None = None
        self._reviews_left = 0

    async def run(self) -> None:
        """Look after leases until cancelled.

        Cancel safety: what has ended has ended; the next look does the rest.
        """
        while True:
            await asyncio.sleep(LOOK_S)
            await drive(self._desk.expire_leases(), self._ask)
            await self._review()
            self._desk.access.tell_due()
            for also in self.on_look:
                also()
            if self._leases.revision != self._written_revision:
                self._written_revision = self._leases.revision
                records = self._leases.as_records()
                await asyncio.to_thread(self._files.write_leases, records)

    def write(self) -> None:
        """Keep them as they are now."""
        self._files.write_leases(self._leases.as_records())

    async def _review(self) -> None:
        book = self._desk.access.book
        if book is not self._judged_by:
            self._judged_by, self._reviews_left = book, REVIEWS
        if self._reviews_left:
            self._reviews_left -= 1
            await drive(self._desk.review_leases(), self._ask)
