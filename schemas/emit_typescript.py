"""Writes the TypeScript client's messages and error codes: data only, no imports."""

from collections.abc import Mapping, Sequence

from schemas.contract import Contract, Field, Message
from schemas.typescript_tables import tables
from schemas.typescript_text import (
    banner,
    camel,
    constants,
    doc,
    error_codes,
    field_doc,
    limits,
    open_enum,
    value_type,
)

FOLDER = "clients/typescript/src"
ROWS = {"depth": "DepthRow", "order": "OrderRow"}
TYPES = """
/** A size, volume, count or vendor code: a number up to 2^53-1, a bigint above; always exact. */
export type Count = number | bigint;

/** A value inside a map. Integers above 2^53-1 are bigint. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Value[]
  | { readonly [key: string]: Value };

/** A map by its contract's key names; keys without a value are left out. */
export type Details = Readonly<Record<string, Value>>;

/** A body's items, in wire order. */
export type Items = readonly unknown[];

/** What the contract says of one item. */
export interface FieldSpec {
  /** Name in the contract. */
  readonly name: string;
  /** Name of the property. */
  readonly property: string;
  /** Type in the contract, such as `price`. */
  readonly type: string;
  /** Whether it is never nil or missing, save in an empty snapshot. */
  readonly isMandatory: boolean;
}
"""


def emit(contract: Contract) -> Mapping[str, str]:
    """The TypeScript client's generated files.

    Args:
        contract: The checked definitions.

    Returns:
        Path from the project's root to content.
    """
    text = banner("Messages, enumerations and limits of the wire contract.", "*.yaml")
    text += TYPES + limits(contract) + _enums(contract)
    text += _record("PriceLevel", "One price level of `book`.", contract.level)
    for message in contract.messages:
        if message.name in ROWS:
            about = f"One row of an image of `{message.name}`, laid out as its body."
            text += _record(ROWS[message.name], about, message.fields)
    for message in contract.messages:
        text += _message(contract, message)
    text += tables(contract)
    codes = banner("Error codes of the control socket, with what to do about each.", "errors.yaml")
    return {
        f"{FOLDER}/messages.ts": text,
        f"{FOLDER}/error_codes.ts": codes + error_codes(contract),
    }


def _enums(contract: Contract) -> str:
    numbers = [(m.member, m.type, m.description) for m in contract.messages]
    text = constants("MessageType", "Number of a message: item 0.", numbers)
    flags = [(flag.name, flag.value, flag.description) for flag in contract.flags]
    text += constants("Flag", "Bits of the header's flags; others are ignored.", flags)
    for enum in contract.enums:
        values = [(value.name, value.value, value.description) for value in enum.values]
        base = "(string & {})" if enum.type == "text" else "(number & {}) | bigint"
        text += open_enum(enum.name, enum.description, values, base)
    return text


def _record(name: str, about: str, fields: Sequence[Field]) -> str:
    text = f"\n{doc(about)}export class {name} {{\n"
    text += "".join(_property(field) for field in fields)
    text += doc("From checked items.", indent=2) + "  constructor(items: Items) {\n"
    text += "".join(_assignment(index, field) for index, field in enumerate(fields))
    return text + "  }\n}\n"


def _message(contract: Contract, message: Message) -> str:
    about = f"{message.description} An item the gateway did not send is null."
    text = f"\n{doc(about)}export class {message.title} {{\n"
    text += doc("First part of the topic, variant included.", indent=2)
    text += "  readonly kind: string;\n"
    text += doc("Second part of the topic: the vendor's symbol.", indent=2)
    text += "  readonly symbol: string;\n"
    text += doc("Message number; tells the messages of a stream apart.", indent=2)
    text += f"  readonly type = MessageType.{message.member};\n"
    header, after = contract.header, len(contract.header)
    text += "".join(_property(field) for field in header[1:])
    text += "".join(_property(field, is_body=True) for field in message.fields)
    text += doc("From the topic and checked items.", indent=2)
    text += "  constructor(kind: string, symbol: string, items: Items) {\n"
    text += "    this.kind = kind;\n    this.symbol = symbol;\n"
    for index, field in enumerate(header[1:], start=1):
        text += _assignment(index, field)
    for index, field in enumerate(message.fields, start=after):
        text += _assignment(index, field, is_body=True)
    return text + "  }\n}\n"


def _property(field: Field, *, is_body: bool = False) -> str:
    line = f"  readonly {camel(field.name)}: {_annotation(field, is_body=is_body)};\n"
    return doc(field_doc(field, is_body=is_body), indent=2) + line


def _assignment(index: int, field: Field, *, is_body: bool = False) -> str:
    annotation = _annotation(field, is_body=is_body)
    return f"    this.{camel(field.name)} = items[{index}] as {annotation};\n"


def _annotation(field: Field, *, is_body: bool) -> str:
    """An empty snapshot lacks every item after the header, mandatory ones as well."""
    return value_type(field) + (" | null" if is_body or field.is_nilable else "")
