"""The file of symbols: read as it is meant, or refused as a whole with the line and the entry."""

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.control.watch_list import WATCH_LIST_BYTES_MAX, parse_watch_list
from gateway.errors import ConfigError
from gateway.model.messages import L1_KINDS
from gateway.policy.leases import Claim
from gateway.runtime.watch_file import read_watch_list
from tests.support.slack import SLACK


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


TWICE_IN_THE_FIRST: Final = {
    "lists": [
        {"name": "a", "kinds": ["l1"], "symbols": ["A", "A"]},
        {"name": "b", "kinds": ["l1"], "symbols": ["B", "A"]},
    ]
}


@pytest.mark.parametrize(
    ("text", "source", "said"),
    [
        ("", "s.json:1", "not a JSON file"),
        ('{"lists": [\n{"name": "a",}\n]}', "s.json:2", "not a JSON file"),
        ("[" * 100_000, "s.json", "nested too deeply"),
        ('{"lists": [], "lists": []}', "s.json", "'lists' is written twice"),
        ("[]", "s.json:1", "the file: "),
        ("\n{}", "s.json:2", "lists: it is missing"),
        ('{"list": []}', "s.json:1", "did you mean lists?"),
        (
            '{"lists": [{"name": "a", "kinds": ["l1"],\n"symbol": ["A"], "symbols": ["A"]}]}',
            "s.json:2",
            "did you mean symbols?",
        ),
        (
            '{"lists": [{"name": "a", "kinds": ["l1"], "symbols": []}]}',
            "s.json:1",
            "lists.0.symbols: ",
        ),
        (
            '{"lists": [{"name": "a", "kinds": [], "symbols": ["A"]}]}',
            "s.json:1",
            "lists.0.kinds: ",
        ),
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
            json.dumps(TWICE_IN_THE_FIRST).replace(' "A"]', '\n"A"]'),
            "s.json:2",
            "lists.0.symbols.1 (list 'a'): A is in this list twice",
        ),
        (
            '{"lists": [{"name": "l9", "kinds":\n["l9"], "symbols": ["A"]}]}',
            "s.json:2",
            "lists.0.kinds.0 (list 'l9')",
        ),
        (
            '{"lists": [{"name": "a", "kinds": ["l1"],\n"symbols": ["\\u0041", "\\u0061"]}]}',
            "s.json:2",
            "lower case",
        ),
        ('{"lists": 5}', "s.json:1", "lists: "),
        ('{"lists": [\n5]}', "s.json:2", "lists.0: "),
        ('{"lists": [], "comment":\n5}', "s.json:1", "comment: "),
        ('{"lists": [{"name": "", "kinds": ["l1"], "symbols": ["A"]}]}', "s.json:1", "0.name: "),
        (
            '{"lists": [{"name": "a", "kinds": [\n5], "symbols": ["A"]}]}',
            "s.json:2",
            "lists.0.kinds.0: write a text",
        ),
        (
            '{"lists": [{"name": "a", "kinds": ["l1"], "symbols": ["A",\n5]}]}',
            "s.json:2",
            "lists.0.symbols.1 (list 'a'): write a text",
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
        (b" " * (WATCH_LIST_BYTES_MAX + 1), "too large: at most 1048576 bytes"),
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


def test_a_path_that_leads_to_no_file_is_refused(tmp_path: Path) -> None:
    """A pipe would be waited for, a device read without an end, and some are no paths at all."""
    os.mkfifo(tmp_path / "pipe")
    for named in (Path("/dev/zero"), tmp_path / "pipe", Path("a\0b")):
        with pytest.raises(ConfigError, match="symbols_file cannot be read"):
            read_watch_list(named, symbol_count_max=1)


def test_only_the_first_mistakes_are_told() -> None:
    """Of a file that is something else altogether nobody reads a list of mistakes."""
    error = refused(
        json.dumps({"lists": [{"name": "a", "kinds": ["l1"], "symbols": [*range(50)]}]})
    )
    assert error.text.count("write a text") == 3


def longest_pause_s(work: Callable[[], object]) -> float:
    """How long another thread waits at most while something is done, in this process's own time.

    Time in which other processes have the processor does not count.
    """
    is_over, is_going = threading.Event(), threading.Event()
    longest_s = 0.0

    def look() -> None:
        nonlocal longest_s
        last_s = time.process_time()
        is_going.set()
        while not is_over.is_set():
            now_s = time.process_time()
            longest_s, last_s = max(longest_s, now_s - last_s), now_s

    thread = threading.Thread(target=look)
    thread.start()
    is_going.wait()
    try:
        work()
    finally:
        is_over.set()
        thread.join()
    return longest_s


def full(entry: str, *, before: str = "", after: str = "") -> str:
    """A file as long as it may be, of the same entry again and again."""
    count = (WATCH_LIST_BYTES_MAX - len(before) - len(after)) // (len(entry) + 1)
    return f"{before}{','.join([entry] * count)}{after}"


LIST: Final = '{"lists":[{"name":"a","kinds":["l1"],"symbols":['


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        full("1", before=LIST, after="]}]}"),
        full('"a"', before=LIST, after="]}]}"),
        full("{}", before='{"lists":[', after="]}"),
        full('{"name":1}', before='{"lists":[', after="]}"),
        full("1", before='{"lists":[{"name":"a","kinds":[', after='],"symbols":["A"]}]}'),
        json.dumps({"lists": [], "x" * 1_000_000: 1}),
        json.dumps({"lists": [{"name": "a", "kinds": ["x" * 1_000_000], "symbols": ["A"]}]}),
        json.dumps({"lists": [{"name": "a", "kinds": ["l1"], "symbols": ["X" * 1_000_000]}]}),
    ],
    ids=lambda text: text[:60],
)
def test_a_file_of_something_else_holds_nobody_up(text: str) -> None:
    """It is read beside live prices: one call into C of seconds stops the feed thread as well."""
    pause_s = longest_pause_s(lambda: refused(text, symbol_count_max=1_000_000))
    print(f"longest pause {pause_s * 1000:.1f} ms")
    assert pause_s < 0.2 * SLACK


@pytest.mark.slow
def test_a_long_list_is_read_beside_others() -> None:
    """It is read at every reload, beside live prices."""
    symbols = [f"S{number}" for number in range(50_000)]
    text = lists({"kinds": ["l1"], "symbols": symbols})
    read: list[Claim] = []
    pause_s = longest_pause_s(lambda: read.extend(parsed(text, symbol_count_max=50_000)))
    assert len(read) == 50_000
    print(f"longest pause {pause_s * 1000:.1f} ms")
    assert pause_s < 0.2 * SLACK
