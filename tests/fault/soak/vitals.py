"""How the gateway's process is: memory, descriptors, threads, processor; by the life of it."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import psutil

MIB: Final = 1024 * 1024
SETTLE_S: Final = 1_200.0
"""Of a life that is long enough: the gateway's caches of texts, and what is kept for replay, are
filled by then at a thousand lines a second. Of a shorter one a quarter, which proves nothing."""
ENDS: Final = 15
"""Samples at either end of a life that say how many descriptors and threads there were."""


class Sample(NamedTuple):
    """One look."""

    at_us: int
    rss_mb: float
    descriptors: int
    threads: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Life:
    """What became of one process, over its calm samples."""

    seconds: float
    """From its first sample to its last."""
    calm: int
    """Samples at which nothing was wrong."""
    rss_mb: tuple[float, float]
    """Resident memory at the beginning and at the end."""
    slope_mb_h: float | None
    """By least squares over calm samples after settling; None for fewer than thirty."""
    slope_s: float
    """Over how long, seconds."""
    is_settled: bool
    """Whether it was long enough for all that fills up to be full before that."""
    descriptors: tuple[float, float]
    """At the beginning and at the end: medians of calm samples."""
    threads: tuple[float, float]
    """At the beginning and at the end: medians of calm samples."""
    cpu_share: float
    """Processors used on average."""


class Vitals:
    """Looks at a process that may be replaced by another."""

    def __init__(self) -> None:
        self.lives: list[list[Sample]] = []
        self._process: psutil.Process | None = None

    def look(self, pid: int, at_us: int) -> None:
        """Take a sample; nothing when the process is gone."""
        if self._process is None or self._process.pid != pid:
            self._process = psutil.Process(pid)
            self.lives.append([])
        with self._process.oneshot():
            cpu = self._process.cpu_times()
            self.lives[-1].append(
                Sample(
                    at_us,
                    self._process.memory_info().rss / MIB,
                    self._process.num_fds(),
                    self._process.num_threads(),
                    cpu.user + cpu.system,
                )
            )

    def judged(self, is_calm: Callable[[int], bool]) -> list[Life]:
        """Every life in which there was some calm.

        Args:
            is_calm: Whether nothing was wrong at a time, us UTC.
        """
        lives = []
        for samples in self.lives:
            calm = [sample for sample in samples if is_calm(sample.at_us)]
            if len(calm) >= 2:
                lives.append(_life(samples, calm))
        return lives


def _life(samples: Sequence[Sample], calm: Sequence[Sample]) -> Life:
    seconds = (samples[-1].at_us - samples[0].at_us) / 1e6
    is_settled = seconds >= 1.5 * SETTLE_S
    settled_us = samples[0].at_us + (SETTLE_S if is_settled else seconds / 4) * 1e6
    settled = [sample for sample in calm if sample.at_us >= settled_us]
    first, last = calm[:ENDS], calm[-ENDS:]
    return Life(
        seconds=seconds,
        calm=len(calm),
        rss_mb=(samples[0].rss_mb, samples[-1].rss_mb),
        slope_mb_h=slope_per_hour(settled) if len(settled) >= 30 else None,
        slope_s=(settled[-1].at_us - settled[0].at_us) / 1e6 if settled else 0.0,
        is_settled=is_settled,
        descriptors=(_median(s.descriptors for s in first), _median(s.descriptors for s in last)),
        # Threads of a pool are made when they are first needed.
        threads=(
            _median(s.threads for s in (settled or first)[:ENDS]),
            _median(s.threads for s in last),
        ),
        cpu_share=(samples[-1].cpu_s - samples[0].cpu_s) / seconds if seconds else 0.0,
    )


def _median(counts: Iterable[int]) -> float:
    return float(statistics.median(counts))


def slope_per_hour(samples: Sequence[Sample]) -> float:
    """How fast memory grows, MB an hour, by least squares."""
    hours = [(sample.at_us - samples[0].at_us) / 3.6e9 for sample in samples]
    return statistics.linear_regression(hours, [sample.rss_mb for sample in samples]).slope
