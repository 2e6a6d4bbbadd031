"""Which Level 2 requests serve what consumers want: asked once, ended once, nothing left over."""

import pytest

from gateway.clock import FakeClock
from gateway.model.enums import Cause
from gateway.model.messages import Kind
from gateway.policy.demand import LEVEL2_SERVICES, Demand, Service
from tests.support.depth_bench import START_NS, DepthBench, level, order

pytestmark = pytest.mark.usefixtures("pipeline_name")
BOOK, ORDERS, LEVELS = Service.BOOK, Service.ORDERS, Service.LEVELS


def unwant(bench: DepthBench, symbol: str, *services: Service) -> None:
    """A consumer leaves, and nothing lingers."""
    for service in services or (BOOK,):
        bench.demand.unwant(symbol, service)
        bench.desk.forget_refused(symbol)
    for name, _ in bench.demand.ended():
        bench.desk.review(name)


@pytest.mark.parametrize(
    ("services", "asked"),
    [
        ((BOOK,), ["WOR,@ES"]),
        ((ORDERS,), ["WOR,@ES"]),
        ((LEVELS,), ["WPL,@ES"]),
        ((ORDERS, BOOK), ["WOR,@ES"]),
        ((LEVELS, BOOK), ["WPL,@ES", "WOR,@ES"]),
        ((BOOK, LEVELS, ORDERS), ["WOR,@ES", "WPL,@ES"]),
    ],
)
def test_each_request_is_made_once(services: tuple[Service, ...], asked: list[str]) -> None:
    """A slot of the vendor's limit is spent on what is wanted, and no other."""
    bench = DepthBench()
    bench.want("@ES", *services)
    bench.want("@ES", *services)
    assert bench.upstream.is_wanted
    assert bench.upstream.take() == asked
    unwant(bench, "@ES", *services)
    assert bench.upstream.take() == []
    unwant(bench, "@ES", *services)
    assert sorted(bench.upstream.take()) == sorted(each.replace("W", "R", 1) for each in asked)
    assert bench.depths.depths == {}


def test_levels_are_asked_for_when_there_are_no_orders() -> None:
    """Futures without market by order have a book all the same."""
    bench = DepthBench()
    bench.want("@ES")
    bench.upstream.take()
    bench.feed("q,@ES,")
    assert bench.upstream.take() == ["WPL,@ES"]
    assert bench.state() == "pending"
    bench.feed("q,@ES,")
    assert bench.upstream.take() == []
    assert bench.answer("depth,@ES,")[6:8] == ["refused", "no_depth"]
    assert bench.state() == "refused"
    assert bench.take("state,")[-1][1][6:8] == ["refused", "no_depth"]


def test_a_share_has_no_levels() -> None:
    """The vendor never has them: the second request would wait for nothing."""
    bench = DepthBench()
    symbol = bench.board.obtain("SPY")
    topic = symbol.topic(Kind.FUNDAMENTAL)
    bench.board.envelope.publish(topic, ({"security_type": 1},), flags=0, recv_us=5, event_us=None)
    bench.want("SPY")
    bench.feed("q,SPY,")
    assert bench.upstream.take() == ["WOR,SPY"]
    assert bench.state("SPY") == "refused"


def test_the_classic_dialect_has_no_levels() -> None:
    """A connection that cannot be asked must not be waited for."""
    bench = DepthBench()
    bench.upstream.is_classic = True
    bench.want("@ES", LEVELS)
    assert bench.upstream.take() == []
    assert bench.state() == "refused"
    bench.want("@ES", BOOK)
    assert bench.upstream.take() == ["WOR,@ES"]
    assert bench.state() == "pending"


def test_no_depth_answers_the_oldest_question() -> None:
    """The line names no kind: charged to the other, orders would be refused that are there."""
    bench = DepthBench()
    bench.want("@ES", LEVELS, BOOK)
    assert bench.upstream.take() == ["WPL,@ES", "WOR,@ES"]
    bench.feed("q,@ES,")
    assert bench.desk.states("@ES")["depth"] == ("refused", "no_depth")
    bench.feed(order("6", 1, "B", "100"))
    bench.settle()
    assert bench.desk.states("@ES") == {
        "order": ("live", None),
        "depth": ("refused", "no_depth"),
        "book": ("live", None),
    }


def test_no_depth_that_answers_nothing_changes_nothing() -> None:
    """What has come is there, whatever a late line of another watch says."""
    bench = DepthBench()
    bench.want("@ES")
    bench.feed(order("6", 1, "B", "100"))
    bench.settle()
    bench.feed("q,@ES,", "q,@NQ,")
    assert bench.state() == "live"
    assert bench.answer("order,@ES,")[0] == 13


