"""The Python pipeline of Level 2 and the compiled one, in the same world."""

from tests.support.depth_side import DepthOptions, DepthSide
from tests.support.pairs import AnyPair


class DepthPair(AnyPair[DepthOptions, DepthSide]):
    """Both pipelines of Level 2.

    Args:
        options: What their world is like.
    """

    def _make_side(self, name: str, options: DepthOptions) -> DepthSide:
        return DepthSide(name, options)
