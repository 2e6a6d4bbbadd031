"""Data frames to typed messages: strict about what is there, open to what is appended.

A frame is `kind,symbol,body` with a msgpack array for a body. Extra items at its end are ignored,
missing ones become None; a wrong type, NaN, infinity or a number out of range is a DecodeError, and
so is a kind whose type number belongs to another kind. A type number this version does not know
raises UnknownMessage.
"""

import re
from decimal import Decimal
from itertools import chain
from math import isfinite
from typing import Any, Final

import msgpack
from msgspec import MsgspecError

from gateway_client import messages
from gateway_client.bodies import Decode, usual_decoder
from gateway_client.errors import DecodeError, UnknownMessage
from gateway_client.layouts import (
    EXACT_IN_DOUBLE,
    LEVEL_KINDS,
    LEVEL_MANDATORY,
    Checker,
    Items,
    check_value,
)
from gateway_client.messages import Message, MessageType
from gateway_client.topics import is_variant

CLASS_OF_TYPE: Final[dict[int, type[Message]]] = {
    int(number): cls for number, cls in messages.MESSAGES.items()
}
TYPE_OF_KIND: Final[dict[str, int]] = {
    str(name): int(number)
    for name, number in chain(messages.KIND_TYPES.items(), messages.SYS_NAMES.items())
}
"""Kind without variant, or the name of a `sys` message, to its type number."""
MERGED_INDEX: Final[dict[int, int]] = {
    number: cls._fields.index("merged") - 2
    for number, cls in CLASS_OF_TYPE.items()
    if "merged" in cls._fields
}
"""Type number to the body item that counts merged updates."""
SYS_CARRIERS: Final[dict[int, tuple[str, ...]]] = {
    int(number): (name,) if name != "tails" else (name, "client")
    for name, number in messages.SYS_NAMES.items()
}
"""Type number to the names of `sys` topics that carry it: a client may get tails of its own."""
RESENT_FLAGS: Final = int(messages.Flag.REPLAY | messages.Flag.BACKFILL)
SNAPSHOT: Final = int(messages.Flag.SNAPSHOT)
CONFLATED: Final = int(messages.Flag.CONFLATED)

_SHAPES_MAX: Final = 50_000
"""Topics remembered; a feed has at most some thousand symbols of a few kinds."""
_KIND: Final = re.compile(
    r"(?:~([0-9A-Za-z]{14,32})\.)?([a-z][a-z0-9_]{0,15})(?:@([1-9][0-9]{0,4}(?:x[1-9][0-9]{0,2})?))?"
)
_SYMBOL: Final = re.compile(r"[!-+\--~](?:[ -+\--~]{0,62}[!-+\--~])?")
_KINDS: Final = frozenset(str(kind) for kind in messages.Kind)
_UNPACK_ERRORS: Final = (ValueError, TypeError, OverflowError, msgpack.UnpackException)
_UNUSUAL: Final = (KeyError, ValueError, MsgspecError)


def to_decimal(price: float) -> Decimal:
    """Turn a price into the exact decimal number the vendor sent.

    Args:
        price: A price from a message; finite.

    Returns:
        The shortest decimal that reads back as the same double: the vendor's text without
        trailing zeros.

    Raises:
        DecodeError: NaN or infinity, which no message holds.
    """
    if not isfinite(price):
        raise DecodeError("price is not finite", price=price)
    return Decimal(repr(float(price)).removesuffix(".0"))


def split_frame(frame: bytes) -> tuple[bytes, Items]:
    """Cut a frame into topic and items, and check what sequence tracking needs.

    Returns:
        The topic (second comma included) and the body's items, of which the first four are
        integers: type, epoch, sequence, flags.

    Raises:
        DecodeError: Not a frame of the contract.
    """
    try:
        end = frame.index(b",", frame.index(b",") + 1) + 1
        items = msgpack.unpackb(frame[end:], use_list=False)
        number, epoch, sequence, flags, _, _ = items[:6]
        if not (type(number) is type(epoch) is type(sequence) is type(flags) is int):
            raise DecodeError("header items are not integers", frame=frame)
        if number < 0 or epoch < 0 or sequence < 0 or flags < 0:
            raise DecodeError("header item out of range", frame=frame)
        if type(items) is not tuple:
            raise DecodeError("body is not an array", frame=frame)
    except _UNPACK_ERRORS as error:
        if isinstance(error, DecodeError):
            raise
        raise DecodeError("not a frame", frame=frame, cause=str(error)) from error
    return frame[:end], items


