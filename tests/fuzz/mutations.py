"""What fuzzers do to bytes: the same seed does the same."""

import random
from collections.abc import Callable, Sequence
from typing import Final

BITS: Final = tuple(1 << bit for bit in range(8))
INTERESTING: Final = (
    b"",
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\r\n",
    b",",
    b"\xc1",
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\x7f\xff\xff\xff",
    b"\xdb\x00\x00\xff\xff",
    b"\xc9\xff\xff\xff\xff\x05",
    b"NaN",
    b"-1",
    b"1e999",
    b"9" * 40,
    b"\xf0\x9f\x92\xa5",
)
"""Bytes that have broken readers before: ends, lengths, numbers that are none."""


class Mutator:
    """Changes bytes.

    Args:
        rng: Decides everything.
        corpus: What was found, and examples of what is right.
        bytes_max: No result is longer.
    """

    def __init__(self, rng: random.Random, corpus: Sequence[bytes], *, bytes_max: int) -> None:
        self._rng = rng
        self._corpus = corpus
        self._bytes_max = bytes_max
        self._changes: tuple[Callable[[bytearray], None], ...] = (
            self._flip,
            self._cut,
            self._insert,
            self._repeat,
            self._splice,
            self._swap,
            self._overwrite,
        )

    def mutate(self, data: bytes) -> bytes:
        """Change something, once or a few times."""
        rng = self._rng
        changed = bytearray(data)
        for _ in range(1 + (rng.random() < 0.5) + (rng.random() < 0.2)):
            rng.choice(self._changes)(changed)
        return bytes(changed[: self._bytes_max])

    def example(self) -> bytes:
        """One of the corpus, as it is."""
        return self._rng.choice(self._corpus)

    def noise(self, count_max: int = 64) -> bytes:
        """Bytes of no meaning."""
        return self._rng.randbytes(self._rng.randint(0, count_max))

    def _place(self, data: bytearray) -> int:
        return self._rng.randrange(len(data) + 1)

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self._rng.randrange(len(data))] ^= self._rng.choice(BITS)

    def _cut(self, data: bytearray) -> None:
        start = self._place(data)
        del data[start : start + self._rng.randint(1, 8)]

    def _insert(self, data: bytearray) -> None:
        at = self._place(data)
        data[at:at] = self._rng.choice(INTERESTING)

    def _repeat(self, data: bytearray) -> None:
        start = self._place(data)
        part = data[start : start + self._rng.randint(1, 16)]
        data[start:start] = part * self._rng.randint(1, 8)

    def _splice(self, data: bytearray) -> None:
        other = self._rng.choice(self._corpus)
        at = self._rng.randrange(len(other) + 1)
        data[self._place(data) :] = other[at:]

    def _swap(self, data: bytearray) -> None:
        if len(data) > 1:
            a, b = self._rng.randrange(len(data)), self._rng.randrange(len(data))
            data[a], data[b] = data[b], data[a]

    def _overwrite(self, data: bytearray) -> None:
        at, part = self._place(data), self._rng.choice(INTERESTING)
        data[at : at + len(part)] = part
