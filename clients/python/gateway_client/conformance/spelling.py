"""Messages and events as the conformance suite spells them, the same in every language.

Integers are decimal strings, since a JSON number is exact to 2^53 only; floats are numbers, absent
is null. A field is found by its name, and what is nested by names with dots between.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from gateway_client.base import StreamItem
from gateway_client.events import (
    Disconnected,
    Gap,
    GatewayRestarted,
    Overrun,
    Reconnected,
    SubscriptionRefused,
)

EVENTS: Final = (Gap, GatewayRestarted, Disconnected, Reconnected, Overrun, SubscriptionRefused)
_WORD: Final = re.compile(r"(?<!^)(?=[A-Z])")


def spelled(value: object) -> Any:
    """Spell a value and all that is in it."""
    if isinstance(value, bool | float | str) or value is None:
        return value
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, Mapping):
        return {str(key): spelled(one) for key, one in value.items()}
    if isinstance(value, Sequence):
        return [spelled(one) for one in value]
    raise TypeError(f"nothing of the contract is a {type(value).__name__}")


def spelled_message(message: Any) -> dict[str, Any]:
    """Spell a message with all its fields."""
    return {name: spelled(getattr(message, name)) for name in message._fields}


def spelled_item(item: StreamItem) -> dict[str, Any]:
    """Spell what comes out of the stream: `item` says what it is."""
    name = _WORD.sub("_", type(item).__name__).lower()
    if isinstance(item, EVENTS):
        values = {field.name: spelled(getattr(item, field.name)) for field in fields(item)}
    else:
        values = spelled_message(item)
        values["topic"] = f"{item.kind},{item.symbol},"
    return {"item": name, **values}


def picked(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Take the named values; what is not there is null."""
    return {name: found(values, name) for name in names}


def found(values: Mapping[str, Any], name: str) -> Any:
    """Take one value, by its name or the way to it."""
    value: Any = values
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def is_match(values: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether an item has all the values that are wanted of it."""
    flags = int(values.get("flags") or 0)
    for name, value in wanted.items():
        if name == "flags_has":
            if flags & int(value) != int(value):
                return False
        elif name == "flags_not":
            if flags & int(value):
                return False
        elif found(values, name) != value:
            return False
    return True
