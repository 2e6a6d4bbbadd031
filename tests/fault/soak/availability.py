"""What a consumer had in each second of a soak: prices, a reason for their absence, or neither.

* `live`: at least one fresh price came in that second.
* `outage`: none came, the consumer was told of a cause upstream, and the soak had made one.
* `told`: none came, and the consumer knew why: a `state` with a cause, prices that are flagged as
  stale, a goodbye, its own silence alarm.
* `away`: none came, and the consumer itself did not run for half of it: nothing is known.
* `restart`: none came, and the next thing heard was a later run of the gateway.
* `detecting`: none came, and the consumer knew why within the time the contract allows for that.
* `blind`: none of these.

Available are all seconds but the blind ones; outages of the upstream, and seconds about which
nothing is known, are left out altogether.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.fault.soak.accounts import SoakLog

SECOND_US: Final = 1_000_000
HALF_US: Final = SECOND_US // 2
DETECT_US: Final = 4_500_000
"""Three seconds without a heartbeat, a second between two heartbeats, half a one to notice."""
OF_UPSTREAM: Final = ("iqconnect_down", "dtn_link_down", "link_silent", "login_lost")


@dataclass(frozen=True, slots=True)
class Availability:
    """The seconds of one consumer or several."""

    seconds: Counter[str]
    """How many there were of each kind."""
    blind_at: tuple[int, ...]
    """Which were blind, Unix time."""

    @property
    def counted(self) -> int:
        """Seconds that count: all but outages of the upstream and those nothing is known of."""
        return self.seconds.total() - self.seconds["outage"] - self.seconds["away"]

    @property
    def share(self) -> float:
        """Share of those with live data or a stated cause."""
        return 1 - self.seconds["blind"] / self.counted if self.counted else 0.0

    @property
    def told_share(self) -> float:
        """The same when seconds before the cause is known do not count as available."""
        late = self.seconds["blind"] + self.seconds["detecting"]
        return 1 - late / self.counted if self.counted else 0.0

    @property
    def live_share(self) -> float:
        """Share of those with live data."""
        return self.seconds["live"] / self.counted if self.counted else 0.0

    def __add__(self, other: "Availability") -> "Availability":
        return Availability(self.seconds + other.seconds, self.blind_at + other.blind_at)


def availability_of(
    log: SoakLog, *, began_us: int, ended_us: int, is_outage: Callable[[int], bool]
) -> Availability:
    """Judge every whole second between two times.

    Args:
        log: What the consumer wrote down.
        began_us: From when on, us UTC.
        ended_us: Until when, us UTC.
        is_outage: Whether the soak had broken the upstream at a time, us UTC.
    """
    seconds: Counter[str] = Counter()
    blind: list[int] = []
    live_us = began_us
    for second in range(began_us // SECOND_US + 1, ended_us // SECOND_US):
        kind = "live" if log.seconds.get(second) else _why(log, second, live_us, is_outage)
        if kind == "live":
            live_us = (second + 1) * SECOND_US
        elif kind == "blind":
            blind.append(second)
        seconds[kind] += 1
    return Availability(seconds, tuple(blind))


def _why(log: SoakLog, second: int, live_us: int, is_outage: Callable[[int], bool]) -> str:
    end_us = (second + 1) * SECOND_US
    at = bisect_right(log.words, end_us, key=lambda word: word[0]) - 1
    # What was known for half of the second counts where prices were about to come at its end.
    before = bisect_right(log.words, end_us - HALF_US, key=lambda word: word[0]) - 1
    cause = log.words[at][1] or log.words[before][1]
    if cause in OF_UPSTREAM and is_outage(end_us):
        return "outage"
    if cause or second in log.stale:
        return "told"
    if any(
        min(last, end_us) - max(first, end_us - SECOND_US) >= HALF_US for first, last in log.away
    ):
        return "away"
    next_us, next_cause = log.words[at + 1] if at + 1 < len(log.words) else (1 << 62, "")
    if next_cause == "restart":
        return "restart"
    if next_cause and next_us <= live_us + DETECT_US:
        return "detecting"
    return "blind"