def repack(items: Items) -> bytes:
    """Pack items again, as they came."""
    packed: bytes = msgpack.packb(items)
    return packed


def decode_frame(frame: bytes) -> Message:
    """Decode one frame.

    Returns:
        The message; `kind` and `symbol` are the frame's, nonce and variant included.

    Raises:
        DecodeError: Not a frame of the contract, or a kind with another kind's type number.
        UnknownMessage: A type number this version does not know.
    """
    # A topic seen before needs no second look, and a usual body is checked while it is read.
    # Everything else takes the long way, which decides alone what is right, and whose errors count.
    try:
        kind, symbol, body = frame.split(b",", 2)
        cls, topic, decode = _SHAPES[kind][symbol]
        return _new(cls, topic + decode(body))
    except _UNUSUAL:
        pass
    except TypeError as error:
        raise DecodeError("not a frame", frame=frame, cause=str(error)) from error
    return _decode_frame(frame)


def _decode_frame(frame: bytes) -> Message:
    if len(frame) > messages.FRAME_BYTES_MAX:
        raise DecodeError("frame is too long", bytes=len(frame))
    parts = frame[: messages.TOPIC_BYTES_MAX + 1].split(b",", 2)
    topic = b",".join(parts[:2])
    if len(parts) != 3 or len(topic) >= messages.TOPIC_BYTES_MAX or not topic.isascii():
        raise DecodeError("frame does not begin with a topic", frame=frame)
    kind, symbol = parts[0].decode("ascii"), parts[1].decode("ascii")
    match = _KIND.fullmatch(kind)
    if match is None or not _SYMBOL.fullmatch(symbol):
        raise DecodeError("topic is malformed", topic=topic)
    nonce, base, variant = match.groups()
    if base not in _KINDS or (base == "sys" and symbol not in messages.SYS_NAMES):
        raise UnknownMessage("unknown kind", topic=topic)
    if variant and not is_variant(base, variant):
        raise DecodeError("kind has no such variant", topic=topic)
    _, items = split_frame(frame)
    number = items[0]
    if number not in CLASS_OF_TYPE:
        raise UnknownMessage("unknown type number", type=number, topic=topic)
    if not _is_kind_of(number, base, symbol, is_private=nonce is not None):
        raise DecodeError("kind and type number do not match", topic=topic, type=number)
    message = build(kind, symbol, items)
    if nonce is None:
        _remember(message)
    return message


def _remember(message: Message) -> None:
    decode = _USUAL[message.type]
    kind, symbol = message.kind.encode("ascii"), message.symbol.encode("ascii")
    if decode is None or symbol in _SHAPES.get(kind, ()):
        return
    if sum(map(len, list(_SHAPES.values()))) >= _SHAPES_MAX:
        _SHAPES.clear()
    shape = (type(message), (message.kind, message.symbol), decode)
    _SHAPES.setdefault(kind, {})[symbol] = shape


def _is_kind_of(number: int, base: str, symbol: str, *, is_private: bool) -> bool:
    if base == "image":
        return False
    if number == MessageType.STATE and is_private:
        return True
    if base == "sys":
        return symbol in SYS_CARRIERS.get(number, ())
    if number == MessageType.IMAGE:
        return base in ("depth", "order")
    return TYPE_OF_KIND.get(base) == number


def _body_kinds(number: int) -> tuple[str, ...]:
    return messages.FIELD_KINDS[number][6:]


def _body_mandatory(number: int) -> tuple[int, ...]:
    return tuple(index - 6 for index in messages.MANDATORY_ITEMS[number] if index >= 6)


