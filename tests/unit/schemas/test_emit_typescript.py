"""The TypeScript client's files say what the definitions say."""

import re

from schemas.contract import load_contract
from schemas.emit_typescript import FOLDER, emit
from schemas.typescript_text import WIDTH, camel, doc

CONTRACT = load_contract()
FILES = emit(CONTRACT)
MESSAGES = FILES[f"{FOLDER}/messages.ts"]
CODES = FILES[f"{FOLDER}/error_codes.ts"]


def record(title: str) -> str:
    """The source of one generated class."""
    return MESSAGES.partition(f"export class {title} {{")[2].partition("\n}\n")[0]


def test_every_field_is_a_property_taken_from_its_place() -> None:
    """An item read from the wrong place makes every value of the message wrong."""
    for message in CONTRACT.messages:
        source = record(message.title)
        fields = (*CONTRACT.header, *message.fields)
        for index, field in enumerate(fields[1:], start=1):
            name = camel(field.name)
            assert f"this.{name} = items[{index}] as " in source, (message.name, name)
            assert re.search(rf"\*/\n  readonly {name}: ", source), (message.name, name)


def test_items_after_the_header_may_be_null() -> None:
    """An empty snapshot has none of them, mandatory ones neither."""
    assert "readonly price: number | null;" in record("Trade")
    assert "readonly sequence: number;" in record("Trade")
    assert "readonly price: number;" in record("PriceLevel")


def test_integers_beyond_a_double_are_not_numbers() -> None:
    """A number would silently lose an order's last digits."""
    assert "readonly orderId: bigint | null;" in record("Order")
    assert "readonly size: Count | null;" in record("Order")
    assert "export type Count = number | bigint;" in MESSAGES


def test_numbers_flags_limits_and_codes_are_the_contracts() -> None:
    """A constant that differs from the contract's is a client that fails alone."""
    for message in CONTRACT.messages:
        assert f"  {message.member}: {message.type},\n" in MESSAGES
        assert f"  readonly type = MessageType.{message.member};\n" in record(message.title)
    for flag in CONTRACT.flags:
        assert f"  {flag.name}: {flag.value},\n" in MESSAGES
    for limit in CONTRACT.limits:
        assert f"export const {limit.name} = {limit.value};\n" in MESSAGES
    for error in CONTRACT.errors:
        assert f'  {error.code.upper()}: "{error.code}",\n' in CODES
    assert CONTRACT.schema_hash in MESSAGES


def test_enumerations_are_open() -> None:
    """A value of a newer gateway stays visible, and must be legal to the compiler too."""
    assert "(typeof Basis)[keyof typeof Basis] | (string & {});" in MESSAGES
    assert "(typeof Aggressor)[keyof typeof Aggressor] | (number & {}) | bigint;" in MESSAGES


def test_a_text_cannot_end_its_comment() -> None:
    """What follows would be code."""
    assert doc("glob **/x.") == "/** glob **\\/x. */\n"
    assert all(len(line) <= WIDTH for line in doc("word " * 60, indent=2).splitlines())
