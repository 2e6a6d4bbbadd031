"""The C++ client's generated headers say what the contract says."""

import re

from schemas import emit_cpp
from schemas.contract import load_contract

CONTRACT = load_contract()
FILES = emit_cpp.emit(CONTRACT)
MESSAGES = FILES["clients/cpp/include/iqfeed_gateway/messages.hpp"]
ERROR_CODES = FILES["clients/cpp/include/iqfeed_gateway/error_codes.hpp"]


def test_every_item_stands_in_its_place_with_its_type() -> None:
    """The codec reads bodies by these tables: one wrong place makes every value wrong."""
    for message in CONTRACT.messages:
        table = MESSAGES.split(f"struct Layout<{message.title}> {{")[1].split("};\n};")[0]
        found = re.findall(r'Item<ItemType::(\w+), &\w+::(\w+)>\{"(\w+)", (\w+)\}', table)
        fields = (*CONTRACT.header, *message.fields)
        assert found == [
            (field.type, field.name, field.name, "false" if field.is_nilable else "true")
            for field in fields
        ]


def test_every_field_is_a_member_with_a_comment() -> None:
    """A strategy developer reads the header, not the contract's page."""
    for message in CONTRACT.messages:
        record = MESSAGES.split(f"\nstruct {message.title} : Header {{\n")[1].split("\n};\n")[0]
        lines = record.splitlines()
        for field in message.fields:
            index = next(i for i, line in enumerate(lines) if line.endswith(f"> {field.name}{{}};"))
            assert lines[index].startswith("  std::optional<")
            assert lines[index - 1].startswith("  /// ")


def test_names_of_the_language_are_not_taken() -> None:
    """`delete` is a value of two enumerations and a word of C++."""
    assert 'inline constexpr std::string_view delete_ = "delete";' in MESSAGES
    assert not re.search(r"string_view delete =", MESSAGES)


def test_every_error_code_has_its_advice() -> None:
    """What to do about a refusal must not depend on the language."""
    for error in CONTRACT.errors:
        assert f"    {{error_code::{error.code},\n" in ERROR_CODES
    joined = re.sub(r'"\n\s+"', "", ERROR_CODES)
    assert all(f'"{error.hint}"' in joined for error in CONTRACT.errors)


def test_no_line_is_too_long() -> None:
    """Generated text keeps to the width that hand-written text keeps to."""
    for path, content in FILES.items():
        assert [line for line in content.splitlines() if len(line) > 100] == [], path
