"""Brings alerts to others: to a web address, to a program.

Whoever is told may hang, fail or be gone, and nothing else may notice: each has a bounded queue, a
task, and for every attempt a thread that is left behind when it does not come back. The interpreter
does not wait for such threads at its end, as it would for those of an executor.
"""

import asyncio
import contextlib
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gateway.clock import Clock
from gateway.counters import Counter, Counters
from gateway.errors import AlertNotDelivered, GatewayError
from gateway.logs import Secrets, plain

QUEUE_MAX: Final = 100
ATTEMPTS_MAX: Final = 3
BACKOFFS_S: Final = (0.5, 2.0, 5.0, 10.0, 30.0)
"""Pauses before the second attempt, the third and so on; the last one before all others."""
PATIENCE_NS: Final = 600_000_000_000
"""How old a letter gets while nobody is reached, before it is given up: what cuts us off from DTN
often cuts us off from whoever must be told of it."""
GRACE_S: Final = 0.5
"""How much longer than its time an attempt is waited for, before it is left behind."""
CLOSE_S_MAX: Final = 2.0
"""How long the end of the gateway waits for alerts to be brought."""
TOLD_MAX: Final = 1_000
"""Alerts of which it is known that they were told."""
_RANKS: Final = {"warning": 0, "critical": 1}


@dataclass(frozen=True, slots=True)
class Letter:
    """One alert's event as it is brought."""

    event: str
    """`raised`, `changed`, `cleared` or `acknowledged`."""
    alert_id: str
    """Which alert."""
    code: str
    """Its code."""
    level: str
    """`warning` or `critical`."""
    body: bytes
    """The whole event with the gateway's name and the time, as a JSON object."""
    posted_ns: int = 0
    """When it was posted, monotonic."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a letter was not brought."""

    reason: str
    """In words, without secrets."""
    is_final: bool = False
    """Whether another attempt would end the same."""
    is_unsent: bool = False
    """Whether the recipient certainly knows nothing of the letter: then it is tried for longer."""


class Courier(Protocol):
    """Brings letters to one recipient, one at a time."""

    @property
    def name(self) -> str:
        """What it is in errors."""
        ...

    @property
    def seconds_max(self) -> float:
        """Longest time for one attempt."""
        ...

    def deliver(self, letter: Letter) -> Failure | None:
        """Bring one letter; blocks, and is called in a thread of its own."""
        ...

    def abort(self) -> None:
        """End what `deliver` is doing, soon; called in the loop."""
        ...


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """One recipient of alerts."""

    courier: Courier
    """The way to it."""
    level_min: str
    """The lowest level it is told of, `warning` or `critical`."""
    delivered: Counter
    """Counts letters that were brought."""
    failed: Counter
    """Counts those that were not, after every attempt."""
    dropped: Counter
    """Counts those that found the queue full, or the gateway ending."""


class AlertSinks:
    """Tells recipients of every alert; all of it in the control loop.

    Args:
        sinks: The recipients.
        clock: Stamps letters.
        counters: Where letters are counted.
        on_error: Told when a letter was not brought, or dropped.
        gateway_id: Who tells.
        is_all_told: Whether alerts that only follow from another one are brought, too.
        secrets: What no letter shows.
    """

    def __init__(
        self,
        sinks: Sequence[SinkOptions],
        *,
        clock: Clock,
        counters: Counters,
        on_error: Callable[[GatewayError], object],
        gateway_id: str = "",
        is_all_told: bool = False,
        secrets: Secrets | None = None,
    ) -> None:
        self._sinks = [_Sink(options, clock, counters, on_error) for options in sinks]
        self._clock = clock
        self._gateway_id = gateway_id
        self._is_all_told = is_all_told
        self._secrets = secrets if secrets is not None else Secrets()
        self._is_closed = False
        self._is_running = False

    def post(self, event: Mapping[str, object]) -> None:
        """Tell everybody of one event of an alert; never blocks.

        Args:
            event: event, id, code, level, message, hint, since_us, and what else is known.
        """
        if not self._sinks or (event.get("because") and not self._is_all_told):
            return
        letter = self._letter(event)
        for sink in self._sinks:
            sink.post(letter, is_closed=self._is_closed)

    @property
    def failing(self) -> Mapping[str, str]:
        """Recipients whose last letter was not brought, and why."""
        return {sink.name: sink.problem for sink in self._sinks if sink.problem}

    async def run(self) -> None:
        """Bring letters until cancelled; returns at once when nobody is to be told.

        Cancel safety: letters that wait are kept until `close`, which counts them.
        """
        self._is_running = True
        try:
            async with asyncio.TaskGroup() as workers:
                for sink in self._sinks:
                    workers.create_task(sink.run())
        finally:
            self._is_running = False

    async def close(self) -> None:
        """Give what waits a moment to be brought, and give up the rest; `run` ends it."""
        self._is_closed = True
        if self._is_running:
            waits = [asyncio.create_task(sink.is_idle.wait()) for sink in self._sinks]
            _, late = await asyncio.wait(waits, timeout=CLOSE_S_MAX)
            for wait in late:
                wait.cancel()
        for sink in self._sinks:
            sink.give_up()

    def _letter(self, event: Mapping[str, object]) -> Letter:
        told: Any = plain(dict(event), self._secrets)
        told["gateway_id"] = self._gateway_id
        told["at_us"] = self._clock.utc_us()
        # What chat programs show of a message they know nothing else of.
        head = "over" if told.get("event") == "cleared" else told.get("level", "")
        told["text"] = f"{self._gateway_id} {head}: {told.get('message', '')}"
        code = str(told.get("code", ""))
        return Letter(
            event=str(told.get("event", "")),
            alert_id=str(told.get("id", "")) or f"{code}:{told.get('peer', '')}".rstrip(":"),
            code=code,
            level=str(told.get("level", "")),
            body=json.dumps(told, allow_nan=False).encode("ascii"),
            posted_ns=self._clock.monotonic_ns(),
        )


