"""Spoils Level 1 updates on their way out: twice, out of order, or without their end."""

import random

from gateway.simulator.counts import Counts

UPDATE = "Q,"


class Mangler:
    """Draws which updates of a flush are spoiled, and how.

    Args:
        rng: Draws them.
        counts: Where they are counted.
    """

    def __init__(self, rng: random.Random, counts: Counts) -> None:
        self._rng = rng
        self._counts = counts
        self.duplicate_share = 0.0
        """Share of updates sent twice."""
        self.swap_share = 0.0
        """Share of updates sent after their successor."""
        self.cut_share = 0.0
        """Share of updates whose end is missing."""

    @property
    def is_needed(self) -> bool:
        """Whether anything is to be spoiled."""
        return self.duplicate_share > 0 or self.swap_share > 0 or self.cut_share > 0

    def rest(self) -> None:
        """Spoil nothing more."""
        self.duplicate_share = self.swap_share = self.cut_share = 0.0

    def __call__(self, lines: list[str]) -> None:
        """Spoil a flush, in its list."""
        random_, counts = self._rng.random, self._counts
        spoiled: list[str] = []
        for line in lines:
            if not line.startswith(UPDATE):
                spoiled.append(line)
                continue
            kept = line
            if self.cut_share and random_() < self.cut_share:
                counts.lines_cut += 1
                kept = f"{line[: self._rng.randint(1, max(len(line) - 3, 1))]}\r\n"
            spoiled.append(kept)
            if self.duplicate_share and random_() < self.duplicate_share:
                counts.lines_duplicated += 1
                spoiled.append(kept)
        if self.swap_share:
            self._swap(spoiled)
        lines[:] = spoiled

    def _swap(self, lines: list[str]) -> None:
        place = 0
        while place + 1 < len(lines):
            both = lines[place : place + 2]
            are_updates = both[0].startswith(UPDATE) and both[1].startswith(UPDATE)
            if are_updates and self._rng.random() < self.swap_share:
                self._counts.lines_swapped += 1
                lines[place : place + 2] = both[::-1]
                place += 1
            place += 1
