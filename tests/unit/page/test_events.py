"""Server-sent events: whatever a text holds, it stays within its event."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.page.events import as_json, event

HOSTILE = ["\n\nevent: status\ndata: {}\n\n", "\r", "\u2028\u2029", "</script>", "\ud800", "\x00"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_ends_its_event(text: str) -> None:
    """A line feed in a consumer's name must not forge an event of its own."""
    told = event("symbols", as_json({"rows": [[text]]}))
    lines = told.split(b"\n")
    assert lines[0] == b"event: symbols"
    assert lines[1].startswith(b"data: ")
    assert lines[2:] == [b"", b""]
    assert b"\r" not in told
    assert json.loads(lines[1][6:])["rows"] == [[text]]


@given(st.recursive(st.text() | st.integers() | st.none() | st.booleans(), st.lists, max_leaves=9))
def test_every_value_comes_back(value: object) -> None:
    """What is told is what was meant, and plain ASCII on one line."""
    text = as_json(value)
    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text) == value


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_no_number_is_absent(number: float) -> None:
    """JSON has no NaN: one such figure would make the browser throw all others away."""
    assert json.loads(as_json({"a": [number, 1.5], "b": (number,)})) == {
        "a": [None, 1.5],
        "b": [None],
    }