def test_rows_after_a_wrong_no_depth_bring_the_kind_back() -> None:
    """Two watches in a row may be answered twice; data is the better proof."""
    bench = DepthBench()
    bench.want("@ES")
    bench.feed("q,@ES,", "q,@ES,")
    assert bench.state() == "refused"
    bench.feed(level("7", "B", "100"))
    bench.settle()
    assert bench.state() == "live"
    assert bench.desk.states("@ES")["depth"] == ("live", None)
    bench.upstream.take()
    unwant(bench, "@ES")
    assert bench.upstream.take() == ["RPL,@ES"], "and its watch is ended with the last wish"


def test_what_is_only_left_to_want_cannot_be_had_and_no_watch_stays() -> None:
    """The book's consumer has left; orders there are none: nobody reads the levels."""
    bench = DepthBench()
    bench.want("@ES", ORDERS)
    bench.feed("q,@ES,")
    assert bench.state() == "refused"
    bench.want("@ES", BOOK)
    bench.upstream.take()
    bench.feed(level("7", "B", "100"))
    bench.settle()
    assert bench.state() == "live"
    assert bench.desk.states("@ES")["order"] == ("refused", "no_depth")
    unwant(bench, "@ES", BOOK)
    assert bench.upstream.take() == ["RPL,@ES"]
    bench.feed(level("8", "B", "100", 6))
    bench.settle()
    assert bench.state() == "refused", "late rows bring nothing back"


def test_two_consumers_of_different_kinds_come_and_go() -> None:
    """What one gives up must not be taken from the other."""
    bench = DepthBench()
    bench.want("@ES", ORDERS)
    bench.want("@ES", LEVELS)
    bench.feed(order("6", 1, "B", "100"), level("7", "B", "100"))
    bench.settle()
    bench.upstream.take()
    unwant(bench, "@ES", ORDERS)
    assert bench.upstream.take() == ["ROR,@ES"]
    assert bench.answer("order,@ES,")[6:8] == ["closed", "not_subscribed"]
    assert len(bench.answer("depth,@ES,")[6]) == 1
    bench.want("@ES", ORDERS)
    assert bench.upstream.take() == ["WOR,@ES"]
    assert bench.answer("order,@ES,")[6:8] == ["pending", None]
    bench.feed(order("4", 1, "B", "100"), order("6", 2, "B", "99"))
    bench.settle()
    assert [row[1] for row in bench.order_rows()] == [2], "order 1 is of the first watch"
    assert bench.state() == "live"
    unwant(bench, "@ES", LEVELS)
    unwant(bench, "@ES", ORDERS)
    assert bench.upstream.take() == ["RPL,@ES", "ROR,@ES"]
    assert bench.depths.depths == {}


def test_a_watch_lingers_and_its_book_with_it() -> None:
    """A consumer that restarts finds its book warm, and is asked nothing."""
    clock = FakeClock(monotonic_ns=START_NS)
    bench = DepthBench(clock=clock, demand=Demand(clock, linger_ns=60_000_000_000))
    bench.want("@ES")
    bench.feed(order("6", 1, "B", "100"))
    bench.settle()
    bench.upstream.take()
    unwant(bench, "@ES")
    bench.pass_time(59)
    unwanted = bench.demand.ended()
    assert unwanted == []
    bench.feed(order("4", 1, "B", "100", 6))
    bench.want("@ES")
    assert bench.upstream.take() == []
    assert bench.top() == ([[100.0, 6]], [])


def test_a_refused_symbol_does_not_linger() -> None:
    """Nothing is there to keep warm, and the next wish asks anew."""
    clock = FakeClock(monotonic_ns=START_NS)
    bench = DepthBench(clock=clock, demand=Demand(clock, linger_ns=60_000_000_000))
    bench.want("@XX")
    bench.desk.note_not_found("@XX")
    assert bench.answer("order,@XX,")[6:8] == ["refused", "symbol_not_found"]
    bench.want("@XX")
    assert bench.upstream.take() == ["WOR,@XX"], "known to be unknown while somebody wants it"
    unwant(bench, "@XX")
    assert bench.desk.states("@XX")["book"] == ("refused", "symbol_not_found")
    unwant(bench, "@XX")
    assert bench.desk.states("@XX") == {}
    assert not any(bench.demand.is_watched("@XX", service) for service in LEVEL2_SERVICES)
    bench.want("@XX")
    assert bench.upstream.take() == ["WOR,@XX"]


