"""Writes the C++ client's messages and error codes: records, constants and decoding tables."""

from collections.abc import Mapping

from schemas.contract import Contract, Message
from schemas.cpp_text import (
    comment,
    constants,
    head,
    layout_of,
    member_lines,
    quoted_lines,
    snake,
    strings,
    wrapped,
)

FOLDER = "clients/cpp/include/iqfeed_gateway"
ROWS = {"depth": "DepthRow", "order": "OrderRow"}


def emit(contract: Contract) -> Mapping[str, str]:
    """The C++ client's generated headers.

    Args:
        contract: The checked definitions.

    Returns:
        Path from the project's root to content.
    """
    return {
        f"{FOLDER}/messages.hpp": _messages(contract),
        f"{FOLDER}/error_codes.hpp": _error_codes(contract),
    }


def _messages(contract: Contract) -> str:
    purpose = "Messages, enumerations, limits and decoding tables of the wire contract."
    names = ["array", "cstdint", "optional", "string", "string_view", "tuple", "variant", "vector"]
    includes = [*(f"<{name}>" for name in names), "", '"iqfeed_gateway/value.hpp"']
    text = head(purpose, "*.yaml", includes)
    integer, string = "std::int64_t", "std::string_view"
    limits = [(limit.name, limit.value, limit.description) for limit in contract.limits]
    text += constants("limits", "Numbers both ends rely on.", integer, limits)
    text += "\n/// SHA-256 of the definitions without their prose.\n"
    text += f'inline constexpr std::string_view schema_hash =\n    "{contract.schema_hash}";\n'
    numbers = [(m.name, m.type, m.description) for m in contract.messages]
    text += constants("message_type", "Number of a message: item 0.", integer, numbers)
    kinds = [(m.name, m.name, m.description) for m in contract.messages if m.role != "sys"]
    kinds.append(("sys", "sys", "The gateway's own messages; the symbol part names them."))
    text += constants("kind", "First part of a topic, without variant.", string, kinds)
    flags = [(flag.name, flag.value, flag.description) for flag in contract.flags]
    text += constants("flag", "Bits of the header's flags.", integer, flags)
    for enum in contract.enums:
        values = [(value.name, value.value, value.description) for value in enum.values]
        base = string if enum.type == "text" else integer
        text += constants(snake(enum.name), enum.description, base, values)
    text += "\n" + _kinds(contract) + "\n" + _item_types(contract) + _value_records(contract)
    text += "\n/// The first items of every message, behind the two parts of its topic.\n"
    text += "struct Header {\n" + comment("First part of the topic, variant included.", indent=2)
    text += "  std::string kind;\n" + comment("Second part of the topic.", indent=2)
    text += "  std::string symbol;\n" + member_lines(contract.header, are_optional=False) + "};\n"
    for message in contract.messages:
        doc = f"{message.description} An item the gateway did not send is empty."
        text += "\n" + comment(doc, indent=0) + f"struct {message.title} : Header {{\n"
        text += member_lines(message.fields, are_optional=True) + "};\n"
        text += _layout(contract, message)
    union = ", ".join(m.title for m in contract.messages)
    line = f"using Message = std::variant<{union}>;"
    text += "\n/// Any message.\n" + wrapped(line)
    return text + "\n\n}  // namespace iqfeed_gateway\n"


def _kinds(contract: Contract) -> str:
    text = ""
    for role, doc in (("state", "repeated and conflated"), ("event", "never repeated as new")):
        names = [m.name for m in contract.topic_messages if m.role == role]
        text += strings(f"{role}_kinds", names, f"Kinds that are {doc}.")
    names = [m.name for m in contract.messages if m.has_variants]
    text += strings("variant_kinds", names, "Kinds that may carry a variant.")
    names = [m.name for m in contract.sys_messages]
    text += strings("sys_names", names, "Symbol parts of `sys,<name>,`.")
    for group in contract.groups:
        text += strings(f"{group.name}_kinds", group.kinds, group.description)
    return text


def _item_types(contract: Contract) -> str:
    text = "/// Type of an item on the wire.\nenum class ItemType {\n"
    for entry in contract.types:
        text += comment(entry.description, indent=2) + f"  {entry.name},\n"
    text += "};\n\n/// Smallest and largest value of an integer type.\nstruct ItemRange {\n"
    text += "  ItemType type;\n  std::uint64_t lowest;\n  std::uint64_t highest;\n};\n"
    ranges = [entry for entry in contract.types if entry.maximum is not None]
    text += "\n/// Ranges of the integer types.\n"
    text += f"inline constexpr std::array<ItemRange, {len(ranges)}> item_ranges{{{{\n"
    for e in ranges:
        text += f"    {{ItemType::{e.name}, {e.minimum}u, {e.maximum}u}},\n"
    text += "}};\n\n/// One item of a body or a row: its type, the member it goes to, its name.\n"
    text += "template <ItemType Type, auto Member>\nstruct Item {\n  std::string_view name;\n"
    text += "  /// Whether it is never nil or missing, save in an empty snapshot.\n"
    text += "  bool is_mandatory;\n};\n\n/// Items of a record in wire order.\n"
    return text + "template <class Record>\nstruct Layout;\n"


def _value_records(contract: Contract) -> str:
    rows = [("PriceLevel", "One price level of `book`.", contract.level)]
    rows += [(ROWS[m.name], f"One row of an image of `{m.name}`.", m.fields)
             for m in contract.messages if m.name in ROWS]  # fmt: skip
    text = ""
    for title, doc, fields in rows:
        text += f"\n/// {doc}\nstruct {title} {{\n" + member_lines(fields, are_optional=False)
        text += f"  bool operator==(const {title}&) const = default;\n}};\n"
        text += layout_of(title, "", "", fields)
    text += "\n/// Rows of an image: of price levels or of orders, as its kind says.\n"
    return text + "using Rows = std::variant<std::vector<DepthRow>, std::vector<OrderRow>>;\n"


def _layout(contract: Contract, message: Message) -> str:
    fields = (*contract.header, *message.fields)
    extra = f"  static constexpr std::int64_t number = message_type::{message.name};\n"
    extra += f'  static constexpr std::string_view name = "{message.name}";\n'
    return layout_of(message.title, extra, "Header", fields, header_count=len(contract.header))


def _error_codes(contract: Contract) -> str:
    purpose = "Error codes of the control socket, with what to do about each."
    text = head(purpose, "errors.yaml", ["<array>", "<string_view>"])
    values = [(e.code, e.code, e.meaning) for e in contract.errors]
    text += constants("error_code", "Codes, stable for ever.", "std::string_view", values)
    text += "\n/// What to do about a code, and whether the same request may succeed later.\n"
    text += "struct ErrorAdvice {\n  std::string_view code;\n  std::string_view hint;\n"
    text += "  bool is_retryable;\n};\n\n/// The advice for every code.\n"
    text += f"inline constexpr std::array<ErrorAdvice, {len(contract.errors)}> error_advice{{{{\n"
    for e in contract.errors:
        flag = "true" if e.retryable else "false"
        hint = quoted_lines(e.hint, indent=5)
        text += f"    {{error_code::{e.code},\n     {hint},\n     {flag}}},\n"
    return text + "}};\n\n}  // namespace iqfeed_gateway\n"
