"""The admin connection: IQConnect's own view of itself, once a second, and its sign of life.

It is held open on purpose: IQConnect exits about five seconds after its last client has left. What
is said on it is decided in `admin_talk.py`; here bytes are moved.
"""

import asyncio
import contextlib
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.iqfeed.admin import Stats
from gateway.iqfeed.link import Link
from gateway.policy.login import LoginPolicy
from gateway.policy.retry import Retry
from gateway.runtime.admin_talk import AdminTalk
from gateway.runtime.host_address import HostAddress

READ_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True)
class AdminOptions:
    """Where the admin port is and how long to wait for it."""

    host: HostAddress
    port: int
    connect_s_max: float


class AdminLink:
    """Keeps one admin connection open, in the control loop.

    Args:
        options: Where and how to connect.
        talk: What is said on it.
        clock: Monotonic, for deadlines.
    """

    def __init__(self, options: AdminOptions, talk: AdminTalk, *, clock: Clock) -> None:
        self._options = options
        self._talk = talk
        self._clock = clock
        self._writer: asyncio.StreamWriter | None = None
        self._is_given_up = False
        self._is_due = asyncio.Event()

    @property
    def retry(self) -> Retry:
        """When the next attempt is made."""
        return self._talk.retry

    @property
    def login(self) -> LoginPolicy:
        """When IQConnect is logged in."""
        return self._talk.login

    @property
    def stats(self) -> Stats | None:
        """The last statistics line; None before the first."""
        return self._talk.stats

    @property
    def address(self) -> str:
        """Where it connects to, for people."""
        return f"{self._options.host}:{self._options.port}"

    @property
    def link(self) -> Link:
        """The connection's state."""
        return self._talk.link

    @property
    def heard_ns(self) -> int | None:
        """When the last sign of life came, monotonic; None between connections."""
        return self._talk.heard_ns

    @property
    def held_lines(self) -> int:
        """Lines that wait: none ever do, a line a second is taken as it comes."""
        return 0

    @property
    def held_lines_max(self) -> int:
        """Lines that may wait: none."""
        return 0

    async def run(self) -> None:
        """Connect, read, and connect again, until cancelled.

        Cancel safety: the connection is closed and nothing is lost; statistics come every second.
        """
        self.retry.start()
        while True:
            await self._wait_until_due()
            if not self.retry.begin():
                continue
            reason = "closed"
            try:
                await self._connect_and_talk()
            except OSError as error:
                reason = error.strerror or str(error)
            except TimeoutError:
                reason = "connection timed out"
            is_given_up, self._is_given_up = self._is_given_up, False
            self._talk.end(reason, is_given_up=is_given_up)

    def reconnect(self) -> None:
        """Give the connection up and make it anew at once."""
        if self._writer is not None:
            self._is_given_up = True
            self._writer.transport.abort()
        else:
            self.retry.again()
            self._is_due.set()

    def reset_breaker(self) -> None:
        """Close the circuit breaker by hand."""
        self.retry.reset()
        self._is_due.set()

    async def _wait_until_due(self) -> None:
        """Wait until an attempt is due, or until somebody wants one now."""
        due_ns = self.retry.due_ns
        wait_s = 0.0 if due_ns is None else (due_ns - self._clock.monotonic_ns()) / 1e9
        self._is_due.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, wait_s)):
                await self._is_due.wait()

    async def _connect_and_talk(self) -> None:
        async with asyncio.timeout(self._options.connect_s_max):
            reader, writer = await asyncio.open_connection(
                self._options.host.numeric(), self._options.port
            )
        self._writer = writer
        try:
            await self._exchange(reader, writer)
        finally:
            self._writer = None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = self._talk
        talk.begin()
        while not talk.is_over:
            writer.write(talk.data_to_send())
            await writer.drain()
            deadline_ns = talk.deadline_ns()
            wait_s = None
            if deadline_ns is not None:
                wait_s = max(0.0, (deadline_ns - self._clock.monotonic_ns()) / 1e9)
            try:
                async with asyncio.timeout(wait_s):
                    data = await reader.read(READ_BYTES_MAX)
            except TimeoutError:
                talk.tick()
                continue
            talk.receive(data)
