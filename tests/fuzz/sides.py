"""The two gateways of an attack: one that is attacked, and one beside it that nobody touches."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from tests.fuzz.bystander import Bystander, Seen
from tests.support.processes import GatewayProcess

MIB: Final = 1_048_576


@dataclass(frozen=True)
class Vitals:
    """A process at one moment."""

    rss_mb: float
    descriptors: int

    def __str__(self) -> str:
        return f"{self.rss_mb:.1f} MB {self.descriptors} fds"


class Side:
    """One gateway and what a bystander sees of it, phase after phase.

    Args:
        gateway: A running one.
        bystander: Its consumer.
    """

    def __init__(self, gateway: GatewayProcess, bystander: Bystander) -> None:
        self.gateway = gateway
        self._bystander = bystander
        self._process = psutil.Process(gateway.pid)
        self.vitals: list[Vitals] = []
        """At the beginning, after a tenth of the frames, at the end, and when it was calm again."""
        self.phases: dict[str, Seen] = {}

    def look(self) -> None:
        """Note what the process has; nothing when it is gone."""
        with contextlib.suppress(psutil.Error):
            rss_mb = self._process.memory_info().rss / MIB
            self.vitals.append(Vitals(rss_mb, self._process.num_fds()))

    def end_phase(self, name: str) -> None:
        """Note what the bystander has seen since the last call."""
        self.phases[name] = self._bystander.end_phase()

    @property
    def is_gone(self) -> bool:
        """Whether the process has ended."""
        return not self._process.is_running() or self._process.status() == psutil.STATUS_ZOMBIE

    @property
    def grown_mb(self) -> float:
        """Memory, from after the first tenth to the end."""
        return self.vitals[-1].rss_mb - self.vitals[min(1, len(self.vitals) - 1)].rss_mb

    @property
    def grown_descriptors(self) -> int:
        """Descriptors, from the beginning until it was calm again."""
        return self.vitals[-1].descriptors - self.vitals[0].descriptors

    @property
    def lost(self) -> int:
        """Messages that the bystander did not get."""
        return sum(seen.lost for seen in self.phases.values())

    @property
    def failure(self) -> str:
        """What the bystander complained of first."""
        return next((seen.failure for seen in self.phases.values() if seen.failure), "")

    def words(self) -> list[str]:
        """A run in words, a line for the process and one for each phase."""
        process = " -> ".join(map(str, self.vitals))
        return [
            f"{process} (start, a tenth, end, calm)",
            *(f"{name}: {seen.words()}" for name, seen in self.phases.items() if name),
        ]


@contextlib.contextmanager
def open_side(
    folder: Path,
    *,
    settings: dict[str, Any],
    level1_port: int,
    admin_port: int,
    keys: tuple[str, str, str] | None,
) -> Iterator[Side]:
    """A gateway process and its bystander.

    Args:
        folder: For its files; made here.
        settings: By section.
        level1_port: Where IQConnect is.
        admin_port: Where its admin port is.
        keys: The bystander's; None without keys.
    """
    folder.mkdir()
    with GatewayProcess(
        folder, level1_port=level1_port, admin_port=admin_port, settings=settings, keys=keys
    ) as gateway:
        gateway.start()
        with Bystander(gateway.data, gateway.control, keys) as bystander:
            yield Side(gateway, bystander)
