"""Seeded headlines."""

import random
from typing import Final

from gateway.simulator.eastern import DAY_SECONDS, day_date

_SUBJECTS: Final = (
    "{} shares rise in heavy trading",
    "{} to report quarterly results, dividend unchanged",
    "Analysts raise price target on {}, see more to come",
    "{} names new chief financial officer",
    "Société Générale starts coverage of {}",
    "Options traders watch {}, volatility up",
)
_DISTRIBUTORS: Final = ("DTN", "BEN", "PRN")


class NewsDesk:
    """Writes one headline at a time.

    Args:
        rng: Same seed, same headlines.
        symbols: What they may be about.
    """

    def __init__(self, rng: random.Random, symbols: list[str]) -> None:
        self._rng = rng
        self._symbols = symbols
        self._story = 22_000_000_000

    def headline(self, second: int) -> str:
        """A news line without its line end.

        Args:
            second: Eastern second it is written at.

        Returns:
            An `N` line; headlines may hold commas and Latin-1 characters.
        """
        rng = self._rng
        self._story += rng.randint(1, 90)
        named = rng.sample(self._symbols, min(rng.choice((0, 1, 1, 2)), len(self._symbols)))
        subject = rng.choice(_SUBJECTS).format(named[0] if named else "Market")
        day, of_day = divmod(second, DAY_SECONDS)
        clock = f"{of_day // 3600:02d}{of_day // 60 % 60:02d}{of_day % 60:02d}"
        return (
            f"N,{rng.choice(_DISTRIBUTORS)},{self._story},{':'.join(named)},"
            f"{day_date(day):%Y%m%d} {clock},{subject},"
        )
