"""Somebody who does nothing wrong beside an attack: consumes, asks, and measures both.

python -m tests.fuzz.bystander DATA CONTROL [SERVER_KEY PUBLIC SECRET]
A process of its own, so that what it measures is the gateway's doing, not the attacker's. Each line
on standard input ends a phase, and is answered by a line of JSON: what was seen since the last one.
"""

import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from tests.support.consumer import SNAPSHOT, Consumer
from tests.support.processes import ROOT, clean_environment
from tests.support.requester import Requester

TOPICS: Final = ("quote,AAPL,", "trade,AAPL,", "quote,MSFT,", "trade,MSFT,")
TURN_S: Final = 0.05
PING_S_MAX: Final = 20.0


@dataclass
class Seen:
    """What was seen in one phase."""

    messages: int = 0
    age_p99_ms: float = math.nan
    """From the gateway's reading of the vendor's bytes to our reading of the message."""
    pings: int = 0
    ping_p50_ms: float = math.nan
    ping_p99_ms: float = math.nan
    lost: int = 0
    """Messages that a sequence says there were, and that did not come."""
    failure: str = ""

    def words(self) -> str:
        """In words."""
        return (
            f"{self.messages} messages, p99 {self.age_p99_ms} ms, lost {self.lost}; {self.pings} "
            f"pings, p50 {self.ping_p50_ms}, p99 {self.ping_p99_ms} ms {self.failure}"
        ).rstrip()


@dataclass
class _Phase:
    ages_ms: list[float] = field(default_factory=list)
    pings_ms: list[float] = field(default_factory=list)
    lost: int = 0
    failure: str = ""

    def seen(self) -> Seen:
        """In figures."""
        return Seen(
            messages=len(self.ages_ms),
            age_p99_ms=part_of(self.ages_ms, 0.99),
            pings=len(self.pings_ms),
            ping_p50_ms=part_of(self.pings_ms, 0.5),
            ping_p99_ms=part_of(self.pings_ms, 0.99),
            lost=self.lost,
            failure=self.failure,
        )


def part_of(values: Sequence[float], part: float) -> float:
    """A percentile; NaN of nothing."""
    return round(sorted(values)[int(len(values) * part)], 3) if values else math.nan


class Watch:
    """Consumes and asks in a thread until it is told to stop."""

    def __init__(self, data: str, control: str, keys: tuple[str, str, str] | None) -> None:
        self._consumer = Consumer(data, *TOPICS, keys=keys)
        self._requester = Requester(control, keys=keys)
        self._phase = _Phase()
        self._lock = threading.Lock()
        self._last: dict[str, int] = {}
        threading.Thread(target=self._run, daemon=True).start()

    def end_phase(self) -> Seen:
        """What was seen since the last call."""
        with self._lock:
            phase, self._phase = self._phase, _Phase()
        return phase.seen()

    def _run(self) -> None:
        try:
            while True:
                self._turn()
        except AssertionError as error:
            with self._lock:
                self._phase.failure = str(error)[:500]

    def _turn(self) -> None:
        began_s = time.monotonic()
        self._requester.result("ping", seconds=PING_S_MAX)
        took_ms = (time.monotonic() - began_s) * 1000
        with self._lock:
            self._phase.pings_ms.append(took_ms)
        for message in self._consumer.stream(TURN_S):
            age_ms = time.time_ns() / 1e6 - message.body[4] / 1e3
            last = self._last.get(message.topic, message.sequence - 1)
            with self._lock:
                self._phase.lost += message.sequence - last - 1
                if not message.flags & SNAPSHOT:
                    # What is told again keeps its number in the row, and the time it was read.
                    self._phase.ages_ms.append(age_ms)
            self._last[message.topic] = message.sequence
        self._consumer.messages.clear()


class Bystander:
    """Such a process, from outside.

    Args:
        data: The gateway's data socket.
        control: Its control socket.
        keys: The gateway's public key, and both halves of its own; None without keys.
    """

    def __init__(self, data: str, control: str, keys: tuple[str, str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.bystander", data, control, *(keys or ())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=clean_environment(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def end_phase(self) -> Seen:
        """What it has seen since the last call."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("phase\n")
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return Seen(**told)


def main() -> int:
    """Run until standard input ends."""
    data, control, *keys = sys.argv[1:]
    watch = Watch(data, control, (keys[0], keys[1], keys[2]) if keys else None)
    for _ in sys.stdin:
        print(json.dumps(asdict(watch.end_phase())), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
