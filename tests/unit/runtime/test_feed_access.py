"""Asking the feed thread: answers, its end, and errors that reach the handler which asked."""

import asyncio
from typing import Any

import pytest

from gateway.control.feed_commands import FeedCommand, ReadStandings
from gateway.control.lease_requests import Steps
from gateway.errors import FeedThreadFailed, GatewayError, UpstreamDown
from gateway.runtime.feed_access import FeedAccess
from gateway.runtime.queues import CommandQueue
from gateway.runtime.rpc_server import drive

COMMAND = ReadStandings(("A",))


@pytest.mark.asyncio
async def test_an_answer_reaches_who_asked() -> None:
    """Each command carries the way back to its own request."""
    commands = CommandQueue()
    access = FeedAccess(asyncio.get_running_loop(), commands)
    asked = asyncio.ensure_future(access.ask(COMMAND))
    await asyncio.sleep(0)
    (order,) = commands.take()
    assert order.command is COMMAND
    assert order.future is not None
    order.future.set_result("answer")
    assert await asked == "answer"
    access.tell(COMMAND)
    (order,) = commands.take()
    assert order.future is None
    commands.close()


@pytest.mark.asyncio
async def test_nobody_waits_for_a_thread_that_ended() -> None:
    """Neither those who wait already nor those who come later."""
    commands = CommandQueue()
    access = FeedAccess(asyncio.get_running_loop(), commands)
    asked = asyncio.ensure_future(access.ask(COMMAND))
    await asyncio.sleep(0)
    failure = access.fail(ValueError("a bug"))
    assert "a bug" in str(failure)
    with pytest.raises(FeedThreadFailed):
        await asked
    with pytest.raises(FeedThreadFailed):
        await access.ask(COMMAND)
    commands.close()


@pytest.mark.asyncio
async def test_an_error_of_the_feed_thread_is_thrown_into_the_handler() -> None:
    """It may have a budget to give back, or a line of the audit log to finish."""
    seen: list[str] = []

    def handler() -> Steps:
        try:
            yield COMMAND
        except GatewayError as error:
            seen.append(error.code)
            raise
        return {}

    async def ask(_: FeedCommand) -> Any:
        raise UpstreamDown("away")

    with pytest.raises(UpstreamDown):
        await drive(handler(), ask)
    assert seen == ["upstream_down"]


@pytest.mark.asyncio
async def test_a_handler_may_go_on_after_an_error() -> None:
    """What fails for one symbol need not fail the whole request."""
    replies = iter([UpstreamDown("away"), "second"])

    def handler() -> Steps:
        try:
            yield COMMAND
        except GatewayError:
            answer = yield COMMAND
            return {"answer": answer}
        return {}

    async def ask(_: FeedCommand) -> Any:
        reply = next(replies)
        if isinstance(reply, GatewayError):
            raise reply
        return reply

    assert await drive(handler(), ask) == {"answer": "second"}
    assert await drive({"plain": 1}, ask) == {"plain": 1}
