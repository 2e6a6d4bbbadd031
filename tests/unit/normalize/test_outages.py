"""What survives an interruption, and what must be forgotten or doubted after it."""

import pytest

from gateway.model.enums import Cause
from tests.unit.normalize.line_desk import (
    CONFLATED,
    INTERVAL_US,
    SNAPSHOT,
    STALE,
    Desk,
    another,
    line,
    utc_us,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")

FRIDAY = "2026-09-18 15:59:59"
MONDAY = "2026-09-21 08:00:00"


def desk_with_friday_quote() -> Desk:
    """A live symbol whose both sides were dated on a Friday afternoon."""
    desk = Desk()
    desk.move_to(FRIDAY)
    desk.live()
    times = {"Bid Time": "15:59:58.000000", "Ask Time": "15:30:00.000000"}
    desk.feed(line("Q", "ba", times))
    quote = desk.one("quote")
    assert quote["bid_us"] == utc_us("2026-09-18 15:59:58")
    assert quote["ask_us"] == utc_us("2026-09-18 15:30:00")
    return desk


def lose_and_recover(desk: Desk, wall: str) -> None:
    """DTN is away until a US Eastern time, and its clock line comes first afterwards."""
    desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
    desk.move_to(wall)
    desk.board.recover_upstream()
    desk.raw.clear()


def test_time_that_equals_the_old_one_holds_after_an_outage_of_minutes() -> None:
    """The same time of day within the day can only be the same moment."""
    desk = desk_with_friday_quote()
    lose_and_recover(desk, "2026-09-18 16:05:00")
    times = {"Bid Time": "15:59:58.000000", "Ask Time": "15:30:00.000000"}
    desk.feed(line("P", "Cbav", times))
    quote = desk.one("quote")
    assert quote["bid_us"] == utc_us("2026-09-18 15:59:58")
    assert quote["ask_us"] == utc_us("2026-09-18 15:30:00")
    assert quote["event_us"] == utc_us("2026-09-18 15:59:58")


@pytest.mark.parametrize("letter", ["P", "Q"])
def test_time_that_equals_the_old_one_is_undated_after_a_day(letter: str) -> None:
    """A currency's last quote has the same time every day; Monday's may be Sunday's or Friday's."""
    desk = desk_with_friday_quote()
    lose_and_recover(desk, MONDAY)
    times = {"Bid Time": "15:59:58.000000", "Ask Time": "15:30:00.000000"}
    desk.feed(line(letter, "v", times))
    quote = desk.one("quote")
    assert (quote["bid_us"], quote["ask_us"], quote["event_us"]) == (None, None, None)


def test_side_that_changed_during_an_outage_is_undated() -> None:
    """On Monday morning 15:45 may be Friday's; the line does not say that this side is new."""
    desk = desk_with_friday_quote()
    lose_and_recover(desk, MONDAY)
    times = {"Bid Time": "08:00:00.000001", "Ask Time": "15:45:00.000000"}
    desk.feed(line("Q", "b", times))
    quote = desk.one("quote")
    assert quote["bid_us"] == utc_us("2026-09-21 08:00:00.000001")
    assert quote["ask_us"] is None
    assert quote["event_us"] == quote["bid_us"]


def test_conditions_of_an_older_trade_are_forgotten_after_an_outage() -> None:
    """The last qualified trade may be another one by now; its conditions are not known."""
    desk = Desk()
    desk.live()
    desk.feed(line("Q", "C", {"Most Recent Trade Conditions": "8A42"}))
    lose_and_recover(desk, "2026-09-16 11:00:00")
    desk.feed(line("P", "O", {"Most Recent Trade Conditions": "87"}))
    assert desk.one("summary")["last_conditions"] is None


def test_conditions_are_forgotten_when_an_update_ends_the_outage() -> None:
    """IQConnect may send an update before the snapshot; the same doubt applies."""
    desk = Desk()
    desk.live()
    desk.feed(line("Q", "C", {"Most Recent Trade Conditions": "8A42"}))
    lose_and_recover(desk, "2026-09-16 11:00:00")
    desk.feed(line("Q", "ba"))
    assert desk.one("summary")["last_conditions"] is None


def test_conditions_of_the_last_qualified_trade_survive_other_trades_and_a_refresh() -> None:
    """While nothing was lost, the trade that `last` shows is the one whose conditions we saw."""
    desk = Desk()
    desk.live()
    desk.feed(line("Q", "Co", {"Most Recent Trade Conditions": "8A42"}))
    desk.feed(line("Q", "Oh", {"Most Recent Trade Conditions": "87"}))
    desk.feed(line("P", "O", {"Most Recent Trade Conditions": "87"}))
    assert [frame["last_conditions"] for frame in desk.take("summary")] == ["8A42"] * 3


def test_new_connection_waits_for_its_own_clock() -> None:
    """Watches are answered before the first T line; the old clock would date them a day back."""
    desk = Desk()
    desk.live()
    desk.pipeline.reset()
    assert desk.pipeline.eastern.clock_us is None
    desk.board.lose_upstream(Cause.IQCONNECT_DOWN)
    desk.clock.advance(seconds=5 * 3600)
    desk.pipeline.select(desk.options.names or ())
    desk.board.recover_upstream()
    desk.feed(line("P"))
    desk.raw.clear()
    desk.feed(line("Q", "b", {"Bid Time": "15:00:00.000000"}))
    assert desk.one("quote")["bid_us"] is None
    assert desk.pipeline.eastern.clock_us is None
    desk.clock_line("2026-09-16 15:00:01")
    desk.feed(line("Q", "b", {"Bid Time": "15:00:00.500000"}))
    assert desk.one("quote")["bid_us"] == utc_us("2026-09-16 15:00:00.5")
    assert desk.counted() == {}


def test_clock_that_stopped_dates_nothing() -> None:
    """Six minutes after the last T line a fresh stamp would look like yesterday's."""
    desk = Desk()
    desk.live()
    desk.clock.advance(seconds=360)
    desk.feed(line("Q", "ba", {"Bid Time": "10:05:59.900000", "Ask Time": "10:05:59.800000"}))
    quote = desk.one("quote")
    assert (quote["bid_us"], quote["ask_us"], quote["event_us"]) == (None, None, None)
    assert desk.counted() == {}


def test_summary_that_waits_is_published_before_a_connection_is_forgotten() -> None:
    """The last value of an interval is always published, a lost link notwithstanding."""
    desk = Desk()
    desk.live()
    desk.feed(line("Q", "C", {"Last": "188.3100"}), line("Q", "C", {"Last": "188.3200"}))
    assert desk.take("summary") == []
    desk.pipeline.reset()
    desk.board.lose_upstream(Cause.IQCONNECT_DOWN)
    last, repeated = desk.take("summary")
    assert (last["last"], last["flags"], last["merged"]) == (188.32, CONFLATED, 2)
    assert (repeated["last"], repeated["sequence"]) == (188.32, last["sequence"] + 1)
    assert repeated["flags"] == SNAPSHOT | STALE | CONFLATED
    desk.clock.advance(seconds=1)
    desk.pipeline.flush(desk.clock.utc_us())
    assert desk.take() == []


def test_regional_side_that_changed_during_an_outage_is_undated() -> None:
    """As for the quote itself: after an outage a new time of day may be days old."""
    desk = Desk()
    desk.live()
    desk.move_to("2026-09-18 15:00:00")
    desk.feed(
        "R,AAPL,,188.25,100,14:59:58,188.36,200,14:59:58,14,4,11,",
        "R,AAPL,,188.25,100,14:59:59,188.36,200,14:59:59,14,4,11,",
    )
    assert desk.take("regional")[-1]["bid_us"] == utc_us("2026-09-18 14:59:59")
    lose_and_recover(desk, MONDAY)
    desk.feed(line("P"))
    desk.feed("R,AAPL,,188.25,100,15:45:00,188.36,200,15:46:00,14,4,11,")
    regional = desk.one("regional")
    assert (regional["bid_us"], regional["ask_us"], regional["event_us"]) == (None, None, None)
    desk.feed("R,AAPL,,188.25,100,08:00:00,188.36,200,15:46:00,14,4,11,")
    regional = desk.one("regional")
    assert regional["bid_us"] == utc_us("2026-09-21 08:00:00")
    assert regional["ask_us"] is None


def test_flushed_summary_begins_a_new_interval() -> None:
    """At most one summary an interval: the one that waited counts from when it went out."""
    desk = Desk()
    desk.live()
    start_us = desk.clock.utc_us() + INTERVAL_US
    for after_us in (0, 10_000):
        desk.feed(another("Q", "C"), recv_us=start_us + after_us)
    desk.pipeline.flush(start_us + INTERVAL_US - 1)
    assert len(desk.take("summary")) == 1
    desk.pipeline.flush(start_us + INTERVAL_US)
    assert len(desk.take("summary")) == 1
    desk.feed(another("Q", "C"), recv_us=start_us + INTERVAL_US + 20_000)
    assert desk.take("summary") == []
    desk.pipeline.flush(start_us + 2 * INTERVAL_US)
    assert len(desk.take("summary")) == 1
