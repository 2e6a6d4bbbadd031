"""YAML as people write it into files: nested a few levels deep, never thousands.

PyYAML looks ahead for a colon behind every bracket, so that its time grows with the square of the
brackets that are open, and it calls itself for each level until the interpreter gives up: a file of
two kilobytes would hold us up for seconds. An alias may repeat what is around it, without an end,
or what repeats others in turn, a billion times: whoever walks such a value never comes back.
"""

from typing import Any, Final, NamedTuple

import yaml

LEVELS_MAX: Final = 16
"""Deepest nesting, with what aliases repeat; our own files have five."""
VALUES_MAX: Final = 200_000
"""Values in one file, with what aliases repeat counted each time."""


class _Weight(NamedTuple):
    """How much an anchor stands for."""

    values: int
    """Itself and all within."""
    levels: int
    """Itself and the deepest within."""


class BoundedLoader(yaml.SafeLoader):
    """Refuses a file that is nested too deeply, with the line, as any other that is not YAML."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._levels = 0
        self._deepest = 0
        self._values = 0
        self._weights: dict[str, _Weight] = {}
        """By anchor; one whose value has not ended yet is not among them."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Make a node of what comes next, and those inside it."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            self._weigh_alias(event)
            return super().compose_node(parent, index)
        outer_deepest, before = self._deepest, self._values
        self._levels += 1
        self._deepest = self._levels
        self._take(1, self._levels, event)
        node = super().compose_node(parent, index)
        if event.anchor is not None:
            levels = self._deepest - self._levels + 1
            self._weights[event.anchor] = _Weight(self._values - before, levels)
        self._deepest = max(self._deepest, outer_deepest)
        self._levels -= 1
        return node

    def _weigh_alias(self, event: Any) -> None:
        """Count what an alias repeats; unknown ones are refused by whoever makes the node."""
        weight = self._weights.get(event.anchor)
        if weight is not None:
            self._deepest = max(self._deepest, self._levels + weight.levels)
            self._take(weight.values, self._levels + weight.levels, event)
        elif event.anchor in self.anchors:
            raise _refusal(f"*{event.anchor} is part of what it repeats", event.start_mark)

    def _take(self, values: int, levels: int, event: Any) -> None:
        self._values += values
        if levels > LEVELS_MAX:
            raise _refusal(f"nested more than {LEVELS_MAX} levels deep", event.start_mark)
        if self._values > VALUES_MAX:
            raise _refusal(f"more than {VALUES_MAX} values", event.start_mark)

    def fetch_flow_collection_start(self, token: Any) -> None:
        """Read an opening bracket."""
        if self.flow_level >= LEVELS_MAX:
            raise _refusal(f"nested more than {LEVELS_MAX} levels deep", self.get_mark())
        super().fetch_flow_collection_start(token)


def _refusal(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
