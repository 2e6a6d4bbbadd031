"""When `tail` draws ladders, and what its lines say."""

import pytest
from gateway_client import Alert, Flag, Gap, Quote

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


def test_an_alert_is_told_in_words() -> None:
    """Who is woken by it reads what it is and what to do, not a map."""
    details = {
        "event": "raised", "code": "slow_consumer", "level": "warning", "since_us": 1,
        "message": "a consumer is 4 s behind\x1b[2J", "hint": "Give it more processor.",
    }  # fmt: skip
    alert = Alert("sys", "alert", 1, 1, 7, 0, 1_000_000, None, details)
    assert as_text(alert) == (
        "00:00:01.000000 ALERT warning raised slow_consumer: a consumer is 4 s behind\\x1b[2J\n"
        "    what to do: Give it more processor."
    )
    over = alert._replace(details=details | {"event": "cleared"})
    assert as_text(over).endswith("cleared slow_consumer: a consumer is 4 s behind\\x1b[2J")
