"""Faults by the clock: a file says what goes wrong when, and a seed decides what it leaves open."""

import heapq
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from gateway.errors import ConfigError
from gateway.simulator.verbs import Verb, verb_named

FILE_BYTES_MAX: Final = 1 << 20
ENTRIES_MAX: Final = 1000
SECONDS_MAX: Final = 10 * 365 * 86_400
PERIOD_S_MIN: Final = 0.01
SHOWN_MAX: Final = 100
"""Faults of an endless schedule that are announced at its start."""
_TIMES: Final = ("at_s", "every_s", "between_s")
_HINT: Final = (
    "Write a list of entries such as {at_s: 5, do: close, port: level1}, with one of "
    "at_s, every_s and between_s."
)


class Planned(NamedTuple):
    """One fault with its time."""

    at_s: float
    """Seconds after the start."""
    place: int
    """Its entry in the file, from 1."""
    name: str
    """The fault."""
    params: Mapping[str, object]
    """Its parameters, as written."""

    def text(self) -> str:
        """For a person: when, what, and how."""
        params = "".join(f" {name}={_shown(value)}" for name, value in self.params.items())
        return f"{self.at_s:10.3f} s  {self.name}{params}"


def _shown(value: object) -> str:
    """A value as the command `fault` takes it."""
    if isinstance(value, list | tuple):
        return ",".join(str(one) for one in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a timeline."""

    place: int
    """From 1."""
    name: str
    """The fault."""
    params: Mapping[str, object]
    """Its parameters, as written."""
    first_s: float
    """When it happens, or the first time it does."""
    latest_s: float
    """End of the span that `between_s` draws from, else `first_s`."""
    period_s: float | None
    """Seconds from one time to the next; None for once."""
    count: int | None
    """How often; None for ever."""
    jitter_s: float
    """Drawn at most so much earlier or later."""
    for_s: float | None
    """How long it lasts; None for as long as it does by itself."""

    def times(self, seed: int) -> Iterator[Planned]:
        """Every time it happens, in order; the same for a seed, whatever else there is."""
        rng = random.Random(f"{seed}/timeline/{self.place}")
        number = 0
        while self.count is None or number < self.count:
            at_s = self.first_s + number * (self.period_s or 0)
            if self.latest_s > self.first_s:
                at_s = rng.uniform(self.first_s, self.latest_s)
            if self.jitter_s:
                at_s += rng.uniform(-self.jitter_s, self.jitter_s)
            at_s = max(round(at_s, 6), 0.0)
            yield Planned(at_s, self.place, self.name, self.params)
            if self.for_s is not None and (ending := verb_named(self.name).ending(self.params)):
                yield Planned(round(at_s + self.for_s, 6), self.place, *ending)
            number += 1


class Timeline:
    """The faults of a file.

    Args:
        path: A YAML list, or JSON.
        seed: Draws what the file leaves open.

    Raises:
        ConfigError: The file cannot be read or an entry does not fit; file, entry and reason are
            named.
    """

    def __init__(self, path: Path, *, seed: int) -> None:
        self.path = path
        self.seed = seed
        entries = _load(path)
        if not isinstance(entries, list) or len(entries) > ENTRIES_MAX:
            raise ConfigError(
                f"a timeline is a list of at most {ENTRIES_MAX} entries", hint=_HINT, file=str(path)
            )
        self.entries = [_entry(path, place, one) for place, one in enumerate(entries, 1)]

    def plan(self) -> Iterator[Planned]:
        """Every fault in the order of time, endless perhaps; drawn identically each time."""
        return heapq.merge(
            *(entry.times(self.seed) for entry in self.entries),
            key=lambda planned: (planned.at_s, planned.place),
        )

    def announcement(self) -> Iterator[str]:
        """The drawn schedule for a person to read, so that a run can be repeated."""
        yield f"timeline {self.path}: {len(self.entries)} entries, seed {self.seed}"
        for number, planned in enumerate(self.plan()):
            if number == SHOWN_MAX:
                yield "and so on; each is logged when it happens"
                return
            yield planned.text()


def _load(path: Path) -> object:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as problem:
        raise ConfigError(
            "the timeline cannot be read",
            hint="Name a file that is there.",
            file=str(path),
            problem=problem.strerror,
        ) from problem
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(
            "the timeline is too large", hint=_HINT, file=str(path), bytes_max=FILE_BYTES_MAX
        )
    try:
        return yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as problem:
        raise ConfigError(
            "the timeline is no YAML", hint=_HINT, file=str(path), problem=str(problem)
        ) from problem


def _entry(path: Path, place: int, value: object) -> Entry:
    try:
        return _read_entry(place, value)
    except ConfigError as problem:
        raise ConfigError(
            f"entry {place}: {problem.text}",
            hint=problem.hint,
            file=str(path),
            **{name: fact for name, fact in problem.facts.items() if name != "file"},
        ) from problem


def _read_entry(place: int, value: object) -> Entry:
    if not isinstance(value, dict):
        raise ConfigError("not a mapping", hint=_HINT, entry=value)
    # YAML takes a bare `on` for a truth value, also where it is a name.
    rest: dict[Any, object] = {"on" if key is True else key: one for key, one in value.items()}
    verb = verb_named(rest.pop("do", None))
    given = [name for name in _TIMES if name in rest]
    if len(given) != 1:
        raise ConfigError("needs one of at_s, every_s and between_s", hint=_HINT, given=given)
    when = rest.pop(given[0])
    first_s, latest_s, period_s = _span(given[0], when)
    jitter_s = _seconds("jitter_s", rest.pop("jitter_s", 0))
    if period_s is not None and jitter_s > period_s / 2:
        raise ConfigError(
            "jitter_s is more than half of every_s",
            hint="Make it smaller, or the order would change.",
            jitter_s=jitter_s,
        )
    count = rest.pop("times", None if period_s is not None else 1)
    if count is not None and (type(count) is not int or not 1 <= count <= 1_000_000):
        raise ConfigError("times must be a whole number from 1 to 1000000", hint=_HINT, value=count)
    if period_s is None and count != 1:
        raise ConfigError("times needs every_s", hint=_HINT, times=count)
    for_s = rest.pop("for_s", None)
    if for_s is not None:
        for_s = _seconds("for_s", for_s)
    params = {str(key): one for key, one in rest.items()}
    verb.read(params)
    if for_s is not None:
        _require_end(verb, params, for_s, None if period_s is None else period_s - 2 * jitter_s)
    return Entry(place, verb.name, params, first_s, latest_s, period_s, count, jitter_s, for_s)


def _require_end(
    verb: Verb, params: Mapping[str, object], for_s: float, free_s: float | None
) -> None:
    if verb.ending(params) is None:
        raise ConfigError(
            f"{verb.name} does not last, so it has no for_s",
            hint="Leave for_s out.",
            for_s=for_s,
        )
    if free_s is not None and for_s > free_s:
        raise ConfigError(
            "for_s is longer than what every_s and jitter_s leave",
            hint=f"Write {max(free_s, 0):g} or less, or the next one would begin before the end.",
            for_s=for_s,
        )


def _span(name: str, when: object) -> tuple[float, float, float | None]:
    """First and latest second, and the period."""
    if name == "between_s":
        if not isinstance(when, list) or len(when) != 2:
            raise ConfigError("between_s must be two numbers", hint=_HINT, value=when)
        first_s, latest_s = (_seconds(name, one) for one in when)
        if latest_s < first_s:
            raise ConfigError("between_s must not go back", hint=_HINT, value=when)
        return first_s, latest_s, None
    at_s = _seconds(name, when)
    if name == "at_s":
        return at_s, at_s, None
    if at_s < PERIOD_S_MIN:
        raise ConfigError(f"every_s must be {PERIOD_S_MIN} or more", hint=_HINT, value=when)
    return at_s, at_s, at_s


def _seconds(name: str, value: object) -> float:
    # A truth value is a number to Python, and a slip of the pen here.
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and (0 <= value <= SECONDS_MAX)
    ):
        return float(value)
    raise ConfigError(f"{name} must be seconds, 0 or more", hint=_HINT, value=value)
