"""An independent codec of data frames, written from the msgpack specification alone.

Test vectors get their bytes here, so that no codec under test is ever compared with itself. Plain
and slow on purpose. It is stricter than a reader has to be: it also refuses what a writer must
never send, such as an empty text or an integer in place of a price.
"""

import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from schemas.contract import Contract, Field, MapKey, Message, load_contract

Value: TypeAlias = "None | bool | int | float | str | bytes | list[Value] | dict[str, Value]"

TOPIC = re.compile(
    rb"(?:~(?P<nonce>[0-9A-Za-z]{14,32})\.)?(?P<kind>[a-z][a-z0-9_]{0,15})"
    rb"(?:@(?P<variant>[1-9][0-9]{0,4}))?"
)
SYMBOL = re.compile(rb"[!-+\--~](?:[ -+\--~]{0,62}[!-+\--~])?")
SNAPSHOT = 1


class MalformedFrame(ValueError):
    """Bytes that are not a message of the contract; the frame must be refused."""

    code = "malformed"


class UnknownMessage(ValueError):
    """A message number or kind this version does not know; the frame is to be skipped."""

    code = "unknown_message"


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame."""

    kind: str
    """First part of the topic, nonce and variant included."""
    symbol: str
    """Second part of the topic."""
    message: Message
    """The message's definition."""
    values: tuple[Value, ...]
    """Every item the definition names, in order; nil where missing."""

    def by_name(self, contract: Contract) -> dict[str, Value]:
        """Kind, symbol and every item under its name."""
        names = [field.name for field in (*contract.header, *self.message.fields)]
        items = dict(zip(names, self.values, strict=True))
        return {"kind": self.kind, "symbol": self.symbol, **items}


def encode_value(value: object) -> bytes:
    """Encode with the shortest form of each integer, text, array and map; floats as float 64."""
    match value:
        case None:
            return b"\xc0"
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return _encode_integer(value)
        case float():
            return b"\xcb" + struct.pack(">d", value)
        case str():
            data = value.encode()
            if len(data) < 32:
                return bytes([0xA0 | len(data)]) + data
            return _sized(len(data), (0xD9, 0xDA, 0xDB)) + data
        case bytes():
            return _sized(len(value), (0xC4, 0xC5, 0xC6)) + value
        case list() | tuple():
            head = bytes([0x90 | len(value)]) if len(value) < 16 else b""
            head = head or _sized(len(value), (None, 0xDC, 0xDD))
            return head + b"".join(encode_value(item) for item in value)
        case dict():
            head = bytes([0x80 | len(value)]) if len(value) < 16 else b""
            head = head or _sized(len(value), (None, 0xDE, 0xDF))
            pairs = (encode_value(key) + encode_value(item) for key, item in value.items())
            return head + b"".join(pairs)
        case _:
            raise TypeError(f"msgpack has no form for {type(value).__name__}")


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


def _sized(size: int, firsts: Sequence[int | None]) -> bytes:
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
CONSTANTS: Mapping[int, None | bool] = {0xC0: None, 0xC2: False, 0xC3: True}


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


