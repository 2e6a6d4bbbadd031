"""The two bounded queues between the control loop and the feed thread.

Commands go to the feed thread, which is woken through a socket pair because it waits in a poller;
facts and answers go to the control loop, which is woken through its own call queue.
"""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gateway.control.feed_commands import FeedCommand
from gateway.errors import Overloaded

COMMANDS_MAX: Final = 10_000
FACTS_MAX: Final = 20_000


@dataclass(frozen=True, slots=True)
class Order:
    """One command with the way its answer goes back."""

    command: FeedCommand
    """What is asked."""
    future: asyncio.Future[Any] | None
    """Resolved in the control loop; None when nobody waits."""


class CommandQueue:
    """Commands for the feed thread; `put` in the control loop, the rest in the feed thread."""

    def __init__(self) -> None:
        self._orders: deque[Order] = deque()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def put(self, order: Order) -> None:
        """Queue a command and wake the feed thread.

        Raises:
            Overloaded: The queue is full.
        """
        if len(self._orders) >= COMMANDS_MAX:
            raise Overloaded("the feed thread is behind with commands", retry_ms=100)
        self._orders.append(order)
        self.wake()

    def wake(self) -> None:
        """Interrupt the feed thread's wait; a full pair means that it is awake already."""
        try:
            self._writer.send(b"\0")
        except BlockingIOError:
            return

    def fileno(self) -> int:
        """What the feed thread's poller waits for."""
        return self._reader.fileno()

    def __len__(self) -> int:
        """Commands that wait to be taken."""
        return len(self._orders)

    def take(self) -> list[Order]:
        """Everything queued so far."""
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(4096):
                continue
        orders: list[Order] = []
        while self._orders:
            orders.append(self._orders.popleft())
        return orders

    def close(self) -> None:
        """Release the socket pair."""
        self._reader.close()
        self._writer.close()


class FactQueue:
    """Facts and answers for the control loop; `post` in the feed thread.

    Args:
        loop: The control loop.
        on_fact: Called in the control loop with each fact.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, on_fact: Callable[[object], None]
    ) -> None:
        self._loop = loop
        self._on_fact = on_fact
        self._facts: deque[tuple[asyncio.Future[Any] | None, object]] = deque()
        self._is_scheduled = False
        self.dropped = 0
        """Facts that found the queue full; answers are never dropped, requests are bounded."""

    def __len__(self) -> int:
        """Facts and answers that wait to be delivered."""
        return len(self._facts)

    def post(self, fact: object) -> None:
        """Hand a fact over."""
        if len(self._facts) >= FACTS_MAX:
            self.dropped += 1
            return
        self._facts.append((None, fact))
        self._schedule()

    def answer(self, future: asyncio.Future[Any], result: object) -> None:
        """Hand the answer to a command over; an exception is raised where it is awaited."""
        self._facts.append((future, result))
        self._schedule()

    def _schedule(self) -> None:
        if self._is_scheduled:
            return
        self._is_scheduled = True
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_scheduled = False
        while self._facts:
            future, fact = self._facts.popleft()
            if future is None:
                self._on_fact(fact)
            elif not future.done():
                if isinstance(fact, BaseException):
                    future.set_exception(fact)
                else:
                    future.set_result(fact)
