"""What was proven, with figures, and the report of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

WIDTH: Final = 50
THROUGHPUT_MIN: Final = 1000.0
"""Messages a second, sustained, that one consumer must receive."""
LATENCY_MS_MAX: Final = 100.0
"""Average processing latency."""
ERRORS_PERCENT_MAX: Final = 1.0
"""Share of lines that could not be processed."""
RECOVERY_S_MAX: Final = 30.0
"""From the loss of IQConnect to live prices."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was proven, or was not."""

    name: str
    """What it is called."""
    is_passed: bool
    """Whether it holds."""
    detail: str
    """The figure, or what was seen; one line, escaped where others wrote it."""
    fix: str = ""
    """What to do when it does not hold."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """The same for machines; units are in the names."""
    note: str = ""
    """What to know although it holds."""

    def as_map(self) -> dict[str, Any]:
        """The check for machines."""
        return {
            "name": self.name,
            "passed": self.is_passed,
            "detail": self.detail,
            "fix": (self.fix or None) if not self.is_passed else None,
            "note": self.note or None,
            "figures": dict(self.figures),
        }

    def as_lines(self) -> list[str]:
        """The check for people."""
        status = "PASS" if self.is_passed else "FAIL"
        lines = [f"{status} {self.name} - {self.detail}"]
        if not self.is_passed and self.fix:
            lines.append(f"     what to do: {self.fix}")
        if self.note:
            lines.append(f"     note: {self.note}")
        return lines


HEADING: Final = ("=" * WIDTH, "PRODUCTION READINESS VALIDATION", "=" * WIDTH)


def is_ready(checks: Sequence[Check]) -> bool:
    """Whether every check holds."""
    return bool(checks) and all(check.is_passed for check in checks)


def ending(checks: Sequence[Check]) -> list[str]:
    """The verdict for people."""
    verdict = (
        "SYSTEM READY FOR PRODUCTION"
        if is_ready(checks)
        else "SYSTEM NOT READY - FIX ISSUES BEFORE DEPLOYMENT"
    )
    return ["=" * WIDTH, verdict, "=" * WIDTH]


def as_json(checks: Sequence[Check], *, exit_code: int, seconds: float) -> str:
    """The report for machines."""
    report = {
        "is_ready": is_ready(checks),
        "exit_code": exit_code,
        "seconds": round(seconds, 1),
        "checks": [check.as_map() for check in checks],
    }
    return json.dumps(report, indent=2)