_Shape = tuple[type[Message], tuple[str, str], Decode]
"""Class, kind and symbol of a public topic's messages, and what reads their usual bodies."""
_SHAPES: Final[dict[bytes, dict[bytes, _Shape]]] = {}
"""By kind and by symbol, as a frame spells them."""
_USUAL: Final = {number: usual_decoder(number) for number in CLASS_OF_TYPE}
_new: Final = tuple.__new__
_CHECKERS: Final = {
    number: Checker(
        messages.FIELD_KINDS[number], messages.MANDATORY_ITEMS[number], name=cls.__name__
    )
    for number, cls in CLASS_OF_TYPE.items()
}
_LEVEL_CHECKER: Final = Checker(LEVEL_KINDS, LEVEL_MANDATORY, name="PriceLevel")
_ROW_CHECKERS: Final = {
    number: Checker(_body_kinds(number), _body_mandatory(number), name="row")
    for number in (int(MessageType.DEPTH), int(MessageType.ORDER))
}


def build(
    kind: str, symbol: str, items: Items, *, flags_add: int = 0, merged_add: int = 0
) -> Message:
    """Build the message from the items of a known type number.

    Args:
        kind: What the message is to say as its kind; `order` decides how image rows are laid out.
        symbol: The symbol.
        items: From `split_frame`.
        flags_add: Flags to set besides those sent.
        merged_add: Updates to add to `merged`, where the message has it.

    Raises:
        DecodeError: An item is wrong.
    """
    number = items[0]
    checker = _CHECKERS[number]
    count = checker.count
    if len(items) != count:
        if len(items) > count:
            check_value(items[count:], level=1)
        items = (items + (None,) * count)[:count]
    is_empty = bool(items[3] & SNAPSHOT) and items[6:].count(None) == count - 6
    layout = checker.check(items, may_be_empty=is_empty)
    if layout.nested:
        items = _convert(items, layout.nested, kind)
    if flags_add or merged_add:
        items = _amend(items, flags_add, merged_add)
    return tuple.__new__(CLASS_OF_TYPE[number], (kind, symbol, *items))


def _amend(items: Items, flags_add: int, merged_add: int) -> Items:
    changed = list(items)
    changed[3] |= flags_add
    index = MERGED_INDEX.get(items[0])
    if merged_add and index is not None:
        changed[index] = (changed[index] or 1) + merged_add
    return tuple(changed)


def _convert(items: Items, nested: tuple[tuple[int, str], ...], kind: str) -> Items:
    """Check maps and arrays; give price levels and rows their types."""
    changed: list[Any] | None = None
    for index, field_kind in nested:
        value = items[index]
        if field_kind == "map":
            check_value(value)
        elif field_kind == "texts":
            if not all(type(text) is str and text for text in value):
                raise DecodeError("not an array of texts", index=index, item=value)
        else:
            changed = list(items) if changed is None else changed
            changed[index] = _levels(value) if field_kind == "levels" else _rows(value, kind)
    return items if changed is None else tuple(changed)


def _levels(value: Items) -> tuple[messages.PriceLevel, ...]:
    if set(map(type, value)) == {tuple} and set(map(len, value)) == {3}:
        # Column by column costs a fifth of level by level.
        prices, sizes, counts = zip(*value, strict=True)
        if (
            set(map(type, prices)) == {float}
            and set(map(type, sizes)) == {int} == set(map(type, counts))
            and isfinite(sum(prices))
            and min(sizes) >= 0 <= min(counts)
            and max(sizes) <= EXACT_IN_DOUBLE >= max(counts)
        ):
            return tuple(map(messages.PriceLevel._make, value))
    return tuple(
        tuple.__new__(messages.PriceLevel, _checked(_LEVEL_CHECKER, level)) for level in value
    )


def _rows(value: Items, kind: str) -> tuple[messages.DepthRow | messages.OrderRow, ...]:
    if kind.rpartition(".")[2] == "order":
        checker = _ROW_CHECKERS[MessageType.ORDER]
        return tuple(tuple.__new__(messages.OrderRow, _checked(checker, row)) for row in value)
    checker = _ROW_CHECKERS[MessageType.DEPTH]
    return tuple(tuple.__new__(messages.DepthRow, _checked(checker, row)) for row in value)


def _checked(checker: Checker, row: object) -> Items:
    if type(row) is not tuple:
        raise DecodeError("row is not an array", row=row)
    if len(row) != checker.count:
        row = (row + (None,) * checker.count)[: checker.count]
    checker.check(row)
    return row
