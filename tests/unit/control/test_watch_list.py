"""The file of symbols: read as it is meant, or refused as a whole with the line and the entry."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.control.watch_list import WATCH_LIST_BYTES_MAX, parse_watch_list
from gateway.errors import ConfigError
from gateway.model.messages import L1_KINDS
from gateway.policy.leases import Claim
from gateway.runtime.watch_file import read_watch_list


def parsed(text: str, *, symbol_count_max: int = 100) -> tuple[Claim, ...]:
    """A text read as a file."""
    return parse_watch_list(text, file="s.json", symbol_count_max=symbol_count_max)


def lists(*several: dict[str, Any]) -> str:
    """A file of lists."""
    named = [{"name": f"list {n}", **one} for n, one in enumerate(several)]
    return json.dumps({"lists": named}, indent=1)


def refused(text: str, **options: int) -> ConfigError:
    """How a file is refused."""
    with pytest.raises(ConfigError) as caught:
        parsed(text, **options)
    return caught.value


def test_symbols_get_the_kinds_of_all_their_lists_in_order() -> None:
    """One list for everything, another for the few whose books matter."""
    text = lists(
        {"kinds": ["l1"], "symbols": ["MSFT", "@ES#"]},
        {"kinds": ["book@250x5", "quote@1000", "trade"], "symbols": ["@ES#"], "comment": "deep"},
    )
    assert parsed(text) == (
        Claim("MSFT", tuple(L1_KINDS)),
        Claim("@ES#", (*L1_KINDS, "book@250x5", "quote@1000")),
    )
    assert parsed('{"lists": []}') == ()


@pytest.mark.parametrize(
    ("text", "source", "said"),
    [
        ("", "s.json:1", "not a JSON file"),
        ('{"lists": [\n{"name": "a",}\n]}', "s.json:2", "not a JSON file"),
        ("[" * 100_000, "s.json", "nested too deeply"),
        ('{"lists": [], "lists": []}', "s.json", "'lists' is written twice"),
        ("[]", "s.json", "the file: "),
        ("{}", "s.json", "lists: Field required"),
        ('{"list": []}', "s.json", "did you mean lists?"),
        (
            '{"lists": [{"name": "a", "kinds": ["l1"],\n"symbol": ["A"], "symbols": ["A"]}]}',
            "s.json:2",
            "did you mean symbols?",
        ),
        (
            '{"lists": [{"name": "a", "kinds": ["l1"], "symbols": []}]}',
            "s.json",
            "lists.0.symbols: ",
        ),
        ('{"lists": [{"name": "a", "kinds": [], "symbols": ["A"]}]}', "s.json", "lists.0.kinds: "),
        (
            '{"lists": [{"name": "a",\n"kinds": ["l1",\n"qoute"], "symbols": ["A"]}]}',
            "s.json:3",
            "did you mean quote?",
        ),
        (
            '{"lists": [{"name": "a", "kinds": ["quote@0"], "symbols": ["A"]}]}',
            "s.json:1",
            "is no kind",
        ),
        (
            '{"lists": [{"name": "a", "kinds": ["news"], "symbols": ["A"]}]}',
            "s.json:1",
            "nothing of it is delivered",
        ),
        (
            '{"lists": [{"name": "a", "kinds": ["l1"], "symbols": ["A",\n"B",\n"A;B"]}]}',
            "s.json:3",
            "lists.0.symbols.2 (list 'a'): not a symbol: 'A;B'",
        ),
        (
            '{"lists": [{"name": "a", "kinds": ["l1"], "symbols": ["A",\n"A"]}]}',
            "s.json:2",
            "A is in this list twice",
        ),
        (
            '{"lists": [{"name": "a", "kinds": ["l1"], "symbols": ["A", 5]}]}',
            "s.json",
            "lists.0.symbols.1: ",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(text: str, source: str, said: str) -> None:
    """A list of thousands is not searched by hand at eight in the morning."""
    error = refused(text)
    assert said in str(error)
    assert source in str(error.facts["source"]).split(", ")


def test_a_symbol_in_lower_case_is_told_its_spelling() -> None:
    """It is never re-spelled: the symbol is the topic consumers subscribe to."""
    error = refused(lists({"kinds": ["l1"], "symbols": ["aapl"]}))
    assert "AAPL" in error.hint


def test_more_symbols_than_are_kept_are_refused() -> None:
    """Otherwise which ones are watched would be a matter of their order."""
    text = lists({"kinds": ["l1"], "symbols": ["A", "B", "C"]})
    assert len(parsed(text, symbol_count_max=3)) == 3
    assert "data.symbol_count_max, 2" in str(refused(text, symbol_count_max=2))


def test_the_file_is_read_within_bounds(tmp_path: Path) -> None:
    """A path that leads to a log of gigabytes, or nowhere, is an error with the path."""
    path = tmp_path / "s.json"
    assert read_watch_list(None, symbol_count_max=1) == ()
    for content, said in (
        (b" " * (WATCH_LIST_BYTES_MAX + 1), "too large"),
        (b"\xff", "not UTF-8"),
    ):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=said) as caught:
            read_watch_list(path, symbol_count_max=1)
        assert caught.value.facts["file"] == str(path)
    with pytest.raises(ConfigError, match="Is a directory"):
        read_watch_list(tmp_path, symbol_count_max=1)
    path.write_text(lists({"kinds": ["l1"], "symbols": ["A"]}))
    assert len(read_watch_list(path, symbol_count_max=1)) == 1


@pytest.mark.slow
def test_a_long_list_is_read_in_reasonable_time() -> None:
    """It is read at every reload, beside live prices; and line numbers are looked for only once."""
    symbols = [f"S{number}" for number in range(50_000)]
    assert len(parsed(lists({"kinds": ["l1"], "symbols": symbols}), symbol_count_max=50_000)) == (
        50_000
    )
