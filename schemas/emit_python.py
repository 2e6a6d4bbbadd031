"""Writes gateway/model: messages, enums, error codes, methods and limits for the gateway."""

from collections.abc import Mapping

from schemas.contract import Contract, Message
from schemas.emit_python_methods import emit_methods
from schemas.python_text import (
    banner,
    contract_enums,
    docstring,
    error_codes,
    field_doc,
    items,
    limits,
    python_type,
    tables,
    value_records,
)

PACKAGE = "gateway/model"


def emit(contract: Contract) -> Mapping[str, str]:
    """The files of gateway/model.

    Args:
        contract: The checked definitions.

    Returns:
        Path from the project's root to content.
    """
    return {
        f"{PACKAGE}/__init__.py": banner(
            "Message records, enumerations, error codes and methods of the wire contract.",
            "*.yaml",
        ),
        f"{PACKAGE}/enums.py": _enums(contract),
        f"{PACKAGE}/error_codes.py": _error_codes(contract),
        f"{PACKAGE}/messages.py": _messages(contract),
        f"{PACKAGE}/methods.py": emit_methods(contract),
        f"{PACKAGE}/protocol.py": _protocol(contract),
    }


def _enums(contract: Contract) -> str:
    text = banner("Enumerations of the wire contract.", "messages.yaml")
    return f"{text}\nimport enum\n{contract_enums(contract)}"


def _error_codes(contract: Contract) -> str:
    text = banner("Error codes of the control socket, with what to do about each.", "errors.yaml")
    imports = "import enum\nfrom collections.abc import Mapping\nfrom typing import Final\n"
    return f"{text}\n{imports}{error_codes(contract)}"


def _protocol(contract: Contract) -> str:
    text = banner("Version, limits and hash of the wire contract.", "*.yaml")
    return f"{text}\nfrom typing import Final\n{limits(contract)}"


def _messages(contract: Contract) -> str:
    text = banner(
        "Messages of the data socket: the items of each record are its body, in wire order.",
        "messages.yaml",
    )
    text += "\nfrom collections.abc import Mapping, Sequence\n"
    text += "from typing import Final, NamedTuple, TypeAlias\n\n"
    text += "from gateway.model.enums import Kind as Kind\n"
    text += "from gateway.model.enums import MessageType as MessageType\n"
    text += value_records(contract, are_items_optional=False)
    for message in contract.messages:
        text += _record(contract, message)
    return text + tables(contract) + _field_table(contract) + _fundamental_table(contract)


def _record(contract: Contract, message: Message) -> str:
    text = f"\n\nclass {message.title}(NamedTuple):\n" + docstring(message.description) + "\n"
    for field in (*contract.header, *message.fields):
        annotation = python_type(contract, field) + (" | None" if field.is_nilable else "")
        text += f"    {field.name}: {annotation}\n" + docstring(field_doc(field))
    return text


def _field_table(contract: Contract) -> str:
    text = "\n\nclass FieldSpec(NamedTuple):\n" + docstring("What `describe` says of a field.")
    text += "\n    name: str\n    type: str\n    unit: str\n    source: str\n    since: int"
    text += "\n    is_nilable: bool\n    description: str"
    text += "\n\n\nFIELDS: Final[Mapping[int, tuple[FieldSpec, ...]]] = {\n"
    for message in contract.messages:
        text += f"    MessageType.{message.member}: (\n"
        for f in (*contract.header, *message.fields):
            facts = (f.name, f.type, f.unit, f.source, f.since, f.is_nilable, f.description)
            text += f"        FieldSpec{facts!r},\n"
        text += "    ),\n"
    return text + "}\n" + docstring("Fields of each body in wire order.", indent=0)


def _fundamental_table(contract: Contract) -> str:
    text = "\n\nclass FundamentalField(NamedTuple):\n"
    text += docstring("One column of the vendor's fundamental line.") + "\n"
    text += "    column: int\n" + docstring("Column after `F,`; column 1 is the symbol.")
    text += "    key: str\n" + docstring("Key in the map; left out when the column is empty.")
    text += "    value_type: str\n"
    text += docstring("price, number, integer, text, date (ISO) or time (HH:MM:SS).")
    rows = (f'FundamentalField({key.column}, "{key.name}", "{key.type}")'
            for key in contract.keys_of("fundamental").keys)  # fmt: skip
    text += "\n\nFUNDAMENTAL_FIELDS: Final[tuple[FundamentalField, ...]] = (\n" + items(rows)
    return text + ")\n" + docstring("The map's keys, in the order of protocol 6.2.", indent=0)
