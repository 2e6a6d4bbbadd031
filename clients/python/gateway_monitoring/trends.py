"""Trends: how figures moved, from seconds for an hour to minutes for a day, in fixed memory."""

from array import array
from bisect import bisect_left
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from heapq import merge
from operator import mul
from typing import Any, Final, TypeAlias

SECOND_NS: Final = 1_000_000_000
MINUTE_S: Final = 60
FINE_MAX: Final = 3_600
"""Values kept as they were recorded: an hour at one a second."""
COARSE_MAX: Final = 1_440
"""Minutes kept after that: a day."""
METRICS_MAX: Final = 64
"""Figures that are followed; 120 KB each."""

Column: TypeAlias = "array[float]"
Steps: TypeAlias = Generator[None, None, dict[str, Any] | None]
"""A summary in the making: pieces of half a millisecond, between which others may have a turn."""


class _Ring:
    """Columns of numbers; a full ring forgets its oldest row. All its memory is there at once."""

    __slots__ = ("_columns", "_count", "_rows_max")

    def __init__(self, rows_max: int, columns: int) -> None:
        self._rows_max = rows_max
        self._count = 0
        self._columns = tuple(array("d", bytes(8 * rows_max)) for _ in range(columns))

    @property
    def is_full(self) -> bool:
        """Whether rows were forgotten, or the next one makes one be."""
        return self._count >= self._rows_max

    def add(self, *row: float) -> None:
        """Add one row."""
        place = self._count % self._rows_max
        for column, value in zip(self._columns, row, strict=True):
            column[place] = value
        self._count += 1

    def since(self, at_s: float, until_s: float = float("inf")) -> tuple[Column, ...]:
        """The rows from one moment until before another, oldest first; the first column is time."""
        cut, end = (self._count % self._rows_max, None) if self.is_full else (0, self._count)
        columns = tuple(column[cut:end] + column[:cut] for column in self._columns)
        first, last = bisect_left(columns[0], at_s), bisect_left(columns[0], until_s)
        return tuple(column[first:last] for column in columns)


@dataclass(slots=True)
class _Minute:
    """The minute that is not over."""

    begin: int
    total: float
    high: float
    low: float
    count: int


