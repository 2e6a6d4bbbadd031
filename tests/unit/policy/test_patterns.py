"""Sets of symbols, as clients' files write them."""

import time

import pytest

from gateway.policy.patterns import Patterns


@pytest.mark.parametrize(
    ("pattern", "members", "strangers"),
    [
        ("AAPL", ["AAPL"], ["AAP", "AAPLX", "aapl", ""]),
        ("@ES*", ["@ES", "@ESZ25", "@ES#"], ["ES", "@E", "X@ES"]),
        ("*", ["A", "@ESZ25", "a", "\0"], []),
        ("*.B", ["BRK.B", ".B"], ["BRKB", "BRK.B1", "BRKxB"]),
        ("B*.?", ["BRK.A", "B.A"], ["BRK.", "BRK.AB", "CRK.A"]),
        ("A*B*C", ["ABC", "AxBxC", "AABBCC", "ABCBC"], ["AC", "ACB", "ABCx"]),
        ("???", ["ABC"], ["AB", "ABCD"]),
    ],
)
def test_a_pattern_takes_what_it_looks_like(
    pattern: str, members: list[str], strangers: list[str]
) -> None:
    """Dots and the like are letters here, not what they are in other languages."""
    patterns = Patterns([pattern])
    assert [m for m in members if m not in patterns] == []
    assert [s for s in strangers if s in patterns] == []


def test_nothing_is_in_an_empty_set() -> None:
    """A file that allows nothing allows nothing."""
    patterns = Patterns()
    assert not patterns
    assert Patterns(["A"])
    assert "A" not in patterns
    assert not patterns.has_all("")
    assert not patterns.has_any("")


@pytest.mark.parametrize(
    ("pattern", "whole", "part"),
    [
        ("@ES*", ["@ES", "@ESZ"], ["", "@", "@E"]),
        ("?*", ["", "A", "AB"], []),
        ("A?*", ["AB"], ["A", ""]),
        ("AAPL", [], ["", "A", "AAPL"]),
        ("*.B", [], ["", "BRK", "BRK.B"]),
    ],
)
def test_all_that_begins_so_and_some_of_it(pattern: str, whole: list[str], part: list[str]) -> None:
    """A prefix is granted for all of it or not at all."""
    patterns = Patterns([pattern])
    assert all(patterns.has_all(prefix) and patterns.has_any(prefix) for prefix in whole)
    assert not any(patterns.has_all(prefix) for prefix in part)
    assert all(patterns.has_any(prefix) for prefix in part)


def test_what_cannot_begin_so_is_not_met() -> None:
    """A denied symbol elsewhere takes no prefix away."""
    assert Patterns(["*?.B"]).has_any("MSFTX")
    assert not Patterns(["MSFT", "@ES*", "X?Z"]).has_any("A")
    assert not Patterns(["X?Z"]).has_any("XYZZ")
    assert not Patterns(["X?Z"]).has_any("XYA")


def test_longer_than_any_symbol_is_nothing() -> None:
    """A prefix that no topic can begin with is no way around."""
    assert not Patterns(["A?"]).has_all("A" * 65)


def test_a_symbol_made_to_be_slow_is_not() -> None:
    """A client chooses the symbols: no pattern of the operator's may take it long."""
    patterns = Patterns(["*A*A*A*A*A*A*A*A*A*A*A*A*A*A*A*B"])
    started_s = time.monotonic()
    for _ in range(200):
        assert "A" * 64 not in patterns
    assert time.monotonic() - started_s < 1.0
