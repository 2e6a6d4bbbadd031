"""What odd markets of both levels share: a clock, bytes cut anywhere, lines garbled on the way."""

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from tests.support.any_side import SideOptions
from tests.support.odd_texts import ENDS
from tests.support.pairs import Step

EASTERN: Final = ZoneInfo("America/New_York")
SYMBOLS: Final = ("AAPL", "MSFT", "@ES", "X", "LONGNAME.WITH-32.CHARACTERS.IN.IT")
OTHERS: Final = ("GLD", "SPY", "Q", "EURUSD.FXCM")
BEGINNINGS: Final = (
    datetime(2026, 9, 16, 14, 0, 0, tzinfo=UTC),
    datetime(2026, 9, 16, 3, 59, 57, tzinfo=UTC),
    datetime(2026, 3, 8, 6, 59, 55, tzinfo=UTC),
    datetime(2026, 11, 1, 5, 29, 50, tzinfo=UTC),
    datetime(2026, 11, 1, 6, 0, 2, tzinfo=UTC),
    datetime(2026, 12, 31, 4, 59, 59, tzinfo=UTC),
)
"""A plain morning; midnight; both DST changes; the last night of a year."""
PAUSES_US: Final = (3, 500, 20_000, 260_000, 1_000_000, 1_000_000, 1_000_000)
LONG_PAUSES_US: Final = (7_000_000, 310_000_000, 3_600_000_000)


class OddWorld(ABC):
    """Makes the steps of one world.

    Args:
        seed: The same one makes the same steps.
    """

    options: SideOptions
    beginnings: ClassVar[Sequence[datetime]] = BEGINNINGS

    def __init__(self, seed: int) -> None:
        self._rng = rng = random.Random(seed)
        self._oddness = rng.choice((0.01, 0.03, 0.1, 0.3))
        self._now = rng.choice(self.beginnings)
        self._wall, self._wall_us = self._now.astimezone(EASTERN), 0

    @property
    def _utc_us(self) -> int:
        """When it begins, by both sides' clocks."""
        return int(self._now.timestamp()) * 1_000_000

    def steps(self, count: int, *, lines_max: int = 120) -> Iterator[Step]:
        """What happens.

        Args:
            count: Steps behind the beginning of the world.
            lines_max: Lines in one chunk.
        """
        yield from self._beginning()
        for _ in range(count):
            yield from self._something(lines_max)

    @abstractmethod
    def _beginning(self) -> Iterator[Step]:
        """Symbols are wanted, and heard of for the first time."""

    @abstractmethod
    def _event(self) -> Step:
        """Something that is no line."""

    @abstractmethod
    def _after(self, step: Step) -> Iterator[Step]:
        """What usually follows that."""

    @abstractmethod
    def _lines(self, count: int) -> bytes:
        """Lines, some of them odd."""

    def _something(self, lines_max: int) -> Iterator[Step]:
        rng = self._rng
        kind = rng.random()
        if kind < 0.62:
            yield from self._chunks(self._lines(rng.randrange(1, lines_max)))
        elif kind < 0.80:
            micros = rng.choice(PAUSES_US)
            if rng.random() < 0.05:
                micros = rng.choice(LONG_PAUSES_US)
            yield self._pass(micros)
            if rng.random() < 0.9:
                yield ("feed", f"{self._clock_line()}\r\n".encode())
        else:
            step = self._event()
            yield step
            yield from self._after(step)

    def _chunks(self, data: bytes) -> Iterator[Step]:
        """The bytes in one piece, in a few, or at once after a jam."""
        rng = self._rng
        way = rng.random()
        if way < 0.6:
            yield ("feed", data)
        elif way < 0.75:
            yield from (("feed", piece) for piece in self._pieces(data, 9))
        elif way < 0.77:
            yield from (("feed", data[at : at + 1]) for at in range(min(len(data), 400)))
            yield ("feed", data[400:])
        elif way < 0.93:
            yield ("shed", *self._pieces(data, 5))
        else:
            yield ("feed", data, rng.choice((-500_000, 1, 400_000, 301_000_000, -7_200_000_000)))

    def _rare(self, *others: Step) -> Step:
        """The host's clock is set, whoever reads system lines fails, or one of others."""
        rng = self._rng
        micros = rng.choice((-3_600_000_000, -300_000, 900_000, 400_000_000))
        return rng.choice((("step", micros), ("fault", rng.random() < 0.3), *others))

    def _pieces(self, data: bytes, count_max: int) -> list[bytes]:
        rng = self._rng
        ends = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(1, count_max)))
        return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]

    def _pass(self, micros: int) -> Step:
        self._now += timedelta(microseconds=micros)
        self._wall = self._now.astimezone(EASTERN)
        self._wall_us = max(0, self._wall_us - micros)
        return ("wait", micros)

    def _clock_line(self) -> str:
        return f"T,{self._wall:%Y%m%d %H:%M:%S}"

    def _odd_clock_line(self) -> str:
        late_s = self._rng.choice((-3_600, -1, 1, 2, 600))
        return f"T,{self._wall + timedelta(seconds=late_s):%Y%m%d %H:%M:%S}"

    def _moment(self) -> str:
        """The time of day a few microseconds later."""
        self._wall_us = min(self._wall_us + self._rng.randrange(40), 900_000)
        second, micros = divmod(self._wall.microsecond + self._wall_us, 1_000_000)
        wall = self._wall
        if second and wall.second < 59:
            return f"{wall.hour:02}:{wall.minute:02}:{wall.second + 1:02}.{micros:06}"
        micros = 999_999 if second else micros
        return f"{wall.hour:02}:{wall.minute:02}:{wall.second:02}.{micros:06}"

    def _ended(self, text: str, *, is_odd: bool) -> str:
        """A line with its end, or with what came instead of one."""
        rng = self._rng
        return text + ("\r\n" if not is_odd or rng.random() < 0.9 else rng.choice(ENDS))

    def _respelled(self, text: str) -> str:
        """A text of which a character is another, or gone."""
        rng = self._rng
        at = rng.randrange(len(text) + 1)
        return text[:at] + chr(rng.randrange(256)) + text[at + rng.randrange(2) :]


def garbled(rng: random.Random, text: str, other: str, *ways: str) -> str:
    """A line that something happened to on its way.

    Args:
        rng: Decides what.
        text: The line.
        other: Another one, which it may run into.
        ways: What else may have become of it.
    """
    at = rng.randrange(len(text))
    common = (
        text[:at],
        text[at:],
        text[:at] + "," + text[at:],
        text[:at] + text[at:].replace(",", "", 1),
        text[:at] + chr(rng.randrange(256)) + text[at + 1 :],
        text + other,
        text[:at] + "x" * rng.choice((10, 300, 1_001, 2_500)) + text[at:],
        text + "," * rng.randrange(1, 300),
    )
    return rng.choice((*common, *ways))
