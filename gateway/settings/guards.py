"""What is given up, and when, if the process runs short of memory, descriptors or threads."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.settings.section import C_INT_MAX, Section


class GuardSettings(Section):
    """Limits that the gateway keeps away from, step by step."""

    enabled: bool = True
    """Whether anything is given up; without, the process runs until the system stops it."""
    soft_share: Annotated[float, Field(ge=0.1, lt=1)] = 0.70
    """Share of a limit at which conflated topics slow down. The steps behind it, evenly up to
    `hard_share`: snapshots wait, new leases are refused, new connections are, the alert."""
    hard_share: Annotated[float, Field(gt=0.1, le=1)] = 0.90
    """Share of a limit at which the alert is critical: nothing is left to give up."""
    clear_margin: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    """A step is left when the share is so far below where it was taken, for `hold_s`."""
    hold_s: Annotated[float, Field(ge=0, le=3_600)] = 5.0
    """How long there must be room before a step is left."""
    memory_mb_max: Annotated[int, Field(ge=0, le=C_INT_MAX)] = 0
    """Memory the process may use, MiB. 0: what its cgroup, ulimit or machine has, the least."""
    threads_max: Annotated[int, Field(ge=0, le=C_INT_MAX)] = 0
    """Threads the process may have. 0: what its cgroup allows; nothing where there is none."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.hard_share <= self.soft_share:
            raise ValueError("hard_share must be above soft_share")
        return self
