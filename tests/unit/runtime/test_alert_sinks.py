"""Alerts are brought to others, who may hang, fail or be gone, and nothing waits for them."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.clock import FakeClock
from gateway.counters import Counter, Counters
from gateway.errors import AlertNotDelivered, GatewayError
from gateway.logs import Secrets
from gateway.runtime import alert_sinks
from gateway.runtime.alert_sinks import (
    ATTEMPTS_MAX,
    CLOSE_S_MAX,
    PATIENCE_NS,
    QUEUE_MAX,
    AlertSinks,
    Failure,
    Letter,
    SinkOptions,
)

RAISED = {
    "event": "raised",
    "id": "link_silent",
    "code": "link_silent",
    "level": "warning",
    "message": "not a line for 3 s",
    "hint": "wait",
    "since_us": 1,
}


class Recipient:
    """A courier that does as it is told."""

    def __init__(self, *, outcome: Callable[[Letter], Failure | None] = lambda _: None) -> None:
        self.name = "webhook"
        self.seconds_max = 5.0
        self.letters: list[dict[str, Any]] = []
        self.attempts = 0
        self.aborted = 0
        self.is_free = threading.Event()
        self.is_free.set()
        self.is_reached = threading.Event()
        self._outcome = outcome

    def deliver(self, letter: Letter) -> Failure | None:
        """Take one letter, when that is possible."""
        self.attempts += 1
        self.is_reached.set()
        self.is_free.wait(60.0)
        failure = self._outcome(letter)
        if failure is None:
            self.letters.append(json.loads(letter.body))
        return failure

    def abort(self) -> None:
        """Let go."""
        self.aborted += 1
        self.is_free.set()


class Bench:
    """Sinks with one recipient or more."""

    def __init__(self, *recipients: Recipient, level_min: str = "warning") -> None:
        self.counters = Counters()
        self.errors: list[GatewayError] = []
        self.clock = FakeClock()
        self.sinks = AlertSinks(
            [
                SinkOptions(
                    recipient,
                    level_min,
                    delivered=Counter.WEBHOOK_ALERTS_DELIVERED,
                    failed=Counter.WEBHOOK_ALERTS_FAILED,
                    dropped=Counter.WEBHOOK_ALERTS_DROPPED,
                )
                for recipient in recipients
            ],
            clock=self.clock,
            counters=self.counters,
            on_error=self.errors.append,
            gateway_id="gw1",
            secrets=Secrets(["hunter2-long"]),
        )

    def counts(self) -> tuple[int, int, int]:
        """Delivered, failed and dropped."""
        return (
            self.counters.value(Counter.WEBHOOK_ALERTS_DELIVERED),
            self.counters.value(Counter.WEBHOOK_ALERTS_FAILED),
            self.counters.value(Counter.WEBHOOK_ALERTS_DROPPED),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let letters be brought, as the gateway does."""
        task = asyncio.create_task(self.sinks.run())
        await asyncio.sleep(0)
        try:
            yield
        finally:
            await self.sinks.close()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(30.0):
        while not is_so():  # noqa: ASYNC110 - facts that nothing announces
            await asyncio.sleep(0.005)


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_sinks, "BACKOFFS_S", (0.0, 0.0))


@pytest.mark.asyncio
async def test_an_alert_is_brought_whole_with_the_gateways_name() -> None:
    """Who is woken at night must know by which gateway, and what to do."""
    recipient = Recipient()
    bench = Bench(recipient)
    async with bench.running():
        bench.sinks.post(RAISED)
        bench.sinks.post({**RAISED, "event": "cleared"})
    first, second = recipient.letters
    text = f"gw1 {RAISED['level']}: {RAISED['message']}"
    stamp = 1_700_000_000_000_000
    assert first == {**RAISED, "gateway_id": "gw1", "at_us": stamp, "text": text}
    assert second["event"] == "cleared"
    assert second["text"].startswith("gw1 over: ")
    assert bench.counts() == (2, 0, 0)
    assert bench.errors == []


@pytest.mark.asyncio
async def test_a_letter_is_json_without_secrets_whatever_it_holds() -> None:
    """A peer's name comes from outside; a figure may be no number."""
    recipient = Recipient()
    bench = Bench(recipient)
    hostile = {"peer": "a\r\n\x00", "lag": float("nan"), "raw": b"\xff", "x": {(1,): object()}}
    async with bench.running():
        bench.sinks.post({**RAISED, **hostile, "message": "hunter2-long", "token": "abc"})
    (letter,) = recipient.letters
    assert letter["message"] == letter["token"] == "***"
    assert letter["peer"].isprintable()


