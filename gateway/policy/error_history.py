"""The errors of this run: newest first, repeats folded, bounded for each port.

One port's flood leaves the others' entries alone: every port has room of its own.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.errors import GatewayError, bounded

ENTRIES_PER_PORT_MAX: Final = 200
PORTS_MAX: Final = 80
"""Both pools at their largest, admin, control and gateway."""
DETAIL_CHARACTERS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class ErrorFact:
    """One error as it is told between threads: small, and of plain values only."""

    at_us: int
    """When, UTC."""
    port: str
    """`level1`, `level1.2`, `level2`, `admin`, `control`, `consumers` or `gateway`."""
    code: str
    """Stable, lower snake case."""
    severity: str
    """`fatal`, `error` or `warn`."""
    message: str
    """What happened, in words that are the same each time it happens."""
    hint: str
    """What to do."""
    details: Mapping[str, object] = field(default_factory=dict)
    """The values that show it, bounded."""
    count: int = 1
    """How often it happened since it was told last."""


def fact_of(error: GatewayError, *, port: str, at_us: int, count: int = 1) -> ErrorFact:
    """Make of an exception what can be told and kept.

    Args:
        error: Raised or not.
        port: Where it happened.
        at_us: When, UTC.
        count: How often it happened since it was told last.
    """
    return ErrorFact(
        at_us=at_us,
        port=port,
        code=error.code,
        severity=error.severity.value,
        message=error.text,
        hint=error.hint,
        details={name: _plain(value) for name, value in error.facts.items()},
        count=count,
    )


def _plain(value: object) -> object:
    """A fact as any client can read it: a number as it is, all else as bounded text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    is_harmless = isinstance(value, str) and value.isascii() and value.isprintable()
    if is_harmless and len(str(value)) <= DETAIL_CHARACTERS_MAX:
        return value
    return bounded(value, characters_max=DETAIL_CHARACTERS_MAX)


@dataclass(slots=True)
class _Entry:
    """An error with its repeats."""

    number: int
    """Order of the last repeat over all ports: stamps of two threads may be equal, or step."""
    first_us: int
    count: int
    fact: ErrorFact


class ErrorHistory:
    """Keeps errors by port; owned by the control loop.

    Args:
        entries_per_port_max: Different errors kept of each port; the oldest makes room.
        mask: Takes out of an error what nobody may see.
    """

    def __init__(
        self,
        *,
        entries_per_port_max: int = ENTRIES_PER_PORT_MAX,
        mask: Callable[[ErrorFact], ErrorFact] = lambda fact: fact,
    ) -> None:
        self._entries_max = entries_per_port_max
        self._mask = mask
        self._ports: dict[str, OrderedDict[tuple[str, str], _Entry]] = {}
        self._number = 0
        self.dropped = 0
        """Entries that had to make room, each with all its repeats."""
        self.on_add: Callable[[ErrorFact], object] = lambda _: None
        """Told of every error, repeats included; for the log."""

    def add(self, fact: ErrorFact) -> None:
        """Keep an error; one of the same code and words becomes its newest repeat."""
        fact = self._mask(fact)
        self.on_add(fact)
        entries = self._ports.get(fact.port)
        if entries is None:
            if len(self._ports) >= PORTS_MAX:
                self.dropped += 1
                return
            entries = self._ports[fact.port] = OrderedDict()
        self._number += 1
        key = (fact.code, fact.message)
        entry = entries.get(key)
        if entry is None:
            entries[key] = _Entry(self._number, fact.at_us, fact.count, fact)
            if len(entries) > self._entries_max:
                entries.popitem(last=False)
                self.dropped += 1
            return
        entry.number, entry.fact = self._number, fact
        entry.count += fact.count
        entries.move_to_end(key)

    def newest(self, limit: int) -> list[dict[str, Any]]:
        """The last errors over all ports.

        Args:
            limit: Longest list.

        Returns:
            Maps with at_us, port, code, severity, message, hint, details, count and first_us, the
            newest first.
        """
        entries = [entry for port in self._ports.values() for entry in port.values()]
        entries.sort(key=lambda entry: entry.number, reverse=True)
        return [_as_map(entry) for entry in entries[:limit]]

    def latest_of(self, port: str) -> ErrorFact | None:
        """The last error of one port; None without one."""
        entries = self._ports.get(port)
        if not entries:
            return None
        return next(reversed(entries.values())).fact


def _as_map(entry: _Entry) -> dict[str, Any]:
    fact = entry.fact
    return {
        "at_us": fact.at_us,
        "port": fact.port,
        "code": fact.code,
        "severity": fact.severity,
        "message": fact.message,
        "hint": fact.hint,
        "details": dict(fact.details),
        "count": entry.count,
        "first_us": entry.first_us,
    }
