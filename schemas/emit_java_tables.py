"""Writes the Java client's limits, enumerations and decoding tables: data only."""

from collections.abc import Iterable, Mapping

from schemas.contract import Contract, Message
from schemas.java_text import (
    FOLDER,
    banner,
    comment,
    constants,
    java_type,
    prose,
    wrapped,
)

HEADER = ("kind", "symbol", "type", "epoch", "sequence", "flags", "recvUs", "eventUs")


def emit(contract: Contract) -> Mapping[str, str]:
    """The Java client's tables.

    Args:
        contract: The checked definitions.

    Returns:
        Path from the project's root to content.
    """
    text = banner("*.yaml", "java.util.List", "java.util.Map", "java.util.Set")
    text += comment("Limits, enumerations and layouts of the wire contract.", indent=0)
    text += '@SuppressWarnings("unchecked")\npublic final class Contract {\n'
    text += _limits(contract) + _enumerations(contract) + _kinds(contract) + _layouts(contract)
    text += "\n    private Contract() {\n    }\n}\n"
    return {f"{FOLDER}/Contract.java": text}


def _limits(contract: Contract) -> str:
    text = ""
    for limit in contract.limits:
        text += comment(prose(limit.description))
        text += f"    public static final int {limit.name} = {limit.value};\n"
    text += comment("SHA-256 of the definitions without their prose.")
    return (
        text
        + f'    public static final String SCHEMA_HASH =\n            "{contract.schema_hash}";\n'
    )


def _enumerations(contract: Contract) -> str:
    numbers = [(m.member, m.type, prose(m.description)) for m in contract.messages]
    text = constants("int", "MessageType", "Number of a message: item 0.", numbers)
    flags = [(flag.name, flag.value, prose(flag.description)) for flag in contract.flags]
    text += constants("long", "Flag", "Bits of the header's flags.", flags)
    for enum in contract.enums:
        values = [(value.name, value.value, prose(value.description)) for value in enum.values]
        kind = "String" if enum.type == "text" else "long"
        text += constants(kind, enum.name, prose(enum.description), values)
    return text


def _kinds(contract: Contract) -> str:
    text = ""
    for group in contract.groups:
        text += "\n" + comment(prose(group.description))
        text += _texts("List", f"{group.name.upper()}_KINDS", group.kinds)
    for role in ("state", "event"):
        kinds = [m.name for m in contract.topic_messages if m.role == role]
        text += "\n" + comment(f"Kinds whose messages are {role}s.")
        text += _texts("Set", f"{role.upper()}_KINDS", kinds)
    return text


def _texts(kind: str, name: str, values: Iterable[str]) -> str:
    opening = f"public static final {kind}<String> {name} = {kind}.of("
    return wrapped(opening, [f'"{value}"' for value in values], ");")


def _layouts(contract: Contract) -> str:
    text = "\n" + comment("Largest value of each integer type, unsigned; the smallest is 0.")
    text += "    static final Map<ItemType, Long> INTEGER_MAX = Map.of(\n"
    ranges = [entry for entry in contract.types if entry.maximum is not None]
    rows = [f"            ItemType.{e.name.upper()}, {_signed(e.maximum)}L" for e in ranges]
    text += ",\n".join(rows) + ");\n"
    text += "\n" + comment("Every message, with its items after the header in wire order.")
    text += "    static final List<Layout> LAYOUTS = List.of(\n"
    return text + ",\n".join(_layout(message) for message in contract.messages) + ");\n"


def _signed(value: int | None) -> int:
    """Spell an unsigned number of 64 bits as Java's signed one."""
    number = value or 0
    return number - 2**64 if number >= 2**63 else number


def _layout(message: Message) -> str:
    carriers = ", ".join(f'"{name}"' for name in (message.name, *message.carries))
    text = f'            new Layout({message.type}, "{message.name}", '
    text += f"Layout.Role.{message.role.upper()}, {str(message.has_variants).lower()},\n"
    text += f"                    List.of({carriers}), List.of(\n"
    items = [
        f'new Layout.Item("{f.name}", ItemType.{f.type.upper()}, {str(f.is_nilable).lower()})'
        for f in message.fields
    ]
    text += ",\n".join(f"                            {item}" for item in items)
    text += wrapped("),\n                    (", [*HEADER, "b"], ") ->", indent=0)
    arguments = [*HEADER]
    for index, field in enumerate(message.fields):
        cast = java_type(field, is_boxed=True)
        for record in ("PriceLevel", "Row"):
            cast = cast.replace(f"<{record}>", f"<Message.{record}>")
        arguments.append(f"({cast}) b[{index}]")
    call = wrapped(f"new Message.{message.title}(", arguments, "))", indent=28)
    return text + call.rstrip("\n")
