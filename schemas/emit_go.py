"""Writes the Go client's messages and error codes: records, constants and tables, no behavior."""

from collections.abc import Iterable, Mapping

from schemas.contract import Contract, Field, Message
from schemas.go_text import banner, comment, enumerations, error_codes, limits, name_of

FOLDER = "clients/go"
SCALARS = {
    "uint": "int64", "count": "int64", "time_us": "int64", "id": "uint64", "price": "float64",
    "text": "string", "boolean": "bool",
}  # fmt: skip
COMPOSITES = {
    "texts": "[]string", "levels": "[]PriceLevel", "rows": "[]BookRow", "map": "map[string]any",
}  # fmt: skip
ROWS = {"depth": "DepthRow", "order": "OrderRow"}


def emit(contract: Contract) -> Mapping[str, str]:
    """The Go client's generated files.

    Args:
        contract: The checked definitions.

    Returns:
        Path from the project's root to content.
    """
    text = banner() + limits(contract) + enumerations(contract) + _records(contract)
    return {
        f"{FOLDER}/messages.go": text + _tables(contract),
        f"{FOLDER}/error_codes.go": banner() + error_codes(contract),
    }


def _type(field: Field, *, is_optional: bool) -> str:
    special = {"type": "MessageType", "flags": "Flag"}
    if field.type in COMPOSITES:
        return COMPOSITES[field.type]
    plain = special.get(field.name) or field.enum or SCALARS[field.type]
    return f"Optional[{plain}]" if is_optional else plain


def _fields(fields: Iterable[Field], *, are_optional: bool) -> str:
    text = ""
    for f in fields:
        doc = f"{name_of(f.name)}: {f.description} Unit: {f.unit}. Source: {f.source}."
        if f.type in COMPOSITES:
            doc += " Nil when absent."
        text += comment(doc, indent="\t")
        text += f"\t{name_of(f.name)} {_type(f, is_optional=are_optional or f.is_nilable)}\n"
    return text


def _record(name: str, doc: str, inner: str, fields: Iterable[Field]) -> str:
    text = "\n" + comment(f"{name}: {doc}") + f"type {name} struct {{\n{inner}}}\n"
    targets = ", ".join(f"&r.{name_of(f.name)}" for f in fields)
    text += f"\nfunc (r *{name}) items(to []any) []any {{\n"
    return text + f"\treturn append(to, {targets})\n}}\n"


def _records(contract: Contract) -> str:
    inner = comment("Kind: first part of the topic, variant and nonce included.", indent="\t")
    inner += "\tKind string\n" + comment("Symbol: second part of the topic, verbatim.", indent="\t")
    inner += "\tSymbol string\n" + _fields(contract.header, are_optional=False)
    text = _record("Header", "what every message begins with.", inner, contract.header)
    levels = _fields(contract.level, are_optional=False)
    text += _record("PriceLevel", "one level of a book.", levels, contract.level)
    for message in contract.messages:
        if message.name in ROWS:
            doc = f"one row of an image, laid out as {message.name}."
            rows = _fields(message.fields, are_optional=False)
            text += _record(ROWS[message.name], doc, rows, message.fields)
    for message in contract.messages:
        doc = f"{message.description} Absent is unset, also where the contract says never."
        inner = "\tHeader\n" + _fields(message.fields, are_optional=True)
        text += _record(message.title, doc, inner, message.fields)
    return text


def _specs(fields: Iterable[Field]) -> str:
    flags = {True: "false", False: "true"}
    return "".join(f'\t\t{{"{f.name}", "{f.type}", {flags[f.is_nilable]}}},\n' for f in fields)


def _tables(contract: Contract) -> str:
    def list_of(name: str, doc: str, kind: str, values: Iterable[str]) -> str:
        inner = "".join(f"\t{value},\n" for value in values)
        return "\n" + comment(f"{name}: {doc}") + f"var {name} = []{kind}{{\n{inner}}}\n"

    def kinds_of(messages: Iterable[Message]) -> list[str]:
        return [f"Kind{name_of(m.name)}" for m in messages]

    by_name = {m.name: m for m in contract.messages}
    rows = [
        f'{{MessageType{name_of(m.name)}, "{m.name}", "{m.role}", '
        f"func() Message {{ return new({m.title}) }}, []fieldSpec{{\n{_specs(m.fields)}\t}}}}"
        for m in contract.messages
    ]
    text = list_of("messageSpecs", "every message with its items.", "messageSpec", rows)
    for name, fields in (("headerFields", contract.header), ("levelFields", contract.level)):
        specs = _specs(fields).replace("\t\t", "\t")
        text += f"\nvar {name} = []fieldSpec{{\n{specs}}}\n"
    for role in ("state", "event"):
        chosen = kinds_of(m for m in contract.topic_messages if m.role == role)
        text += list_of(f"{role}Kinds", f"kinds of {role}s.", "Kind", chosen)
    variants = kinds_of(m for m in contract.messages if m.has_variants)
    text += list_of("variantKinds", "kinds with variants such as quote@250.", "Kind", variants)
    carriers = [
        f'{{"{m.name}", []MessageType{{'
        + ", ".join(f"MessageType{name_of(by_name[n].name)}" for n in (m.name, *m.carries)) + "}}"
        for m in contract.messages if m.role != "snapshot_only"
    ]  # fmt: skip
    doc = "kind, or name of a sys topic, with the numbers it may carry."
    text += list_of("topicTypes", doc, "topicType", carriers)
    for group in contract.groups:
        name = f"{group.name}Kinds"
        text += list_of(name, group.description, "Kind", (f'"{kind}"' for kind in group.kinds))
    ranges = [f'{{"{t.name}", {t.minimum}, {t.maximum}}}' for t in contract.types if t.maximum]
    doc = "smallest and largest value of each type of integer."
    return text + list_of("integerRanges", doc, "integerRange", ranges)
