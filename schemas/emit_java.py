"""Writes the Java client's messages and error codes: records without behavior."""

from collections.abc import Iterable, Mapping

from schemas.contract import Contract, Field
from schemas.java_text import (
    FOLDER,
    banner,
    camel,
    comment,
    java_type,
    literal,
    prose,
    wrapped,
)

ROWS = {"depth": "DepthRow", "order": "OrderRow"}
NULL_DOC = "null when absent."


def emit(contract: Contract) -> Mapping[str, str]:
    """The generated files of the Java client.

    Args:
        contract: The checked definitions.

    Returns:
        Path from the project's root to content.
    """
    return {
        f"{FOLDER}/Message.java": _messages(contract),
        f"{FOLDER}/ErrorCode.java": _error_codes(contract),
    }


def _messages(contract: Contract) -> str:
    text = banner("messages.yaml", "java.util.List", "java.util.Map")
    text += comment(
        "A message of the wire contract. An item that the gateway did not send is null, never 0. "
        "Identifiers are unsigned 64-bit: print them with {@link Long#toUnsignedString(long)}.",
        indent=0,
    )
    titles = [f"Message.{m.title}" for m in contract.messages]
    text += "public sealed interface Message extends StreamItem\n"
    text += wrapped("permits ", titles, " {", indent=8)
    text += comment("First part of the topic, variant included.") + "    String kind();\n\n"
    text += comment("Second part of the topic: the vendor's symbol.") + "    String symbol();\n"
    for field in contract.header:
        text += "\n" + comment(_doc(field)) + f"    {_header_type(field)} {camel(field.name)}();\n"
    text += _record("PriceLevel", "One price level of {@code book}.", contract.level, "", ())
    text += "\n" + comment("One row of an image.")
    text += f"    sealed interface Row permits {', '.join(ROWS.values())} {{\n    }}\n"
    for message in contract.messages:
        if message.name in ROWS:
            doc = f"One row of an image of {{@code {message.name}}}, laid out as its items."
            text += _record(ROWS[message.name], doc, message.fields, "Row", ())
    for message in contract.messages:
        doc = prose(message.description)
        text += _record(message.title, doc, message.fields, "Message", contract.header)
    return text + "}\n"


def _header_type(field: Field) -> str:
    return "int" if field.name == "type" else java_type(field, is_boxed=field.is_nilable)


def _doc(field: Field) -> str:
    unit = "" if field.unit == "none" else f" Unit: {prose(field.unit)}."
    absence = " Never absent." if field.absence == "never" else f" {NULL_DOC.capitalize()}"
    return f"{prose(field.description)}{unit} Source: {prose(field.source)}.{absence}"


def _record(
    name: str, doc: str, fields: Iterable[Field], parent: str, header: Iterable[Field]
) -> str:
    """One record; the items of a whole message may all be null, as in an empty snapshot."""
    parts, tags = [], []
    if header:
        parts += ["String kind", "String symbol"]
        tags.append("@param kind First part of the topic, variant included.")
        tags.append("@param symbol Second part of the topic: the vendor's symbol.")
        doc += " An item that the gateway did not send is null."
    for field in header:
        parts.append(f"{_header_type(field)} {camel(field.name)}")
        tags.append(f"@param {camel(field.name)} {_doc(field)}")
    for field in fields:
        is_boxed = bool(header) or field.is_nilable
        parts.append(f"{java_type(field, is_boxed=is_boxed)} {camel(field.name)}")
        tags.append(f"@param {camel(field.name)} {_doc(field)}")
    end = f") implements {parent} {{" if parent else ") {"
    return "\n" + comment(doc, tags) + wrapped(f"record {name}(", parts, end) + "    }\n"


def _error_codes(contract: Contract) -> str:
    text = banner("errors.yaml")
    text += comment("An error code of the control socket, with what to do about it.", indent=0)
    text += "public enum ErrorCode {\n"
    rows = []
    for error in contract.errors:
        retry = str(error.retryable).lower()
        row = comment(prose(error.meaning)) + f'    {error.code.upper()}("{error.code}", {retry},\n'
        rows.append(row + f"            {literal(error.hint, indent=20)})")
    text += ",\n".join(rows) + ";\n"
    for kind, name, doc in (
        ("String", "code", "As the gateway spells it."),
        ("boolean", "isRetryable", "Whether the same request may succeed later."),
        ("String", "hint", "What to do."),
    ):
        text += "\n" + comment(doc) + f"    public final {kind} {name};\n"
    text += "\n    ErrorCode(String code, boolean isRetryable, String hint) {\n"
    text += "        this.code = code;\n        this.isRetryable = isRetryable;\n"
    return text + "        this.hint = hint;\n    }\n}\n"
