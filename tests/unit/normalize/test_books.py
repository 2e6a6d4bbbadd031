"""`book` topics: at most one in an interval, the newest value, never one that is not whole."""

import pytest

from gateway.counters import Counter
from gateway.model.enums import Cause
from gateway.normalize.books import BOOKS_AT_ONCE_MAX
from gateway.policy.demand import Service
from tests.support.depth_bench import CONFLATED, RECV_US, DepthBench, gone, order

pytestmark = pytest.mark.usefixtures("pipeline_name")


def live_book(*variants: str) -> DepthBench:
    """A live book with some variants, published and quiet."""
    bench = DepthBench()
    for variant in variants:
        bench.desk.add_variant("@ES", variant)
    bench.want("@ES")
    bench.feed(order("6", 1, "B", "100.25"), order("6", 2, "A", "100.50"))
    bench.settle()
    bench.pass_time(100)
    bench.take()
    return bench


def sizes(bench: DepthBench, topic: str = "book,") -> list[tuple[int, int, int]]:
    """Size of the best bid, flags and merged of each book."""
    return [(body[6][0][1], body[3], body[8]) for _, body in bench.take(topic)]


def test_a_change_after_quiet_is_told_at_once() -> None:
    """Conflation must cost a quiet market nothing."""
    bench = live_book()
    bench.feed(order("4", 1, "B", "100.25", 6))
    ((topic, body),) = bench.take("book,")
    assert topic == "book,@ES,"
    assert body[4:] == [RECV_US, body[5], [[100.25, 6, 1]], [[100.5, 5, 1]], 1]


def test_changes_within_the_interval_are_one_message_at_its_end() -> None:
    """A slow reader gets the newest value, and how many it stands for."""
    bench = live_book()
    for size in range(1, 5):
        bench.feed(order("4", 1, "B", "100.25", size + 10))
        bench.pass_time(0.01)
    assert sizes(bench) == [(11, 0, 1)]
    assert bench.depths.next_due_us() == bench.clock.monotonic_ns() // 1000 + 10_000
    bench.pass_time(0.0099)
    assert sizes(bench) == []
    bench.pass_time(0.0001)
    assert sizes(bench) == [(14, CONFLATED, 3)]
    assert bench.count(Counter.BOOKS_MERGED) >= 2
    assert bench.depths.next_due_us() is None


def test_rows_of_one_chunk_are_one_change() -> None:
    """What the vendor sent together never shows half done."""
    bench = live_book()
    bench.feed(gone(1, "B"), order("3", 3, "B", "100.00", 8))
    assert sizes(bench) == [(8, CONFLATED, 2)]


def test_a_change_below_what_is_shown_publishes_nothing_and_is_counted_later() -> None:
    """Most changes of a deep book are not seen; `merged` must not lose them."""
    bench = live_book("50x1")
    bench.feed(order("3", 3, "B", "99.00"))
    assert sizes(bench, "book@") == []
    bench.pass_time(1)
    bench.feed(order("4", 1, "B", "100.25", 7))
    assert sizes(bench, "book@") == [(7, CONFLATED, 2)]


def test_variants_have_their_own_pace_and_depth() -> None:
    """A display wants a book a second of five levels, a strategy every change."""
    bench = live_book("1000x1", "1")
    for number in range(100):
        bench.feed(order("4", 1, "B", "100.25", 20 + number))
        bench.feed(order("3", 10 + number, "B", 90 - number))
        bench.pass_time(0.01)
    bench.pass_time(1)
    frames = bench.take("book")
    counts = {topic: sum(t == topic for t, _ in frames) for topic, _ in frames}
    assert counts["book@1000x1,@ES,"] == 2
    assert 20 <= counts["book,@ES,"] <= 22
    assert 95 <= counts["book@1,@ES,"] <= 101, "not more than a hundred a second"
    last = dict(frames)
    assert [len(last[topic][6]) for topic in sorted(counts)] == [10, 10, 1]
    assert {body[6][0][1] for body in last.values()} == {119}
    for topic in counts:
        numbers = [body[2] for t, body in frames if t == topic]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_variant_dropped_while_it_waits_is_silent_and_never_goes_back() -> None:
    """A topic that comes again must not repeat sequences: they would be taken for repeats."""
    bench = live_book("50x1")
    bench.feed(order("4", 1, "B", "100.25", 6))
    bench.feed(order("4", 1, "B", "100.25", 7))
    first = bench.take("book@")[-1][1][2]
    bench.desk.drop_variant("@ES", "50x1")
    bench.pass_time(1)
    assert bench.take("book@") == []
    bench.desk.add_variant("@ES", "50x1")
    bench.pass_time(0.05)
    ((_, body),) = bench.take("book@")
    assert body[2] > first
    assert body[6] == [[100.25, 7, 1]]


