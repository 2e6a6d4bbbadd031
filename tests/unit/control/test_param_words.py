"""Reasons for refused parameters are for people: allowed values, no regular expression."""

import re
from typing import Any

import pytest

from gateway.control.desk import parse_params
from gateway.control.param_words import allowed
from gateway.errors import InvalidParams
from gateway.model.methods import METHODS

KINDS = "quote, summary, regional, book, trade, fundamental, depth, order, news, state, correction"


@pytest.mark.parametrize(
    ("method", "params", "told"),
    [
        (
            "subscribe",
            {"client": "me", "symbols": ["AAPL"], "kinds": ["l3"]},
            f"kinds.0: write one of {KINDS}, bar, l1, l2; quote, summary, regional and book",
        ),
        (
            "subscribe",
            {"client": "me", "symbols": ["AAPL"], "kinds": ["qoute"]},
            "did you mean quote? (got 'qoute')",
        ),
        (
            "admin.reconnect",
            {"port": "levle1", "reason": "x"},
            "port: write one of level1, level2, admin, lookup; did you mean level1? (got 'levle1')",
        ),
        (
            "subscribe",
            {"client": "a b", "symbols": ["AAPL"], "kinds": ["l1"]},
            "client: write only characters of A-Za-z0-9._:@- (got 'a b')",
        ),
        ("errors", {"limit": 0}, "limit: Input should be greater than or equal to 1 (got 0)"),
    ],
)
def test_the_reason_says_what_is_allowed(method: str, params: dict[str, Any], told: str) -> None:
    """Somebody in a hurry mistyped it."""
    with pytest.raises(InvalidParams) as refused:
        parse_params(method, params)
    assert told in str(refused.value)
    assert "^" not in str(refused.value)


def patterns() -> set[str]:
    """Every expression that a parameter of the contract must match."""
    found = set()
    for spec in METHODS.values():
        schema = spec.params.model_json_schema()
        stack: list[Any] = [schema]
        while stack:
            part = stack.pop()
            if isinstance(part, dict):
                found |= {part["pattern"]} if isinstance(part.get("pattern"), str) else set()
                stack += part.values()
            elif isinstance(part, list):
                stack += part
    return found


def test_every_expression_of_the_contract_has_words() -> None:
    """A new one must not come through as it is; what the words name is really allowed."""
    for pattern in sorted(patterns()):
        told = allowed(pattern)
        print(pattern, told)
        assert not set("^$()[]{}|\\") & set(told)
        if told.startswith("write one of "):
            names = told.removeprefix("write one of ").split(";")[0].split(", ")
            assert len(names) > 1
            assert all(re.fullmatch(pattern, name) for name in names)
