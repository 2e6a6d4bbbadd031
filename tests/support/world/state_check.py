"""Checks what the gateway says of its symbols and of its connections."""

from collections.abc import Callable, Set
from typing import Final

from tests.support.world.data_socket import Received

MOVES: Final = {
    None: {"pending", "closed"},
    "pending": {"pending", "live", "recovering", "stale", "refused", "closed"},
    "live": {"live", "stale", "recovering", "refused", "closed"},
    "stale": {"stale", "recovering", "live", "refused", "closed"},
    "recovering": {"recovering", "live", "stale", "refused", "closed"},
    "refused": {"refused", "pending", "closed"},
    "closed": {"closed", "pending"},
}
"""Where a symbol's state may go."""
NEEDS_CAUSE: Final = frozenset({"stale", "recovering", "refused"})
LIVE_CAUSES: Final = frozenset({None, "halted"})


class StateCheck:
    """Follows every `state` topic and `sys,feed,`.

    Args:
        fail: Takes what is wrong, in words.
        steady: Symbols for which always the same port speaks; for another one, Level 2 may have
            its own word as soon as Level 1 is not wanted any more.
    """

    def __init__(self, fail: Callable[[str], None], steady: Set[str]) -> None:
        self._fail = fail
        self._steady = steady
        self.states: Final[dict[str, tuple[str, str | None]]] = {}
        """What was said last of each symbol: state and cause."""
        self._since_us: dict[str, int] = {}
        self._ports: dict[str, str] = {}
        self.on_move: Callable[[str], object] = lambda _: None
        """Told of each symbol whose state has moved."""
        self.is_wall_steady = True
        """Whether the wall clock was never stepped."""
        self.moves: Final[dict[str, list[tuple[str, str | None]]]] = {}
        """Every state and cause of each symbol, in order."""

    def sent(self, message: Received) -> None:
        """A frame left the gateway."""
        topic, body = message
        if topic.startswith("state,"):
            self._state(topic.split(",")[1], body[6], body[7], body[8])
        elif topic == "sys,feed,":
            self._feed(body[6])

    def _state(self, symbol: str, state: str, cause: str | None, since_us: int) -> None:
        before = self.states.get(symbol, (None, None))[0]
        is_steady = symbol in self._steady
        if is_steady and state not in MOVES[before]:
            self._fail(f"{symbol} went from {before} to {state} ({cause})")
        if state in NEEDS_CAUSE and cause is None:
            self._fail(f"{symbol} is {state} without a cause")
        if state == "live" and cause not in LIVE_CAUSES:
            self._fail(f"{symbol} is live with cause {cause}")
        if is_steady and self.is_wall_steady and since_us < self._since_us.get(symbol, 0):
            self._fail(f"{symbol} is {state} since {since_us}, earlier than it was {before}")
        self._since_us[symbol] = since_us
        if self.states.get(symbol) != (state, cause):
            self.moves.setdefault(symbol, []).append((state, cause))
        self.states[symbol] = (state, cause)
        self.on_move(symbol)

    def _feed(self, details: dict[str, object]) -> None:
        port, start, end = str(details["port"]), details["from"], str(details["to"])
        before = self._ports.get(port, "closed")
        if start != before:
            self._fail(f"{port} was {before} and is said to go from {start} to {end}")
        self._ports[port] = end
