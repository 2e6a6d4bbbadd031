"""Rules: one figure against its limits, with hysteresis, so that a value at the limit is calm."""

from dataclasses import dataclass
from typing import Final

from gateway_monitoring.thresholds import HealthThresholds, rank_of

HYSTERESIS: Final = 0.1
"""A level holds until the value is a tenth of the limit on the good side of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is judged of one figure."""

    code: str
    """What its issues and alerts are called."""
    metric: str
    """The figure's name in what sources report."""
    message: str
    """What is wrong: a format of `value` and `limit`."""
    hint: str
    """What to do."""
    warning: float = 0.0
    """From here on it is a warning; 0 for never."""
    critical: float = 0.0
    """From here on it is critical; 0 for never."""
    is_low: bool = False
    """Whether low values are the bad ones."""
    raise_after_s: float = 5.0
    """How long it must last before it counts."""
    clear_after_s: float = 5.0
    """How long it must be over before it counts as over."""

    def level_of(self, value: float, current: str) -> str:
        """Judge a value.

        Args:
            value: Finite.
            current: The level so far: it is left only with a margin.
        """
        for level, limit in (("critical", self.critical), ("warning", self.warning)):
            if not limit:
                continue
            is_held = rank_of(current) >= rank_of(level)
            if self.is_low:
                edge = limit * (1 + HYSTERESIS) if is_held else limit
                is_reached = value < edge
            else:
                edge = limit * (1 - HYSTERESIS) if is_held else limit
                # The limit itself is reached where it may be (100 %), and held above its margin.
                is_reached = value > edge if is_held else value >= limit
            if is_reached:
                return level
        return "healthy"

    def limit_of(self, level: str) -> float:
        """The limit that a level stands for."""
        return self.critical if level == "critical" else self.warning

    def describe(self, value: float, level: str) -> str:
        """What is wrong, in words."""
        return self.message.format(value=value, limit=self.limit_of(level))


def rules_of(limits: HealthThresholds) -> tuple[Rule, ...]:
    """Every rule, with these limits."""
    return (*_feed_rules(limits), *_upstream_rules(limits), *_machine_rules(limits))


def _feed_rules(limits: HealthThresholds) -> tuple[Rule, ...]:
    return (
        Rule(
            code="latency_high",
            metric="latency_ms",
            message="a line takes {value:.0f} ms from read to sent, limit {limit:g} ms",
            hint="See `trends` and the processor's load: the machine is too busy for this many "
            "symbols and consumers, or another program takes its time.",
            warning=limits.latency_warning_ms,
            critical=limits.latency_critical_ms,
        ),
        Rule(
            code="processing_errors",
            metric="error_rate_pct",
            message="{value:.1f} % of lines could not be processed, limit {limit:g} %",
            hint="Read `metrics`: its samples quote the lines. The vendor may have changed a "
            "layout; an update of the gateway may know it.",
            warning=limits.error_rate_warning_pct,
            critical=limits.error_rate_critical_pct,
        ),
        Rule(
            code="throughput_low",
            metric="expected_msg_per_sec",
            message="{value:.0f} messages a second in trading hours, limit {limit:g}",
            hint="Look at `upstream` and at the symbols' states; early closes and holidays that "
            "the gateway does not know go into health.closed_days.",
            warning=limits.throughput_warning_min,
            critical=limits.throughput_critical_min,
            is_low=True,
            raise_after_s=30.0,
            clear_after_s=10.0,
        ),
        Rule(
            code="message_gap",
            metric="message_gap_seconds",
            message="no market data for {value:.0f} s in trading hours, limit {limit:g} s",
            hint="Ask `why` about a symbol that should trade; restart IQConnect if all are silent.",
            warning=limits.message_gap_warning_seconds,
            critical=limits.message_gap_critical_seconds,
            raise_after_s=0.0,
            clear_after_s=3.0,
        ),
        Rule(
            code="feed_backlog",
            metric="oldest_unread_ms",
            message="the oldest unpublished line is {value:.0f} ms old, limit {limit:g} ms",
            hint="More comes than this machine can publish: watch fewer symbols, or give it more "
            "room.",
            warning=limits.backlog_warning_ms,
            critical=limits.backlog_critical_ms,
            raise_after_s=2.0,
        ),
    )


def _upstream_rules(limits: HealthThresholds) -> tuple[Rule, ...]:
    return (
        Rule(
            code="reconnections",
            metric="reconnections_last_hour",
            message="{value:.0f} connections to IQConnect ended within an hour, limit {limit:g}",
            hint="See `errors` for the reasons: the network, or IQConnect restarting.",
            # More than the limit is too many; the limit itself is not.
            warning=limits.max_reconnections_per_hour and limits.max_reconnections_per_hour + 1,
            raise_after_s=0.0,
            clear_after_s=60.0,
        ),
        Rule(
            code="symbol_limit_near",
            metric="symbol_limit_pct",
            message="{value:.0f} % of the symbols that the account allows are watched",
            hint="Beyond 100 % symbols are refused: give some up, or order more from DTN.",
            warning=limits.symbol_limit_warning_pct,
            critical=limits.symbol_limit_critical_pct,
        ),
        Rule(
            code="clock_offset",
            metric="clock_offset_abs_ms",
            message="this machine's clock is {value:.0f} ms from the vendor's, limit {limit:g} ms",
            hint="Set the clock by NTP: times of receipt, and every age judged by them, are wrong.",
            warning=limits.clock_offset_warning_ms,
            critical=limits.clock_offset_critical_ms,
            raise_after_s=10.0,
        ),
        Rule(
            code="clock_elsewhere",
            metric="clock_offset_hours",
            message="the feed's clock is {value:.1f} hours from this machine's",
            hint="A simulator or a replay runs at another time on purpose: set "
            "clock_offset_warning_ms to 0 there. Else set this machine's clock by NTP.",
            warning=1.0 if limits.clock_offset_warning_ms else 0.0,
            raise_after_s=60.0,
        ),
    )


def _machine_rules(limits: HealthThresholds) -> tuple[Rule, ...]:
    return (
        Rule(
            code="memory_high",
            metric="memory_mb",
            message="the process holds {value:.0f} MB, limit {limit:g} MB",
            hint="Watch fewer deep books, lower replay.memory_mb_max or data.high_water_mark, or "
            "raise the limit where the machine has room.",
            warning=limits.memory_warning_mb,
            critical=limits.memory_critical_mb,
            raise_after_s=10.0,
        ),
        Rule(
            code="disk_low",
            metric="disk_free_mb",
            message="{value:.0f} MB are free where logs and state are written, limit {limit:g} MB",
            hint="Make room: logs that cannot be written are lost, and leases are not kept for "
            "the next start; prices are not affected.",
            warning=limits.disk_free_warning_mb,
            critical=limits.disk_free_critical_mb,
            is_low=True,
            raise_after_s=10.0,
        ),
    )
