"""What no line says: rows that are too old, books that stay crossed, and silences."""

import pytest

from gateway.counters import Counter
from gateway.model.enums import Cause, SymbolState
from gateway.model.messages import Kind
from gateway.policy.demand import Service
from tests.support.depth_bench import OPTIONS, DepthBench, classic, order

pytestmark = pytest.mark.usefixtures("pipeline_name")

FRESH = ["WOR,@ES"]


@pytest.fixture(name="bench")
def live_bench() -> DepthBench:
    """A live order book."""
    bench = DepthBench()
    bench.want("@ES")
    bench.feed(order("6", 1, "B", "100.25"), order("6", 2, "A", "100.50"))
    bench.settle()
    bench.pass_time(1)
    bench.upstream.take()
    bench.take()
    return bench


def wait(bench: DepthBench, seconds: int) -> list[str]:
    """Look once a second, as the feed thread does; what the vendor was asked."""
    for _ in range(seconds):
        bench.pass_time(1)
        bench.care.look()
    return bench.upstream.take()


def quotes(bench: DepthBench, count: int) -> None:
    """Quotes of Level 1."""
    symbol = bench.board.symbols["@ES"]
    for _ in range(count):
        bench.board.envelope.publish(symbol.quote, (), flags=0, recv_us=5, event_us=None)


def test_a_venue_that_says_nothing_for_long_is_deleted() -> None:
    """A row the vendor forgot to delete would be the best price for ever."""
    bench = DepthBench()
    bench.want("SPY")
    bench.feed(
        order("6", "", "B", "10", maker="NSDQ", priority="", symbol="SPY"),
        order("6", "", "B", "9", maker="ARCX", priority="", symbol="SPY"),
    )
    bench.settle()
    wait(bench, 600)
    bench.feed(order("4", "", "B", "9", maker="ARCX", priority="", symbol="SPY"))
    wait(bench, 280)
    bench.feed(order("4", "", "B", "9", maker="ARCX", priority="", symbol="SPY"))
    bench.take()
    wait(bench, 30)
    ((_, body),) = bench.take("order,")
    assert body[6:10] == ["delete", "B", None, "NSDQ"]
    assert body[5] is None
    assert bench.top("SPY") == ([[9.0, 5]], [])
    assert bench.count(Counter.BOOK_ROWS_EXPIRED) == 1


def test_a_quiet_night_is_no_reason_to_delete_anything() -> None:
    """The vendor tells of changes only: what stands still is confirmed by nobody."""
    bench = DepthBench()
    bench.want("SPY")
    bench.feed(order("6", "", "B", "10", maker="NSDQ", priority="", symbol="SPY"))
    bench.settle()
    bench.take()
    wait(bench, 3_600)
    assert bench.take("order,") == []
    assert bench.top("SPY") == ([[10.0, 5]], [])


def test_orders_and_levels_of_an_exchange_do_not_expire(bench: DepthBench) -> None:
    """An order may wait for months, and the exchange says when it is gone."""
    bench.want("@NQ")
    bench.feed(classic("Z", "1x1", "2x2", symbol="@NQ"))
    bench.settle()
    wait(bench, 2_000)
    assert len(bench.order_rows()) == len(bench.order_rows("@NQ")) == 2


def test_a_book_that_stays_crossed_is_asked_for_anew(bench: DepthBench) -> None:
    """A missed deletion is the likeliest reason, and nothing else would mend it."""
    bench.feed(order("4", 1, "B", "100.75"))
    assert wait(bench, 1) == []
    assert wait(bench, 1) == FRESH
    assert bench.count(Counter.BOOK_IMAGES_ASKED) == 1
    bench.feed(order("4", 1, "B", "100.75", 6), order("6", 2, "A", "101.00"))
    bench.feed(order("6", 3, "B", "100.00"))
    bench.settle()
    assert bench.top() == ([[100.0, 5]], [[101.0, 5]])
    assert wait(bench, 30) == []


def test_a_book_crossed_for_a_moment_or_locked_is_left_alone(bench: DepthBench) -> None:
    """Fast markets cross between two lines."""
    bench.feed(order("4", 1, "B", "100.75"))
    wait(bench, 1)
    bench.feed(order("4", 1, "B", "100.50"))
    assert wait(bench, 10) == []
    bench.feed(order("4", 1, "B", "100.75"))
    assert wait(bench, 1) == []


def test_a_full_book_that_is_crossed_is_asked_for_too(bench: DepthBench) -> None:
    """One doubt must not hide another."""
    bench.depths.depths["@ES"].is_full = True
    bench.feed(order("4", 1, "B", "100.75"))
    assert wait(bench, 3) == FRESH


def test_rows_that_cross_where_no_book_is_published_are_noticed() -> None:
    """Who keeps an own book is told as well."""
    bench = DepthBench()
    bench.want("@ES", Service.ORDERS)
    bench.feed(order("6", 1, "B", "100.75"), order("6", 2, "A", "100.50"))
    bench.settle()
    bench.upstream.take()
    assert wait(bench, 4) == FRESH
    assert bench.take("state,")[-1][1][9]["reason"] == "crossed"


