"""The Java client's generated files say what the contract says, in legal Java."""

import re

from schemas import emit_java, emit_java_tables
from schemas.contract import load_contract
from schemas.java_text import FOLDER, WIDTH, camel, comment, literal, prose, wrapped

CONTRACT = load_contract()
MESSAGES = emit_java.emit(CONTRACT)[f"{FOLDER}/Message.java"]
TABLES = emit_java_tables.emit(CONTRACT)[f"{FOLDER}/Contract.java"]
ERRORS = emit_java.emit(CONTRACT)[f"{FOLDER}/ErrorCode.java"]


def test_every_message_is_a_record_with_its_fields_in_wire_order() -> None:
    """The conformance program reads fields by their place among the record's components."""
    for message in CONTRACT.messages:
        found = re.search(rf"record {message.title}\(([^)]*)\) implements Message", MESSAGES)
        assert found is not None, message.name
        parts = re.sub(r"<[^>]*>", "", found[1]).split(",")
        names = [part.split()[-1] for part in parts]
        fields = [camel(f.name) for f in (*CONTRACT.header, *message.fields)]
        assert names == ["kind", "symbol", *fields], message.name


def test_every_item_of_a_message_may_be_null() -> None:
    """An empty snapshot has none of them, and 0 would be a price."""
    found = re.search(r"record Trade\(([^)]*)\)", MESSAGES)
    assert found is not None
    assert "Double price" in found[1]
    assert "double price" not in found[1]


def test_tables_hold_every_field_with_its_type() -> None:
    """The codec knows nothing else of a message."""
    for message in CONTRACT.messages:
        for field in message.fields:
            nilable = str(field.is_nilable).lower()
            item = f'Layout.Item("{field.name}", ItemType.{field.type.upper()}, {nilable})'
            assert item in TABLES, (message.name, field.name)


def test_the_largest_identifier_is_spelled_unsigned() -> None:
    """Java has no unsigned literal: 2^64-1 is -1."""
    assert "ItemType.ID, -1L" in TABLES


def test_every_error_code_has_its_hint() -> None:
    """What to do is the half of an error that helps."""
    for error in CONTRACT.errors:
        assert f'{error.code.upper()}("{error.code}"' in ERRORS
    joined = re.sub(r'"\n\s*\+ "', "", ERRORS)
    assert all(error.hint in joined for error in CONTRACT.errors)


def test_no_line_is_longer_than_the_house_allows() -> None:
    """Generated code is read, too."""
    for text in (MESSAGES, TABLES, ERRORS):
        assert max(map(len, text.splitlines())) <= WIDTH


def test_prose_cannot_break_a_documentation_comment() -> None:
    """A description with markup would be refused by javadoc."""
    assert prose("a < b & `~<nonce>.x`") == "a &lt; b &amp; {@code ~<nonce>.x}"
    assert comment("Short.") == "    /** Short. */\n"
    assert comment("Text.", ["@param a First."]) == (
        "    /**\n     * Text.\n     *\n     * @param a First.\n     */\n"
    )


def test_long_lists_and_texts_are_wrapped() -> None:
    """Between two arguments, or two words, never inside one."""
    call = wrapped("call(", [f"(Long) argument{i}" for i in range(12)], ");")
    assert all(line.strip().startswith(("call(", "(Long)")) for line in call.splitlines())
    pieces = literal("word " * 40, indent=20)
    assert "".join(re.findall(r'"([^"]*)"', pieces)) == "word " * 40
