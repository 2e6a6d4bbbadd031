"""The Python pipeline of Level 1 and the compiled one, in the same world."""

from tests.support.pairs import AnyPair, Step
from tests.support.pipeline_side import Options, Side


class Pair(AnyPair[Options, Side]):
    """Both pipelines of Level 1.

    Args:
        options: What their world is like.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._is_pumped = options.is_pumped

    def _make_side(self, name: str, options: Options) -> Side:
        return Side(name, options)

    def _act(self, step: Step) -> list[object]:
        if step[0] != "feed" or not self._is_pumped:
            return super()._act(step)
        # Bytes arrive at a socket; the Python pipeline reads them by the same clock.
        python, compiled = self.sides
        python.pipeline.feed(step[1], compiled.pump(step[1]))
        return [None, None]
