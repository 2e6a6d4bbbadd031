"""Conditions and bases agree with what was captured."""

import re
from pathlib import Path

import pytest

from gateway.simulator.conditions import EXTENDED_DRAWS, REGULAR_DRAWS, basis_of


@pytest.mark.captured
def test_basis_agrees_with_every_captured_trade(samples: Path) -> None:
    """The table was read off real trades, so it must give back what they say."""
    rows = 0
    with (samples / "lookup_ticks_oldest_csharp.txt").open(encoding="latin-1") as file:
        for line in file:
            if re.match(r"\d{4}-", line):
                fields = line.split(",")
                assert basis_of(fields[9]) == fields[7], line
                rows += 1
    assert rows == 32_627


def test_draws_fit_their_session() -> None:
    """No extended trade inside the regular session and no qualified one outside."""
    assert {draw.basis for draw in REGULAR_DRAWS} == {"C", "O"}
    assert {draw.basis for draw in EXTENDED_DRAWS} == {"E", "O"}
    assert len(REGULAR_DRAWS) == len(EXTENDED_DRAWS) == 1024


@pytest.mark.parametrize(
    ("conditions", "basis"),
    [("01", "C"), ("8A42", "C"), ("173D", "E"), ("873D17", "O"), ("1387", "O"), ("7801", "O")],
)
def test_codes_are_read_in_pairs(conditions: str, basis: str) -> None:
    """`1878` holds the digits 87, but not the code."""
    assert basis_of(conditions) == basis
    assert basis_of("1878") == "O"
