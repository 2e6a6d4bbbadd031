"""Units: every setting's is in its name, and a value that brings its own is told what to write."""

import re
from typing import Final, NamedTuple


class Unit(NamedTuple):
    """One unit."""

    words: str
    """As people read it."""
    dimension: str
    """What it measures: only within one can be converted."""
    factor: float
    """How many of the dimension's own unit it is."""


_MS: Final = Unit("milliseconds", "time", 0.001)
_S: Final = Unit("seconds", "time", 1.0)
_MIB: Final = 1_048_576.0
_IN_NAMES: Final = {
    "ms": _MS,
    "s": _S,
    "seconds": _S,
    "bytes": Unit("bytes", "size", 1.0),
    "mb": Unit("megabytes", "size", _MIB),
    "pct": Unit("percent", "share", 1.0),
    "percent": Unit("percent", "share", 1.0),
}
_GIVEN: Final = {
    "us": Unit("microseconds", "time", 1e-6),
    "ms": _MS,
    "msec": _MS,
    "millisecond": _MS,
    "s": _S,
    "sec": _S,
    "second": _S,
    "m": Unit("minutes", "time", 60.0),
    "min": Unit("minutes", "time", 60.0),
    "minute": Unit("minutes", "time", 60.0),
    "h": Unit("hours", "time", 3_600.0),
    "hour": Unit("hours", "time", 3_600.0),
    "b": Unit("bytes", "size", 1.0),
    "byte": Unit("bytes", "size", 1.0),
    "k": Unit("kilobytes", "size", 1_024.0),
    "kb": Unit("kilobytes", "size", 1_024.0),
    "kib": Unit("kilobytes", "size", 1_024.0),
    "mb": Unit("megabytes", "size", _MIB),
    "mib": Unit("megabytes", "size", _MIB),
    "gb": Unit("gigabytes", "size", 1_024.0 * _MIB),
    "gib": Unit("gigabytes", "size", 1_024.0 * _MIB),
    "%": Unit("percent", "share", 1.0),
    "pct": Unit("percent", "share", 1.0),
    "percent": Unit("percent", "share", 1.0),
}
_WITH_UNIT: Final = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([A-Za-z]{1,12}|%)\s*")
_SECONDS_BY_NAME: Final = frozenset(
    {"keepalive_interval", "retry_backoff_first", "retry_backoff_max"}
)
"""Names of the operations guide that do not say their unit."""


def unit_of(name: str) -> Unit | None:
    """The unit of a setting; None for counts, texts and switches."""
    if name in _SECONDS_BY_NAME:
        return _S
    return next((_IN_NAMES[part] for part in _parts(name) if part in _IN_NAMES), None)


def stem_of(name: str) -> str:
    """A setting's name without its unit: what stays the same when somebody mistakes it."""
    return "_".join(part for part in name.split("_") if part not in _IN_NAMES)


def advice(name: str, value: object) -> str:
    """What to write in place of a value with a unit; empty when that is not what is wrong.

    Args:
        name: The setting's own name.
        value: As given.
    """
    match = _WITH_UNIT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return ""
    given = _GIVEN.get(match[2].lower()) or _GIVEN.get(match[2].lower().removesuffix("s"))
    wanted = unit_of(name)
    if wanted is None:
        return "write a plain number, without a unit"
    if given is None or given.dimension != wanted.dimension:
        return f"write a plain number: it is in {wanted.words}"
    number = float(match[1]) * given.factor / wanted.factor
    return f"write {number:.10g}: it is in {wanted.words}, without the unit"


def _parts(name: str) -> list[str]:
    """The words of a name, without those that say what the number is per."""
    return name.partition("_per_")[0].split("_")[1:]
