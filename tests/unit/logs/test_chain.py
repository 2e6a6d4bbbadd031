"""The audit log's lines: what is none is no error either."""

import json

import pytest

from gateway.logs.chain import GENESIS, read_head, read_line, seal, spell

NESTED = '{"a": ' * 200_000


def test_a_line_that_is_nested_without_an_end_says_nothing() -> None:
    """Whoever can write the file must not end `audit verify` with a traceback."""
    line = read_line(spell(seal(NESTED + "{}", number=7, previous=GENESIS)).encode("ascii"))
    assert line is not None
    assert line.facts() == {}


@pytest.mark.parametrize(
    "chain", ["", "0" * 63, "F" * 64, "\U0001f4a5" * 64, "\ud800", GENESIS + "\n"]
)
def test_what_is_no_chain_is_followed_by_nothing(chain: str) -> None:
    """A first line may name anything as the chain before it."""
    line = read_line(spell(seal("{}", number=1, previous=GENESIS)).encode("ascii"))
    assert line is not None
    assert line.follows(GENESIS)
    assert not line.follows(chain)
    assert read_head(json.dumps({"no": 1, "chain": chain, "closed": True})) is None


@pytest.mark.parametrize("text", ["", "[]", "7", NESTED, "[" * 200_000, '{"no": "1"}'])
def test_what_is_no_head_is_none(text: str) -> None:
    """A gateway whose file was damaged starts all the same, and says so."""
    assert read_head(text) is None