@pytest.mark.asyncio
async def test_a_level_keeps_what_is_below_it_away_and_tells_the_end_of_what_was_told() -> None:
    """A pager that rang must be told that it is over, and by whom it was taken."""
    recipient = Recipient()
    bench = Bench(recipient, level_min="critical")
    critical = {**RAISED, "id": "b", "level": "critical"}
    async with bench.running():
        for event in (
            RAISED,
            {**RAISED, "event": "cleared"},
            critical,
            {**critical, "event": "changed", "level": "warning"},
            {**critical, "event": "acknowledged", "level": "warning"},
            {**critical, "event": "cleared", "level": "warning"},
            {**critical, "event": "changed", "level": "warning"},
        ):
            bench.sinks.post(event)
    events = [(letter["id"], letter["event"]) for letter in recipient.letters]
    assert events == [("b", "raised"), ("b", "changed"), ("b", "acknowledged"), ("b", "cleared")]


@pytest.mark.asyncio
@pytest.mark.usefixtures("_no_pauses")
async def test_what_fails_is_tried_three_times_and_told() -> None:
    """A restart of the receiver must cost nothing; a wrong address must be noticed."""
    outcomes = iter([Failure("away"), Failure("away"), None, *[Failure("answered 500")] * 3])
    recipient = Recipient(outcome=lambda _: next(outcomes))
    bench = Bench(recipient)
    async with bench.running():
        bench.sinks.post(RAISED)
        bench.sinks.post({**RAISED, "event": "changed"})
        await until(lambda: len(bench.errors) == 1)
    assert recipient.attempts == 2 * ATTEMPTS_MAX
    assert bench.counts() == (1, 1, 0)
    (error,) = bench.errors
    assert isinstance(error, AlertNotDelivered)
    assert error.facts["reason"] == "answered 500"
    assert error.facts["attempts"] == ATTEMPTS_MAX
    assert error.facts["sink"] == "webhook"


@pytest.mark.asyncio
@pytest.mark.usefixtures("_no_pauses")
async def test_who_is_not_reached_is_tried_for_ten_minutes() -> None:
    """The network that cuts us off from DTN cuts us off from the pager, too."""
    recipient = Recipient(outcome=lambda _: away() if recipient.attempts <= 9 else None)
    bench = Bench(recipient)

    def away() -> Failure:
        bench.clock.advance(seconds=60)
        return Failure("no route to host", is_unsent=True)

    async with bench.running():
        bench.sinks.post({**RAISED, "id": "in time"})
        await until(lambda: bench.counts() == (1, 0, 0))
        recipient.attempts = -10
        bench.sinks.post({**RAISED, "id": "too late"})
        await until(lambda: bench.counts() == (1, 1, 0))
    assert [letter["id"] for letter in recipient.letters] == ["in time"]
    assert bench.errors[0].facts["attempts"] == PATIENCE_NS // 60_000_000_000


@pytest.mark.asyncio
async def test_of_too_many_the_critical_ones_are_kept() -> None:
    """Consumers by the hundred are slow when the machine is; that prices stopped matters more."""
    recipient = Recipient()
    recipient.is_free.clear()
    bench = Bench(recipient)
    async with bench.running():
        bench.sinks.post({**RAISED, "id": "first"})
        await until(recipient.is_reached.is_set)
        bench.sinks.post({**RAISED, "id": "stopped", "level": "critical"})
        for number in range(QUEUE_MAX + 20):
            bench.sinks.post({**RAISED, "id": str(number)})
        recipient.is_free.set()
        await until(lambda: len(recipient.letters) == QUEUE_MAX + 1)
    ids = [letter["id"] for letter in recipient.letters]
    assert ids == ["first", "stopped", *map(str, range(21, QUEUE_MAX + 20))]
    assert bench.counts() == (QUEUE_MAX + 1, 0, 21)


@pytest.mark.asyncio
async def test_no_warning_makes_a_critical_letter_go() -> None:
    """Where all that wait are critical the new one is dropped."""
    recipient = Recipient()
    recipient.is_free.clear()
    bench = Bench(recipient)
    async with bench.running():
        bench.sinks.post({**RAISED, "id": "first"})
        await until(recipient.is_reached.is_set)
        for number in range(QUEUE_MAX + 1):
            bench.sinks.post({**RAISED, "id": str(number), "level": "critical"})
        bench.sinks.post({**RAISED, "id": "mild"})
        recipient.is_free.set()
        await until(lambda: len(recipient.letters) == QUEUE_MAX + 1)
    ids = [letter["id"] for letter in recipient.letters]
    assert ids == ["first", *map(str, range(1, QUEUE_MAX + 1))]


@pytest.mark.asyncio
async def test_what_cannot_succeed_is_not_tried_again() -> None:
    """An address that does not exist does not exist two seconds later."""
    recipient = Recipient(outcome=lambda _: Failure("answered 404", is_final=True))
    bench = Bench(recipient)
    async with bench.running():
        bench.sinks.post(RAISED)
    assert recipient.attempts == 1
    assert bench.counts() == (0, 1, 0)


