"""One soak from its start to its end: what happened when, and who saw what of it."""

import heapq
import itertools
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.fault.soak.accounts import Published, SoakLog
from tests.fault.soak.cast import HEALTHY, Cast
from tests.fault.soak.injector import Injector, now_us
from tests.fault.soak.schedule import DEATHS, Planned
from tests.fault.soak.vitals import Vitals

STEP_S: Final = 0.2
LOOK_S: Final = 1.0
TELL_S: Final = 60.0
RECOVER_S_MAX: Final = 30.0
AFTER_US: Final = 5_000_000
"""How long after everybody is well again nothing counts as calm yet."""
LEVEL_S_MAX: Final = 30.0
SHOWN_MAX: Final = 20


@dataclass
class Happened:
    """One fault as it went."""

    planned: Planned
    began_us: int
    """When it was begun, us UTC."""
    ended_us: int = 0
    """When it was undone; 0 while it lasts."""
    recovered_us: int = 0
    """When all whom it concerns had every symbol live again; 0 when that never was."""
    each_us: dict[str, int] = field(default_factory=dict)
    """The same for each of them."""

    @property
    def recover_s(self) -> float | None:
        """From its end to everybody well; None when that never was."""
        if not self.recovered_us:
            return None
        return max(0, self.recovered_us - self.ended_us) / 1e6

    @property
    def concerns(self) -> tuple[str, ...]:
        """Consumers that must be well again."""
        own = {"consumer killed": "victim", "consumer suspended": "victim"}
        name = own.get(self.planned.kind.name)
        return HEALTHY if name is None else (*HEALTHY, name)

    def covers(self, at_us: int) -> bool:
        """Whether a moment is within it or its consequences."""
        end_us = (self.recovered_us or self.ended_us or 1 << 62) + AFTER_US
        return self.began_us <= at_us <= end_us


@dataclass
class Outcome:
    """What a soak has to be judged by."""

    began_us: int
    ended_us: int
    faults: list[Happened]
    logs: dict[str, SoakLog]
    """Records of consumers that ran to the end, by name."""
    ended: list[tuple[str, SoakLog]]
    """Records of those that were killed."""
    vitals: Vitals
    cast: Cast
    published: int = 0
    """Messages that somebody received, each once."""
    violations: list[str] = field(default_factory=list)
    """Undeclared loss, and everything else that must never be, in words."""

    def is_calm(self, at_us: int) -> bool:
        """Whether no fault had a part in a moment."""
        return not any(fault.covers(at_us) for fault in self.faults)


