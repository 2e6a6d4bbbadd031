"""The compiled pipeline of Level 2 does what the Python one does, whatever comes."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import pipelines

if pipelines.COMPILED not in pipelines.names_here():
    pytest.skip("the compiled pipeline was not built", allow_module_level=True)

from tests.fuzz.compiled_depth_same import LEVEL2
from tests.fuzz.compiled_same import find_difference, run_worlds
from tests.support.depth_bench import (
    OPTIONS,
    gone,
    level,
    level_gone,
    order,
)
from tests.support.depth_pair import DepthPair
from tests.support.depth_world import USUAL, WORLD, both, feed
from tests.support.known_lines import KEPT, captured, kept
from tests.support.odd_texts import DEPTH_COLUMNS, DEPTH_KINDS
from tests.support.pairs import Different, Step, in_pieces

pytestmark = pytest.mark.slow
LINES = int(os.environ.get("SAME_LINES", "12000"))
SEED = int(os.environ.get("SAME_SEED", "1"))


@pytest.mark.parametrize("letter", USUAL)
def test_the_usual_lines_are_usual(letter: str) -> None:
    """They change a live book without Python; otherwise nothing below would prove much."""
    pair = DepthPair.run(WORLD, both(("wait", 60_000), ("flush",)))
    native, total = pair.native_lines()
    pair.do(feed(USUAL[letter]))
    depth = pair.sides[0].depths.depths["@ES"]
    assert depth.takes_orders
    assert depth.takes_levels
    assert depth.heard_us == depth.books[""].published_us, "the book has changed"
    assert not pair.sides[0].complaints.samples
    assert pair.native_lines() == (native + (letter not in "2Z"), total + 1)


@settings(max_examples=max(40, settings().max_examples // 3))
@given(st.integers(0, 2**32), st.integers(1, 25))
def test_no_world_shows_a_difference(seed: int, count: int) -> None:
    """Short ones, of which every run makes others."""
    assert find_difference(seed, count, level=LEVEL2) == ""


def test_no_long_world_shows_a_difference() -> None:
    """SAME_LINES and SAME_SEED make it a longer and another one."""
    outcome = run_worlds(LINES, seed=SEED, level=LEVEL2)
    print(outcome)
    assert outcome.failure == ""
    assert outcome.lines >= LINES
    # On a day whose clocks change, only what has no time is read without Python.
    assert outcome.native_lines > outcome.lines // 50


@given(
    st.lists(st.sampled_from([*range(0x100)]), max_size=60).map(bytes),
    st.lists(st.integers(0, 10_000), max_size=6),
)
def test_any_bytes_between_usual_lines(garbage: bytes, cuts: list[int]) -> None:
    """Cut anywhere."""
    data = f"{USUAL['4']}\r\n".encode() + garbage + f"\n{USUAL['3']}\r\n".encode()
    DepthPair.run(WORLD, both(*in_pieces(data, cuts)))


@pytest.mark.parametrize("letter", USUAL)
def test_every_length_of_a_line(letter: str) -> None:
    """What was cut off is not known to be whole, with and without its last comma."""
    whole = USUAL[letter]
    cuts = [feed(whole[:end]) for end in range(1, len(whole) + 1)]
    more = [feed(whole + rest) for rest in (",", "x", "@ES,", whole, ",,,,@ES")]
    DepthPair.run(WORLD, both(*cuts, *more))


@pytest.mark.parametrize("letter", USUAL)
def test_every_odd_text_in_every_column(letter: str) -> None:
    """One after the other, each followed by a usual line of the same row."""
    usual = USUAL[letter]
    steps = []
    for at, kind in enumerate(DEPTH_COLUMNS[letter]):
        for text in DEPTH_KINDS.get(kind, ("@NQ", "", "@es", "\xe9")):
            columns = usual.split(",")
            columns[at] = text
            steps.append(feed(",".join(columns), usual))
    DepthPair.run(replace(WORLD, is_watched=False), both(*steps))


NUMBERS = st.from_regex(r"-?[0-9]{0,22}\.?[0-9]{0,22}", fullmatch=True)
MOMENTS = st.from_regex(
    r"([0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,7})?|[0-9:.]{0,16}),"
    r"(2026-[01][0-9]-[0-3][0-9]|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9/-]{0,11})",
    fullmatch=True,
)


@given(st.lists(NUMBERS, min_size=1, max_size=30))
def test_any_number(texts: list[str]) -> None:
    """As price, size, order number, priority and count, and what is told of it."""
    rows = [
        row
        for text in texts
        for row in (
            *(order("4", 12, "B", text), order("3", text, "A", "103"), level("8", "A", 9, text)),
            *(order("4", 14, "B", "96", text), order("4", 14, "B", "96", priority=text)),
            *(level("8", "B", text), f"8,@ES,A,101,5,{text},{text},,2026-09-21,"),
            *(gone(text, "A"), level_gone("B", text)),
        )
    ]
    DepthPair.run(WORLD, both(feed(*rows)))


@given(st.lists(MOMENTS, min_size=1, max_size=30))
def test_any_moment(texts: list[str]) -> None:
    """Of days and times there are, and of others."""
    rows = [
        row
        for text in texts
        for row in (f"4,@ES,12,,B,98,5,1,2,{text},", f"8,@ES,B,98,5,3,2,{text},")
    ]
    DepthPair.run(WORLD, both(feed(*rows)))


@pytest.mark.parametrize("name", KEPT)
def test_what_fuzzers_have_kept(name: str) -> None:
    """Every input that once took a new way, alone and behind all others."""
    DepthPair.run(WORLD, [*both(), *_opened("AAPL", "SPY", "@ESM19"), *kept(name)])


def _opened(*symbols: str) -> list[Step]:
    services = ("book", "orders", "levels")
    return [("want", symbol, service) for symbol in symbols for service in services]


@pytest.mark.captured
def test_captured_lines(samples: Path) -> None:
    """All files of what vendors have sent, whole and byte by byte."""
    options = replace(WORLD, symbol_count_max=20, line_bytes_max=2_000, is_watched=False)
    settled: list[Step] = [("wait", OPTIONS.settle_us), ("flush",)]
    for data, symbols in captured(samples):
        pieces = in_pieces(data[:200], range(200))
        opened = [("recover", 0, True), *_opened(*symbols), ("feed", data)]
        DepthPair.run(options, [*opened, *settled, ("feed", data), *pieces, *settled])


def test_a_difference_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise nothing here would prove anything."""
    monkeypatch.setattr(DepthPair, "names", (pipelines.PYTHON, pipelines.PYTHON))
    pair = DepthPair(WORLD)
    for step in both():
        pair.do(step)
    pair.sides[1].depths.depths["@ES"].orders.delete(14)
    with pytest.raises(Different, match="told"):
        pair.do(feed(gone(14, "B")))
    pair = DepthPair(WORLD)
    pair.do(("recover", 0, True))
    pair.do(("want", "@ES", "book"))
    pair.sides[1].depths.depths["@ES"].orders.put(1, "B", 1, None, -0.0, 1, None, None, 0)
    pair.sides[0].depths.depths["@ES"].orders.put(1, "B", 1, None, 0.0, 1, None, None, 0)
    with pytest.raises(Different, match=r"state.*-0\.0"):
        pair.do(("flush",))