@pytest.mark.asyncio
async def test_a_recipient_that_hangs_delays_nobody_and_its_queue_is_bounded() -> None:
    """The loop goes on, another recipient is told, and of too many the oldest are dropped."""
    hanging, other = Recipient(), Recipient()
    hanging.is_free.clear()
    bench = Bench(hanging, other)
    loop = asyncio.get_running_loop()
    async with bench.running():
        bench.sinks.post({**RAISED, "id": "first"})
        await until(hanging.is_reached.is_set)
        started_s = loop.time()
        for number in range(QUEUE_MAX + 20):
            bench.sinks.post({**RAISED, "id": str(number)})
            await asyncio.sleep(0)
        assert loop.time() - started_s < 2.0
        await until(lambda: len(other.letters) >= 1)
        await until(lambda: other.letters[-1]["id"] == str(QUEUE_MAX + 19))
        assert len([e for e in bench.errors if "too many wait" in e.text]) >= 1
        hanging.is_free.set()
        await until(lambda: len(hanging.letters) == QUEUE_MAX + 1)
    ids = [letter["id"] for letter in hanging.letters]
    assert ids == ["first", *map(str, range(20, QUEUE_MAX + 20))]


@pytest.mark.asyncio
@pytest.mark.usefixtures("_no_pauses")
async def test_an_attempt_that_does_not_come_back_is_left_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is started twice at one time: while it hangs the next ones fail at once."""
    monkeypatch.setattr(alert_sinks, "GRACE_S", 0.05)
    monkeypatch.setattr(alert_sinks, "PATIENCE_NS", 0)
    recipient = Recipient()
    recipient.seconds_max = 0.05
    recipient.is_free.clear()
    monkeypatch.setattr(recipient, "abort", lambda: None)
    bench = Bench(recipient)
    async with bench.running():
        bench.sinks.post(RAISED)
        await until(lambda: bench.counts() == (0, 1, 0))
        assert recipient.attempts == 1, "never more than one at a time"
        assert "hangs" in str(bench.errors[0].facts["reason"])
        recipient.is_free.set()
        await until(lambda: len(recipient.letters) == 1)
        bench.sinks.post({**RAISED, "id": "next"})
    assert [letter["id"] for letter in recipient.letters] == ["link_silent", "next"]


@pytest.mark.asyncio
async def test_the_end_waits_two_seconds_and_counts_the_rest() -> None:
    """A supervisor that stops the gateway must not wait for somebody's web server."""
    recipient = Recipient()
    recipient.is_free.clear()
    bench = Bench(recipient)
    loop = asyncio.get_running_loop()
    async with bench.running():
        for number in range(5):
            bench.sinks.post({**RAISED, "id": str(number)})
        await until(recipient.is_reached.is_set)
        started_s = loop.time()
    assert CLOSE_S_MAX * 0.9 < loop.time() - started_s < CLOSE_S_MAX + 2.0
    assert recipient.aborted == 1
    assert sum(bench.counts()) == 5, "every letter is accounted for"
    assert bench.counts()[2] >= 4
    bench.sinks.post(RAISED)
    assert sum(bench.counts()) == 6


@pytest.mark.asyncio
async def test_what_waits_at_the_end_is_brought_and_an_idle_end_is_at_once() -> None:
    """The alert that says why it stops is the one that matters."""
    recipient = Recipient()
    bench = Bench(recipient)
    loop = asyncio.get_running_loop()
    async with bench.running():
        await asyncio.sleep(0)
        for number in range(20):
            bench.sinks.post({**RAISED, "id": str(number)})
    assert len(recipient.letters) == 20
    started_s = loop.time()
    async with Bench(Recipient()).running():
        await asyncio.sleep(0)
    assert loop.time() - started_s < 1.0


@pytest.mark.asyncio
async def test_without_recipients_nothing_happens() -> None:
    """The usual configuration."""
    bench = Bench()
    async with bench.running():
        bench.sinks.post(RAISED)
    assert bench.counts() == (0, 0, 0)


@pytest.mark.asyncio
async def test_what_was_never_run_counts_what_it_was_given() -> None:
    """A start that fails halfway."""
    bench = Bench(Recipient())
    bench.sinks.post(RAISED)
    await bench.sinks.close()
    assert bench.counts() == (0, 0, 1)


@pytest.mark.asyncio
async def test_what_follows_from_another_alert_wakes_nobody() -> None:
    """One outage, one letter; its consequences are listed where one looks for them."""
    recipient = Recipient()
    bench = Bench(recipient)
    async with bench.running():
        bench.sinks.post({**RAISED, "because": "iqconnect_down"})
        bench.sinks.post({**RAISED, "id": "iqconnect_down"})
    assert [letter["id"] for letter in recipient.letters] == ["iqconnect_down"]


@pytest.mark.asyncio
async def test_a_recipient_that_is_not_reached_is_named_until_one_letter_arrives() -> None:
    """Who waits for a pager that is dead would wait for ever."""
    outcomes = iter([Failure("refused", is_final=True), None])
    recipient = Recipient(outcome=lambda _: next(outcomes))
    bench = Bench(recipient)
    async with bench.running():
        bench.sinks.post(RAISED)
        await until(lambda: bool(bench.sinks.failing))
        assert dict(bench.sinks.failing) == {"webhook": "refused"}
        assert str(RAISED["id"]) in str(bench.errors[0])
        bench.sinks.post({**RAISED, "event": "changed"})
    assert bench.sinks.failing == {}
