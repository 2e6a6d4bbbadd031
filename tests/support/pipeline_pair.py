"""The Python pipeline and the compiled one, fed the same: whatever differs is a fault.

A world is described by `Options`, and what happens in it by `Step`s, which are plain values: a run
can be repeated, shortened, and told in a report. After each step everything is compared that
anybody can see of a pipeline: the frames and the lines for the session, in their order, counters
and complaints, every symbol with its topics and what is kept of them, and answers to requests.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gateway.counters import Counter
from tests.support.pipeline_side import CountedPipeline, Options, Side
from tests.support.pipelines import COMPILED, PYTHON

Step = tuple[Any, ...]
"""What happens: the name of a method of `Side`, and its arguments."""


class Different(AssertionError):
    """The two pipelines did not do the same."""


class Pair:
    """Both pipelines, each in the same world.

    Args:
        options: What it is like.
    """

    def __init__(self, options: Options) -> None:
        self.sides = tuple(Side(name, options) for name in (PYTHON, COMPILED))
        self._is_pumped = options.is_pumped

    def do(self, step: Step) -> object:
        """Let something happen to both, and compare.

        Raises:
            Different: They did not do the same.
        """
        name, *arguments = step
        if name == "feed" and self._is_pumped:
            answers = [None]
            self._pump(arguments[0])
        else:
            answers = [getattr(side, name)(*arguments) for side in self.sides]
            self._compare("answer", answers)
        self._compare("told", [side.take() for side in self.sides])
        self._compare("counts", [side.counts() for side in self.sides])
        self._compare("samples", [side.samples for side in self.sides])
        self._compare("state", [side.state() for side in self.sides])
        faults = self.sides[0].counters.value(Counter.PROCESSING_FAULTS)
        if faults and not any(side.is_faulty for side in self.sides):
            raise Different(f"a line made our own code fail: {self.sides[0].complaints.samples}")
        return answers[0]

    def _pump(self, data: bytes) -> None:
        """Bytes arrive at a socket; the Python pipeline reads them by the same clock."""
        python, compiled = self.sides
        python.pipeline.feed(data, compiled.pump(data))

    def native_lines(self) -> tuple[int, int]:
        """How many lines the compiled pipeline read without Python, and of how many."""
        compiled = self.sides[1]
        total = compiled.counters.value(Counter.FEED_LINES)
        assert isinstance(compiled.pipeline, CountedPipeline)
        return total - compiled.pipeline.others, total

    @staticmethod
    def _compare(what: str, values: Sequence[object]) -> None:
        python, compiled = values
        if python != compiled:
            raise Different(f"{what}: {first_difference(python, compiled)}")


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


def run(options: Options, steps: Iterable[Step]) -> Pair:
    """Let a world's steps happen.

    Raises:
        Different: The two pipelines did not do the same; its text says after which step.
    """
    pair = Pair(options)
    for number, step in enumerate(steps):
        try:
            pair.do(step)
        except Different as different:
            raise Different(f"step {number} {step!r:.300}: {different}") from None
    return pair


def shortened(options: Options, steps: list[Step], *, tries_max: int = 400) -> list[Step]:
    """Leave out what a difference does not need: steps first, then lines."""
    left = [tries_max]

    def fails(some: list[Step]) -> bool:
        left[0] -= 1
        try:
            run(options, some)
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
