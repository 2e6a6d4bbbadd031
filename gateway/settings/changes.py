"""What differs between two configurations, and which of it can change while a gateway runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import bounded
from gateway.settings.masked import masked
from gateway.settings.sections import Settings

LIVE: Final = (
    "symbols_file",
    "health.thresholds",
    "health.thresholds_file",
    "health.sessions",
    "health.closed_days",
    "leases.leases_per_client_max",
    "leases.symbols_per_client_max",
    "leases.client_count_max",
    "log.level",
    "log.repeats_per_minute_max",
)
"""Settings that take effect by a reload, with all that is within them; others need a restart."""
VALUE_CHARACTERS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that differs."""

    name: str
    """With dots."""
    old: str
    """As it may be shown."""
    new: str
    """The same."""

    @property
    def is_live(self) -> bool:
        """Whether it takes effect without a restart."""
        return any(self.name == live or self.name.startswith(f"{live}.") for live in LIVE)

    def __str__(self) -> str:
        return f"{self.name}: {self.old} -> {self.new}"


def changes_between(old: Settings, new: Settings) -> list[Change]:
    """Name every setting that differs; a secret that differs is named and not shown."""
    before, after = _flat(old.model_dump()), _flat(new.model_dump())
    shown_before, shown_after = _flat(masked(old)), _flat(masked(new))
    return [
        Change(name, _shown(shown_before.get(name)), _shown(shown_after.get(name)))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]


def with_live_of(running: Settings, new: Settings) -> Settings:
    """What a gateway runs with after a reload: the live settings of the new, the rest as it was."""
    kept = {"check_interval_s": running.health.check_interval_s}
    live_log = {
        "level": new.log.level,
        "repeats_per_minute_max": new.log.repeats_per_minute_max,
    }
    return running.model_copy(
        update={
            "symbols_file": new.symbols_file,
            "health": new.health.model_copy(update=kept),
            "leases": new.leases,
            "log": running.log.model_copy(update=live_log),
        }
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    return dict(_leaves(values, prefix))


def _leaves(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _shown(value: object) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, str):
        return bounded(value, characters_max=VALUE_CHARACTERS_MAX)[1:-1] or '""'
    return bounded(value, characters_max=VALUE_CHARACTERS_MAX)
