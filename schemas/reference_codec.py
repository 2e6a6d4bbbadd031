"""An independent codec of whole data frames, checked against the definitions.

Test vectors get their bytes here, so that no codec under test is ever compared with itself. Plain
and slow on purpose. It is stricter than a reader has to be: it also refuses what a writer must
never send, such as an empty text or an integer in place of a price.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.contract import Contract, Field, MapKey, Message, WireType, load_contract
from schemas.reference_msgpack import MalformedFrame, Value, decode_value, encode_value

TOPIC = re.compile(
    rb"(?:~(?P<nonce>[0-9A-Za-z]{14,32})\.)?(?P<kind>[a-z][a-z0-9_]{0,15})"
    rb"(?:@(?P<variant>[1-9][0-9]{0,4})(?:x(?P<levels>[1-9][0-9]{0,2}))?)?"
)
SYMBOL = re.compile(rb"[!-+\--~](?:[ -+\--~]{0,62}[!-+\--~])?")
SNAPSHOT = 1
TEXT_FORMS = {
    "text": r".+",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "time": r"[0-9]{2}:[0-9]{2}:[0-9]{2}",
}


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


class ReferenceCodec:
    """Encodes and decodes whole frames, checked against the definitions.

    Args:
        contract: The checked definitions.
    """

    def __init__(self, contract: Contract | None = None) -> None:
        self._contract = contract or load_contract()
        self._by_type = {message.type: message for message in self._contract.messages}
        self._by_name = {message.name: message for message in self._contract.messages}
        self._types: dict[str, WireType] = {entry.name: entry for entry in self._contract.types}
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
        if match["levels"] is not None and name != "book":
            raise MalformedFrame(f"{name} has no levels to choose")
        return (name, *definition.carries), is_private, name

    def _values(self, message: Message, items: list[Value], base: str) -> list[Value]:
        header, fields = self._contract.header, message.fields
        count = len(header)
        values = self._checked(header, items[:count], base)
        flags = values[3]
        is_empty = isinstance(flags, int) and bool(flags & SNAPSHOT)
        if is_empty and all(item is None for item in items[count : count + len(fields)]):
            return [*values, *(None for _ in fields)]
        return [*values, *self._checked(fields, items[count:], base)]

    def _checked(self, fields: Sequence[Field], items: list[Value], base: str) -> list[Value]:
        """As many items as there are fields: nil for missing ones, extra ones dropped."""
        values = [*items[: len(fields)], *(None for _ in fields[len(items) :])]
        for index, field in enumerate(fields):
            value = values[index]
            if value is None and not field.is_nilable:
                raise MalformedFrame(f"{field.name} is never absent")
            if field.type in ("levels", "rows") and value is not None:
                values[index] = self._check_arrays(field, value, base)
            elif value is not None:
                self._check(field, value)
        return values

    def _check_arrays(self, field: Field, value: Value, base: str) -> list[Value]:
        is_book = field.type == "levels"
        layout = self._contract.level if is_book else self._by_name[base].fields
        if not isinstance(value, list):
            raise MalformedFrame(f"{field.name} is an array")
        rows: list[Value] = []
        for row in value:
            if not isinstance(row, list):
                raise MalformedFrame(f"{field.name} holds arrays")
            rows.append(self._checked(layout, row, base))
        return rows

    def _check(self, field: Field, value: Value) -> None:
        if self._types[field.type].maximum is not None:
            self._check_integer(field.type, value)
        elif field.type == "map":
            self._check_map(self._contract.keys_of(str(field.keys)).keys, value)
        else:
            check_plain(field.type, value)

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
        case (("price" | "number"), float()):
            is_good = math.isfinite(value)
        case (("text" | "date" | "time"), str()):
            is_good = re.fullmatch(TEXT_FORMS[kind], value, re.DOTALL) is not None
        case "boolean", bool():
            is_good = True
        case "texts", list():
            is_good = all(isinstance(item, str) and item for item in value)
        case "states", dict():
            is_good = all(isinstance(item, str) and item for item in value.values())
        case "sequences", dict():
            is_good = all(type(item) is int and item >= 0 for item in value.values())
        case _:
            is_good = False
    if not is_good:
        raise MalformedFrame(f"{kind} expected, {type(value).__name__} found")
