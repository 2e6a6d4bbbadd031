"""What is kept of one symbol, and what is forgotten."""

import pytest

from gateway.model.enums import Cause, SymbolState
from gateway.model.messages import Kind
from gateway.normalize.symbols import SAME_DAY_US_MAX, PlainSymbol, Symbol
from gateway.wire.envelope import Envelope
from tests.unit.normalize.line_desk import utc_us

HOUR_US = 3_600_000_000


@pytest.fixture
def symbol() -> Symbol:
    """A symbol nobody has asked for."""
    return PlainSymbol("AAPL", envelope=Envelope(epoch=1, send=lambda _: None), now_us=5)


def test_new_symbol_is_closed_and_unheard(symbol: Symbol) -> None:
    """Only asking for it makes it pending; nothing may look like a value before."""
    assert (symbol.state, symbol.cause) == (SymbolState.CLOSED, Cause.NOT_SUBSCRIBED)
    assert (symbol.since_us, symbol.is_live, symbol.last_line_us) == (5, False, None)
    assert [topic.sequence for topic in symbol.topics.values()] == [0, 0, 0, 0]
    assert [topic.last for topic in symbol.topics.values()] == [None] * 4


def test_topic_of_a_rare_kind_is_made_once(symbol: Symbol) -> None:
    """Two topics of one spelling would count the same messages twice."""
    regional = symbol.topic(Kind.REGIONAL)
    assert symbol.topic(Kind.REGIONAL) is regional
    assert symbol.topic(Kind.QUOTE) is symbol.quote
    assert regional.prefix == b"regional,AAPL,"


def test_topic_made_late_continues_after_the_floor() -> None:
    """Its name may have been published on by a symbol that was evicted."""
    envelope = Envelope(epoch=1, send=lambda _: None)
    symbol = PlainSymbol("AAPL", envelope=envelope, now_us=0)
    envelope.floor = 7
    assert symbol.topic(Kind.REGIONAL).sequence == 7


def test_forgetting_drops_states_and_keeps_events_and_sequences(symbol: Symbol) -> None:
    """A quote may be wrong by now; a print that was made was made. Sequences never go back."""
    for kind in (Kind.REGIONAL, Kind.FUNDAMENTAL, Kind.CORRECTION):
        symbol.topic(kind)
    for topic in symbol.topics.values():
        topic.sequence, topic.last = 9, (topic.type,)
    symbol.bid_us = symbol.ask_us = 1
    symbol.bid_time_text = symbol.ask_time_text = "10:00:00"
    symbol.last_conditions = "01"
    symbol.summary_line, symbol.summary_merged = "x", 3
    symbol.has_old_values = True
    symbol.forget_values()
    kept = {kind for kind, topic in symbol.topics.items() if topic.last is not None}
    assert kept == {Kind.TRADE, Kind.CORRECTION, Kind.STATE}
    assert {topic.sequence for topic in symbol.topics.values()} == {9}
    forgotten = [symbol.bid_us, symbol.ask_us, symbol.last_conditions, symbol.summary_line]
    assert forgotten == [None] * 4
    assert (symbol.bid_time_text, symbol.ask_time_text) == ("", "")
    assert (symbol.summary_merged, symbol.has_old_values) == (0, False)


@pytest.mark.parametrize(
    ("bid_text", "age_us", "is_kept"),
    [
        ("10:00:00.5", 0, True),
        ("10:00:00.5", SAME_DAY_US_MAX, True),
        ("10:00:00.5", SAME_DAY_US_MAX + 1, False),
        ("10:00:00.5", 72 * HOUR_US, False),
        ("10:00:00.6", 1, False),
        ("", 1, False),
    ],
)
def test_side_keeps_its_moment_only_where_it_is_proved(
    symbol: Symbol, *, bid_text: str, age_us: int, is_kept: bool
) -> None:
    """The same time of day is the same moment for less than a day, and no longer."""
    moment_us = utc_us("2026-09-16 10:00:00.5")
    symbol.bid_time_text, symbol.bid_us = "10:00:00.5", moment_us
    symbol.ask_time_text, symbol.ask_us = bid_text, moment_us
    symbol.doubt_times(bid_text, "10:00:00.5", moment_us + age_us)
    expected = ("10:00:00.5", moment_us) if is_kept else ("", None)
    assert (symbol.bid_time_text, symbol.bid_us) == expected
    is_ask_kept = bid_text == "10:00:00.5" and is_kept
    assert (symbol.ask_us is not None) == is_ask_kept


def test_same_day_is_shorter_than_the_shortest_day() -> None:
    """The day of the spring change has 23 hours; clocks that differ must fit in too."""
    day_us = utc_us("2026-03-09 01:00:00") - utc_us("2026-03-08 01:00:00")
    assert day_us == 23 * HOUR_US
    assert day_us - SAME_DAY_US_MAX >= HOUR_US


def test_side_that_was_never_dated_stays_undated(symbol: Symbol) -> None:
    """An equal text proves nothing when the text itself had no date."""
    symbol.bid_time_text = symbol.ask_time_text = "10:00:00.5"
    symbol.doubt_times("10:00:00.5", "10:00:00.5", 0)
    assert (symbol.bid_us, symbol.ask_us) == (None, None)
    assert (symbol.bid_time_text, symbol.ask_time_text) == ("", "")
