"""What fuzzers do to bytes: the same seed does the same."""

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgpack

SENSIBLE: Final = 0.5
"""How often only the grammar's own changes are made: one wrong byte hides what others would do."""
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
VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**53, 2**63 - 1, 2**64 - 1, -(2**63)),
    *(
        0.0,
        -0.0,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "A",
        "\0",
        "\u2028",
        "x" * 1_025,
        b"",
        b"A",
    ),
    *([], {}, [[]], [None] * 70, {"a": {"b": {}}}, {str(n): n for n in range(70)}),
)
"""The same for what is made of values: limits, and every type where another one is wanted."""


class Mutator:
    """Changes bytes.

    Args:
        rng: Decides everything.
        corpus: What was found, and examples of what is right.
        bytes_max: No result is longer.
        tokens: Words that mean something to the reader.
        separator: What stands between its fields; empty for none.
        is_msgpack: Whether it reads msgpack, so that single values are changed too.
    """

    def __init__(
        self,
        rng: random.Random,
        corpus: Sequence[bytes],
        *,
        bytes_max: int,
        tokens: Sequence[bytes] = (),
        separator: bytes = b"",
        is_msgpack: bool = False,
    ) -> None:
        self._rng = rng
        self._corpus = corpus
        self._bytes_max = bytes_max
        self._words = (*INTERESTING, *tokens)
        self._values = (*VALUES, *(token.decode("latin-1") for token in tokens))
        self._separator = separator
        self._changes: tuple[Callable[[bytearray], None], ...] = (
            self._flip,
            self._cut,
            self._insert,
            self._repeat,
            self._splice,
            self._swap,
            self._overwrite,
        )
        self._sensible: tuple[Callable[[bytearray], None], ...] = ()
        """Changes that keep to the reader's own grammar, where it has one."""
        if separator:
            self._sensible += (self._trade_field,)
        if is_msgpack:
            self._sensible += (self._change_value,)

    def mutate(self, data: bytes) -> bytes:
        """Change something, once or a few times."""
        rng = self._rng
        changed = bytearray(data)
        is_sensible = self._sensible and rng.random() < SENSIBLE
        changes = self._sensible if is_sensible else self._changes + self._sensible
        for _ in range(1 + (rng.random() < 0.5) + (rng.random() < 0.2)):
            rng.choice(changes)(changed)
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
        data[at:at] = self._rng.choice(self._words)

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
        at, part = self._place(data), self._rng.choice(self._words)
        data[at : at + len(part)] = part

    def _trade_field(self, data: bytearray) -> None:
        """Put another line's field, a word or nothing where a field is; or drop one, or add."""
        rng = self._rng
        fields = bytes(data).split(self._separator)
        at = rng.randrange(len(fields))
        others = rng.choice(self._corpus).split(self._separator)
        fields[at : at + rng.choice((0, 1, 1, 1, 1, 2))] = rng.choice(
            ([rng.choice(others)], [rng.choice(self._words)], [others[at % len(others)]], [b""], [])
        )
        data[:] = self._separator.join(fields)

    def _change_value(self, data: bytearray) -> None:
        """Change one value somewhere in a message, or the name of one."""
        try:
            tree = msgpack.unpackb(bytes(data), strict_map_key=False)
            data[:] = msgpack.packb(self._changed(tree))
        except (ValueError, TypeError, OverflowError, msgpack.UnpackException):
            self._flip(data)

    def _changed(self, value: Any) -> Any:
        rng = self._rng
        if rng.random() < 0.2 or not isinstance(value, dict | list) or not value:
            return rng.choice(self._values)
        if isinstance(value, list):
            at = rng.randrange(len(value))
            return [*value[:at], self._changed(value[at]), *value[at + 1 :]]
        name = rng.choice(list(value))
        rest = {key: item for key, item in value.items() if key != name}
        kind = rng.random()
        if kind < 0.1:
            return rest
        if kind < 0.3:
            return value | {self._name(): rng.choice(self._values)}
        return rest | {name: self._changed(value[name])}

    def _name(self) -> Any:
        names = [item for item in self._values if isinstance(item, str)]
        return self._rng.choice(names)