def test_the_symbol_that_waited_longest_gets_a_free_slot() -> None:
    """Each freed slot is given to one."""
    bench = DepthBench()
    freed: list[int] = []

    def free() -> None:
        freed.append(1)
        bench.desk.retry_limited()

    bench.desk.on_slot_freed = free
    for symbol in ("@A", "@B", "@C", "@D"):
        bench.want(symbol)
    for symbol in ("@B", "@C", "@D", "@X"):
        bench.feed(f"S,SYMBOL LIMIT REACHED,{symbol}")
    bench.upstream.take()
    unwant(bench, "@B")
    assert (bench.upstream.take(), freed) == ([], []), "it had no slot to give back"
    unwant(bench, "@A")
    assert bench.upstream.take() == ["ROR,@A", "WOR,@C"]
    assert (bench.state("@C"), bench.state("@D")) == ("pending", "refused")
    bench.feed(order("6", 1, "B", "100", symbol="@D"))
    bench.settle()
    assert bench.state("@D") == "live"
    bench.desk.retry_limited()
    assert bench.upstream.take() == [], "who came to life needs no slot"


def test_a_new_connection_is_asked_for_everything() -> None:
    """The vendor keeps nothing; who was refused gets one more chance."""
    bench = DepthBench()
    bench.want("@ES", BOOK, LEVELS)
    bench.want("@NQ")
    bench.desk.note_limit("@NQ")
    bench.want("@YM")
    bench.feed("q,@YM,")
    bench.depths.lose_upstream(Cause.IQCONNECT_DOWN)
    bench.upstream.take()
    bench.desk.ask_again()
    assert bench.upstream.take() == ["WOR,@ES", "WPL,@ES", "WOR,@NQ", "WOR,@YM"]
    assert {bench.state(symbol) for symbol in ("@ES", "@NQ", "@YM")} == {"pending"}
    bench.desk.retry_limited()
    assert bench.upstream.take() == []


def test_a_refresh_leaves_the_refused_alone() -> None:
    """They have nothing that may be old."""
    bench = DepthBench()
    bench.want("@ES")
    bench.want("@NQ")
    bench.desk.note_not_found("@NQ")
    bench.feed(order("6", 1, "B", "100"), level("7", "B", "1"))
    bench.settle()
    bench.depths.lose_upstream(Cause.DTN_LINK_DOWN)
    bench.upstream.take()
    bench.desk.ask_refresh()
    assert bench.upstream.take()[:1] == ["WOR,@ES"]
    assert bench.state("@NQ") == "refused"


def test_a_refresh_asks_for_both_kinds() -> None:
    """Deletions of levels were missed as well."""
    bench = DepthBench()
    depth = bench.want("@ES", ORDERS, LEVELS)
    bench.feed(order("6", 1, "B", "100"), level("7", "B", "100"), level("7", "B", "99"))
    bench.settle()
    bench.upstream.take()
    assert bench.desk.ask_in_doubt(depth)
    assert bench.upstream.take() == ["WOR,@ES", "WPL,@ES"]
    assert not bench.desk.ask_in_doubt(depth)
    bench.feed(order("6", 1, "B", "100"))
    assert depth.levels.row_count == 2, "their summary is to come"
    bench.feed(level("7", "B", "100"))
    bench.settle()
    assert len(bench.answer("depth,@ES,")[6]) == 1


def test_what_the_account_may_not_see_is_refused_until_it_comes() -> None:
    """The vendor does not say what it means: what is live stays live."""
    bench = DepthBench()
    bench.want("@ES")
    bench.feed(order("6", 1, "B", "100"))
    bench.settle()
    bench.want("@NQ")
    bench.desk.note_not_entitled()
    assert bench.state() == "live"
    assert bench.desk.states("@NQ")["book"] == ("refused", "not_entitled")
    bench.upstream.take()
    bench.desk.review("@NQ")
    assert bench.upstream.take() == []
    bench.feed(order("6", 1, "B", "100", symbol="@NQ"))
    bench.settle()
    assert bench.state("@NQ") == "live"


def test_lines_about_strangers_change_nothing() -> None:
    """They may come for a moment after a watch has ended."""
    bench = DepthBench()
    bench.desk.note_no_depth("@ES")
    bench.desk.note_not_found("@ES")
    bench.desk.note_limit("@ES")
    bench.desk.review("@ES")
    bench.desk.forget_refused("@ES")
    bench.desk.retry_limited()
    assert (bench.upstream.take(), bench.take(), bench.desk.states("@ES")) == ([], [], {})
    bench.want("@NQ")
    bench.desk.note_limit("@NQ")
    bench.depths.close(bench.depths.depths["@NQ"])
    bench.desk.retry_limited()
    assert bench.upstream.take() == ["WOR,@NQ"]