def test_a_symbol_is_asked_for_at_most_every_ten_seconds(bench: DepthBench) -> None:
    """A market that is really crossed must not be asked for without end."""
    bench.feed(order("4", 1, "B", "100.75"))
    asked = wait(bench, 32)
    assert asked == FRESH * 4


def test_all_symbols_share_a_budget() -> None:
    """A storm of doubts must not become a storm of requests, and no symbol waits for ever."""
    bench = DepthBench(images_per_minute_max=2)
    symbols = ["@A", "@B", "@C"]
    for symbol in symbols:
        bench.want(symbol)
        bench.feed(
            order("6", 1, "B", "100.75", symbol=symbol), order("6", 2, "A", "100.50", symbol=symbol)
        )
    bench.settle()
    bench.upstream.take()
    assert wait(bench, 9) == ["WOR,@A", "WOR,@B"]
    assert bench.count(Counter.BOOK_IMAGES_REFUSED) >= 1
    assert wait(bench, 50) == []
    assert wait(bench, 9) == ["WOR,@C", "WOR,@A"]


def test_a_silent_book_beside_a_moving_quote_is_stale(bench: DepthBench) -> None:
    """The vendor is known to stop one symbol's depth while all others go on."""
    bench.board.open("@ES")
    bench.board.hear(bench.board.symbols["@ES"])
    wait(bench, 1)
    quotes(bench, 20)
    assert wait(bench, 17) == []
    assert wait(bench, 3) == FRESH
    depth = bench.depths.depths["@ES"]
    assert (depth.standing.state, depth.standing.cause) == (
        SymbolState.STALE,
        Cause.SYMBOL_SILENT,
    )
    bench.feed(order("4", 1, "B", "100.25", 9))
    bench.pass_time(1)
    assert bench.state() == "recovering", "an update does not say what was missed"
    bench.feed(order("6", 1, "B", "100.25", 8))
    bench.settle()
    assert bench.state() == "live"
    assert bench.top() == ([[100.25, 8]], [])


def test_a_book_in_doubt_stays_so_over_a_silence_of_the_link(bench: DepthBench) -> None:
    """That nothing was lost on the link says nothing about what the vendor never sent."""
    bench.board.open("@ES")
    bench.board.hear(bench.board.symbols["@ES"])
    wait(bench, 1)
    quotes(bench, 20)
    wait(bench, 21)
    assert bench.state() == "stale"
    bench.depths.lose_upstream(Cause.LINK_SILENT)
    assert wait(bench, 20) == [], "nothing is judged while the link itself is silent"
    bench.depths.resume_upstream()
    assert bench.state() == "recovering"
    assert wait(bench, 2) == FRESH


@pytest.mark.parametrize("count", [0, 19])
def test_a_quiet_market_is_not_a_silent_book(bench: DepthBench, count: int) -> None:
    """At night nothing moves, and nothing is wrong."""
    bench.board.open("@ES")
    bench.board.hear(bench.board.symbols["@ES"])
    wait(bench, 1)
    quotes(bench, count)
    assert wait(bench, 100) == []
    assert bench.state() == "live"


def test_a_summary_that_does_not_come_is_asked_for_again(bench: DepthBench) -> None:
    """Until it comes the book may be full of ghosts."""
    bench.depths.lose_upstream(Cause.DTN_LINK_DOWN)
    bench.desk.ask_refresh()
    bench.upstream.take()
    assert wait(bench, 5) == []
    assert wait(bench, 1) == FRESH
    assert wait(bench, 10) == FRESH


def test_a_market_that_was_empty_at_the_reconnect_becomes_live(bench: DepthBench) -> None:
    """No summary came because there was nothing; the first orders came as updates."""
    bench.depths.lose_upstream(Cause.IQCONNECT_DOWN)
    bench.desk.ask_again()
    bench.upstream.take()
    assert wait(bench, 30) == [], "nothing is heard of it: the budget is for others first"
    assert wait(bench, 30) == FRESH, "but it is not forgotten"
    bench.feed(order("3", 7, "B", "100.00"))
    assert wait(bench, 1) == FRESH
    bench.feed(order("6", 7, "B", "100.00"))
    bench.settle()
    assert bench.state() == "live"


def test_a_share_is_not_asked_for_levels_for_long() -> None:
    """Level 1 says what kind of instrument it is, perhaps after the request."""
    bench = DepthBench()
    bench.want("SPY", Service.LEVELS)
    assert bench.upstream.take() == ["WPL,SPY"]
    symbol = bench.board.symbols["SPY"]
    wait(bench, 1)
    fields = ({"security_type": 1},)
    topic = symbol.topic(Kind.FUNDAMENTAL)
    bench.board.envelope.publish(topic, fields, flags=0, recv_us=5, event_us=None)
    assert wait(bench, 1) == ["RPL,SPY"]
    assert bench.answer("depth,SPY,")[6:8] == ["refused", "no_depth"]
    assert wait(bench, 5) == []


def test_nobody_looks_after_what_is_refused(bench: DepthBench) -> None:
    """Nothing is there to look at."""
    bench.desk.note_not_found("@ES")
    assert bench.upstream.take()[:1] == ["ROR,@ES"], "it had rows, and late ones must not count"
    assert wait(bench, 100) == []
    assert OPTIONS.crossed_us_max < 100_000_000
