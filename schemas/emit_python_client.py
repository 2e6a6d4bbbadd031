"""Writes the Python client's messages: standard library only, every body item optional."""

from collections.abc import Mapping

from schemas.contract import Contract, Message
from schemas.python_text import (
    banner,
    contract_enums,
    docstring,
    error_codes,
    field_doc,
    limits,
    python_type,
    tables,
    value_records,
)

PATH = "clients/python/gateway_client/messages.py"
IMPORTS = """
import enum
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias
"""


def emit(contract: Contract) -> Mapping[str, str]:
    """The Python client's messages.

    Args:
        contract: The checked definitions.

    Returns:
        Path from the project's root to content.
    """
    text = banner("Messages, enumerations and error codes of the wire contract.", "*.yaml")
    text += IMPORTS + limits(contract) + contract_enums(contract) + error_codes(contract)
    text += value_records(contract, are_items_optional=True)
    for message in contract.messages:
        text += _record(contract, message)
    text += tables(contract)
    ranges = [entry for entry in contract.types if entry.maximum is not None]
    text += "\nINTEGER_RANGES: Final[Mapping[str, tuple[int, int]]] = {\n"
    for entry in ranges:
        text += f'    "{entry.name}": ({entry.minimum}, {entry.maximum}),\n'
    text += "}\n" + docstring("Smallest and largest value of each integer type.", indent=0)
    return {PATH: text}


def _record(contract: Contract, message: Message) -> str:
    doc = f"{message.description} An item the gateway did not send is None."
    text = f"\n\nclass {message.title}(NamedTuple):\n" + docstring(doc)
    text += "\n    kind: str\n" + docstring("First part of the topic, variant included.")
    text += "    symbol: str\n" + docstring("Second part of the topic: the vendor's symbol.")
    for field in contract.header:
        annotation = python_type(contract, field) + (" | None" if field.is_nilable else "")
        text += f"    {field.name}: {annotation}\n" + docstring(field_doc(field))
    for field in message.fields:
        annotation = python_type(contract, field)
        text += f"    {field.name}: {annotation} | None = None\n" + docstring(field_doc(field))
    return text
