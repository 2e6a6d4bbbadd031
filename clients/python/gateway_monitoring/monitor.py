"""The monitor: asks its sources for figures, judges them, and keeps their trends."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway_monitoring.alerts import AlertBook, Finding
from gateway_monitoring.rules import Rule, rules_of
from gateway_monitoring.thresholds import HealthThresholds
from gateway_monitoring.trends import Trends

Source = Callable[[], Mapping[str, Any]]
"""Reads figures of the moment, nested as they come; a figure that is None does not apply now."""
SOURCES_MAX: Final = 32
NESTING_MAX: Final = 4
SOURCE_CLEAR_S: Final = 5.0
ERROR_CHARACTERS_MAX: Final = 200

SPELLINGS: Final[Mapping[str, str]] = {
    "average_latency_ms": "latency_ms",
    "processing_errors": "error_rate_pct",
    "rss_mb": "memory_mb",
}
"""Names under which the gateway's `metrics` tells what rules and trends know by another."""
FALLBACKS: Final[Mapping[str, str]] = {"expected_msg_per_sec": "throughput_msg_per_sec"}
"""What a rule judges where a source does not say what may be expected at this hour."""
TRENDS: Final = frozenset(
    {
        "latency_ms",
        "p99_latency_ms",
        "throughput_msg_per_sec",
        "lines_per_sec",
        "error_rate_pct",
        "memory_mb",
        "cpu_pct",
        "oldest_unread_ms",
        "consumer_lag_ms",
        "reconnections_last_hour",
        "message_gap_seconds",
        "clock_offset_ms",
        "disk_free_mb",
        "symbol_limit_pct",
    }
)
"""Figures whose trends are kept, wherever in a source they are; others only at its top level."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The figures of one check."""

    values: Mapping[str, float | None]
    """By name; None for one that does not apply now."""
    trended: Mapping[str, float]
    """Those whose trends are kept."""
    unknown: frozenset[str] = frozenset()
    """Those that a source which failed now told before: what they were stands."""


class Monitor:
    """Judges figures by rules.

    Args:
        limits: The thresholds.
    """

    def __init__(self, limits: HealthThresholds) -> None:
        self._sources: dict[str, Source] = {}
        self._told: dict[str, frozenset[str]] = {}
        """Source to the names of the figures it told last."""
        self._found: dict[str, Finding] = {}
        """Code to what was found of its figure last, while that is beyond a limit."""
        self.set_limits(limits)
        self.alerts: Final = AlertBook()
        """What stands and what was."""
        self.trends: Final = Trends()
        """How figures moved."""
        self.reading = Reading({}, {})
        """The figures of the last check."""

    @property
    def limits(self) -> HealthThresholds:
        """The thresholds."""
        return self._limits

    def set_limits(self, limits: HealthThresholds) -> None:
        """Judge by other thresholds from now on; what stands is judged anew."""
        self._limits = limits
        self._rules: tuple[Rule, ...] = rules_of(limits)
        self._levels = {rule.code: "healthy" for rule in self._rules}
        self._found.clear()

    def register_data_source(self, name: str, source: Source) -> None:
        """Ask a source at every check; one of the same name is replaced.

        Args:
            name: What a finding calls it.
            source: Reads its figures. Whatever it raises is a finding.

        Raises:
            ValueError: More than `SOURCES_MAX`.
        """
        if name not in self._sources and len(self._sources) >= SOURCES_MAX:
            raise ValueError(f"more than {SOURCES_MAX} data sources; {name!r:.60} is one too many")
        self._sources[name] = source
        self._told.pop(name, None)

    def read(self) -> tuple[Reading, list[Finding]]:
        """Ask every source.

        Returns:
            Their figures, later sources winning; and a finding for each that failed.
        """
        values: dict[str, float | None] = {}
        trended: dict[str, float] = {}
        unknown: set[str] = set()
        failed: list[Finding] = []
        for name, source in list(self._sources.items()):
            own: dict[str, float | None] = {}
            try:
                told = source()
                if not isinstance(told, Mapping):
                    raise TypeError(f"not a map of figures but {type(told).__name__}")  # noqa: TRY301
                _gather(told, own, trended, depth=1)
                self._told[name] = frozenset(own)
            except Exception as error:
                unknown |= self._told.get(name, frozenset())
                text = f"{type(error).__name__}: {error}"[:ERROR_CHARACTERS_MAX]
                failed.append(
                    Finding(
                        code="source_failed",
                        subject=name,
                        level="warning",
                        message=f"the data source {name} cannot be read: {text}",
                        hint="What it would tell is not judged meanwhile: alerts about it stand as "
                        "they did; see its own log.",
                        clear_after_s=SOURCE_CLEAR_S,
                    )
                )
            values |= own
        return Reading(values, trended, frozenset(unknown - values.keys())), failed

    def judge(self, reading: Reading) -> list[Finding]:
        """Judge figures: everything that is beyond a limit at this moment."""
        return [found for rule in self._rules if (found := self._judge(rule, reading)) is not None]

    def _judge(self, rule: Rule, reading: Reading) -> Finding | None:
        metric, known = rule.metric, reading.values.keys() | reading.unknown
        if metric not in known:
            metric = FALLBACKS.get(metric, metric)
        if metric in reading.unknown:
            # That a source cannot be read is no sign that what it told is over.
            return self._found.get(rule.code)
        found = self._find(rule, reading.values.get(metric))
        if found is None:
            self._found.pop(rule.code, None)
        else:
            self._found[rule.code] = found
        return found

    def _find(self, rule: Rule, value: float | None) -> Finding | None:
        if value is None:
            self._levels[rule.code] = "healthy"
            return None
        level = self._levels[rule.code] = rule.level_of(value, self._levels[rule.code])
        if level == "healthy":
            return None
        return Finding(
            code=rule.code,
            level=level,
            message=rule.describe(value, level),
            hint=rule.hint,
            raise_after_s=rule.raise_after_s,
            clear_after_s=rule.clear_after_s,
            extra={"value": value, "limit": rule.limit_of(level)},
        )

    def check(
        self, *, now_ns: int, now_us: int, findings: tuple[Finding, ...] = ()
    ) -> list[dict[str, Any]]:
        """Ask, judge, and follow what follows from it.

        Args:
            now_ns: Monotonic.
            now_us: UTC.
            findings: What was found otherwise.

        Returns:
            Alerts to be told, as `AlertBook.update` does.
        """
        reading, failed = self.read()
        return self.follow(reading, (*findings, *failed), now_ns=now_ns, now_us=now_us)

    def follow(
        self, reading: Reading, findings: tuple[Finding, ...], *, now_ns: int, now_us: int
    ) -> list[dict[str, Any]]:
        """Judge what was read, and follow what follows from it; as `check`, which reads first."""
        self.reading = reading
        self.trends.record(reading.trended, now_ns)
        found = (*findings, *self.judge(reading))
        return self.alerts.update(found, now_ns=now_ns, now_us=now_us)


def _gather(
    told: Mapping[str, Any],
    values: dict[str, float | None],
    trended: dict[str, float],
    *,
    depth: int,
) -> None:
    """Take the finite numbers out of nested maps, by their own names."""
    for name, value in told.items():
        if isinstance(value, Mapping):
            if depth < NESTING_MAX:
                _gather(value, values, trended, depth=depth + 1)
            continue
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (value is None or (is_number and math.isfinite(value))):
            continue
        known = SPELLINGS.get(name, name)
        values[known] = None if value is None else float(value)
        if value is not None and (known in TRENDS or depth == 1):
            trended[known] = float(value)
