"""The Rust client's generated files say what the definitions say."""

import re

from schemas.contract import load_contract
from schemas.emit_rust import FOLDER, emit

CONTRACT = load_contract()
FILES = emit(CONTRACT)
MESSAGES = FILES[f"{FOLDER}/messages.rs"]
CODES = FILES[f"{FOLDER}/error_codes.rs"]


def test_every_field_stands_in_wire_order() -> None:
    """The decoder reads item after item: an order of its own would be another contract."""
    for message in CONTRACT.messages:
        start = MESSAGES.index(f'    {message.title} = {message.type}, "{message.name}";')
        block = MESSAGES[start : MESSAGES.index("\n}\n", start)]
        found = re.findall(r"^ {8}(\w+): \S+ as (\w+), (never|nil);$", block, re.MULTILINE)
        fields = [*CONTRACT.header[1:], *message.fields]
        assert [name for name, _, _ in found] == [field.name for field in fields]
        assert [absence for _, _, absence in found] == [field.absence for field in fields]


def test_every_value_and_limit_is_there() -> None:
    """A value that is left out would be taken for one of a newer gateway."""
    for enum in CONTRACT.enums:
        for value in enum.values:
            spelled = f'"{value.value}"' if enum.type == "text" else str(value.value)
            assert f" = {spelled};" in MESSAGES
    for limit in CONTRACT.limits:
        assert f"pub const {limit.name}: " in MESSAGES
    for error in CONTRACT.errors:
        assert f'pub const {error.code.upper()}: &str = "{error.code}";' in CODES


def test_no_line_is_longer_than_the_formatter_allows() -> None:
    """The formatter wraps what is longer, and the file would be stale ever after."""
    lines = MESSAGES.splitlines()
    assert [line for line in lines if len(line) > 100] == []