def test_a_symbol_has_so_many_variants_and_room_is_used_again() -> None:
    """A stranger must not make us work out a book in a thousand ways; the next one may."""
    bench = live_book("100", "200", "300", "400", "500")
    assert bench.count(Counter.BOOK_VARIANTS_REFUSED) == 1
    assert bench.answer("book,@ES,")[0] == 7, "the base topic is none of them"
    assert bench.answer("book@500,@ES,")[6:8] == ["closed", "not_subscribed"]
    bench.desk.add_variant("@ES", "100")
    bench.desk.drop_variant("@ES", "100")
    assert bench.answer("book@100,@ES,")[0] == 7, "another one still wants it"
    bench.desk.drop_variant("@ES", "100")
    bench.pass_time(0.5)
    assert bench.answer("book@500,@ES,")[0] == 7
    assert bench.answer("book@100,@ES,")[6:8] == ["closed", "not_subscribed"]


def test_a_book_that_is_not_live_is_not_published() -> None:
    """Its last value went out flagged STALE; the next one comes when it is whole."""
    bench = live_book()
    bench.feed(order("4", 1, "B", "100.25", 6))
    bench.feed(order("4", 1, "B", "100.25", 7))
    bench.depths.lose_upstream(Cause.LINK_SILENT)
    bench.take()
    bench.pass_time(1)
    assert bench.take("book") == []
    bench.depths.resume_upstream()
    bench.pass_time(0)
    assert sizes(bench)[0][0] == 7


def test_a_book_nobody_wants_is_not_worked_out() -> None:
    """Rows alone are wanted by those who keep their own book."""
    bench = DepthBench()
    depth = bench.want("@ES", Service.ORDERS)
    bench.feed(order("6", 1, "B", "100.25"))
    bench.settle()
    assert bench.take("book") == []
    assert bench.answer("book,@ES,")[6:8] == ["closed", "not_subscribed"]
    bench.want("@ES", Service.BOOK)
    bench.pass_time(0.05)
    assert sizes(bench) == [(5, 0, 1)]
    bench.feed(order("4", 1, "B", "100.25", 6))
    bench.demand.unwant("@ES", Service.BOOK)
    bench.demand.ended()
    bench.desk.review("@ES")
    bench.pass_time(1)
    bench.take()
    bench.depths.books.drop(depth, "")
    bench.feed(order("4", 1, "B", "100.25", 7))
    bench.pass_time(1)
    assert bench.take("book") == []


def test_books_wait_for_their_turn_under_load_and_none_is_left_out() -> None:
    """Rows come first; a book is at most some milliseconds' work late."""
    bench = DepthBench()
    symbols = [f"S{number}" for number in range(BOOKS_AT_ONCE_MAX + 5)]
    for symbol in symbols:
        bench.want(symbol)
    bench.feed(*(order("6", 1, "B", "100.25", symbol=symbol) for symbol in symbols))
    bench.settle()
    assert len(bench.take("book,")) == BOOKS_AT_ONCE_MAX
    due_us = bench.depths.next_due_us()
    assert due_us is not None
    assert due_us * 1000 <= bench.clock.monotonic_ns()
    bench.pass_time(0)
    assert len(bench.take("book,")) == 5


def test_dropping_what_is_not_there_is_nothing() -> None:
    """An unsubscription may come twice."""
    bench = live_book()
    bench.desk.drop_variant("@ES", "77")
    bench.desk.drop_variant("@NQ", "77")
    bench.desk.add_variant("@NQ", "77")
    bench.desk.drop_variant("@NQ", "77")
    assert bench.answer("book,@ES,")[0] == 7
