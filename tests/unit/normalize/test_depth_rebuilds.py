"""Books that are cleared and filled again: no ghosts, nothing lost, live when whole."""

import pytest

from gateway.model.enums import Cause
from gateway.model.messages import Kind
from tests.support.depth_bench import (
    CONFLATED,
    SNAPSHOT,
    DepthBench,
    gone,
    level_gone,
    order,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")

BID, ASK = order("6", 1, "B", "100.25"), order("6", 2, "A", "100.50")


@pytest.fixture(name="bench")
def live_bench() -> DepthBench:
    """A live order book of one symbol."""
    bench = DepthBench()
    bench.want("@ES")
    bench.feed(BID, ASK)
    bench.settle()
    bench.take()
    return bench


def told(bench: DepthBench, prefix: str = "order,") -> list[list[object]]:
    """Action, side and key of each row message."""
    return [body[6:9] for _, body in bench.take(prefix)]


def states(bench: DepthBench) -> list[tuple[str, str | None]]:
    """State and cause of each state message."""
    return [(body[6], body[7]) for _, body in bench.take("state,")]


def test_a_new_connection_clears_before_it_fills(bench: DepthBench) -> None:
    """Orders deleted while we were away would stand as ghosts for ever."""
    bench.depths.lose_upstream(Cause.IQCONNECT_DOWN)
    bench.take()
    bench.desk.ask_again()
    assert bench.upstream.take()[-1] == "WOR,@ES"
    assert told(bench) == [["clear", "B", None], ["clear", "A", None]]
    bench.feed(order("6", 2, "A", "100.50"))
    assert [body[3] for _, body in bench.take("order,")] == [SNAPSHOT]
    assert bench.state() == "recovering"
    assert bench.take("book,") == []
    bench.settle()
    assert bench.top() == ([], [[100.5, 5]])
    assert bench.state() == "live"
    assert bench.answer("book,@ES,")[3] & ~CONFLATED == SNAPSHOT


def test_a_book_lost_while_it_was_rebuilt_is_not_live_after_a_silence(bench: DepthBench) -> None:
    """Half a summary and a pause are no book."""
    bench.depths.lose_upstream(Cause.IQCONNECT_DOWN)
    bench.desk.ask_again()
    bench.feed(order("6", 2, "A", "100.50"))
    bench.depths.lose_upstream(Cause.LINK_SILENT)
    bench.settle()
    bench.depths.resume_upstream()
    assert bench.state() == "recovering"
    bench.feed(order("6", 3, "B", "100.00"))
    bench.settle()
    assert bench.state() == "live"
    assert bench.top() == ([[100.0, 5]], [[100.5, 5]])


def test_a_summary_read_while_nothing_could_be_live_counts(bench: DepthBench) -> None:
    """It does not come twice: a book would be recovering for ever."""
    bench.depths.lose_upstream(Cause.IQCONNECT_DOWN)
    bench.desk.ask_again()
    bench.depths.lose_upstream(Cause.OVERLOAD)
    bench.feed(BID, ASK)
    bench.pass_time(5)
    bench.depths.resume_upstream()
    bench.settle()
    assert bench.state() == "live"


def test_a_first_summary_read_while_nothing_could_be_live_counts() -> None:
    """The same for a symbol that was never live."""
    bench = DepthBench()
    bench.want("@ES")
    bench.want("@NQ")
    bench.depths.lose_upstream(Cause.OVERLOAD)
    assert states(bench)[-2:] == [("pending", "overload")] * 2
    bench.feed(BID, ASK)
    bench.settle()
    assert bench.state() == "pending"
    bench.depths.resume_upstream()
    bench.settle()
    assert (bench.state(), bench.state("@NQ")) == ("live", "pending")


def test_updates_alone_do_not_end_a_recovery(bench: DepthBench) -> None:
    """What was added while we were away is told by the summary only."""
    bench.depths.lose_upstream(Cause.IQCONNECT_DOWN)
    bench.desk.ask_again()
    bench.feed(order("3", 9, "B", "100.00"), gone(9, "B"))
    bench.pass_time(1)
    assert bench.state() == "recovering"
    bench.depths.recover_upstream(is_new=True)
    bench.depths.recover_upstream(is_new=False)
    bench.pass_time(1)
    assert bench.state() == "recovering", "nor does a second recovery"


def test_a_refresh_keeps_the_book_until_the_new_one_begins(bench: DepthBench) -> None:
    """DTN was away, our connection was not: the summary says which orders are left."""
    bench.depths.lose_upstream(Cause.DTN_LINK_DOWN)
    bench.take()
    bench.upstream.take()
    bench.desk.ask_refresh()
    assert bench.upstream.take() == ["WOR,@ES"]
    bench.feed(order("4", 1, "B", "100.25", 9))
    assert told(bench) == [["update", "B", 1]]
    bench.feed(order("6", 2, "A", "100.50"))
    assert told(bench) == [["clear", "B", None], ["clear", "A", None], ["add", "A", 2]]
    bench.feed(order("6", 3, "B", "100.00"))
    assert told(bench) == [["add", "B", 3]]
    bench.settle()
    assert bench.state() == "live"
    assert bench.top() == ([[100.0, 5]], [[100.5, 5]]), "order 1 was deleted unseen"


def test_a_summary_that_comes_late_still_clears_what_is_not_live(bench: DepthBench) -> None:
    """A thousand books take the vendor longer than one; ghosts would pass as live."""
    bench.depths.lose_upstream(Cause.DTN_LINK_DOWN)
    bench.desk.ask_refresh()
    bench.pass_time(60)
    bench.feed(order("6", 2, "A", "100.50"))
    bench.settle()
    assert bench.state() == "live"
    assert bench.top() == ([], [[100.5, 5]])


@pytest.mark.parametrize("in_flight", [order("4", 1, "B", "100.25", 9), gone(1, "B")])
def test_a_refresh_of_a_living_book_clears_although_updates_come_first(
    bench: DepthBench, in_flight: str
) -> None:
    """Updates are always in flight on a busy book: they must not cancel the refresh."""
    bench.desk.ask_in_doubt(bench.depths.depths["@ES"])
    bench.feed(in_flight)
    bench.feed(order("6", 5, "B", "99.00"))
    assert bench.state() == "recovering"
    bench.settle()
    assert bench.state() == "live"
    assert bench.top() == ([[99.0, 5]], [])
    assert bench.depths.depths["@ES"].takes_orders


def test_a_living_book_does_not_wait_for_a_refresh_for_ever(bench: DepthBench) -> None:
    """When the vendor ignores the request, a later summary row is an update like any other."""
    bench.desk.ask_in_doubt(bench.depths.depths["@ES"])
    bench.pass_time(5.1)
    bench.feed(order("4", 1, "B", "100.25", 9), order("6", 5, "B", "99.00"))
    assert bench.state() == "live"
    bench.settle()
    assert bench.top() == ([[100.25, 9], [99.0, 5]], [[100.5, 5]])
    assert bench.depths.depths["@ES"].takes_orders


def test_summaries_on_a_living_connection_are_upserts(bench: DepthBench) -> None:
    """The vendor repeats rows that are still there; clearing would lose the others."""
    bench.feed(order("6", 1, "B", "100.25", 8), order("6", 3, "B", "99.00"))
    assert told(bench) == [["update", "B", 1], ["add", "B", 3]]
    assert bench.state() == "live"


def test_rows_before_the_first_summary_are_replaced_by_it() -> None:
    """They may be late rows of a watch that ended: orders deleted since would be ghosts."""
    bench = DepthBench()
    bench.want("@ES")
    bench.feed(order("4", 66, "B", "100.75"))
    bench.feed(BID, ASK)
    bench.settle()
    assert bench.top() == ([[100.25, 5]], [[100.5, 5]])


def test_a_deletion_of_an_earlier_watch_brings_nothing_to_life() -> None:
    """An empty book that says it is live is the worst of answers."""
    bench = DepthBench()
    depth = bench.want("@ES")
    bench.feed(gone(66, "B"), level_gone("B", "1"), gone("", "B", maker="NSDQ"))
    bench.settle()
    assert (bench.state(), depth.standing.source) == ("pending", None)
    assert Kind.ORDER in depth.expected


def test_a_side_cleared_by_the_vendor_is_empty_at_once(bench: DepthBench) -> None:
    """The rows that follow are a summary, so the book is not live until they pause."""
    bench.feed("S,CLEAR DEPTH,@ES,B,")
    assert told(bench) == [["clear", "B", None]]
    assert bench.state() == "recovering"
    bench.feed(order("6", 4, "B", "99.50"))
    assert bench.state() == "recovering"
    bench.settle()
    assert bench.state() == "live"
    assert bench.top() == ([[99.5, 5]], [[100.5, 5]])


def test_a_market_that_closes_has_an_empty_live_book(bench: DepthBench) -> None:
    """After the vendor's clear nothing need follow until the next session."""
    bench.feed("S,CLEAR DEPTH,@ES,B,", "S,CLEAR DEPTH,@ES,A,")
    bench.settle()
    assert bench.state() == "recovering", "rows may be under way"
    bench.pass_time(2)
    assert bench.state() == "live"
    assert bench.top() == ([], [])


def test_a_clear_before_the_summary_does_not_bring_an_empty_book_to_life() -> None:
    """The vendor may clear first and take its time for the rows."""
    bench = DepthBench()
    bench.want("@ES")
    bench.feed("S,CLEAR DEPTH,@ES,B,", "S,CLEAR DEPTH,@ES,A,")
    bench.pass_time(1)
    assert bench.state() == "recovering"
    assert bench.take("book,") == []
    bench.feed(BID, ASK)
    assert bench.state() == "recovering"
    bench.settle()
    assert bench.state() == "live"
    assert bench.top() == ([[100.25, 5]], [[100.5, 5]])


def test_a_clear_while_the_feed_is_down_makes_a_rebuild(bench: DepthBench) -> None:
    """The silence hid nothing, but a cleared book is not whole."""
    bench.depths.lose_upstream(Cause.LINK_SILENT)
    bench.feed("S,CLEAR DEPTH,@ES,B,")
    bench.depths.resume_upstream()
    assert bench.state() == "recovering"
    bench.settle()
    assert bench.state() == "live"
    assert bench.top() == ([], [[100.5, 5]])
