"""A histogram of latencies: fixed memory, a few percent of error, cheap to add to."""

from collections.abc import Sequence
from typing import Final

SUB_BUCKETS: Final = 8
"""Buckets per power of two: values are known to within an eighth."""
_BITS: Final = 3
BUCKETS: Final = 48 * SUB_BUCKETS


class LatencyHistogram:
    """Counts latencies in microseconds by size.

    Every value falls into one of eight buckets per power of two; those from 15 * 2**46 microseconds
    on, some 33 years, share the last.
    """

    __slots__ = ("counts", "total_count", "total_us")

    def __init__(self) -> None:
        self.counts: Final = [0] * BUCKETS
        self.total_count = 0
        self.total_us = 0

    def record(self, latency_us: int, count: int = 1) -> None:
        """Add `count` latencies of `latency_us`; a negative one counts as zero."""
        latency_us = max(latency_us, 0)
        self.add(bucket_of(latency_us), latency_us, count)

    def add(self, bucket: int, latency_us: int, count: int) -> None:
        """Add values whose bucket is known, as from `bucket_of`."""
        self.counts[bucket] += count
        self.total_count += count
        self.total_us += latency_us * count

    def copy(self) -> "LatencyHistogram":
        """The histogram as it is now, for a reader in another thread."""
        other = LatencyHistogram()
        other.counts[:] = self.counts
        other.total_count, other.total_us = self.total_count, self.total_us
        return other

    def since(self, earlier: "LatencyHistogram") -> "LatencyHistogram":
        """What was recorded after an earlier copy."""
        other = LatencyHistogram()
        other.counts[:] = [a - b for a, b in zip(self.counts, earlier.counts, strict=True)]
        other.total_count = self.total_count - earlier.total_count
        other.total_us = self.total_us - earlier.total_us
        return other

    def mean_us(self) -> float | None:
        """The exact mean; None when nothing was recorded."""
        return self.total_us / self.total_count if self.total_count else None

    def quantile_us(self, share: float) -> int | None:
        """The latency that `share` of all values do not exceed.

        Args:
            share: 0 to 1, such as 0.99.

        Returns:
            The upper edge of the bucket it falls into, at most an eighth too high; None when
            nothing was recorded.
        """
        if not self.total_count:
            return None
        left = share * self.total_count
        for bucket, count in enumerate(self.counts):
            left -= count
            if count and left <= 0:
                return _upper_edge_of(bucket)
        return _upper_edge_of(BUCKETS - 1)

    def folded(self, bounds_us: Sequence[int]) -> list[int]:
        """How many values do not exceed each of some bounds.

        Args:
            bounds_us: Ascending.

        Returns:
            A count for each bound. A bucket that a bound cuts counts for the next one, so that no
            value looks faster than it was; it looks an eighth slower at most.
        """
        folded = []
        total, bucket = 0, 0
        for bound_us in bounds_us:
            while bucket < BUCKETS and _upper_edge_of(bucket) <= bound_us:
                total += self.counts[bucket]
                bucket += 1
            folded.append(total)
        return folded


def bucket_of(value: int) -> int:
    """Which bucket a value of 0 or more belongs to."""
    if value < SUB_BUCKETS:
        return value
    shift = value.bit_length() - _BITS - 1
    return min(((shift + 1) << _BITS) + ((value >> shift) - SUB_BUCKETS), BUCKETS - 1)


def _upper_edge_of(bucket: int) -> int:
    if bucket < SUB_BUCKETS:
        return bucket
    shift = (bucket >> _BITS) - 1
    return (((bucket & (SUB_BUCKETS - 1)) + SUB_BUCKETS + 1) << shift) - 1
