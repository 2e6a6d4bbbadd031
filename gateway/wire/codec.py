"""msgpack, in one place: how bodies are packed and requests are unpacked within bounds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import msgpack

from gateway.errors import DecodeError, OutOfRange
from gateway.model.messages import HEADER_FIELDS
from gateway.model.protocol import ARRAY_ITEMS_MAX, NESTING_LEVELS_MAX, REQUEST_BYTES_MAX

HEAD_BYTES: Final = 512
"""Where a reply's id is, as a rule."""
TEXT_BYTES_MAX: Final = 1024
"""Longest text or byte string in a request, in bytes; `hello` states it."""
MAP_ITEMS_MAX: Final = 64
"""Most entries of one map in a request; `hello` states it."""


def make_pack() -> Callable[[object], bytes]:
    """Make a pack function around one kept Packer: half the price of `packb`, one thread only."""
    pack: Callable[[object], bytes] = msgpack.Packer(use_bin_type=True, autoreset=True).pack
    return pack


pack_once: Callable[[object], bytes] = msgpack.packb
"""Pack from any thread, for messages that are not many."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value that is packed already, to be put into a message as it is."""

    data: bytes
    """One complete msgpack object."""


def pack_image(head: tuple[object, ...], count: int, rows: bytes) -> Encoded:
    """Pack the body of an image around rows that are packed already.

    Args:
        head: The header's items; the rows are the one item behind them.
        count: Number of rows.
        rows: Their encodings, one after the other.
    """
    packer = msgpack.Packer(use_bin_type=True)
    parts = [packer.pack_array_header(len(head) + 1)]
    parts += [packer.pack(item) for item in head]
    return Encoded(b"".join((*parts, packer.pack_array_header(count), rows)))


def pack_resent(body: bytes, flag: int) -> bytes:
    """Pack a body anew with a flag more.

    Args:
        body: One message's body as it was sent: an array whose fourth item are the flags.
        flag: REPLAY or BACKFILL.
    """
    items = msgpack.unpackb(body)
    items[3] |= flag
    data: bytes = msgpack.packb(items)
    return data


def pack_array(items: Sequence[bytes]) -> Encoded:
    """Make one array of what is packed already."""
    return Encoded(b"".join((msgpack.Packer().pack_array_header(len(items)), *items)))


def pack_reply(value: object) -> bytes:
    """Pack a reply, what is `Encoded` inside it included."""
    try:
        data: bytes = msgpack.packb(value)
    except TypeError:
        return _assemble(value)
    return data


def _assemble(value: object) -> bytes:
    """Pack piece by piece down to what is packed already."""
    if isinstance(value, Encoded):
        return value.data
    packer = msgpack.Packer(use_bin_type=True)
    if isinstance(value, Mapping):
        parts = [packer.pack_map_header(len(value))]
        for key, item in value.items():
            parts += [packer.pack(key), pack_reply(item)]
        return b"".join(parts)
    if isinstance(value, list | tuple):
        return b"".join([packer.pack_array_header(len(value)), *map(pack_reply, value)])
    data: bytes = packer.pack(value)
    return data


def unpack_request(data: bytes) -> Any:
    """Unpack one control request within the contract's bounds.

    Args:
        data: One frame, as received.

    Returns:
        Maps, arrays, strings, numbers, booleans, None and bytes; nothing else.

    Raises:
        OutOfRange: Larger than a limit that `hello` states.
        DecodeError: Not one complete msgpack object of those, with text as keys.
    """
    if len(data) > REQUEST_BYTES_MAX:
        raise OutOfRange("request too large", size=len(data), limit=REQUEST_BYTES_MAX)
    try:
        value = msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            use_list=True,
            max_str_len=TEXT_BYTES_MAX,
            max_bin_len=TEXT_BYTES_MAX,
            max_array_len=ARRAY_ITEMS_MAX,
            max_map_len=MAP_ITEMS_MAX,
            max_ext_len=0,
            # A length limit of nothing still lets an extension of nothing through.
            ext_hook=_refuse_extension,
        )
    except msgpack.StackError as error:
        raise OutOfRange("request nested too deeply", limit=NESTING_LEVELS_MAX) from error
    except ValueError as error:
        # Every other refusal of msgpack's is a ValueError: lying lengths, text and extra bytes.
        if "exceeds max" in str(error):
            raise OutOfRange("request too large", reason=str(error)) from error
        raise DecodeError("request is not one msgpack object", reason=str(error)) from error
    _check_shape(value)
    return value


