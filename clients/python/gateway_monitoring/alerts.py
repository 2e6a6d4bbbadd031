"""Alerts: what has been wrong for long enough, told once when it begins, worsens and ends."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway_monitoring.thresholds import rank_of

SECOND_NS: Final = 1_000_000_000
ACTIVE_MAX: Final = 1_000
"""Alerts that stand at one time, found here, and as many that were raised elsewhere: a thousand
slow consumers must not hide that prices stopped. More are counted only."""
RECENT_MAX: Final = 200
"""Alerts that were cleared and are still listed."""
MEMORY_MAX: Final = 2_000
"""Alerts whose earlier times are remembered."""
FLAP_NS: Final = 600 * SECOND_NS
"""Raised again within this time, an alert is flapping: it must be over for longer each time."""
FLAP_DOUBLINGS_MAX: Final = 5
ACKNOWLEDGED: Final = ("acknowledged_us", "acknowledged_by", "acknowledged_reason")
"""What an alert carries once somebody takes care of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong at this moment."""

    code: str
    """Stable, lower snake case."""
    level: str
    """`warning` or `critical`."""
    message: str
    """What is wrong, with figures."""
    hint: str
    """What to do."""
    subject: str = ""
    """What it is about, where there may be several: a source, a consumer."""
    since_us: int | None = None
    """Since when, UTC, where that is known."""
    raise_after_s: float = 0.0
    """How long it must last before it is an alert."""
    clear_after_s: float = 0.0
    """How long it must be over before the alert is."""
    group: str = ""
    """Findings of one group take over from one another: each has lasted as long as all."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What else is known, by name."""

    @property
    def alert_id(self) -> str:
        """What its alert is known by."""
        return f"{self.code}:{self.subject}" if self.subject else self.code


@dataclass(slots=True)
class _Alert:
    """One alert, from the first sign of it to its end."""

    finding: Finding
    first_ns: int
    """When it was first found."""
    since_us: int
    seen_ns: int
    """When it was last found."""
    seen_round: int
    """In which update that was."""
    is_raised: bool = False
    level: str = "warning"
    changed_us: int = 0
    count: int = 0
    clear_ns: int = 0
    """How long it must be over."""
    milder_since_ns: int | None = None
    """Since when it has been milder than it is said to be."""
    acknowledged: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Memory:
    """How often an alert was raised before."""

    count: int = 0
    cleared_ns: int = 0
    doublings: int = 0


