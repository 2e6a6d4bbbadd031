"""The compiled pipeline does what the Python one does, whatever comes and however it is cut."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.normalize.suspicion import PriceLimits
from tests.support import pipelines

if pipelines.COMPILED not in pipelines.names_here():
    pytest.skip("the compiled pipeline was not built", allow_module_level=True)

from tests.fuzz.compiled_same import find_difference, run_worlds
from tests.support.known_lines import KEPT, captured, kept
from tests.support.odd_market import OddMarket
from tests.support.odd_world import SYMBOLS
from tests.support.pairs import Different, Step, first_difference, in_pieces
from tests.support.pipeline_pair import Pair
from tests.support.pipeline_side import LAYOUTS, Options
from tests.unit.normalize.line_desk import GATEWAY_NAMES, NOW_US, line

pytestmark = pytest.mark.slow
LINES = int(os.environ.get("SAME_LINES", "12000"))
SEED = int(os.environ.get("SAME_SEED", "1"))
USUAL = line("Q", "ba", {"Bid Time": "09:59:59.200000", "Ask Time": "09:59:59.400000"})
CLOCK = b"T,20260916 10:00:00\r\n"


def begun(*symbols: str, layout: int = 0) -> list[Step]:
    """A world with live symbols."""
    names = LAYOUTS[layout]
    lines = "".join(line("P", "Cbav", symbol=name, names=names) + "\r\n" for name in symbols)
    opened = [("open", symbol) for symbol in symbols]
    return [("recover",), ("select", layout), *opened, ("feed", CLOCK + lines.encode())]


@settings(max_examples=max(40, settings().max_examples // 3))
@given(st.integers(0, 2**32), st.integers(1, 25))
def test_no_world_shows_a_difference(seed: int, count: int) -> None:
    """Short ones, of which every run makes others."""
    assert find_difference(seed, count) == ""


def test_no_long_world_shows_a_difference() -> None:
    """SAME_LINES and SAME_SEED make it a longer and another one."""
    outcome = run_worlds(LINES, seed=SEED)
    print(outcome)
    assert outcome.failure == ""
    assert outcome.lines >= LINES
    assert outcome.native_lines > outcome.lines // 4, "enough lines were usual"


@pytest.mark.skipif(sys.platform != "linux", reason="the extension reads on Linux only")
def test_nor_does_one_whose_bytes_the_extension_reads_itself() -> None:
    """What a read is, and when it was, must not matter."""
    for seed in range(SEED, SEED + 4):
        market = OddMarket(seed)
        steps = list(market.steps(40, lines_max=60))
        pair = Pair.run(replace(market.options, is_pumped=True), steps)
        feeds = sum(step[0] == "feed" and step[1] != b"" for step in steps)
        assert pair.sides[1].pumped > feeds // 2, "it had a clock most of the time"


@given(
    st.lists(st.sampled_from([*range(0x100)]), max_size=60).map(bytes),
    st.lists(st.integers(0, 10_000), max_size=6),
)
def test_any_bytes_behind_a_usual_line(garbage: bytes, cuts: list[int]) -> None:
    """Cut anywhere."""
    data = f"{USUAL}\r\n".encode() + garbage + f"\n{line('Q', 'Cb')}\r\n".encode()
    Pair.run(Options(utc_us=NOW_US), [*begun("AAPL"), *in_pieces(data, cuts)])


@pytest.mark.parametrize("layout", range(len(LAYOUTS)))
def test_every_length_of_a_line(layout: int) -> None:
    """What was cut off is not known to be whole, before a symbol's first line and after it."""
    names = LAYOUTS[layout]
    for contents in ("ba", "Cba"):
        whole = line("Q", contents, names=names)
        for warm in ((), (f"{USUAL}\r\n".encode(),) * 3):
            pair = Pair(Options(utc_us=NOW_US))
            for step in (*begun("AAPL", layout=layout), *(("feed", data) for data in warm)):
                pair.do(step)
            for end in range(1, len(whole) + 1):
                pair.do(("feed", f"{whole[:end]}\r\n".encode()))


