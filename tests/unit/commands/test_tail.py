"""When `tail` draws ladders, and what its lines say."""

import pytest
from gateway_client import Flag, Gap, Quote

from gateway.commands.tail import as_map, as_text, is_book_alone


@pytest.mark.parametrize(
    ("kinds", "is_ladder"),
    [
        (["book"], True),
        (["book@250x5"], True),
        (["book", "trade"], False),
        (["quote@250"], False),
        (["l2"], False),
    ],
)
def test_books_alone_are_ladders(kinds: list[str], is_ladder: bool) -> None:
    """A ladder has no place for trades, so together they are lines."""
    assert is_book_alone(kinds) is is_ladder


def test_a_line_has_what_has_a_value() -> None:
    """Absent is left out, flags are named."""
    quote = Quote("quote", "AAPL", 1, 1, 7, Flag.STALE, 1_000_000, None, 189.5, 100)
    assert as_text(quote) == "00:00:01.000000 quote AAPL #7 STALE bid=189.5 bid_size=100"
    event = as_map(Gap("quote,AAPL,", 1, 2, healed=False, epoch=9))
    assert event == {
        "event": "Gap", "topic": "quote,AAPL,", "first_missing": 1, "last_missing": 2,
        "healed": False, "epoch": 9, "is_final": False,
    }  # fmt: skip
