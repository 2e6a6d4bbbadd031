"""How a relay introduces itself, and what it makes of the answers."""

import asyncio
from typing import Any

import pytest

from gateway.errors import UpstreamDown
from gateway.relay import introduction
from gateway.relay.introduction import UNSEEN_MAX, Introduction

NONCE = "0123456789abcdef"
Answer = dict[str, Any] | UpstreamDown


def taken(**result: Any) -> Answer:
    """The gateway takes it as a relay."""
    return {"ok": True, "result": result}


REFUSED: Answer = {"ok": False, "error": {"code": "quota_exceeded", "message": "too many relays"}}


class Gateway:
    """Answers in turn, then waits for ever."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[Any] = []
        self.is_done = asyncio.Event()

    async def ask(self, method: str, params: object, *, deadline_ms: int) -> dict[str, Any]:
        """Answer `hello`."""
        assert method == "hello"
        assert deadline_ms > 0
        if not self._answers:
            self.is_done.set()
            await asyncio.Event().wait()
        self.asked.append(params)
        answer = self._answers.pop(0)
        if isinstance(answer, UpstreamDown):
            raise answer
        return answer


async def introduce(
    monkeypatch: pytest.MonkeyPatch, *answers: Answer
) -> tuple[Introduction, Gateway, list[str]]:
    """Introduce a relay until all answers are used."""
    monkeypatch.setattr(introduction, "REPEAT_S", 0.0)
    monkeypatch.setattr(introduction, "SETTLE_S", 0.0)
    gateway, done = Gateway(*answers), list[str]()
    one = Introduction(
        gateway,  # type: ignore[arg-type]
        name="relay@test",
        version="1",
        token=NONCE,
        on_refused=lambda: done.append("repeat"),
        on_unseen=lambda: done.append("reopen"),
    )
    task = asyncio.create_task(one.run())
    async with asyncio.timeout(5):
        await gateway.is_done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return one, gateway, done


@pytest.mark.asyncio
async def test_it_says_who_it_is_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway may have forgotten, or may have been away."""
    answers = (taken(refused_subscriptions=0), UpstreamDown("away"), taken(refused_subscriptions=0))
    one, gateway, done = await introduce(monkeypatch, *answers)
    assert len(gateway.asked) == 3
    assert gateway.asked[0]["client"] == "relay@test"
    assert gateway.asked[0]["data_token"] == NONCE
    assert gateway.asked[0]["is_relay"] is True
    assert (one.refusal, done) == (None, [])


@pytest.mark.asyncio
async def test_a_gateway_that_knows_no_relays_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older one ignores what it does not know."""
    one, _, done = await introduce(monkeypatch, taken(epoch=1), taken(epoch=1))
    assert (one.refusal, done) == (None, [])


@pytest.mark.asyncio
async def test_a_refusal_is_kept_until_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """`health` tells it."""
    one, _, _ = await introduce(monkeypatch, REFUSED, UpstreamDown("away"))
    assert one.refusal == "quota_exceeded: too many relays"
    one, _, _ = await introduce(monkeypatch, REFUSED, taken(refused_subscriptions=0))
    assert one.refusal is None


@pytest.mark.asyncio
async def test_what_was_not_granted_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for each time the gateway says so."""
    answers = (taken(refused_subscriptions=3), taken(refused_subscriptions=0))
    _, _, done = await introduce(monkeypatch, *answers)
    assert done == ["repeat"]


@pytest.mark.asyncio
async def test_a_connection_that_stays_unseen_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at once: our subscription may still be on its way."""
    unseen = taken(refused_subscriptions=None)
    _, _, done = await introduce(monkeypatch, *[unseen] * (UNSEEN_MAX - 1))
    assert done == []
    _, _, done = await introduce(monkeypatch, *[unseen] * UNSEEN_MAX)
    assert done == ["reopen"]
    seen = taken(refused_subscriptions=0)
    _, _, done = await introduce(monkeypatch, unseen, unseen, seen, unseen, unseen)
    assert done == []
