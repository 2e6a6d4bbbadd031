"""The Python pipeline and the compiled one, fed the same: whatever differs is a fault.

A world is described by options, and what happens in it by `Step`s, which are plain values: a run
can be repeated, shortened, and told in a report. After each step everything is compared that
anybody can see of a pipeline: the frames and the lines for the session, in their order, counters
and complaints, every symbol with its topics and what is kept of them, and answers to requests.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, Generic, Self, TypeVar

from gateway.counters import Counter
from tests.support.any_side import AnySide, SideOptions
from tests.support.pipelines import COMPILED, PYTHON

Step = tuple[Any, ...]
"""What happens: the name of a method of a side, and its arguments."""

OptionsT = TypeVar("OptionsT", bound=SideOptions)
SideT = TypeVar("SideT", bound=AnySide)


class Different(AssertionError):
    """The two pipelines did not do the same."""


class AnyPair(ABC, Generic[OptionsT, SideT]):
    """Both pipelines, each in the same world.

    Args:
        options: What it is like.
    """

    names = (PYTHON, COMPILED)

    def __init__(self, options: OptionsT) -> None:
        python, compiled = (self._make_side(name, options) for name in self.names)
        self.sides = (python, compiled)

    @abstractmethod
    def _make_side(self, name: str, options: OptionsT) -> SideT:
        """One pipeline with everything around it."""

    def do(self, step: Step) -> object:
        """Let something happen to both, and compare.

        Raises:
            Different: They did not do the same.
        """
        answers = self._act(step)
        self._compare("answer", answers)
        self._compare("told", [side.take() for side in self.sides])
        self._compare("counts", [side.counts() for side in self.sides])
        self._compare("samples", [side.samples for side in self.sides])
        self._compare("state", [side.state() for side in self.sides])
        faults = self.sides[0].counters.value(Counter.PROCESSING_FAULTS)
        if faults and not any(side.is_faulty for side in self.sides):
            raise Different(f"a line made our own code fail: {self.sides[0].complaints.samples}")
        return answers[0]

    def _act(self, step: Step) -> list[object]:
        """Let something happen to both; what each answers."""
        name, *arguments = step
        return [getattr(side, name)(*arguments) for side in self.sides]

    def native_lines(self) -> tuple[int, int]:
        """How many lines the compiled pipeline read without Python, and of how many."""
        compiled = self.sides[1]
        return compiled.native_lines(), compiled.counters.value(Counter.FEED_LINES)

    @staticmethod
    def _compare(what: str, values: Sequence[object]) -> None:
        python, compiled = values
        if python != compiled:
            raise Different(f"{what}: {first_difference(python, compiled)}")

    @classmethod
    def run(cls, options: OptionsT, steps: Iterable[Step]) -> Self:
        """Let a world's steps happen.

        Raises:
            Different: The two pipelines did not do the same; its text says after which step.
        """
        pair = cls(options)
        for number, step in enumerate(steps):
            try:
                pair.do(step)
            except Different as different:
                raise Different(f"step {number} {step!r:.300}: {different}") from None
        return pair

    @classmethod
    def shortened(cls, options: OptionsT, steps: list[Step], *, tries_max: int = 400) -> list[Step]:
        """Leave out what a difference does not need: steps first, then lines."""
        left = [tries_max]

        def fails(some: list[Step]) -> bool:
            left[0] -= 1
            try:
                cls.run(options, some)
            except Different:
                return True
            return False

        steps = _without(steps, fails, left)
        for at, step in enumerate(steps):
            if step[0] in ("feed", "shed") and isinstance(step[1], bytes):
                before, after = steps[:at], steps[at + 1 :]
                lines = _without(
                    step[1].splitlines(keepends=True),
                    lambda some, b=before, a=after, s=step: fails(  # type: ignore[misc]
                        [*b, (s[0], b"".join(some), *s[2:]), *a]
                    ),
                    left,
                )
                steps[at] = (step[0], b"".join(lines), *step[2:])
        return steps


def in_pieces(data: bytes, places: Iterable[int]) -> list[Step]:
    """Bytes that arrive cut at some places, each counted from the beginning again at the end."""
    ends = sorted(place % (len(data) + 1) for place in places)
    return [("feed", data[a:b]) for a, b in pairwise([0, *ends, len(data)])]


def first_difference(python: Any, compiled: Any, path: str = "") -> str:
    """Where two values differ first, and how."""
    if type(python) is type(compiled):
        if isinstance(python, dict) and list(python) == list(compiled):
            pairs: Iterable[tuple[object, Any, Any]] = (
                (key, python[key], compiled[key]) for key in python
            )
        elif isinstance(python, list | tuple):
            if len(python) != len(compiled):
                path += f"(sizes {len(python)} and {len(compiled)})"
            pairs = ((at, *both) for at, both in enumerate(zip(python, compiled, strict=False)))
        else:
            pairs = ()
        for key, left, right in pairs:
            if left != right:
                return first_difference(left, right, f"{path}.{key}")
    return f"{path or 'whole'}: python {python!r:.1500} compiled {compiled!r:.1500}"


def _without(items: list[Any], fails: Callable[[list[Any]], bool], left: list[int]) -> list[Any]:
    size = max(1, len(items) // 2)
    while items and left[0] > 0:
        at = 0
        while at < len(items) and left[0] > 0:
            fewer = items[:at] + items[at + size :]
            if fails(fewer):
                items = fewer
            else:
                at += size
        if size == 1:
            break
        size = max(1, size // 2)
    return items