class _Series:
    """One figure."""

    __slots__ = ("coarse", "fine", "minute")

    def __init__(self) -> None:
        self.fine: Final = _Ring(FINE_MAX, 2)
        """Second, value."""
        self.coarse: Final = _Ring(COARSE_MAX, 5)
        """Second the minute began at, mean, high, low, count."""
        self.minute: _Minute | None = None

    def add(self, value: float, at_s: float) -> None:
        """Take a value."""
        self.fine.add(at_s, value)
        begin = int(at_s // MINUTE_S)
        minute = self.minute
        if minute is None or minute.begin != begin:
            if minute is not None:
                mean = minute.total / minute.count
                began_s = float(minute.begin * MINUTE_S)
                self.coarse.add(began_s, mean, minute.high, minute.low, minute.count)
            self.minute = _Minute(begin, value, value, value, 1)
            return
        minute.total += value
        minute.high = max(minute.high, value)
        minute.low = min(minute.low, value)
        minute.count += 1

    def summary(self, since_s: float, now_s: float) -> Steps:
        """Say how the figure moved since a moment; None without a value."""
        times, values = self.fine.since(since_s)
        if not values:
            return None
        # What the seconds do not reach back to is told by whole minutes before them.
        minutes = self.coarse.since(since_s, times[0] - MINUTE_S) if self.fine.is_full else None
        yield
        return (yield from _summary(times, values, minutes, now_s))


class Trends:
    """Follows figures."""

    def __init__(self) -> None:
        self._series: dict[str, _Series] = {}
        self.refused = 0
        """Values of figures that were one too many."""

    def record(self, values: Mapping[str, float], now_ns: int) -> None:
        """Take the figures of one moment.

        Args:
            values: By name; finite.
            now_ns: Monotonic, not before the last one.
        """
        for name, value in values.items():
            series = self._series.get(name)
            if series is None:
                if len(self._series) >= METRICS_MAX:
                    self.refused += 1
                    continue
                series = self._series[name] = _Series()
            series.add(value, now_ns / SECOND_NS)

    @property
    def names(self) -> list[str]:
        """Every figure that is followed."""
        return list(self._series)

    def points(self, name: str, *, seconds: float, now_ns: int) -> list[tuple[float, float]]:
        """A figure's values of the last seconds, as recorded, oldest first.

        Args:
            name: The figure.
            seconds: How far to look back, at most an hour.
            now_ns: Monotonic.

        Returns:
            Age in seconds and value; none of a figure that is unknown.
        """
        series = self._series.get(name)
        if series is None:
            return []
        now_s = now_ns / SECOND_NS
        times, values = series.fine.since(now_s - seconds)
        return [(now_s - at_s, value) for at_s, value in zip(times, values, strict=True)]

    def of(self, name: str, *, window_minutes: float, now_ns: int) -> dict[str, Any] | None:
        """How one figure moved.

        Args:
            name: The figure.
            window_minutes: How far to look back. Within the last hour every value counts; before
                that a minute's mean stands for its values, in `p95` and `slope` too, and its
                highest and lowest are kept.
            now_ns: Monotonic.

        Returns:
            mean, max, min, p95, slope (a minute), samples and last; None without a value.
        """
        steps = self.steps(name, window_minutes=window_minutes, now_ns=now_ns)
        try:
            while True:
                next(steps)
        except StopIteration as finished:
            return finished.value  # type: ignore[no-any-return]

    def steps(self, name: str, *, window_minutes: float, now_ns: int) -> Steps:
        """Say the same as `of`, in pieces: a day takes milliseconds."""
        series = self._series.get(name)
        if series is None:
            return None
        now_s = now_ns / SECOND_NS
        return (yield from series.summary(now_s - MINUTE_S * window_minutes, now_s))

    def summary(self, *, window_minutes: float, now_ns: int) -> dict[str, dict[str, Any]]:
        """How every figure moved, those with values in the window."""
        found = {
            name: self.of(name, window_minutes=window_minutes, now_ns=now_ns)
            for name in self._series
        }
        return {name: trend for name, trend in found.items() if trend is not None}


@dataclass(slots=True)
class _Sums:
    """What mean and slope are made of; each value counts as often as its weight says."""

    weight: float
    total: float
    ages: float
    ages_squared: float
    products: float

    def add(self, other: "_Sums") -> None:
        """Take others' values in."""
        self.weight += other.weight
        self.total += other.total
        self.ages += other.ages
        self.ages_squared += other.ages_squared
        self.products += other.products


def _summary(
    times: Column, values: Column, minutes: tuple[Column, ...] | None, now_s: float
) -> Steps:
    ages = [at_s - now_s for at_s in times]
    sums = _Sums(
        float(len(values)),
        sum(values),
        sum(ages),
        sum(map(mul, ages, ages)),
        sum(map(mul, ages, values)),
    )
    high, low = max(values), min(values)
    yield
    ordered = sorted(values, reverse=True)
    yield
    heavy: list[tuple[float, float]] = []
    if minutes is not None and minutes[0]:
        begins, means, highs, lows, counts = minutes
        # A minute's mean stands for its middle.
        ages = [began_s + MINUTE_S / 2 - now_s for began_s in begins]
        weighted = list(map(mul, counts, ages))
        sums.add(
            _Sums(
                sum(counts),
                sum(map(mul, counts, means)),
                sum(weighted),
                sum(map(mul, weighted, ages)),
                sum(map(mul, weighted, means)),
            )
        )
        high, low = max(high, *highs), min(low, *lows)
        yield
        heavy = sorted(zip(means, counts, strict=True), reverse=True)
        yield
    return {
        "mean": sums.total / sums.weight,
        "max": high,
        "min": low,
        "p95": _quantile(ordered, heavy, 0.95 * sums.weight, sums.weight),
        "slope": _slope(sums),
        "samples": round(sums.weight),
        "last": values[-1],
    }


def _quantile(
    ordered: list[float], heavy: list[tuple[float, float]], wanted: float, weight: float
) -> float:
    """The smallest value that values of this weight do not exceed.

    Args:
        ordered: Values that count once, highest first.
        heavy: Values with their weights, highest first.
        wanted: The weight.
        weight: Of all values together.
    """
    found = ordered[0]
    # From above: of a high quantile that is the shorter way.
    for value, times in merge(((value, 1.0) for value in ordered), heavy, reverse=True):
        if weight < wanted:
            break
        found = value
        weight -= times
    return found


def _slope(sums: _Sums) -> float:
    """Growth a minute of the line that fits best; 0 where all values are of one moment."""
    spread = sums.weight * sums.ages_squared - sums.ages * sums.ages
    if spread <= 1e-9 * sums.weight * sums.weight:
        return 0.0
    return MINUTE_S * (sums.weight * sums.products - sums.ages * sums.total) / spread
