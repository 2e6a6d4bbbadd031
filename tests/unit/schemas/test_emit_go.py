"""The Go client's generated files hold every message, and nothing that is not data."""

import re
import shutil
import subprocess

import pytest

from schemas.contract import Message, load_contract
from schemas.emit_go import emit
from schemas.go_text import comment, name_of

CONTRACT = load_contract()
FILES = emit(CONTRACT)
MESSAGES = FILES["clients/go/messages.go"]
GOFMT = shutil.which("gofmt")


def test_names_are_spelled_as_go_does() -> None:
    """A reader of the contract must find each name again."""
    names = {"bid_size": "BidSize", "trade_id": "TradeID", "vwap": "VWAP", "BID": "Bid"}
    assert {name: name_of(name) for name in names} == names


@pytest.mark.parametrize("message", CONTRACT.messages, ids=lambda message: message.name)
def test_every_field_is_there_in_wire_order(message: Message) -> None:
    """The codec reads items by this order alone."""
    record = re.search(rf"type {message.title} struct {{\n(.*?)\n}}", MESSAGES, re.DOTALL)
    assert record is not None
    fields = re.findall(r"^\t(\w+) \S+$", record[1], re.MULTILINE)
    assert fields == [name_of(field.name) for field in message.fields]


def test_codes_have_hints() -> None:
    """An error without advice leaves its reader alone."""
    text = FILES["clients/go/error_codes.go"]
    for error in CONTRACT.errors:
        assert f'= "{error.code}"' in text
        assert f'"{error.hint}"' in text


def test_no_line_of_a_comment_is_too_long() -> None:
    """Long meanings are wrapped, not cut."""
    text = comment("word " * 60, indent="\t")
    assert max(len(line.expandtabs(4)) for line in text.splitlines()) <= 100
    assert text.count("word") == 60


@pytest.mark.slow
@pytest.mark.skipif(GOFMT is None, reason="needs Go")
@pytest.mark.parametrize("name", sorted(FILES))
def test_go_formats_it_as_it_is(name: str) -> None:
    """Else the formatter and the generator would undo each other's work."""
    command = [str(GOFMT)]
    done = subprocess.run(command, input=FILES[name], capture_output=True, text=True, check=True)
    assert done.stdout == FILES[name]
