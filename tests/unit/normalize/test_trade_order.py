"""Which trade is the last one: what comes late, what comes twice, and where ids begin anew."""

import pytest

from gateway.model.enums import Cause
from tests.unit.normalize.line_desk import (
    GATEWAY_NAMES,
    LAYOUTS,
    SUSPECT,
    Desk,
    Options,
    another,
    line,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")

FLAGS = {"lines_out_of_order", "messages_suspect"}


def trade(at: str, trade_id: int, *, names: tuple[str, ...] = GATEWAY_NAMES, **more: str) -> str:
    """A trade at a time of day, with its id."""
    columns = {"Most Recent Trade Time": at, "TickID": str(trade_id)}
    columns |= {name.replace("_", " "): text for name, text in more.items()}
    return another("Q", "C", columns, names=names)


def last_price(desk: Desk) -> object:
    """What a `snapshot` of the trade answers."""
    return desk.answer("trade,AAPL,")["price"]


@LAYOUTS
def test_one_id_of_another_numbering_spoils_nothing(names: tuple[str, ...]) -> None:
    """Time goes on, so what follows is newer, whatever its number."""
    desk = Desk(Options(names=names))
    desk.live()
    desk.feed(trade("10:00:01.000001", 859256116, names=names))
    desk.feed(trade("10:00:02.000001", 5001, names=names, Most_Recent_Trade="190.0"))
    desk.feed(trade("10:00:03.000001", 5002, names=names, Most_Recent_Trade="190.5"))
    assert [frame["flags"] for frame in desk.take("trade")] == [0, 0, 0]
    assert last_price(desk) == 190.5


@LAYOUTS
def test_ids_that_begin_anew_in_the_evening_are_in_order(names: tuple[str, ...]) -> None:
    """A session of futures begins at 18:00, on the same date."""
    desk = Desk(Options(names=names, now="2026-09-16 16:59:00"))
    desk.live()
    desk.feed(trade("16:59:00.000001", 500_000, names=names))
    desk.move_to("2026-09-16 18:00:09")
    desk.take()
    for second in range(1, 9):
        desk.feed(trade(f"18:00:0{second}.000001", second, names=names))
    assert [frame["flags"] for frame in desk.take("trade")] == [0] * 8
    assert desk.answer("trade,AAPL,")["trade_id"] == 8


@LAYOUTS
def test_within_a_moment_the_ids_decide(names: tuple[str, ...]) -> None:
    """Two trades of one microsecond that were swapped on the way: the older one is flagged."""
    desk = Desk(Options(names=names))
    desk.live()
    desk.feed(trade("10:00:01.000001", 5001, names=names, Most_Recent_Trade="190.0"))
    desk.feed(trade("10:00:01.000001", 5000, names=names, Most_Recent_Trade="191.0"))
    assert [frame["flags"] for frame in desk.take("trade")] == [0, SUSPECT]
    assert last_price(desk) == 190.0


def test_without_a_time_one_id_is_compared_with_the_one_before() -> None:
    """The number that was too high is not the measure for a day."""
    desk = Desk()
    desk.live()
    for trade_id in (859256116, 5001, 5002):
        desk.feed(trade("", trade_id, Most_Recent_Trade_Date=""))
    assert [frame["flags"] for frame in desk.take("trade")] == [0, SUSPECT, 0]
    assert desk.answer("trade,AAPL,")["trade_id"] == 5002


@LAYOUTS
@pytest.mark.parametrize("is_recovered", [False, True])
def test_the_last_trade_once_more_is_no_trade(names: tuple[str, ...], is_recovered: bool) -> None:
    """Whoever adds up sizes would count it twice."""
    desk = Desk(Options(names=names))
    desk.live()
    printed = {"Most Recent Trade Time": "10:00:01.000001", "TickID": "4712"}
    desk.feed(line("Q", "Cv", printed, names=names))
    if is_recovered:
        desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
        desk.board.recover_upstream()
        desk.feed(line("P", "Cvba", printed, names=names))
    else:
        desk.feed(line("Q", "b", printed | {"Bid": "188.2700"}, names=names))
    desk.feed(line("Q", "Cv", printed, names=names))
    assert [frame["trade_id"] for frame in desk.take("trade")] == [4712]
    assert desk.counted() == {"lines_duplicate": 1}


@LAYOUTS
def test_the_same_id_at_another_volume_is_another_trade(names: tuple[str, ...]) -> None:
    """Some instruments have one id for all their trades; the day's volume tells them apart."""
    desk = Desk(Options(names=names))
    desk.live()
    for volume in ("1000", "1100"):
        desk.feed(trade("10:00:01.000001", 7, names=names, Total_Volume=volume))
    assert [frame["total_volume"] for frame in desk.take("trade")] == [1000, 1100]


@LAYOUTS
def test_a_late_print_says_nothing_of_a_halt(names: tuple[str, ...]) -> None:
    """It was made before, and is only reported during it; nor does a late one halt anything."""
    desk = Desk(Options(names=names))
    desk.live()
    conditions = "Most Recent Trade Conditions"
    at = "Most Recent Trade Time"
    halted = {at: "10:00:00.000001", "TickID": "4712", conditions: "21"}
    desk.feed(another("Q", "C", halted, names=names))
    assert desk.board.symbols["AAPL"].cause is Cause.HALTED
    late = {at: "09:59:30.000001", "TickID": "900", conditions: "19"}
    desk.feed(another("Q", "O", late, names=names))
    assert desk.board.symbols["AAPL"].cause is Cause.HALTED
    desk.feed(trade("10:00:01.000001", 4713, names=names))
    desk.feed(another("Q", "C", late | {conditions: "21"}, names=names))
    assert desk.board.symbols["AAPL"].cause is None


@LAYOUTS
def test_first_quote_after_an_outage_is_the_last_one_whatever_it_announces(
    names: tuple[str, ...],
) -> None:
    """The side that moved unseen has no moment, and the other one's may be old: nothing is late."""
    desk = Desk(Options(names=names))
    desk.live()
    desk.feed(another("Q", "a", {"Ask Time": "10:00:00.100000"}, names=names))
    both = {"Ask Time": "10:00:00.100000", "Bid Time": "10:00:00.200000"}
    desk.feed(another("Q", "b", both, names=names))
    desk.board.lose_upstream(Cause.IQCONNECT_DOWN)
    desk.board.recover_upstream()
    desk.move_to("2026-09-16 10:05:00")
    desk.take()
    moved = {"Most Recent Trade Time": "10:05:00.000001", "TickID": "4712"}
    moved |= both | {"Bid Time": "10:04:59.000000", "Bid": "150.0000"}
    desk.feed(another("Q", "Cv", moved, names=names))
    assert not set(desk.counted()) & FLAGS
    assert desk.answer("quote,AAPL,")["bid"] == 150.0
