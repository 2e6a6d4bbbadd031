"""An independent msgpack encoder and decoder, written from the specification alone.

It exists to write and check test vectors: no codec under test is ever compared with itself.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Value: TypeAlias = "bool | int | float | str | bytes | list[Value] | dict[str, Value] | None"


class MalformedFrame(ValueError):
    """Bytes that are not a message of the contract; the frame must be refused."""

    code = "malformed"


def encode_value(value: object) -> bytes:
    """Encode with the shortest form of each integer, text, array and map; floats as float 64.

    Args:
        value: Built of None, bool, int, float, str, bytes, list, tuple and dict.

    Returns:
        The bytes.

    Raises:
        OverflowError: An integer or a size that msgpack has no form for.
        TypeError: A value that msgpack has no form for.
    """
    match value:
        case None:
            data = b"\xc0"
        case bool():
            data = b"\xc3" if value else b"\xc2"
        case int():
            data = _encode_integer(value)
        case float():
            data = b"\xcb" + struct.pack(">d", value)
        case str():
            text = value.encode()
            data = _head(len(text), 0xA0, 32, (0xD9, 0xDA, 0xDB)) + text
        case bytes():
            data = _head(len(value), 0, 0, (0xC4, 0xC5, 0xC6)) + value
        case list() | tuple():
            items = b"".join(encode_value(item) for item in value)
            data = _head(len(value), 0x90, 16, (None, 0xDC, 0xDD)) + items
        case dict():
            pairs = (encode_value(key) + encode_value(item) for key, item in value.items())
            data = _head(len(value), 0x80, 16, (None, 0xDE, 0xDF)) + b"".join(pairs)
        case _:
            raise TypeError(f"msgpack has no form for {type(value).__name__}")
    return data


def _encode_integer(value: int) -> bytes:
    if 0 <= value < 128 or -32 <= value < 0:
        return struct.pack(">b", value)
    forms = (
        ((0xCC, ">B"), (0xCD, ">H"), (0xCE, ">I"), (0xCF, ">Q"))
        if value >= 0
        else ((0xD0, ">b"), (0xD1, ">h"), (0xD2, ">i"), (0xD3, ">q"))
    )
    for first, form in forms:
        bits = 8 * struct.calcsize(form)
        if (value < 1 << bits) if value >= 0 else (value >= -1 << (bits - 1)):
            return bytes([first]) + struct.pack(form, value)
    raise OverflowError("msgpack integers have at most 64 bits")


def _head(size: int, short_first: int, short_count: int, firsts: Sequence[int | None]) -> bytes:
    """The shortest head of a text, binary, array or map of this size."""
    if size < short_count:
        return bytes([short_first | size])
    for first, form, limit in zip(firsts, (">B", ">H", ">I"), (8, 16, 32), strict=True):
        if first is not None and size < 1 << limit:
            return bytes([first]) + struct.pack(form, size)
    raise OverflowError("msgpack sizes have at most 32 bits")


# First byte to the struct form that follows it.
INTEGERS: Mapping[int, str] = {
    0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}  # fmt: skip
FLOATS: Mapping[int, str] = {0xCA: ">f", 0xCB: ">d"}
TEXTS: Mapping[int, str] = {0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
BINARIES: Mapping[int, str] = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I"}
ARRAYS: Mapping[int, str] = {0xDC: ">H", 0xDD: ">I"}
MAPS: Mapping[int, str] = {0xDE: ">H", 0xDF: ">I"}
CONSTANTS: Mapping[int, bool | None] = {0xC0: None, 0xC2: False, 0xC3: True}


class _Reader:
    """Reads one value after the other; every size is checked against what is left."""

    def __init__(self, data: bytes, *, nesting_levels_max: int) -> None:
        self._data = data
        self._at = 0
        self._levels_left = nesting_levels_max

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def value(self) -> Value:  # noqa: PLR0911 - one return a msgpack family, as the specification lists them
        first = self._take(1)[0]
        if first < 0x80 or first >= 0xE0:
            return first if first < 0x80 else first - 0x100
        if first in CONSTANTS:
            return CONSTANTS[first]
        if first in INTEGERS:
            return self._number(INTEGERS[first])
        if first in FLOATS:
            return float(self._unpack(FLOATS[first]))
        if first < 0x90 or first in MAPS:
            return self._map(first & 0x0F if first < 0x90 else self._number(MAPS[first]))
        if first < 0xA0 or first in ARRAYS:
            return self._array(first & 0x0F if first < 0xA0 else self._number(ARRAYS[first]))
        if first < 0xC0 or first in TEXTS:
            return self._text(first & 0x1F if first < 0xC0 else self._number(TEXTS[first]))
        if first in BINARIES:
            return self._take(self._number(BINARIES[first]))
        raise MalformedFrame(f"first byte 0x{first:02x}: extensions are not part of the contract")

    def _take(self, size: int) -> bytes:
        if size > self.left:
            raise MalformedFrame(f"{size} bytes claimed, {self.left} left")
        self._at += size
        return self._data[self._at - size : self._at]

    def _unpack(self, form: str) -> int | float:
        number: int | float = struct.unpack(form, self._take(struct.calcsize(form)))[0]
        return number

    def _number(self, form: str) -> int:
        return int(self._unpack(form))

    def _text(self, size: int) -> str:
        try:
            return self._take(size).decode()
        except UnicodeDecodeError as error:
            raise MalformedFrame("text that is not UTF-8") from error

    def _enter(self, values: int) -> None:
        # Each value takes a byte at least: a lying header is refused before anything is built.
        if values > self.left:
            raise MalformedFrame(f"{values} values claimed, {self.left} bytes left")
        if self._levels_left == 0:
            raise MalformedFrame("nested too deeply")
        self._levels_left -= 1

    def _array(self, count: int) -> list[Value]:
        self._enter(count)
        values = [self.value() for _ in range(count)]
        self._levels_left += 1
        return values

    def _map(self, count: int) -> dict[str, Value]:
        self._enter(2 * count)
        values: dict[str, Value] = {}
        for _ in range(count):
            key = self.value()
            if not isinstance(key, str):
                raise MalformedFrame("a map key that is not text")
            values[key] = self.value()
        self._levels_left += 1
        return values


def decode_value(data: bytes, *, nesting_levels_max: int = 8) -> Value:
    """Decode exactly one value.

    Args:
        data: The bytes of one value and nothing else.
        nesting_levels_max: Deepest nesting of arrays and maps.

    Returns:
        The value; binary as bytes.

    Raises:
        MalformedFrame: Not one msgpack value, or larger or deeper than allowed.
    """
    reader = _Reader(data, nesting_levels_max=nesting_levels_max)
    value = reader.value()
    if reader.left:
        raise MalformedFrame(f"{reader.left} bytes after the value")
    return value
