"""How the control loop asks the feed thread, and what becomes of those who wait when it fails."""

import asyncio
from typing import Any

from gateway.control.feed_commands import FeedCommand
from gateway.errors import FeedThreadFailed
from gateway.runtime.queues import CommandQueue, Order


class FeedAccess:
    """Asks the feed thread; used in the control loop only.

    Args:
        loop: The control loop.
        commands: The feed thread's queue.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, commands: CommandQueue) -> None:
        self._loop = loop
        self._commands = commands
        self._asked: set[asyncio.Future[Any]] = set()
        self._failure: FeedThreadFailed | None = None

    async def ask(self, command: FeedCommand) -> Any:
        """Ask and wait; a thread that failed is no reason to wait for ever.

        Returns:
            The answer.

        Raises:
            FeedThreadFailed: The thread ended, before or meanwhile.
            Overloaded: Too many commands wait.

        Cancel safety: the command is executed all the same.
        """
        if self._failure is not None:
            raise self._failure
        future: asyncio.Future[Any] = self._loop.create_future()
        self._commands.put(Order(command, future))
        self._asked.add(future)
        future.add_done_callback(self._asked.discard)
        return await future

    def tell(self, command: FeedCommand) -> None:
        """Ask for something without waiting for an answer.

        Raises:
            Overloaded: Too many commands wait.
        """
        self._commands.put(Order(command, None))

    def fail(self, error: BaseException) -> FeedThreadFailed:
        """Note that the thread ended: who waits is told.

        Returns:
            What they are told.
        """
        self._failure = FeedThreadFailed("the feed thread failed", reason=repr(error))
        for future in list(self._asked):
            if not future.done():
                future.set_exception(self._failure)
        return self._failure
