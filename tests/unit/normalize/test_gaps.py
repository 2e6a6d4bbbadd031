"""What was traded while nobody told us: told once, with times and volume."""

from collections.abc import Mapping

import pytest

from gateway.counters import Counter
from gateway.model.enums import Cause
from gateway.normalize.level1_columns import Level1Columns
from gateway.normalize.symbols import Gap
from tests.unit.normalize.line_desk import GATEWAY_NAMES, LAYOUTS, NOW_US, Desk, Options, line

pytestmark = pytest.mark.usefixtures("pipeline_name")

VOLUME = "Total Volume"
TRADED = {"TickID": "4799", "Most Recent Trade Time": "10:00:02.000000", VOLUME: "37630000"}


def gap(after: Mapping[str, str], *, has_trade: bool = False) -> Gap | None:
    """The gap between the usual line and one that differs so."""
    columns = Level1Columns(GATEWAY_NAMES)
    fields = line("Q", "Cba", after).split(",")
    return columns.gap_between(line("Q", "C"), fields, has_trade=has_trade, from_us=1, to_us=2)


@pytest.mark.parametrize(
    ("after", "has_trade", "volume"),
    [
        (TRADED, False, 547),
        (TRADED | {"Most Recent Trade Size": "500"}, True, 47),
        ({VOLUME: "37629454"}, False, 1),
        (TRADED | {VOLUME: "100", "Most Recent Trade Date": "09/17/2026"}, False, None),
        (TRADED | {VOLUME: ""}, False, None),
        (TRADED | {VOLUME: "37629453"}, False, None),
    ],
)
def test_trades_were_missed(after: dict[str, str], *, has_trade: bool, volume: int | None) -> None:
    """The day's volume says how much; another day's says nothing."""
    assert gap(after, has_trade=has_trade) == Gap(1, 2, volume)


@pytest.mark.parametrize(
    ("after", "has_trade"),
    [
        ({}, False),
        ({"Bid": "1.0", "Ask": "2.0"}, False),
        ({VOLUME: "0"}, False),
        (TRADED | {VOLUME: "37629503"}, True),
    ],
    ids=["the same", "another quote", "a new day's volume", "its own print only"],
)
def test_no_trade_was_missed(after: dict[str, str], *, has_trade: bool) -> None:
    """A marker that is not true would make consumers fetch what they have."""
    assert gap(after, has_trade=has_trade) is None


def test_nothing_is_concluded_from_no_line() -> None:
    """Of a symbol never heard before nothing was missed."""
    columns = Level1Columns(GATEWAY_NAMES)
    fields = line("P", "C", TRADED).split(",")
    for before in ("", "Q,AAPL"):
        assert columns.gap_between(before, fields, has_trade=False, from_us=1, to_us=2) is None


@LAYOUTS
def test_the_first_line_after_an_outage_tells_of_the_gap(names: tuple[str, ...]) -> None:
    """Between `recovering` and `live`, with the times of the last and the first line."""
    desk = Desk(Options(names=names))
    desk.live()
    desk.board.lose_upstream(Cause.IQCONNECT_DOWN)
    desk.board.recover_upstream()
    desk.raw.clear()
    desk.feed(line("P", "Cba", TRADED, names=names), recv_us=NOW_US + 9)
    marker, live = desk.take("state")
    assert (marker["state"], marker["cause"]) == ("recovering", "gap")
    assert marker["details"] == {
        "gap_from_us": NOW_US,
        "gap_to_us": NOW_US + 9,
        "gap_volume": 547,
    }
    assert (live["state"], live["cause"], live["details"]) == ("live", None, {})
    assert desk.count(Counter.GAPS_TOLD) == 1


@LAYOUTS
def test_an_outage_without_trades_has_no_gap(names: tuple[str, ...]) -> None:
    """None spurious."""
    desk = Desk(Options(names=names))
    desk.live()
    desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
    desk.board.recover_upstream()
    desk.raw.clear()
    desk.feed(line("P", "Cba", {"Bid": "180.0000"}, names=names))
    assert [(s["state"], s["cause"]) for s in desk.take("state")] == [("live", None)]


def test_a_silence_in_which_nothing_was_lost_has_no_gap() -> None:
    """The lines come late and all of them come."""
    desk = Desk()
    desk.live()
    desk.board.lose_upstream(Cause.LINK_SILENT)
    desk.board.resume_upstream()
    desk.raw.clear()
    desk.feed(line("Q", "C", TRADED))
    assert [frame["kind"] for frame in desk.take("state", "trade")] == ["trade"]


def test_lines_of_another_field_set_are_not_compared() -> None:
    """Their columns stand elsewhere: a difference would mean nothing."""
    desk = Desk()
    desk.live()
    desk.board.lose_upstream(Cause.IQCONNECT_DOWN)
    other = ("Symbol", *sorted(GATEWAY_NAMES[1:]))
    desk.pipeline.reset()
    desk.pipeline.select(other)
    desk.clock_line(desk.options.now)
    desk.board.recover_upstream()
    desk.raw.clear()
    desk.feed(line("P", "Cba", names=other))
    assert [(s["state"], s["cause"]) for s in desk.take("state")] == [("live", None)]