class _Sink:
    """One recipient, with what waits for it."""

    def __init__(
        self,
        options: SinkOptions,
        clock: Clock,
        counters: Counters,
        on_error: Callable[[GatewayError], object],
    ) -> None:
        self._options = options
        self._clock = clock
        self._courier = options.courier
        self._counters = counters
        self._on_error = on_error
        self._letters: deque[Letter] = deque()
        self._has_letters = asyncio.Event()
        self._told: dict[str, None] = {}
        self._is_busy = False
        self._is_full = False
        self.problem = ""
        """Why the last letter was not brought; empty when it was."""
        self.is_idle = asyncio.Event()
        """Set while nothing waits and nothing is being brought."""
        self.is_idle.set()

    @property
    def name(self) -> str:
        """What the recipient is called."""
        return self._courier.name

    def post(self, letter: Letter, *, is_closed: bool) -> None:
        """Queue a letter, unless it is of no interest here; the oldest makes room, warnings first.

        Many consumers that become slow at once must not cost the news that prices stopped.
        """
        if not self._is_wanted(letter):
            return
        if is_closed:
            self._counters.add(self._options.dropped)
            return
        if len(self._letters) >= QUEUE_MAX:
            self._counters.add(self._options.dropped)
            if not self._is_full:
                self._is_full = True
                self._complain("alerts are dropped, too many wait to be brought", waiting=QUEUE_MAX)
            mild = (at for at, one in enumerate(self._letters) if one.level != "critical")
            place = next(mild, 0 if letter.level == "critical" else None)
            if place is None:
                return
            del self._letters[place]
        self._letters.append(letter)
        self._has_letters.set()
        self.is_idle.clear()

    async def run(self) -> None:
        """Bring letters, one after the other."""
        while True:
            await self._has_letters.wait()
            letter = self._letters.popleft()
            try:
                await self._bring(letter)
            except asyncio.CancelledError:
                self._counters.add(self._options.dropped)
                raise
            if not self._letters:
                self._has_letters.clear()
                self._is_full = False
                self.is_idle.set()

    def give_up(self) -> None:
        """Stop what is being brought, and count what waits as dropped."""
        if self._is_busy:
            self._courier.abort()
        self._counters.add(self._options.dropped, len(self._letters))
        self._letters.clear()

    def _is_wanted(self, letter: Letter) -> bool:
        """Whether the recipient is told; of what it was told it is told the end as well."""
        is_high = _RANKS.get(letter.level, 1) >= _RANKS[self._options.level_min]
        was_told = letter.alert_id in self._told
        if letter.event == "cleared":
            self._told.pop(letter.alert_id, None)
        elif is_high and not was_told:
            self._told[letter.alert_id] = None
            if len(self._told) > TOLD_MAX:
                self._told.pop(next(iter(self._told)))
        return is_high or was_told

    async def _bring(self, letter: Letter) -> None:
        attempts = 1
        while (failure := await self._attempt(letter)) is not None:
            if failure.is_final or (
                attempts >= ATTEMPTS_MAX and not self._is_worth(failure, letter)
            ):
                break
            await asyncio.sleep(BACKOFFS_S[min(attempts, len(BACKOFFS_S)) - 1])
            attempts += 1
        if failure is None:
            self._counters.add(self._options.delivered)
            self.problem = ""
            return
        self.problem = failure.reason
        self._counters.add(self._options.failed)
        # Repeats are folded by their words: of two alerts neither may hide the other.
        self._complain(
            f"alert {letter.alert_id} was not brought to the {self._courier.name}",
            reason=failure.reason,
            event=letter.event,
            attempts=attempts,
        )

    def _is_worth(self, failure: Failure, letter: Letter) -> bool:
        """Whether to go on behind the usual number of attempts."""
        return failure.is_unsent and self._clock.monotonic_ns() - letter.posted_ns < PATIENCE_NS

    async def _attempt(self, letter: Letter) -> Failure | None:
        if self._is_busy:
            return Failure("the attempt before still hangs", is_unsent=True)
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Failure | None] = loop.create_future()

        def resolve(failure: Failure | None) -> None:
            self._is_busy = False
            if not outcome.done():
                outcome.set_result(failure)

        def work() -> None:
            failure: Failure | None = Failure("it failed of itself; see standard error")
            try:
                failure = self._courier.deliver(letter)
            finally:
                # The loop may be gone by then: nobody waits for what was left behind.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(resolve, failure)

        name = f"alerts to {self._courier.name}"
        thread = threading.Thread(target=work, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            return Failure(str(error))
        self._is_busy = True
        try:
            async with asyncio.timeout(self._courier.seconds_max + GRACE_S):
                return await outcome
        except TimeoutError:
            self._courier.abort()
            return Failure(f"took longer than {self._courier.seconds_max:g} s")

    def _complain(self, text: str, **facts: Any) -> None:
        self._on_error(AlertNotDelivered(text, sink=self._courier.name, **facts))
