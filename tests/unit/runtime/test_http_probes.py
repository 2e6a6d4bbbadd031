"""Probes: what supervisors are told, and how often we have to think about it."""

import asyncio
import json
from typing import Any

import pytest

from gateway.clock import FakeClock
from gateway.errors import FeedThreadFailed
from gateway.runtime.http_messages import HttpRequest, Response
from gateway.runtime.http_probes import Probes

REQUEST = HttpRequest("GET", "/", "", {})
ISSUE = {"code": "iqconnect_down", "level": "critical", "message": "no prices", "hint": "Start it."}
WARNING = {"code": "delayed", "level": "warning", "message": "old", "hint": "Pay."}


def verdict(level: str, *, live: bool = True, ready: bool = True, issues: Any = ()) -> Any:
    """An answer of `health`."""
    return {"level": level, "live": live, "ready": ready, "issues": list(issues)}


def asked(path: str, *verdicts: Any) -> tuple[Response, ...]:
    """Ask a probe once for each verdict, a second apart."""
    clock = FakeClock()
    given = iter(verdicts)

    async def judge() -> Any:
        return next(given)

    async def ask() -> tuple[Response, ...]:
        handler = Probes(judge, clock=clock).routes()[path]
        answers: list[Response] = []
        for _ in verdicts:
            answer = await handler(REQUEST)
            assert isinstance(answer, Response)
            answers.append(answer)
            clock.advance(seconds=1)
        return tuple(answers)

    return asyncio.run(ask())


def test_a_gateway_that_works_is_live_even_without_prices() -> None:
    """A restart would not bring IQConnect back."""
    good, bad, dead = asked(
        "/livez",
        verdict("healthy"),
        verdict("critical", ready=False, issues=[ISSUE]),
        verdict("critical", live=False, ready=False, issues=[ISSUE]),
    )
    assert (good.status, bad.status, dead.status) == (200, 200, 503)
    assert b"iqconnect_down: no prices. Start it." in dead.body


def test_a_gateway_without_prices_is_not_ready_and_says_why() -> None:
    """Whoever reads the probe's answer should not have to look elsewhere."""
    good, bad = asked(
        "/readyz",
        verdict("warning", issues=[WARNING]),
        verdict("critical", ready=False, issues=[ISSUE, WARNING]),
    )
    assert (good.status, good.body) == (200, b"ready\n")
    assert bad.status == 503
    assert bad.body == b"not ready\niqconnect_down: no prices. Start it.\n"


def test_health_is_the_whole_verdict() -> None:
    """The same map as the request `health` answers, for those who speak HTTP."""
    answers = asked(
        "/healthz",
        verdict("healthy"),
        verdict("warning", issues=[WARNING]),
        verdict("critical", issues=[ISSUE]),
    )
    assert [answer.status for answer in answers] == [200, 200, 503]
    assert json.loads(answers[1].body) == verdict("warning", issues=[WARNING])
    assert answers[1].content_type == "application/json"


def test_many_probes_are_one_judgement() -> None:
    """A crowd of probes must not make the gateway think a thousand times a second."""
    judged = 0

    async def judge() -> Any:
        nonlocal judged
        judged += 1
        await asyncio.sleep(0)
        return verdict("healthy")

    async def ask() -> None:
        probes = Probes(judge, clock=FakeClock())
        await asyncio.gather(*(probes.livez(REQUEST) for _ in range(50)))

    asyncio.run(ask())
    assert judged == 1


def test_a_judgement_that_fails_is_not_kept() -> None:
    """The next probe tries again."""
    answers = iter([FeedThreadFailed("gone"), verdict("healthy")])

    async def judge() -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def ask() -> None:
        probes = Probes(judge, clock=FakeClock())
        with pytest.raises(FeedThreadFailed):
            await probes.livez(REQUEST)
        assert (await probes.livez(REQUEST)).status == 200

    asyncio.run(ask())
