"""Where trouble begins: every limit with its unit, its default, and the reason for it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final

LEVELS: Final = ("healthy", "warning", "critical")
"""From best to worst."""
_RANKS: Final = {level: rank for rank, level in enumerate(LEVELS)}
_LOW: Final = frozenset({"throughput", "disk_free"})
"""Figures that are bad when they are low: warning above critical."""


def rank_of(level: str) -> int:
    """How bad a level is; 0 for healthy."""
    return _RANKS[level]


def worst_of(levels: Iterable[str]) -> str:
    """The worst of some levels; healthy without any."""
    return max(levels, key=rank_of, default="healthy")


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthThresholds:
    """Limits of health. 0 turns one off.

    Raises:
        ValueError: A limit is negative, no number, or milder for critical than for warning.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    latency_warning_ms: float = 100.0
    """Mean time from reading a line to its message sent, over ten seconds."""
    latency_critical_ms: float = 500.0
    """The same."""
    error_rate_warning_pct: float = 5.0
    """Share of lines that could not be processed, percent, over ten seconds."""
    error_rate_critical_pct: float = 10.0
    """The same."""
    throughput_warning_min: float = 100.0
    """Messages a second. Judged in trading hours only, and only where there have been more: few
    symbols may never reach it, and that is no trouble."""
    throughput_critical_min: float = 10.0
    """The same."""
    max_reconnections_per_hour: int = 10
    """Connections to IQConnect that ended within the last hour."""
    message_gap_warning_seconds: float = 30.0
    """Seconds without any market data. Judged in trading hours only, and only where the pace before
    makes such a gap improbable: one quiet symbol is no trouble."""
    message_gap_critical_seconds: float = 120.0
    """The same."""
    memory_warning_mb: float = 1000.0
    """Memory of the process, MiB resident."""
    memory_critical_mb: float = 2000.0
    """The same."""
    backlog_warning_ms: float = 1000.0
    """Age of the oldest line that was read and not published yet."""
    backlog_critical_ms: float = 5000.0
    """The same."""
    symbol_limit_warning_pct: float = 90.0
    """Symbols watched, percent of what the vendor's account allows."""
    symbol_limit_critical_pct: float = 100.0
    """The same: the next one is refused."""
    clock_offset_warning_ms: float = 3000.0
    """This machine's clock against the vendor's, either way. The vendor's ticks once a second, so
    one second is nothing."""
    clock_offset_critical_ms: float = 30_000.0
    """The same."""
    disk_free_warning_mb: float = 1000.0
    """Free space where logs and state are written, MiB."""
    disk_free_critical_mb: float = 200.0
    """The same."""

    def __post_init__(self) -> None:
        """Refuse limits that contradict each other."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{field.name}: not a number: {value!r:.40}")  # noqa: TRY004
            if not math.isfinite(value) or value < 0:
                raise ValueError(f"{field.name}: must be 0 (off) or more, got {value!r:.40}")
        for field in fields(self):
            if "_warning_" not in field.name:
                continue
            critical_name = field.name.replace("_warning_", "_critical_")
            warning, critical = getattr(self, field.name), getattr(self, critical_name)
            is_low = field.name.partition("_warning_")[0] in _LOW
            is_wrong = critical > warning if is_low else critical < warning
            if warning and critical and is_wrong:
                side = "above" if is_low else "below"
                raise ValueError(
                    f"{critical_name}: {critical:g} is {side} {field.name}, {warning:g}: "
                    "the warning would come after it"
                )

    def as_map(self) -> dict[str, float]:
        """Every limit by its name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def changed(self, changes: Mapping[str, Any]) -> "HealthThresholds":
        """The same limits with some others.

        Raises:
            ValueError: A name that is none, or as when made.
        """
        known = self.as_map()
        for name in changes:
            if name not in known:
                raise ValueError(f"{name!r:.60} is no threshold; there are {', '.join(known)}")
        return HealthThresholds(**{**known, **changes})