class AlertBook:
    """Knows what stands, what was, and what has to be told.

    Findings are given at every check, those of one round together; what is not among them any more
    ends after its time. Alerts that somebody else raises and clears are taken as they come.
    """

    def __init__(self) -> None:
        self._alerts: dict[str, _Alert] = {}
        self._taken: dict[str, dict[str, Any]] = {}
        self._recent: deque[dict[str, Any]] = deque(maxlen=RECENT_MAX)
        self._memory: OrderedDict[str, _Memory] = OrderedDict()
        self._round = 0
        self._groups: dict[str, int] = {}
        """Since when one of each group has been found without a pause, monotonic."""
        self.refused = 0
        """Findings that were no alerts because there were too many."""

    def update(
        self, findings: Iterable[Finding], *, now_ns: int, now_us: int
    ) -> list[dict[str, Any]]:
        """Take everything that is wrong now.

        Args:
            findings: All of it; of several with one id the last counts.
            now_ns: Monotonic.
            now_us: UTC.

        Returns:
            What has to be told: maps with `event` (raised, changed, cleared) and the alert.
        """
        told = []
        self._round += 1
        found = list(findings)
        groups = {finding.group for finding in found if finding.group}
        self._groups = {group: self._groups.get(group, now_ns) for group in groups}
        for finding in found:
            alert = self._find(finding, now_ns, now_us)
            if alert is not None:
                told += self._follow(alert, finding, now_ns, now_us)
        for alert_id, alert in list(self._alerts.items()):
            if alert.seen_round != self._round:
                told += self._miss(alert_id, alert, now_ns, now_us)
        return told

    def take(self, told: Mapping[str, Any], *, now_us: int) -> None:
        """Take an alert that was raised, changed or cleared elsewhere.

        Args:
            told: event, id, code, level, message, since_us, and what else is known.
            now_us: UTC.
        """
        alert = {name: value for name, value in told.items() if name != "event"}
        alert_id = str(alert.setdefault("id", alert.get("code", "")))
        standing = self._taken.pop(alert_id, None)
        alert["changed_us"] = now_us
        alert["count"] = standing["count"] if standing is not None else self._raised(alert_id)
        if told.get("event") == "cleared":
            self._recent.append({**(standing or {}), **alert, "cleared_us": now_us})
            return
        if len(self._taken) >= ACTIVE_MAX:
            self.refused += 1
            return
        for name in ACKNOWLEDGED:
            if standing is not None and name in standing:
                alert[name] = standing[name]
        self._taken[alert_id] = alert

    def acknowledge(
        self, alert_id: str, *, by: str, reason: str, now_us: int
    ) -> dict[str, Any] | None:
        """Note that somebody has seen an alert and takes care of it; it stands all the same.

        Returns:
            What has to be told; None where no such alert stands.
        """
        note = dict(zip(ACKNOWLEDGED, (now_us, by, reason), strict=True))
        taken, alert = self._taken.get(alert_id), self._alerts.get(alert_id)
        if taken is not None:
            taken |= note
            return {"event": "acknowledged", **taken}
        if alert is None or not alert.is_raised:
            return None
        alert.acknowledged = note
        return {"event": "acknowledged", **_as_map(alert)}

    @property
    def active(self) -> list[dict[str, Any]]:
        """The alerts that stand, the gravest and oldest first."""
        standing = [_as_map(alert) for alert in self._alerts.values() if alert.is_raised]
        standing += [dict(alert) for alert in self._taken.values()]
        return sorted(standing, key=lambda a: (-rank_of(a["level"]), a["since_us"]))

    @property
    def recent(self) -> list[dict[str, Any]]:
        """The alerts that were cleared, newest first; at most `RECENT_MAX`."""
        return [dict(alert) for alert in reversed(self._recent)]

    def _find(self, finding: Finding, now_ns: int, now_us: int) -> _Alert | None:
        alert = self._alerts.get(finding.alert_id)
        if alert is None:
            if len(self._alerts) >= ACTIVE_MAX:
                self.refused += 1
                return None
            since_us = finding.since_us if finding.since_us is not None else now_us
            alert = self._alerts[finding.alert_id] = _Alert(
                finding, now_ns, since_us, now_ns, self._round
            )
        alert.finding, alert.seen_ns, alert.seen_round = finding, now_ns, self._round
        return alert

    def _follow(
        self, alert: _Alert, finding: Finding, now_ns: int, now_us: int
    ) -> list[dict[str, Any]]:
        """Raise what has lasted; worsen at once, and grow milder only after a while."""
        if not alert.is_raised:
            first_ns = min(alert.first_ns, self._groups.get(finding.group, now_ns))
            if now_ns - first_ns < finding.raise_after_s * SECOND_NS:
                return []
            alert.is_raised, alert.level, alert.changed_us = True, finding.level, now_us
            alert.count = self._raised(finding.alert_id, now_ns)
            doublings = self._memory[finding.alert_id].doublings
            alert.clear_ns = round(finding.clear_after_s * SECOND_NS) << doublings
            return [{"event": "raised", **_as_map(alert)}]
        if rank_of(finding.level) < rank_of(alert.level):
            if alert.milder_since_ns is None:
                alert.milder_since_ns = now_ns
            if now_ns - alert.milder_since_ns < alert.clear_ns:
                return []
        alert.milder_since_ns = None
        if finding.level == alert.level:
            return []
        alert.level, alert.changed_us = finding.level, now_us
        return [{"event": "changed", **_as_map(alert)}]

    def _miss(self, alert_id: str, alert: _Alert, now_ns: int, now_us: int) -> list[dict[str, Any]]:
        """End what is not found any more, once that has lasted."""
        if not alert.is_raised:
            del self._alerts[alert_id]
            return []
        if now_ns - alert.seen_ns < alert.clear_ns:
            return []
        del self._alerts[alert_id]
        memory = self._memory.get(alert_id)
        if memory is not None:
            memory.cleared_ns = now_ns
        alert.changed_us = now_us
        ended = _as_map(alert)
        self._recent.append({**ended, "cleared_us": now_us})
        # What was is told in the past tense: the message is the last one while it stood.
        return [{"event": "cleared", **ended, "message": f"over: {ended['message']}"}]

    def _raised(self, alert_id: str, now_ns: int | None = None) -> int:
        """Count that an alert is raised; how often it was, this time included."""
        memory = self._memory.setdefault(alert_id, _Memory())
        self._memory.move_to_end(alert_id)
        if len(self._memory) > MEMORY_MAX:
            self._memory.popitem(last=False)
        if now_ns is not None:
            is_flapping = memory.count > 0 and now_ns - memory.cleared_ns < FLAP_NS
            memory.doublings = min(memory.doublings + 1, FLAP_DOUBLINGS_MAX) if is_flapping else 0
        memory.count += 1
        return memory.count


def _as_map(alert: _Alert) -> dict[str, Any]:
    finding = alert.finding
    return {
        "id": finding.alert_id,
        "code": finding.code,
        "level": alert.level,
        "message": finding.message,
        "hint": finding.hint,
        "since_us": alert.since_us,
        "changed_us": alert.changed_us,
        "count": alert.count,
        **finding.extra,
        **alert.acknowledged,
    }
