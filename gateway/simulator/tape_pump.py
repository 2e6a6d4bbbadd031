"""Replays a tape as the Level 1 lines of one symbol."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.errors import ConfigError
from gateway.simulator.counts import Counts
from gateway.simulator.eastern import SECOND_US
from gateway.simulator.hub import Hub
from gateway.simulator.tape import TapeRow
from gateway.simulator.tape_source import TapeSource

ROWS_AT_ONCE: Final = 256
"""Rows between two looks at the readers when the tape runs as fast as it can."""
AHEAD_S: Final = 0.002
"""Rows due within this are sent together."""

_log = logging.getLogger(__name__)


class TapePump:
    """Sends the rows of a tape, each once and in order.

    Args:
        source: The tape.
        hub: Where the lines go.
        counts: Where rows are counted.
        speed: 0 as fast as the readers take it, else a multiple of the recorded pace.
        send_second: Sends a time line to everybody.
        settle: Flushes and waits until every reader has room.
    """

    def __init__(
        self,
        source: TapeSource,
        hub: Hub,
        counts: Counts,
        *,
        speed: float,
        send_second: Callable[[int], None],
        settle: Callable[[], Awaitable[None]],
    ) -> None:
        self._source = source
        self._hub = hub
        self._counts = counts
        self._speed = speed
        self._send_second = send_second
        self._settle = settle
        self._second_sent = -1
        self._has_sent_second = False
        self._anchor: tuple[int, float] | None = None
        self.active = asyncio.Event()
        """Set while there is somebody to send to and the link is up."""
        self._moving = asyncio.Event()
        self._moving.set()

    @property
    def is_held(self) -> bool:
        """Whether no row may be sent; the seconds go on."""
        return not self._moving.is_set()

    @is_held.setter
    def is_held(self, is_held: bool) -> None:
        if is_held:
            self._moving.clear()
        else:
            self._moving.set()

    async def run(self) -> None:
        """Replay, then go on telling the time, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_time())
            tasks.create_task(self._replay())

    async def _tell_time(self) -> None:
        """One T line each real second in which the tape sent none itself."""
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while True:
            next_at = max(next_at + 1, loop.time())
            await asyncio.sleep(next_at - loop.time())
            if self.active.is_set() and not self._has_sent_second:
                self._announce(self._source.clock_second())
                await self._settle()
            self._has_sent_second = False

    def _announce(self, second: int) -> None:
        # Paced rows and idle time share one clock, which must not step back.
        self._second_sent = max(self._second_sent, second)
        self._send_second(self._second_sent)
        self._has_sent_second = True

    async def _replay(self) -> None:
        try:
            await self._send_rows()
        except ConfigError as problem:
            _log.error("the tape ended early: %s", problem)
        await self._settle()
        source, counts = self._source, self._counts
        source.reach(source.reached_us, speed=1.0, limit_us=None)
        _log.info(
            "tape of %s ended: %d rows sent, %d malformed; its last values stay",
            source.symbol,
            counts.tape_rows_sent,
            counts.tape_rows_malformed,
        )

    async def _send_rows(self) -> None:
        in_hand = 0
        for row in self._source.tape.rows():
            wait_s = self._wait_s(row)
            if wait_s > AHEAD_S or in_hand >= ROWS_AT_ONCE or not self._may_send():
                await self._settle()
                in_hand = 0
                # With nothing to wait for this still lets commands be read.
                await asyncio.sleep(wait_s if wait_s > AHEAD_S else 0)
            if not self._may_send():
                await self._wait_turn()
                self._anchor = None
            self._send(row)
            in_hand += 1

    def _may_send(self) -> bool:
        return not self.is_held and self.active.is_set() and self._source.watched.is_set()

    async def _wait_turn(self) -> None:
        """Wait until somebody watches and may be sent to."""
        while not self._may_send():
            await self._source.watched.wait()
            await self.active.wait()
            await self._moving.wait()

    def _wait_s(self, row: TapeRow) -> float:
        """Seconds until a row is due, by the pace since the last pause."""
        if not self._speed or self._anchor is None:
            return 0.0
        at_us, loop_s = self._anchor
        due_s = loop_s + (row.at_us - at_us) / SECOND_US / self._speed
        wait_s = max(due_s - asyncio.get_running_loop().time(), 0.0)
        self._source.limit(row.at_us)
        return wait_s

    def _send(self, row: TapeRow) -> None:
        if self._anchor is None:
            self._anchor = (row.at_us, asyncio.get_running_loop().time())
        second = row.at_us // SECOND_US
        if second > self._second_sent:
            self._announce(second)
        self._source.reach(row.at_us, speed=self._speed, limit_us=row.at_us)
        self._hub.publish([(self._source.symbol_state, self._source.apply(row))])
        self._counts.tape_rows_sent += 1
