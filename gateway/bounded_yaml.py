"""YAML as people write it into files: nested a few levels deep, never thousands.

PyYAML looks ahead for a colon behind every bracket, so that its time grows with the square of the
brackets that are open, and it calls itself for each level until the interpreter gives up: a file of
two kilobytes would hold us up for seconds.
"""

from typing import Any, Final

import yaml

LEVELS_MAX: Final = 16
"""Deepest nesting; our own files have five."""


class BoundedLoader(yaml.SafeLoader):
    """Refuses a file that is nested too deeply, with the line, as any other that is not YAML."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._levels = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Make a node of what comes next, and those inside it."""
        self._levels += 1
        if self._levels > LEVELS_MAX:
            raise self._refusal(self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        self._levels -= 1
        return node

    def fetch_flow_collection_start(self, token: Any) -> None:
        """Read an opening bracket."""
        if self.flow_level >= LEVELS_MAX:
            raise self._refusal(self.get_mark())
        super().fetch_flow_collection_start(token)

    def _refusal(self, mark: Any) -> yaml.MarkedYAMLError:
        return yaml.MarkedYAMLError(
            problem=f"nested more than {LEVELS_MAX} levels deep", problem_mark=mark
        )
