"""JSON Schemas of message bodies and of the maps inside them."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.contract import Contract, Field, MapKey, Message

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
KEY_SCHEMAS: Mapping[str, Schema] = {
    "text": TEXT,
    "boolean": {"type": "boolean"},
    "texts": {"type": "array", "items": TEXT},
    "price": {"type": "number"},
    "number": {"type": "number"},
    "integer": COUNT,
    "date": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    "time": {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}:[0-9]{2}$"},
    "sequences": {"type": "object", "additionalProperties": COUNT},
    "states": {"type": "object", "additionalProperties": TEXT},
}


def body_schema(contract: Contract, message: Message) -> Schema:
    """A body: an array that may be longer than known, or an empty snapshot."""
    fields = (*contract.header, *message.fields)
    full = _array(contract, fields)
    full["prefixItems"][0] = {"const": message.type}
    empty = [dict(item) for item in full["prefixItems"][: len(contract.header)]]
    names = [field.name for field in contract.header]
    # The SNAPSHOT bit is 1, so the flags of a snapshot are odd.
    empty[names.index("flags")] |= {"not": {"multipleOf": 2}}
    empty += [{"type": "null"}] * len(message.fields)
    return {
        "type": "array",
        "anyOf": [full, {"prefixItems": empty, "minItems": len(contract.header)}],
    }


def _array(contract: Contract, fields: Sequence[Field]) -> Schema:
    mandatory = max(i for i, field in enumerate(fields) if not field.is_nilable) + 1
    is_body = fields[0].name == "type"
    return {
        "type": "array",
        "prefixItems": [_item(contract, field) for field in fields],
        "minItems": max(mandatory, len(contract.header)) if is_body else mandatory,
    }


def _item(contract: Contract, field: Field) -> Schema:
    schema = {"description": field.description} | _value(contract, field)
    return {"anyOf": [schema, {"type": "null"}]} if field.is_nilable else schema


def _value(contract: Contract, field: Field) -> Schema:
    wire_type = next(entry for entry in contract.types if entry.name == field.type)
    if wire_type.maximum is not None:
        return {"type": "integer", "minimum": wire_type.minimum, "maximum": wire_type.maximum}
    if field.type == "levels":
        return {"type": "array", "items": _array(contract, contract.level)}
    if field.type == "rows":
        rows = [m.fields for m in contract.messages if "image" in m.carries]
        return {"type": "array", "items": {"anyOf": [_array(contract, row) for row in rows]}}
    if field.type == "map":
        return map_schema(contract, contract.keys_of(str(field.keys)).keys)
    return dict(KEY_SCHEMAS[field.type])


def map_schema(contract: Contract, keys: Sequence[MapKey]) -> Schema:
    """A map item: known keys by type, unknown ones ignored."""
    properties = {key.name: {"description": key.description} | _key(contract, key) for key in keys}
    required = [key.name for key in keys if key.is_required]
    return {"type": "object", "properties": properties} | (
        {"required": required} if required else {}
    )


def _key(contract: Contract, key: MapKey) -> Schema:
    for entry in contract.types:
        if entry.name == key.type and entry.maximum is not None:
            return {"type": "integer", "minimum": entry.minimum, "maximum": entry.maximum}
    return KEY_SCHEMAS[key.type]
