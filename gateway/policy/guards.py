"""What is given up first when a resource runs short: a ladder, climbed at once and left slowly.

A process that is out of memory or descriptors dies, or serves nobody, with its consumers unaware.
Long before that the gateway does less of what can wait, says so, and goes back when there is room:
conflated topics slow down, snapshots wait, new leases and watches are refused, then new
connections. Prices that somebody has are the last thing to go.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.clock import Clock


class Step(enum.IntEnum):
    """How much is given up; each step includes those below it."""

    NONE = 0
    """Nothing."""
    SHED = 1
    """Conflated topics slow down."""
    DELAY = 2
    """Snapshots wait, and are answered one at a time."""
    REFUSE_WATCHES = 3
    """New leases are refused, and new watches wait."""
    REFUSE_CONNECTIONS = 4
    """New connections are refused."""
    CRITICAL = 5
    """Nothing is left to give up: somebody has to act."""


class Resource(enum.Enum):
    """What may run short."""

    MEMORY = "memory"
    DESCRIPTORS = "descriptors"
    THREADS = "threads"
    QUEUES = "queues"

    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a resource is used, as it was at one moment."""

    used: float
    """In its own unit."""
    limit: float
    """What there is, in the same; 0 where nothing limits it."""
    unit: str = ""
    """`MB`, or empty for a number."""
    source: str = ""
    """What sets the limit: cgroup, RLIMIT_NOFILE, a setting."""

    @property
    def share(self) -> float:
        """Used of what there is; 0 where nothing limits it."""
        return self.used / self.limit if self.limit > 0 else 0.0


@dataclass(frozen=True, slots=True)
class GuardRules:
    """When what is given up.

    Args:
        soft: Share of a limit at which the first step is taken.
        hard: Share at which the last one is; the others lie between, evenly.
        margin: A step is left when the share is so far below where it was taken.
        hold_ns: And has been for so long.
        patience_ns: Queues must have been fuller for so long; a burst fills them for a moment.
    """

    soft: float = 0.70
    hard: float = 0.90
    margin: float = 0.05
    hold_ns: int = 5_000_000_000
    patience_ns: int = 3_000_000_000

    def threshold(self, step: Step) -> float:
        """The share at which a step is taken."""
        return self.soft + (step - 1) * (self.hard - self.soft) / (Step.CRITICAL - 1)

    def step_of(self, share: float) -> Step:
        """The step that a share calls for."""
        taken = [step for step in Step if step and share >= self.threshold(step)]
        return max(taken, default=Step.NONE)


_CAPS: Final[Mapping[Resource, Step]] = {Resource.QUEUES: Step.REFUSE_WATCHES}
"""A full queue is no reason to send anybody away: it is bounded, and has an end of its own."""


class _Ladder:
    """Where one resource is."""

    __slots__ = ("_below_ns", "_rises_ns", "step", "use")

    def __init__(self) -> None:
        self.step = Step.NONE
        self.use = Use(0, 0)
        self._below_ns: int | None = None
        self._rises_ns: int | None = None

    def look(
        self, use: Use, rules: GuardRules, *, cap: Step, patience_ns: int, now_ns: int
    ) -> None:
        self.use = use
        wanted = min(rules.step_of(use.share), cap)
        if wanted > self.step:
            self._below_ns = None
            self._rises_ns = now_ns if self._rises_ns is None else self._rises_ns
            if now_ns - self._rises_ns >= patience_ns:
                self.step, self._rises_ns = wanted, None
            return
        self._rises_ns = None
        kept = min(rules.step_of(use.share + rules.margin), cap)
        if kept >= self.step:
            self._below_ns = None
            return
        self._below_ns = now_ns if self._below_ns is None else self._below_ns
        if now_ns - self._below_ns >= rules.hold_ns:
            self.step, self._below_ns = kept, None


class Guards:
    """Judges every resource; the worst of them decides.

    Args:
        rules: When what is given up.
        clock: Monotonic.
    """

    def __init__(self, rules: GuardRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        self._ladders = {resource: _Ladder() for resource in Resource}

    def look(self, uses: Mapping[Resource, Use]) -> Step:
        """Judge anew.

        Args:
            uses: What could be read; what could not keeps its step.

        Returns:
            The step to take, or to stay on.
        """
        now_ns = self._clock.monotonic_ns()
        for resource, use in uses.items():
            self._ladders[resource].look(
                use,
                self._rules,
                cap=_CAPS.get(resource, Step.CRITICAL),
                patience_ns=self._rules.patience_ns if resource is Resource.QUEUES else 0,
                now_ns=now_ns,
            )
        return self.step

    @property
    def step(self) -> Step:
        """How much is given up now."""
        return max(ladder.step for ladder in self._ladders.values())

    def short(self) -> list[tuple[Resource, Step, Use]]:
        """The resources that are short, each with its own step."""
        return [(r, ladder.step, ladder.use) for r, ladder in self._ladders.items() if ladder.step]
