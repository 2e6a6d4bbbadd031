"""IQConnect as a program of ours: when it is started, and when a healthy one is left alone."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gateway.clock import FakeClock
from gateway.policy.backoff import Backoff
from gateway.policy.breaker import CircuitBreaker
from gateway.policy.retry import Retry
from gateway.runtime.iqconnect_process import ABSENCES_MIN, MUTE_NS_MAX, IqconnectProcess

SECOND_NS = 1_000_000_000
TURNS = 50
"""Turns of the loop in which everything that can happen has happened."""


class NoChance:
    """Waits as long as may be waited."""

    def uniform(self, low: float, high: float) -> float:
        """The longest."""
        assert low <= high
        return high


class Bench:
    """A program that runs until it is ended, its clock, and whether prices stream."""

    def __init__(self, *, wait_ns: int = 0) -> None:
        self.clock = FakeClock()
        self.is_serving = False
        self.ended = asyncio.Event()
        breaker = CircuitBreaker(
            "iqconnect", self.clock, failures_max=99, rate_max=1.0, rate_outcomes_min=99,
            rate_window_ns=SECOND_NS, open_ns=SECOND_NS, is_enabled=True,
        )  # fmt: skip
        backoff = Backoff(
            self.clock, NoChance(), first_ns=wait_ns, base=1.0, longest_ns=wait_ns,
            stable_ns=SECOND_NS,
        )  # fmt: skip
        self.retry = Retry(
            self.clock, backoff=backoff, breaker=breaker, stable_ns=SECOND_NS, flap_ns=SECOND_NS
        )
        self.process = IqconnectProcess(
            [sys.executable, "-c", "import sys; sys.stdin.read(); import time; time.sleep(60)"],
            environment={},
            retry=self.retry,
            clock=self.clock,
            is_serving=lambda: self.is_serving,
            on_error=lambda _: self.ended.set(),
        )

    @property
    def pid(self) -> int | None:
        """Of the program that runs."""
        running = self.process._process
        return running.pid if running is not None and self.process.is_running else None

    def miss(self, times: int = ABSENCES_MIN) -> None:
        """Let so many attempts in a row fail."""
        for _ in range(times):
            self.process.note_absent()


@contextmanager
def running(bench: Bench) -> Iterator[Bench]:
    """The program is watched over, and ended afterwards."""
    task = asyncio.get_running_loop().create_task(bench.process.run())
    try:
        yield bench
    finally:
        task.cancel()
        if bench.process._process is not None:
            bench.process._process.kill()
            bench.process._process.wait()


async def settle(until: Callable[[], bool] = lambda: False) -> None:
    """Let the loop turn until something holds, or nothing more can happen."""
    for _ in range(TURNS):
        if until():
            return
        await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_one_lost_connection_starts_nothing() -> None:
    """A second copy beside the one that somebody else started would help nobody."""
    with running(Bench()) as bench:
        bench.miss(1)
        await settle()
        bench.process.note_present()
        bench.miss(1)
        await settle()
        assert bench.process.start_count == 0
        bench.miss(1)
        await settle(lambda: bench.process.start_count == 1)
        assert bench.process.start_count == 1


@pytest.mark.asyncio
async def test_a_program_that_prices_come_from_is_neither_started_nor_ended() -> None:
    """Its admin port alone is in trouble; every program of the machine lives on its prices."""
    with running(Bench()) as bench:
        bench.is_serving = True
        bench.miss(9)
        await settle()
        assert bench.process.start_count == 0
        bench.is_serving = False
        bench.miss()
        await settle(lambda: bench.process.start_count == 1)
        pid = bench.pid
        bench.is_serving = True
        bench.clock.advance(seconds=2 * MUTE_NS_MAX / SECOND_NS)
        bench.miss()
        await settle()
        assert (bench.pid, bench.process.start_count) == (pid, 1)


@pytest.mark.asyncio
async def test_calm_before_a_loss_is_no_silence() -> None:
    """Mute is who has not answered for a minute, not who was last asked an hour ago."""
    with running(Bench()) as bench:
        bench.miss()
        await settle(lambda: bench.process.start_count == 1)
        pid = bench.pid
        bench.process.note_present()
        bench.clock.advance(seconds=3_600)
        bench.miss()
        await settle()
        assert bench.pid == pid
        bench.clock.advance(seconds=MUTE_NS_MAX / SECOND_NS + 1)
        bench.miss(1)
        process = bench.process._process
        assert process is not None
        assert await asyncio.to_thread(process.wait, 10.0) != 0


@pytest.mark.asyncio
async def test_it_is_not_started_when_it_came_back_meanwhile() -> None:
    """The wait for our turn may be long; somebody may have started it by hand."""
    with running(Bench(wait_ns=SECOND_NS // 10)) as bench:
        bench.miss()
        await settle(lambda: bench.process.start_count == 1)
        process = bench.process._process
        assert process is not None
        process.kill()
        await asyncio.wait_for(bench.ended.wait(), 10.0)
        bench.miss()
        await settle()
        bench.process.note_present()
        bench.clock.advance(seconds=1)
        await asyncio.sleep(0.3)
        assert bench.process.start_count == 1
        bench.miss()
        await settle(lambda: bench.process.start_count == 2)
        assert bench.process.start_count == 2