class ReferenceCodec:
    """Encodes and decodes whole frames, checked against the definitions.

    Args:
        contract: The checked definitions.
    """

    def __init__(self, contract: Contract | None = None) -> None:
        self._contract = contract or load_contract()
        self._by_type = {message.type: message for message in self._contract.messages}
        self._by_name = {message.name: message for message in self._contract.messages}
        self._types = {entry.name: entry for entry in self._contract.types}
        self._limits = {limit.name: limit.value for limit in self._contract.limits}

    def encode(self, kind: str, symbol: str, values: Sequence[object]) -> bytes:
        """Encode a frame in its shortest form.

        Args:
            kind: First part of the topic.
            symbol: Second part of the topic.
            values: The whole body.

        Returns:
            The frame.

        Raises:
            MalformedFrame: The message breaks the contract.
            UnknownMessage: The contract has no such message.
        """
        frame = f"{kind},{symbol},".encode("ascii") + encode_value(list(values))
        self.decode(frame)
        return frame

    def decode(self, frame: bytes) -> Frame:
        """Decode and check a frame.

        Args:
            frame: One message of the data socket.

        Returns:
            The decoded frame.

        Raises:
            MalformedFrame: The frame must be refused.
            UnknownMessage: The frame is to be skipped.
        """
        if len(frame) > self._limits["FRAME_BYTES_MAX"]:
            raise MalformedFrame("frame too long")
        parts = frame.split(b",", 2)
        if len(parts) != 3:
            raise MalformedFrame("a topic has two commas")
        kind, symbol, body = parts
        carried, is_private, base = self._topic(kind, symbol)
        items = decode_value(body, nesting_levels_max=self._limits["NESTING_LEVELS_MAX"])
        if not isinstance(items, list) or len(items) < len(self._contract.header):
            raise MalformedFrame("a body is an array that begins with the whole header")
        number = items[0]
        if not isinstance(number, int) or isinstance(number, bool):
            raise MalformedFrame("a message number is an integer")
        if number not in self._by_type:
            raise UnknownMessage(f"message number {number}")
        message = self._by_type[number]
        if message.name not in carried and not (is_private and message.name == "state"):
            raise MalformedFrame(f"{message.name} on a topic of {base}")
        values = self._values(message, items, base)
        return Frame(kind.decode(), symbol.decode(), message, tuple(values))

    def _topic(self, kind: bytes, symbol: bytes) -> tuple[tuple[str, ...], bool, str]:
        """The messages a topic may carry, whether it is private, and the kind's bare name."""
        match = TOPIC.fullmatch(kind)
        topic_bytes = len(kind) + len(symbol) + 2
        if match is None or topic_bytes > self._limits["TOPIC_BYTES_MAX"]:
            raise MalformedFrame("not a topic")
        if SYMBOL.fullmatch(symbol) is None:
            raise MalformedFrame("not a symbol")
        name, is_private = match["kind"].decode(), match["nonce"] is not None
        if name == "sys":
            name = symbol.decode()
        definition = self._by_name.get(name)
        if definition is None or (definition.role == "sys") != (match["kind"] == b"sys"):
            raise UnknownMessage(f"kind {name}")
        if definition.role == "snapshot_only":
            raise MalformedFrame("images travel on the topics of depth and order")
        if match["variant"] is not None and not definition.has_variants:
            raise MalformedFrame(f"{name} has no variants")
        return (name, *definition.carries), is_private, name

    def _values(self, message: Message, items: list[Value], base: str) -> list[Value]:
        header, fields = self._contract.header, message.fields
        count = len(header)
        values = self._checked(header, items[:count], base)
        is_empty = values[2] == 0 and bool(int(str(values[3])) & SNAPSHOT)
        if is_empty and all(item is None for item in items[count : count + len(fields)]):
            return [*values, *(None for _ in fields)]
        return [*values, *self._checked(fields, items[count:], base)]

    def _checked(self, fields: Sequence[Field], items: list[Value], base: str) -> list[Value]:
        values = [*items[: len(fields)], *(None for _ in fields[len(items) :])]
        for field, value in zip(fields, values, strict=True):
            if value is None and not field.is_nilable:
                raise MalformedFrame(f"{field.name} is never absent")
            if value is not None:
                self._check(field.type, value, base, field.keys)
        return values

    def _check(self, kind: str, value: Value, base: str, keys: str | None = None) -> None:
        if self._types[kind].maximum is not None:
            self._check_integer(kind, value)
        elif kind in ("levels", "rows"):
            levels = self._contract.level if kind == "levels" else self._by_name[base].fields
            if not isinstance(value, list):
                raise MalformedFrame(f"{kind} are an array")
            for row in value:
                if not isinstance(row, list):
                    raise MalformedFrame(f"{kind} hold arrays")
                self._checked(levels, row, base)
        elif kind == "map":
            self._check_map(self._contract.keys_of(str(keys)).keys, value)
        else:
            check_plain(kind, value)

    def _check_integer(self, kind: str, value: Value) -> None:
        bounds = self._types[kind]
        if not isinstance(value, int) or isinstance(value, bool):
            raise MalformedFrame(f"{kind} is an integer")
        if bounds.minimum is None or bounds.maximum is None:
            raise MalformedFrame(f"{kind} has no bounds")
        if not bounds.minimum <= value <= bounds.maximum:
            raise MalformedFrame(f"{kind} out of range")

    def _check_map(self, keys: Sequence[MapKey], value: Value) -> None:
        if not isinstance(value, dict):
            raise MalformedFrame("not a map")
        for key in keys:
            if key.name not in value:
                if key.is_required:
                    raise MalformedFrame(f"{key.name} is always there")
            elif key.type in ("uint", "count", "time_us", "integer"):
                kind = "count" if key.type == "integer" else key.type
                self._check_integer(kind, value[key.name])
            else:
                check_plain(key.type, value[key.name])
        for item in value.values():
            if isinstance(item, float) and not math.isfinite(item):
                raise MalformedFrame("a number is finite")


def check_plain(kind: str, value: Value) -> None:
    """Refuse a value that is not of a type without bounds.

    Args:
        kind: Name of the type or of a map key's type.
        value: What was decoded.

    Raises:
        MalformedFrame: It is something else.
    """
    match kind, value:
        case (("price" | "number"), float()) if math.isfinite(value):
            return
        case "text", str() if value:
            return
        case "date", str() if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return
        case "time", str() if re.fullmatch(r"[0-9]{2}:[0-9]{2}:[0-9]{2}", value):
            return
        case "boolean", bool():
            return
        case "texts", list() if all(isinstance(item, str) and item for item in value):
            return
        case "states", dict() if all(isinstance(item, str) and item for item in value.values()):
            return
        case "sequences", dict() if all(type(item) is int and item >= 0 for item in value.values()):
            return
        case _:
            raise MalformedFrame(f"{kind} expected, {type(value).__name__} found")
