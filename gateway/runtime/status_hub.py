"""The status hub: what the status page is told, computed once for all pages that are open.

While no page is open nothing is computed at all. Two loops run otherwise: one tells how the gateway
is, from what the control loop knows by itself; the other follows symbols and consumers, which only
the feed thread knows. So a feed thread that hangs is told, not waited for.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Generator
from typing import Any, Final

from gateway.control.status_stream import (
    StatusComposer,
    table_events,
    whole_event,
)
from gateway.control.status_symbols import SymbolFollower
from gateway.counters import Counter, Counters
from gateway.errors import GatewayError
from gateway.logs import get_logger
from gateway.page.events import RETRY
from gateway.runtime.rpc_server import Ask

SECOND_S: Final = 1.0
EARLY_S_MIN: Final = 0.2
"""Between two looks, however often something is reported."""
WAITING_BYTES_MAX: Final = 4_000_000
"""What may wait for one page: a page that takes less is cut off, and comes back by itself."""


class Outbox:
    """What waits to be sent to one page."""

    def __init__(self) -> None:
        self._events: deque[bytes] = deque()
        self._bytes = 0
        self._some = asyncio.Event()
        self.is_cut = False
        """Whether more came than may wait; what waited is thrown away."""

    def put(self, told: bytes) -> bool:
        """Let an event wait.

        Returns:
            False when the page was cut off by it.
        """
        if self.is_cut:
            return True
        self._bytes += len(told)
        if self._bytes > WAITING_BYTES_MAX:
            self.cut()
            return False
        self._events.append(told)
        self._some.set()
        return True

    def cut(self) -> None:
        """End the page's stream, and throw away what waits."""
        self.is_cut = True
        self._events.clear()
        self._some.set()

    async def take(self) -> bytes | None:
        """Wait for the next event; None when the page is cut off.

        Cancel safety: nothing is taken.
        """
        while not self._events:
            if self.is_cut:
                return None
            self._some.clear()
            await self._some.wait()
        told = self._events.popleft()
        self._bytes -= len(told)
        return told


class StatusHub:
    """Tells every open page how the gateway is.

    Args:
        composer: Makes what is told.
        symbols: Follows symbols.
        ask: Asks the feed thread.
        counters: Where pages that were cut off, and faults of our own, are counted.
    """

    def __init__(
        self,
        composer: StatusComposer,
        symbols: SymbolFollower,
        *,
        ask: Ask,
        counters: Counters,
    ) -> None:
        self._composer = composer
        self._symbols = symbols
        self._ask = ask
        self._counters = counters
        self._pages: set[Outbox] = set()
        self._status: bytes | None = None
        self._consumers: bytes | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._reported: tuple[asyncio.Event, asyncio.Event] = (asyncio.Event(), asyncio.Event())
        self._log = get_logger("page")

    @property
    def page_count(self) -> int:
        """Pages that are open."""
        return len(self._pages)

    def note_report(self) -> None:
        """Note that the feed thread has reported: what it says is told at once."""
        for told in self._reported:
            told.set()

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Tell one page everything, and then what changes.

        Yields:
            Whole events; ends when the page takes them too slowly.
        """
        outbox = Outbox()
        self._pages.add(outbox)
        try:
            self._begin()
            yield RETRY
            for known in (self._status, self._consumers):
                if known is not None:
                    yield known
            yield await self._finish(self._composer.trends())
            rows, is_whole = self._symbols.rows, self._symbols.is_whole
            for piece in table_events(list(rows), rows.get, is_whole=is_whole):
                yield piece
                await asyncio.sleep(0)
            while (told := await outbox.take()) is not None:
                yield told
        finally:
            self._pages.discard(outbox)
            if not self._pages:
                self._end()

    def _begin(self) -> None:
        if self._tasks:
            self.note_report()
            return
        self._tasks = [
            asyncio.create_task(self._tell_status(), name="page status"),
            asyncio.create_task(self._follow_feed(), name="page symbols"),
        ]
        for task in self._tasks:
            task.add_done_callback(self._done)

    def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self._symbols.reset()
        self._status = self._consumers = None

    def _done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        self._counters.add(Counter.HTTP_FAULTS)
        self._log.error("telling the status page failed", exc_info=error)
        # Pages that come back find everything begun anew.
        for outbox in self._pages:
            outbox.cut()
        self._end()

    async def _tell_status(self) -> None:
        while True:
            # Before, not after: what is reported meanwhile may not be in it.
            self._reported[0].clear()
            self._status = await self._finish(self._composer.status(len(self._pages)))
            self._tell(self._status)
            await self._pause(self._reported[0])

    async def _follow_feed(self) -> None:
        while True:
            self._reported[1].clear()
            was_whole = self._symbols.is_whole
            try:
                self._consumers = await self._finish(self._composer.consumers())
                self._tell(self._consumers)
                await self._finish(self._symbols.round(self._tell))
            except GatewayError:
                # The feed thread is behind or gone; the status tells, and this is tried again.
                self._counters.add(Counter.PAGES_BEHIND)
            if self._symbols.is_whole and not was_whole:
                self._tell(whole_event())
            await self._pause(self._reported[1])

    def _tell(self, told: bytes) -> None:
        for outbox in self._pages:
            if not outbox.put(told):
                self._counters.add(Counter.PAGES_CUT)

    async def _finish(self, slices: Generator[Any, Any, Any]) -> Any:
        """Do slices of work to their end, and let others have their turn between them."""
        try:
            asked = slices.send(None)
            while True:
                if asked is None:
                    await asyncio.sleep(0)
                    asked = slices.send(None)
                else:
                    asked = slices.send(await self._ask(asked))
        except StopIteration as finished:
            return finished.value
        finally:
            slices.close()

    async def _pause(self, reported: asyncio.Event) -> None:
        """Wait a second, or less when the feed thread reports something earlier."""
        await asyncio.sleep(EARLY_S_MIN)
        try:
            async with asyncio.timeout(SECOND_S - EARLY_S_MIN):
                await reported.wait()
        except TimeoutError:
            return
