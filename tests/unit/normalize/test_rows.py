"""A row and its message are one step: in the book and published as the next, or neither."""

import pytest

from gateway.counters import Counter
from gateway.model.messages import Kind
from gateway.policy.demand import Service
from tests.support.depth_bench import (
    DepthBench,
    gone,
    level,
    level_gone,
    order,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")


def bench_of(*services: Service) -> DepthBench:
    """A live symbol."""
    bench = DepthBench()
    bench.want("@ES", *services)
    bench.feed(order("6", 1, "B", "100.25"), level("7", "B", "100.25"))
    bench.settle()
    bench.take()
    return bench


def test_every_message_is_the_next_of_its_topic() -> None:
    """A mirror calls a hole a loss and fetches the whole book."""
    bench = bench_of(Service.ORDERS, Service.LEVELS)
    bench.feed(
        order("3", 2, "A", "101"),
        level("8", "A", "101"),
        order("3", 3, "X", "101"),
        gone(99, "B"),
        level_gone("A", "77"),
        gone(2, "A"),
        level_gone("A", "101"),
        "S,CLEAR DEPTH,@ES,B,",
    )
    frames = bench.take()
    assert [body[2] for topic, body in frames if topic == "order,@ES,"] == [2, 3, 4]
    assert [body[2] for topic, body in frames if topic == "depth,@ES,"] == [2, 3, 4]
    assert bench.answer("order,@ES,")[2] == 4


def test_a_refused_row_takes_no_sequence() -> None:
    """A mirror would have a row that the image has not."""
    bench = DepthBench()
    bench.want("@ES", Service.LEVELS)
    bench.feed(*(level("7", "B", number) for number in range(10_002)))
    bench.settle()
    bodies = [body for _, body in bench.take("depth,")]
    assert [body[2] for body in bodies] == list(range(1, 10_001))
    assert bench.count(Counter.BOOK_ROWS_REFUSED) == 2
    assert bench.count(Counter.DEPTHS_PUBLISHED) == 10_000
    image = bench.answer("depth,@ES,")
    assert (image[2], len(image[6])) == (10_000, 10_000)


def test_a_mirror_of_the_messages_is_the_image() -> None:
    """Whoever follows the topic has the book that a newcomer is sent."""
    bench = bench_of(Service.ORDERS)
    mirror = {1: ["B", 1, None, 100.25, 5, 7, 2]}
    for number in range(200):
        key = number * 7 % 31
        line = gone(key, "B") if number % 3 == 0 else order("4", key, "AB"[key % 2], 90 + key)
        bench.feed(line)
    for _, body in bench.take("order,"):
        action, side, key = body[6:9]
        if action == "delete":
            del mirror[key]
        else:
            mirror[key] = [side, key, *body[9:]]
    image = bench.order_rows()
    assert sorted(image, key=str) == sorted(mirror.values(), key=str)
    bids = [row[3] for row in image if row[0] == "B"]
    asks = [row[3] for row in image if row[0] == "A"]
    assert (bids, asks) == (sorted(bids, reverse=True), sorted(asks))


def test_equal_prices_stand_in_the_vendors_order() -> None:
    """Priority, then number: a place in the queue is what a trader pays for."""
    bench = DepthBench()
    bench.want("@ES", Service.ORDERS)
    bench.feed(
        order("6", 30, "B", "100", priority=2),
        order("6", 20, "B", "100.0", priority=3),
        order("6", 10, "B", "100.00", priority=2),
        order("6", 40, "B", "100", priority=""),
    )
    bench.settle()
    assert [row[1] for row in bench.order_rows()] == [10, 30, 20, 40]


def test_emptying_an_empty_book_says_nothing() -> None:
    """A consumer's copy of an empty book is empty."""
    bench = bench_of(Service.ORDERS)
    depth = bench.depths.depths["@ES"]
    bench.depths.rows.clear(depth, Kind.DEPTH, 5)
    assert [topic for topic, _ in bench.take()] in ([], ["depth,@ES,"] * 2)
    bench.depths.rows.clear(depth, Kind.ORDER, 5)
    bench.take()
    bench.depths.rows.clear(depth, Kind.ORDER, 5)
    assert bench.take() == []


@pytest.mark.parametrize("line", [level_gone("B", "100.25"), "9,@ES,B,100.25,,2026-09-21,"])
def test_a_deleted_level_changes_the_book_too(line: str) -> None:
    """A book that still shows it is a price nobody offers."""
    bench = DepthBench()
    bench.want("@ES")
    bench.feed("q,@ES,", level("7", "B", "100.25"), level("7", "B", "100.00"))
    bench.settle()
    bench.pass_time(1)
    bench.feed(line)
    assert bench.top() == ([[100.0, 5]], [])
    bench.feed("8,@ES,B,99.75,5,3,2,,2026-09-21,", level_gone("B", "99.75"))
    assert bench.answer("depth,@ES,")[5] is not None, "the last time that was told"