def unpack_body(data: bytes) -> Any:
    """Unpack a frame's body that this process packed itself."""
    return msgpack.unpackb(data)


def unpack_items(data: bytes) -> tuple[Any, ...]:
    """Unpack a body of plain items that this process packed itself, as it was before."""
    items: tuple[Any, ...] = msgpack.unpackb(data, use_list=False)
    return items


def unpack_frame(frame: bytes) -> list[Any]:
    """Unpack the body of a data frame that another process sent.

    Args:
        frame: Topic and body.

    Returns:
        The body's items: at least the six of the header, epoch and sequence being numbers.

    Raises:
        DecodeError: Not a message of the contract.
    """
    try:
        _, _, data = frame.split(b",", 2)
        body = msgpack.unpackb(data, ext_hook=_refuse_extension)
    except ValueError as error:
        raise DecodeError("not a data frame", frame=frame[:100], reason=str(error)) from error
    is_body = isinstance(body, list) and len(body) >= len(HEADER_FIELDS)
    if not is_body or not all(type(item) is int for item in body[1:3]):
        raise DecodeError("not a message body", frame=frame[:100])
    return list(body)


def unpack_reply(data: bytes) -> dict[str, Any]:
    """Unpack a gateway's reply to a control request.

    Raises:
        DecodeError: Not a reply of the contract.
    """
    try:
        reply = msgpack.unpackb(data, ext_hook=_refuse_extension)
    except ValueError as error:
        raise DecodeError("not a reply", reason=str(error)) from error
    if not isinstance(reply, dict) or type(reply.get("ok")) is not bool:
        raise DecodeError("not a reply", reply=reply)
    return reply


def find_id(reply: bytes) -> tuple[object, slice]:
    """Find a reply's id without unpacking what it brings, which may be megabytes.

    Args:
        reply: One msgpack map with the key `id`.

    Returns:
        The id, and where its encoding is.

    Raises:
        DecodeError: Not a map, or one without `id`.
    """
    # It is among the first items of a reply; the whole is looked through only if it is not.
    for size in (HEAD_BYTES, len(reply)):
        found = _find_id(reply[:size])
        if found is not None:
            return found
    raise DecodeError("a reply without an id", size=len(reply))


def _find_id(data: bytes) -> tuple[object, slice] | None:
    """The id within a reply's first bytes; None when it is not among them."""
    unpacker = msgpack.Unpacker(ext_hook=_refuse_extension, max_buffer_size=0)
    unpacker.feed(data)
    try:
        for _ in range(unpacker.read_map_header()):
            if unpacker.unpack() == "id":
                start = unpacker.tell()
                return unpacker.unpack(), slice(start, unpacker.tell())
            unpacker.skip()
    except msgpack.OutOfData:
        return None
    except ValueError as error:
        raise DecodeError("not a reply", reason=str(error)) from error
    return None


def _refuse_extension(code: int, _: bytes) -> NoReturn:
    raise DecodeError("extension types are not part of the contract", extension=code)


def _check_shape(value: object) -> None:
    """Refuse what msgpack has no option for: deep nesting, and keys that are byte strings.

    Only arrays and maps are levels; what the innermost of them holds is not another one.

    Raises:
        OutOfRange: More levels than the contract allows.
        DecodeError: A key that is not text.
    """
    level: list[object] = [value]
    for _ in range(NESTING_LEVELS_MAX):
        deeper: list[object] = []
        for item in level:
            if isinstance(item, dict):
                if not all(isinstance(key, str) for key in item):
                    raise DecodeError("a key of a map is not text")
                deeper.extend(item.values())
            elif isinstance(item, list):
                deeper.extend(item)
        level = deeper
    if any(isinstance(item, dict | list) for item in level):
        raise OutOfRange("request nested too deeply", limit=NESTING_LEVELS_MAX)
