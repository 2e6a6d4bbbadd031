"""How often something may be asked for: a bucket of tokens, one bucket a key, a sliding window.

All three answer the same way: 0 when it may be done now, else how long to wait. Asking takes
nothing; `take` does, and `give_back` returns what was not used.
"""

from collections import OrderedDict, deque
from typing import Final

from gateway.clock import Clock

MS_NS: Final = 1_000_000


class TokenBucket:
    """Allows bursts up to a size and a steady pace after that.

    Args:
        clock: Monotonic.
        tokens_max: Size of the bucket, 1 or more; it begins full.
        token_ns: Time in which one token comes back.
    """

    __slots__ = ("_clock", "_full_ns", "_token_ns", "_tokens_max")

    def __init__(self, clock: Clock, *, tokens_max: int, token_ns: int) -> None:
        self._clock = clock
        self._tokens_max = tokens_max
        self._token_ns = token_ns
        # When the bucket will be full again says all there is to know, exactly.
        self._full_ns = clock.monotonic_ns()

    def wait_ns(self) -> int:
        """How long until a token is there; 0 when one is."""
        room_ns = (self._tokens_max - 1) * self._token_ns
        return max(0, self._full_ns - room_ns - self._clock.monotonic_ns())

    def take(self, count: int = 1) -> None:
        """Take tokens, whether so many are there or not; what is missing is waited for later."""
        now_ns = self._clock.monotonic_ns()
        self._full_ns = max(self._full_ns, now_ns) + count * self._token_ns

    def give_back(self, count: int = 1) -> None:
        """Return tokens that were not used."""
        self._full_ns -= count * self._token_ns


class KeyedBuckets:
    """A bucket for each key, such as a requester or a symbol.

    Args:
        clock: Monotonic.
        tokens_max: Size of each bucket.
        token_ns: Time in which one token comes back.
        keys_max: Keys remembered; the one that was used longest ago is forgotten first.
    """

    __slots__ = ("_buckets", "_clock", "_keys_max", "_token_ns", "_tokens_max")

    def __init__(self, clock: Clock, *, tokens_max: int, token_ns: int, keys_max: int) -> None:
        self._clock = clock
        self._tokens_max = tokens_max
        self._token_ns = token_ns
        self._keys_max = keys_max
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def wait_ns(self, key: str) -> int:
        """How long until a token of a key is there; 0 when one is."""
        bucket = self._buckets.get(key)
        return 0 if bucket is None else bucket.wait_ns()

    def take(self, key: str) -> None:
        """Take a token of a key."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(
                self._clock, tokens_max=self._tokens_max, token_ns=self._token_ns
            )
            if len(self._buckets) > self._keys_max:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        bucket.take()

    def give_back(self, key: str) -> None:
        """Return a token of a key that was not used."""
        bucket = self._buckets.get(key)
        if bucket is not None:
            bucket.give_back()


class Window:
    """Allows so many in any stretch of time of a given length.

    Args:
        clock: Monotonic.
        count_max: How many, 1 or more.
        length_ns: Length of the stretch.
    """

    __slots__ = ("_clock", "_count_max", "_length_ns", "_taken_ns")

    def __init__(self, clock: Clock, *, count_max: int, length_ns: int) -> None:
        self._clock = clock
        self._count_max = count_max
        self._length_ns = length_ns
        self._taken_ns: deque[int] = deque(maxlen=count_max)

    def wait_ns(self) -> int:
        """How long until one more may be done; 0 when it may be now."""
        if len(self._taken_ns) < self._count_max:
            return 0
        return max(0, self._taken_ns[0] + self._length_ns - self._clock.monotonic_ns())

    def take(self) -> None:
        """Count one."""
        self._taken_ns.append(self._clock.monotonic_ns())

    def give_back(self) -> None:
        """Uncount the newest one: it was not done."""
        if self._taken_ns:
            self._taken_ns.pop()


def as_ms(wait_ns: int) -> int:
    """A wait in milliseconds, rounded up: who waits as long as told is not refused again."""
    return -(-wait_ns // MS_NS)
