"""What the steps find, and how it is told."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

STEPS: Final = (
    "configuration",
    "iqconnect",
    "login",
    "ports",
    "protocol",
    "entitlement",
    "symbol",
    "gateway",
    "consumer",
    "alerts",
)
"""In the order of the walk: what comes later can work only if what comes before does."""
_NAME_COLUMNS: Final = 14
_OUTCOME_COLUMNS: Final = 8


class Outcome(enum.Enum):
    """What became of a step."""

    OK = "ok"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step found."""

    step: str
    """One of `STEPS`."""
    outcome: Outcome
    """What became of it."""
    code: str
    """Which finding that is: stable, lower snake case."""
    message: str
    """What was seen; of what others sent, only escaped and cut texts."""
    fix: str = ""
    """What to do; empty where there is nothing to do."""

    @property
    def is_problem(self) -> bool:
        """Whether it has to be fixed."""
        return self.outcome is Outcome.PROBLEM

    def as_map(self) -> dict[str, Any]:
        """The finding for machines; absent is None."""
        return {
            "step": self.step,
            "outcome": self.outcome.value,
            "code": self.code,
            "message": self.message,
            "fix": self.fix or None,
        }

    def as_line(self) -> str:
        """The finding for people, in one line."""
        shown = "PROBLEM" if self.is_problem else self.outcome.value
        because = "because " if self.outcome is Outcome.SKIPPED else ""
        name = f"{self.step:<{_NAME_COLUMNS}}"
        return f"{name}{shown:<{_OUTCOME_COLUMNS}} {because}{self.message}"


def ok(step: str, message: str, *, code: str = "ok", fix: str = "") -> Finding:
    """A step that found everything in order; `fix` is what to do next all the same."""
    return Finding(step, Outcome.OK, code, message, fix)


def problem(step: str, code: str, message: str, fix: str) -> Finding:
    """A step that found something to fix."""
    return Finding(step, Outcome.PROBLEM, code, message, fix)


def skipped(step: str, code: str, message: str, fix: str = "") -> Finding:
    """A step that could not be taken, and why; the message continues the word `because`."""
    return Finding(step, Outcome.SKIPPED, code, message, fix)


def first_problem(findings: Sequence[Finding]) -> Finding | None:
    """What to fix first: the earliest problem, because later ones may follow from it."""
    return next((finding for finding in findings if finding.is_problem), None)


def ending(findings: Sequence[Finding]) -> list[str]:
    """The last lines for people: what to fix first, or that all is well."""
    first = first_problem(findings)
    if first is not None:
        return [
            f"the first thing to fix: {first.step}: {first.message}",
            f"  what to do: {first.fix}",
        ]
    hints = [finding.fix for finding in findings if finding.fix]
    return ["all well", *(f"  next: {hint}" for hint in hints)]