def test_a_line_of_the_fields_before_is_not_whole_by_the_present_ones() -> None:
    """What followed the quote then proves nothing now."""
    lines = [line("Q", "ba", {"Bid Time": f"09:59:59.30000{at}"}) + "\r\n" for at in range(6)]
    steps = [*begun("AAPL"), ("feed", "".join(lines[:3]).encode()), ("select", 2)]
    wide = [line("Q", "ba", {"Bid Time": "09:59:59.4"}, names=LAYOUTS[2]) + "\r\n"] * 2
    Pair.run(
        Options(utc_us=NOW_US),
        [*steps, ("feed", CLOCK), ("feed", "".join([*wide, *lines]).encode())],
    )


def test_a_clock_line_counts_although_its_reader_fails() -> None:
    """The lines behind it are dated by it all the same."""
    later = line("Q", "ba", {"Bid Time": "09:59:59.300000", "Ask Time": "09:59:59.300001"})
    data = f"T,20260917 10:00:00\r\n{later}\r\n".encode()
    first = ("feed", f"{USUAL}\r\n".encode())
    Pair.run(Options(utc_us=NOW_US), [*begun("AAPL"), first, ("fault", True), ("feed", data)])


def test_lines_that_are_too_long_are_told_in_their_order() -> None:
    """A line that has no end yet comes behind one that has."""
    data = b"A" * 1_200 + b"\n" + b"B" * 1_300
    Pair.run(Options(utc_us=NOW_US), [*begun("AAPL"), ("feed", data), ("feed", b"\n" + data)])


@pytest.mark.parametrize("name", KEPT)
def test_what_fuzzers_have_kept(name: str) -> None:
    """Every input that once took a new way, alone and behind all others."""
    for layout in (0, 4):
        steps = kept(name)
        Pair.run(Options(utc_us=NOW_US), [*begun(*SYMBOLS[:3], layout=layout), *steps])


@pytest.mark.captured
def test_captured_lines(samples: Path) -> None:
    """All files of what vendors have sent, whole and byte by byte, by several field sets."""
    for data, names in captured(samples):
        symbols = ["AAPL", *(name for name in names if name.isalnum() and name != "AAPL")]
        options = Options(utc_us=NOW_US, symbol_count_max=20, line_bytes_max=2_000)
        for layout, small in ((0, data[:500]), (1, b""), (4, b"")):
            pieces = in_pieces(small, range(len(small)))
            Pair.run(options, [*begun(*symbols, layout=layout), ("feed", data), *pieces])


def test_a_difference_is_found_and_made_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise nothing here would prove anything."""
    pair = Pair(Options(utc_us=NOW_US, limits=PriceLimits(price_max=200.0)))
    for step in begun("AAPL"):
        pair.do(step)
    pair.sides[1].board.symbols["AAPL"].quote_us = NOW_US
    with pytest.raises(Different, match="told"):
        pair.do(("feed", f"{USUAL}\r\n".encode()))
    assert first_difference([1, (2, 3)], [1, (2, 4)]) == ".1.1: python 3 compiled 4"
    monkeypatch.setattr("gateway.normalize.level1_messages.AHEAD_US_MAX", -(10**15))
    monkeypatch.setattr(Pair, "run", _run_without("Z"))
    steps = [*begun("AAPL"), ("feed", b"a\r\nZ\r\nb\r\n"), ("flush",)]
    assert Pair.shortened(Options(utc_us=NOW_US), steps) == [("feed", b"Z\r\n")]


def _run_without(letter: str) -> object:
    def run_it(_: Options, steps: list[Step]) -> None:
        if any(letter.encode() in step[1] for step in steps if step[0] == "feed"):
            raise Different(letter)

    return run_it


def test_the_usual_fields_are_the_first_layout() -> None:
    """The one that trades are read of."""
    assert LAYOUTS[0] is GATEWAY_NAMES
