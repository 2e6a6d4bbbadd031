"""Reads the usual body of a message: msgspec checks every item in C while it reads it.

A body is usual when it has exactly the items of the contract's current version, nil nowhere but
where it may be, and neither maps nor rows. Such a decoder takes nothing that `layouts` would
refuse, and gives the same values; what it refuses may be right all the same: `codec` looks closer.
"""

import sys
from collections.abc import Callable
from typing import Annotated, Any, Final

from msgspec import Meta
from msgspec.msgpack import Decoder

from gateway_client import messages
from gateway_client.layouts import LEVEL_KINDS, LEVEL_MANDATORY, Items

Decode = Callable[[bytes], Items]
"""Bytes of a body to its items; raises `msgspec.MsgspecError` or ValueError for all others."""

# What is longer is not usual: so no usual body is too long for a frame, and nobody need ask.
_TEXT_CHARACTERS_MAX: Final = 4_096
_TEXTS_MAX: Final = 256
_LEVELS_MAX: Final = 10_000
_INT64_MAX: Final = (1 << 63) - 1


def _integer(lowest: int, highest: int) -> Any:
    # A bound above 63 bits is msgpack's own: no integer has more than 64.
    return Annotated[int, Meta(ge=lowest, le=highest if highest <= _INT64_MAX else None)]


def _fixed(items: list[Any]) -> Any:
    return tuple[tuple(items)]  # type: ignore[misc] # A type made while running.


_FINITE: Final[Any] = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
# msgspec takes an integer for a float unless the type says what integers may be: none, here.
_PRICE: Final[Any] = _FINITE | Annotated[int, Meta(ge=1, le=0)]
_TEXT: Final[Any] = Annotated[str, Meta(min_length=1, max_length=_TEXT_CHARACTERS_MAX)]
_TYPES: Final[dict[str, Any]] = {
    **{kind: _integer(*bounds) for kind, bounds in messages.INTEGER_RANGES.items()},
    "price": _PRICE,
    "text": _TEXT,
    "boolean": bool,
    "texts": Annotated[tuple[_TEXT, ...], Meta(max_length=_TEXTS_MAX)],
}
_LEVEL: Final[Any] = _fixed(
    [
        _TYPES[kind] if index in LEVEL_MANDATORY else _TYPES[kind] | None
        for index, kind in enumerate(LEVEL_KINDS)
    ]
)
_TYPES["levels"] = Annotated[tuple[_LEVEL, ...], Meta(max_length=_LEVELS_MAX)]


def usual_decoder(number: int) -> Decode | None:
    """Make the decoder of a message's usual bodies.

    Args:
        number: A known type number; a body with another one is refused.

    Returns:
        None for a message with maps or rows: it has no usual body.
    """
    kinds = messages.FIELD_KINDS[number]
    if not _TYPES.keys() >= set(kinds):
        return None
    mandatory = messages.MANDATORY_ITEMS[number]
    types = [_TYPES[kind] for kind in kinds]
    types = [given if i in mandatory else given | None for i, given in enumerate(types)]
    types[0] = _integer(number, number)
    decode: Decode = Decoder(_fixed(types)).decode
    levels = [index for index, kind in enumerate(kinds) if kind == "levels"]
    return _with_levels(decode, levels) if levels else decode


def _with_levels(decode: Decode, indexes: list[int]) -> Decode:
    make = messages.PriceLevel._make

    def decode_levels(body: bytes) -> Items:
        items = list(decode(body))
        for index in indexes:
            items[index] = tuple(map(make, items[index]))
        return tuple(items)

    return decode_levels
