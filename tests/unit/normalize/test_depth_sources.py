"""What feeds the book of a symbol that orders, market makers and levels may come of."""

import pytest

from gateway.counters import Counter
from gateway.model.enums import Cause
from gateway.model.messages import Kind
from gateway.normalize.symbols import BookSource
from gateway.policy.demand import Service
from tests.support.depth_bench import (
    SNAPSHOT,
    STALE,
    DepthBench,
    classic,
    level,
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


def test_the_state_tells_what_feeds_the_book(bench: DepthBench) -> None:
    """A consumer weighs a book of orders otherwise than one of market makers."""
    body = bench.answer("order,@ES,")
    assert body[0] == 13
    bench.depths.lose_upstream(Cause.DTN_LINK_DOWN)
    assert bench.take("state,")[-1][1][9] == {
        "level2": "stale",
        "level2_cause": "dtn_link_down",
        "level2_source": "orders",
    }


def test_orders_feed_the_book_where_there_are_both() -> None:
    """Adding levels to orders would count every contract twice."""
    bench = DepthBench()
    depth = bench.want("@ES", Service.ORDERS, Service.LEVELS, Service.BOOK)
    bench.feed(level("7", "B", "100.25", 50), BID)
    assert depth.standing.source is BookSource.ORDERS
    bench.settle()
    assert bench.top() == ([[100.25, 5]], [])
    bench.feed(level("8", "B", "100.25", 60), classic("2", "1x1", "2x2"))
    assert depth.standing.source is BookSource.ORDERS


def test_orders_that_arrive_later_take_over_when_they_are_whole() -> None:
    """One order beside a book of levels is not the market: nobody may see it as such."""
    bench = DepthBench()
    depth = bench.want("@ES", Service.LEVELS)
    bench.feed(level("7", "B", "100.25", 50), level("7", "A", "100.50", 40))
    bench.settle()
    bench.want("@ES", Service.BOOK)
    bench.pass_time(0.05)
    assert bench.top() == ([[100.25, 50]], [[100.5, 40]])
    assert bench.answer("order,@ES,")[6] == "pending"
    bench.feed(order("6", 1, "B", "100.25", 30))
    bench.pass_time(0.15)
    bench.feed(order("6", 2, "B", "100.25", 20))
    bench.pass_time(0.15)
    assert bench.state() == "live"
    assert bench.top() == ([[100.25, 50]], [[100.5, 40]])
    assert bench.desk.states("@ES")["order"] == ("recovering", None)
    assert bench.answer("order,@ES,")[3] == SNAPSHOT | STALE
    bench.feed(order("6", 3, "A", "100.50", 41))
    bench.settle()
    assert depth.standing.source is BookSource.ORDERS
    assert bench.top() == ([[100.25, 50]], [[100.5, 41]])
    assert bench.desk.states("@ES")["order"] == ("live", None)
    assert bench.take("state,")[-1][1][9]["level2_source"] == "orders"


def test_a_kind_that_arrives_while_the_feed_is_lost_is_rebuilt() -> None:
    """Half of its summary must not become the book when the silence ends."""
    bench = DepthBench()
    depth = bench.want("@ES", Service.LEVELS)
    bench.feed(level("7", "B", "100.25", 50))
    bench.settle()
    bench.want("@ES", Service.ORDERS)
    bench.feed(order("6", 1, "B", "100.25", 30))
    bench.depths.lose_upstream(Cause.LINK_SILENT)
    bench.depths.resume_upstream()
    assert (bench.state(), depth.standing.source) == ("recovering", BookSource.ORDERS)
    bench.settle()
    assert bench.state() == "live"


def test_the_book_falls_back_to_levels_when_orders_end() -> None:
    """A live book that is suddenly empty would be an empty market."""
    bench = DepthBench()
    depth = bench.want("@ES", Service.LEVELS, Service.ORDERS)
    bench.feed(level("7", "B", "100.25", 50), BID)
    bench.settle()
    bench.take()
    bench.depths.release(depth, Kind.ORDER)
    assert depth.standing.source is BookSource.PRICE_LEVELS
    assert bench.state() == "live"
    assert told(bench) == [["clear", "B", None], ["clear", "A", None]]
    bench.feed(order("4", 1, "B", "100.25"), order("6", 9, "B", "101"))
    assert told(bench) == [], "rows of what was given back come too late"
    assert bench.count(Counter.LINES_UNWATCHED) == 2
    bench.feed(level("8", "B", "100.25", 51))
    assert depth.standing.source is BookSource.PRICE_LEVELS
    assert bench.state() == "live"


def test_a_book_without_any_source_is_not_live() -> None:
    """Orders are said to be gone, levels have not come yet."""
    bench = DepthBench()
    depth = bench.want("@ES")
    bench.feed(BID)
    bench.settle()
    bench.desk.ask_in_doubt(depth)
    bench.upstream.take()
    bench.feed("q,@ES,")
    assert bench.upstream.take() == ["WPL,@ES"]
    assert bench.state() == "recovering"
    assert depth.orders.row_count == 0
    bench.feed(level("7", "B", "100.25", 50))
    bench.settle()
    assert bench.state() == "live"
    assert bench.top() == ([[100.25, 50]], [])


def test_levels_of_a_request_for_orders_stay_when_the_request_for_levels_ends() -> None:
    """Type 0 rows come by `WOR`: nobody would send the levels again."""
    bench = DepthBench()
    depth = bench.want("@ES", Service.BOOK)
    bench.feed(order("0", 1, "B", "100.25", 65))
    bench.settle()
    bench.want("@ES", Service.LEVELS)
    bench.feed("q,@ES,")
    assert depth.standing.source is BookSource.PRICE_LEVELS
    bench.feed(order("0", 1, "B", "100.25", 66))
    bench.pass_time(0.05)
    assert bench.state() == "live"
    assert bench.top() == ([[100.25, 66]], [])
    assert bench.answer("depth,@ES,")[0] == 13
    bench.depths.release(depth, Kind.ORDER)
    assert depth.levels.row_count == 0
    assert bench.state() == "recovering"


def test_a_refresh_of_such_levels_clears_them() -> None:
    """A level that vanished while DTN was away would stand for ever."""
    bench = DepthBench()
    depth = bench.want("@ES")
    bench.feed(order("0", 1, "B", "100.25", 65), order("0", 2, "B", "100.00", 60))
    bench.settle()
    bench.desk.ask_in_doubt(depth)
    bench.feed(order("0", 2, "B", "100.00", 61))
    bench.settle()
    assert bench.state() == "live"
    assert bench.top() == ([[100.0, 61]], [])


def test_a_refused_symbol_keeps_no_rows(bench: DepthBench) -> None:
    """When it is asked for again, what was deleted meanwhile would stand among the new rows."""
    bench.desk.note_limit("@ES")
    assert told(bench) == [["clear", "B", None], ["clear", "A", None]]
    assert bench.depths.depths["@ES"].standing.source is None
    bench.desk.retry_limited()
    assert bench.state() == "pending"
    bench.feed(order("6", 2, "A", "100.50"))
    bench.settle()
    assert bench.top() == ([], [[100.5, 5]])


def test_another_dialect_after_a_reconnect_feeds_the_book(bench: DepthBench) -> None:
    """What fed it before may not be delivered any more: a live book would stay empty."""
    bench.depths.lose_upstream(Cause.IQCONNECT_DOWN)
    bench.desk.ask_again()
    bench.feed(order("0", 1, "B", "100.25", 65))
    bench.settle()
    assert bench.top() == ([[100.25, 65]], [])
