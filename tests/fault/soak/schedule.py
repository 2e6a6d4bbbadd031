"""What is broken when: drawn from a seed before anything runs."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

WARM_S_MAX: Final = 30.0
"""Before the first fault, at most; less in short runs."""
DEATHS_UNTIL: Final = 0.3
"""Share of a run after which the gateway is ended no more: a slope needs a life of some length."""
SPREAD: Final = 0.3
"""How far a fault is from where an even spacing would have it, as a share of that spacing."""
BETWEEN_S_MIN: Final = 2.0
"""From the end of a fault to the next one, at least."""
TOGETHER: Final = 3
TOGETHER_WITHIN_S: Final = 4.0


class Kind(NamedTuple):
    """One way to break something."""

    name: str
    """What happens, as it stands in the table at the end."""
    group: str
    """`upstream`, `gateway`, `consumer` or `hostile`: who is in trouble."""
    low_s: float
    """How long it lasts, at least; 0 for what is over at once."""
    high_s: float
    """At most."""


_TABLE: Final = (
    Kind("IQConnect restarts", "upstream", 2.0, 6.0),
    Kind("IQConnect refuses", "upstream", 3.0, 8.0),
    Kind("IQConnect hangs", "upstream", 4.0, 8.0),
    Kind("IQConnect is half open", "upstream", 4.0, 8.0),
    Kind("DTN is away", "upstream", 2.0, 8.0),
    Kind("connection closed", "upstream", 0.0, 0.0),
    Kind("connection reset", "upstream", 0.0, 0.0),
    Kind("connection cut within a line", "upstream", 0.0, 0.0),
    Kind("garbage between lines", "upstream", 0.0, 0.0),
    Kind("a line of a megabyte", "upstream", 0.0, 0.0),
    Kind("lines cut and repeated", "upstream", 2.0, 6.0),
    Kind("bytes in small pieces", "upstream", 2.0, 6.0),
    Kind("burst", "upstream", 2.0, 5.0),
    Kind("gateway killed", "gateway", 0.2, 1.5),
    Kind("gateway told to end", "gateway", 0.2, 1.5),
    Kind("gateway suspended", "gateway", 1.0, 6.0),
    Kind("gateway reloads", "gateway", 0.0, 0.0),
    Kind("consumer killed", "consumer", 0.5, 2.0),
    Kind("consumer suspended", "consumer", 2.0, 10.0),
    Kind("consumer reads slowly", "consumer", 5.0, 12.0),
    Kind("scrapers flood", "hostile", 4.0, 8.0),
    Kind("strangers at the door", "hostile", 3.0, 6.0),
    Kind("handshakes half open", "hostile", 5.0, 5.0),
    Kind("peer breaks the protocol", "hostile", 0.0, 0.0),
)
KINDS: Final = {kind.name: kind for kind in _TABLE}
"""Every kind of fault by its name."""
DEATHS: Final = ("gateway killed", "gateway told to end")
"""Those that begin another life of the gateway."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault of a schedule."""

    number: int
    """Its place in the schedule, from 1."""
    at_s: float
    """When it begins, seconds after the start of the run."""
    for_s: float
    """How long it lasts, seconds."""
    kind: Kind
    """What it is."""
    seed: int
    """For what it draws itself."""

    def __str__(self) -> str:
        return f"{self.at_s:7.1f} s  {self.kind.name}, {self.for_s:g} s"


def draw(seed: int, *, seconds: float, every_s: float, kinds: Iterable[str] = ()) -> list[Planned]:
    """A schedule for a whole run: every kind as often as another, in an order of chance.

    Args:
        seed: Decides everything.
        seconds: Length of the run; a fifth of it, a minute at most, is left calm at the end.
        every_s: Mean distance of two faults.
        kinds: Names of those that may happen; all when empty.

    Raises:
        KeyError: There is no such kind.
    """
    chance = random.Random(f"{seed}/soak")
    known = [KINDS[name] for name in kinds] or list(_TABLE)
    warm_s = min(WARM_S_MAX, seconds / 5)
    end_s = seconds - min(60.0, seconds / 5)
    planned: list[Planned] = []
    deck: list[Kind] = []
    at_s = warm_s
    while at_s < end_s:
        deck = deck or chance.sample(known, len(known))
        kind = deck.pop()
        if kind.name in DEATHS and at_s > seconds * DEATHS_UNTIL and len(known) > len(DEATHS):
            continue
        planned.append(_planned(chance, len(planned) + 1, at_s, kind))
        # Who is dead or suspended cannot be killed: each is over before the next begins.
        over_s = planned[-1].at_s + planned[-1].for_s + BETWEEN_S_MIN
        at_s = max(over_s, at_s + every_s * chance.uniform(1 - SPREAD, 1 + SPREAD))
    return planned


def draw_together(seed: int) -> list[Planned]:
    """Three faults of different kinds that begin within a few seconds.

    One of them at most is the gateway's own and one a consumer's: who is dead cannot be stopped.
    """
    chance = random.Random(f"{seed}/together")
    while True:
        kinds = chance.sample(_TABLE, TOGETHER)
        groups = [kind.group for kind in kinds]
        if max(groups.count("gateway"), groups.count("consumer")) <= 1:
            break
    times = sorted(chance.uniform(0.0, TOGETHER_WITHIN_S) for _ in kinds)
    return [
        _planned(chance, number, 2.0 + at_s, kind)
        for number, (at_s, kind) in enumerate(zip(times, kinds, strict=True), 1)
    ]


def _planned(chance: random.Random, number: int, at_s: float, kind: Kind) -> Planned:
    for_s = round(chance.uniform(kind.low_s, kind.high_s), 1)
    return Planned(number, round(at_s, 1), for_s, kind, chance.randrange(1 << 31))