class Soak:
    """Runs a schedule.

    Args:
        folder: For everything that is written.
        schedule: What is broken when.
        seconds: How long it goes on.
        rate: Events a second of the market.
        seed: Of the market.
        settings: Other settings of the gateway, by section.
        say: Told of what happens.
    """

    def __init__(
        self,
        folder: Path,
        schedule: Iterable[Planned],
        *,
        seconds: float,
        rate: float = 1_500.0,
        seed: int = 1,
        settings: Mapping[str, Any] | None = None,
        say: Callable[[str], object] = print,
    ) -> None:
        self._cast = Cast(folder, rate=rate, seed=seed, settings=settings)
        self._injector = Injector(self._cast)
        self._seconds = seconds
        self._say = say
        self._order = itertools.count()
        self._agenda: list[tuple[float, int, bool, Planned]] = []
        for planned in schedule:
            self._put(planned.at_s, planned, is_end=False)
        self._vitals = Vitals()
        self._faults: list[Happened] = []
        self._waiting: list[Happened] = []
        self._epoch = 0

    def run(self) -> Outcome:
        """Play everything, then wait until all are level, and compare."""
        with self._cast:
            try:
                outcome = self._play()
                self._compare(outcome)
            finally:
                self._injector.close()
        return outcome

    def _put(self, at_s: float, planned: Planned, *, is_end: bool) -> None:
        heapq.heappush(self._agenda, (at_s, next(self._order), is_end, planned))

    def _play(self) -> Outcome:
        self._settle()
        began_s, began_us = time.monotonic(), now_us()
        look_s = tell_s = began_s
        while (at_s := time.monotonic() - began_s) < self._seconds or self._agenda:
            while self._agenda and self._agenda[0][0] <= at_s:
                self._do(began_s)
            self._cast.read()
            self._note_recoveries()
            if time.monotonic() >= look_s:
                look_s += LOOK_S
                self._look()
            if time.monotonic() >= tell_s:
                tell_s += TELL_S
                self._tell(at_s)
            time.sleep(STEP_S)
        self._await_recoveries()
        logs = self._cast.logs
        return Outcome(
            began_us, now_us(), self._faults, logs, self._cast.ended, self._vitals, self._cast
        )

    def _look(self) -> None:
        """Take a sample of the gateway; start it again when it has ended by itself."""
        gateway = self._cast.gateway
        if not self._cast.is_up:
            return
        if gateway.exit_code is None:
            self._vitals.look(gateway.pid, now_us())
            return
        text = f"the gateway ended by itself with {gateway.exit_code}"
        self._say(f"         {text}: {gateway.printed()[-500:]}")
        self._injector.broken.append(text)
        gateway.start()

    def _settle(self) -> None:
        """Wait until every consumer has every symbol."""
        self._await(number=0, names=tuple(self._cast.logs), since_us=0, above_epoch=0)
        end_s = time.monotonic() + RECOVER_S_MAX
        while any(log.is_waited_for for log in self._cast.logs.values()):
            self._cast.read()
            assert time.monotonic() < end_s, "the soak cannot begin: not every symbol is live"
            time.sleep(STEP_S)

    def _await(
        self, *, number: int, names: tuple[str, ...], since_us: int, above_epoch: int
    ) -> None:
        for name in names:
            self._cast.log(name).await_whole(number, since_us=since_us, above_epoch=above_epoch)

    def _do(self, began_s: float) -> None:
        at_s, _, is_end, planned = heapq.heappop(self._agenda)
        if not is_end:
            self._say(f"{at_s:7.1f} s  {planned.kind.name} ({planned.for_s:g} s)")
            self._epoch = max(log.epoch for log in self._cast.logs.values())
            self._faults.append(Happened(planned, now_us()))
            self._injector.begin(planned)
            self._put(max(at_s, time.monotonic() - began_s) + planned.for_s, planned, is_end=True)
            return
        (fault,) = (one for one in self._faults if one.planned is planned)
        # What a start takes belongs to its recovery.
        ended_us = now_us()
        self._injector.end(planned)
        fault.ended_us = ended_us
        self._await(
            number=planned.number,
            names=fault.concerns,
            since_us=ended_us,
            above_epoch=self._epoch if planned.kind.name in DEATHS else 0,
        )
        self._waiting.append(fault)

    def _note_recoveries(self) -> None:
        for fault in list(self._waiting):
            number = fault.planned.number
            logs = [self._cast.logs.get(name) for name in fault.concerns]
            times = [0 if log is None else log.whole_us.get(number, 0) for log in logs]
            if all(times):
                fault.recovered_us = max(times)
                fault.each_us = dict(zip(fault.concerns, times, strict=True))
                self._waiting.remove(fault)
            elif now_us() - fault.ended_us > 2 * RECOVER_S_MAX * 1e6:
                self._say(f"         not recovered: {fault.planned.kind.name} {number}")
                self._waiting.remove(fault)

    def _await_recoveries(self) -> None:
        while self._waiting:
            self._cast.read()
            self._note_recoveries()
            time.sleep(STEP_S)

    def _tell(self, at_s: float) -> None:
        logs = self._cast.logs
        counts = ", ".join(f"{name} {log.message_count:,}" for name, log in logs.items())
        lives = self._vitals.lives
        rss_mb = lives[-1][-1].rss_mb if lives else 0.0
        declared = sum(log.declared for log in logs.values())
        self._say(
            f"{at_s / 60:5.0f} min  {len(self._faults)} faults, {len(self._waiting)} unrecovered; "
            f"RSS {rss_mb:.1f} MB, life {len(lives)}; {declared:,} declared; messages: {counts}"
        )

    def _compare(self, outcome: Outcome) -> None:
        logs = outcome.logs
        heads = Published(log.history for log in logs.values()).heads()
        behind = self._cast.wait_until_level(heads, seconds=LEVEL_S_MAX)
        found = [f"{name} is behind on {count} topics" for name, count in behind.items()]
        everybody = [(name, log, False) for name, log in logs.items()]
        everybody += [(name, log, True) for name, log in outcome.ended]
        published = Published(log.history for _, log, _ in everybody)
        for name, log, is_over in everybody:
            found += [f"{name}: {text}" for text in log.history.violations]
            found += [
                f"{name}: {text}" for text in published.missed(log.history, heads, is_over=is_over)
            ]
            found += [f"{name}: {topic} was never asked for" for topic in log.foreign[:SHOWN_MAX]]
        outcome.published = published.count
        outcome.violations = [*found, *self._injector.broken]
        if self._cast.asker.leases_lost:
            outcome.violations.append(f"{self._cast.asker.leases_lost} leases were lost")
