"""The tables of the TypeScript client's messages: what hand-written code looks up."""

import json
from collections.abc import Iterable

from schemas.contract import Contract, Field
from schemas.typescript_text import camel, doc, kind_list


def tables(contract: Contract) -> str:
    """Names, numbers, kinds and fields of messages."""
    messages = contract.messages
    text = f"\n{doc('Any message.')}export type Message =\n"
    text += "\n".join(f"  | {m.title}" for m in messages) + ";\n"
    text += f"\n{doc('Message number to record.')}export const MESSAGES = {{\n"
    text += "".join(f"  [MessageType.{m.member}]: {m.title},\n" for m in messages) + "} as const;\n"
    names = [(f"[MessageType.{m.member}]", m.name) for m in messages]
    text += _map("MESSAGE_NAMES", "Message number to its name.", "number, string", names)
    kinds = [(m.name, m.type) for m in messages if m.role != "sys"]
    text += _map("KIND_TYPES", "Kind to its message number.", "string, number", kinds)
    sys = [(m.name, m.type) for m in contract.sys_messages]
    text += _map("SYS_NAMES", "Name of a `sys` topic to its number.", "string, number", sys)
    number = {m.name: m.type for m in messages}
    carried = [
        (m.name, [number[name] for name in (m.name, *m.carries)])
        for m in messages
        if m.role != "snapshot_only"
    ]
    about = "Kind or name of a `sys` topic to the numbers it may carry; private ones also STATE."
    text += _map("TOPIC_TYPES", about, "string, readonly number[]", carried)
    for role in ("state", "event"):
        named = (m.name for m in contract.topic_messages if m.role == role)
        text += kind_list(f"{role.upper()}_KINDS", f"Kinds whose role is {role}.", named)
    variants = (m.name for m in messages if m.has_variants)
    text += kind_list("VARIANT_KINDS", "Kinds that may carry a variant.", variants)
    for group in contract.groups:
        text += kind_list(f"{group.name.upper()}_KINDS", group.description, group.kinds)
    return text + _field_tables(contract)


def _map(name: str, about: str, types: str, pairs: Iterable[tuple[str, object]]) -> str:
    rows = "".join(f"  {key}: {json.dumps(value)},\n" for key, value in pairs)
    return f"\n{doc(about)}export const {name}: Readonly<Record<{types}>> = {{\n{rows}}};\n"


def _field_tables(contract: Contract) -> str:
    def rows(fields: Iterable[Field], pad: str) -> str:
        return "".join(
            f'{pad}{{ name: "{f.name}", property: "{camel(f.name)}", type: "{f.type}", '
            f"isMandatory: {json.dumps(not f.is_nilable)} }},\n"
            for f in fields
        )

    text = f"\n{doc('One level of `book`.')}export const LEVEL_FIELDS: readonly FieldSpec[] = [\n"
    text += rows(contract.level, "  ") + "];\n"
    text += f"\n{doc('Items of each body in wire order, the header included.')}"
    text += "export const FIELDS: Readonly<Record<number, readonly FieldSpec[]>> = {\n"
    for m in contract.messages:
        text += f"  [MessageType.{m.member}]: [\n"
        text += rows((*contract.header, *m.fields), "    ") + "  ],\n"
    text += f"}};\n\n{doc('Name of a message with a map to the type of each known key.')}"
    text += (
        "export const MAP_KEYS: Readonly<Record<string, Readonly<Record<string, string>>>> = {\n"
    )
    for entry in contract.maps:
        rows_of_keys = "".join(f'    {key.name}: "{key.type}",\n' for key in entry.keys)
        text += f"  {entry.name}: {{\n{rows_of_keys}  }},\n"
    return text + "};\n"
