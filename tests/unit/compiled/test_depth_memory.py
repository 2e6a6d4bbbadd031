"""Order books of the extension's give back what they take, and refuse what cannot be."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import pipelines

if pipelines.COMPILED not in pipelines.names_here():
    pytest.skip("the compiled pipeline was not built", allow_module_level=True)

from gateway.compiled import _pipeline
from gateway.compiled.depths import CompiledDepth, DepthIndex
from gateway.policy.demand import Service
from tests.support.depth_bench import RECV_US, DepthBench, order
from tests.unit.compiled.test_memory import FEEDS, assert_flat, assert_freed

pytestmark = pytest.mark.slow
ROWS = 500


def live_bench(*symbols: str) -> DepthBench:
    """A bench of symbols that are live by orders."""
    bench = DepthBench(pipeline=pipelines.COMPILED)
    for symbol in symbols:
        bench.want(symbol, Service.ORDERS, Service.BOOK)
        bench.feed(order("6", 1, "B", 100, symbol=symbol))
    bench.settle()
    assert {bench.state(symbol) for symbol in symbols} == {"live"}
    return bench


def rows() -> Iterator[bytes]:
    """As many rows come as go: added, changed, deleted; some spelled otherwise, read in Python."""
    number = 0
    while True:
        number += 1
        order_id, price = 1_000 + number % ROWS, f"{100 + number % 40}.25"
        side = "BA"[number % 2]
        match number // ROWS % 3:
            case 0:
                text = order("3", order_id, side, price)
            case 1:
                text = order("4", order_id, side, price if number % 7 else f"0{price}")
            case _:
                text = f"5,@ES,{order_id},,{side},10:20:00.000000,2026-09-21,"
        data = f"{text}\r\n".encode()
        yield data[:20]
        yield data[20:]


def test_rows_leave_nothing_behind() -> None:
    """References and blocks are as many at the end as before the last tenth."""
    bench = live_bench("@ES")
    depth = bench.depths.depths["@ES"]
    counted = {"depth": depth, "order": depth.order_topic, "orders": depth.orders}
    feeds = rows()

    def feed(turn: int) -> None:
        bench.pipeline.feed(next(feeds), RECV_US)
        if turn % 50 == 0:
            bench.pass_time(0.06)
            bench.answer("order,@ES,")
            bench.frames.clear()

    assert_flat(feed, bench.frames.clear, counted)
    assert bench.counters.as_map()["orders_published"] > FEEDS // 3


def test_books_and_their_pipeline_are_freed_together() -> None:
    """They know each other in circles, which the collector has to see through."""

    def live() -> tuple[object, ...]:
        bench = live_bench(*(f"S{number}" for number in range(12)))
        for depth in list(bench.depths.depths.values())[:6]:
            bench.depths.close(depth)
        return bench, bench.pipeline, bench.depths

    kinds = (_pipeline.Topic, CompiledDepth, _pipeline.DepthReader, _pipeline.DepthTable)
    assert_freed(live, *kinds)


def test_a_symbol_that_is_closed_is_not_found_any_more() -> None:
    """Its memory may be anybody's by then."""
    bench = live_bench("A", "B")
    index = bench.depths.depths
    assert isinstance(index, DepthIndex)
    for turn in range(300):
        bench.depths.close(index["AB"[turn % 2]])
        assert len(index.table) == len(index) == 1
        before = bench.counters.as_map()["lines_unwatched"]
        bench.feed(order("3", turn, "B", 100, symbol="AB"[turn % 2]))
        assert bench.counters.as_map()["lines_unwatched"] == before + 1
        bench.want("AB"[turn % 2], Service.ORDERS)
        assert len(index.table) == len(index) == 2


def test_a_send_that_fails_ends_the_feed_and_the_next_one_goes_on() -> None:
    """What was put aside is forgotten, and a changed book is noted with its next row."""
    bench = live_bench("@ES")
    index = bench.depths.depths
    assert isinstance(index, DepthIndex)
    changed: list[Any] = []
    frames: list[bytes] = []

    def send(frame: bytes) -> None:
        if not changed and not frames:
            frames.append(frame)
            raise OSError("no")
        frames.append(frame)

    reader = _pipeline.DepthReader(
        index.table,
        epoch=1,
        line_bytes_max=1_000,
        zmq_send=0,
        socket=0,
        read_line=lambda *_: None,
        drop_line=lambda _: None,
        change=changed.append,
        date_day=lambda _: 1_700_000_000_000_000,
        send=send,
    )
    row = order("3", 1_007, "B", "100.5").encode() + b"\n"
    with pytest.raises(OSError, match="no"):
        reader.feed(row, RECV_US, 1)
    assert (changed, index["@ES"].is_dirty) == ([], False)
    reader.feed(row, RECV_US, 2)
    assert changed == [index["@ES"]]
    assert len(frames) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        (("NSDQ", "B"), "A", None, "NSDQ", 1.0, 1, None, None, 0),
        (("NSDQ", "B"), "B", None, "ARCX", 1.0, 1, None, None, 0),
        (("NSDQ", "B"), "B", 5, "NSDQ", 1.0, 1, None, None, 0),
        (5, "B", None, "NSDQ", 1.0, 1, None, None, 0),
        (("NSDQ",), "B", None, "NSDQ", 1.0, 1, None, None, 0),
        (-1, "B", -1, None, 1.0, 1, None, None, 0),
        (2**64, "B", 2**64, None, 1.0, 1, None, None, 0),
        ("5", "B", 5, None, 1.0, 1, None, None, 0),
        (5, "B", 5, None, "1", 1, None, None, 0),
        (5, "B", 5, None, 1.0, -1, None, None, 0),
        (5, "B", 5, None, 1.0, 1, -1, None, 0),
        (5, "B", 5, 7, 1.0, 1, None, None, 0),
        (5, "B", 5, "\ud800", 1.0, 1, None, None, 0),
        (5, None, 5, None, 1.0, 1, None, None, 0),
    ],
)
def test_rows_that_cannot_be_are_refused(arguments: tuple[Any, ...]) -> None:
    """With an exception of Python's; the book is what it was."""
    book = _pipeline.OrderBook(rows_max=10)
    with pytest.raises((TypeError, ValueError, OverflowError)):
        book.put(*arguments)
    assert (book.row_count, book.top(5)) == (0, ([], []))


def test_books_that_cannot_be_are_refused() -> None:
    """Bounds are numbers, and not below 0."""
    for kind in (_pipeline.OrderBook, _pipeline.LevelBook):
        with pytest.raises(ValueError, match="rows_max must be 0 or more"):
            kind(rows_max=-1)
        with pytest.raises(ValueError, match="count must be 0 or more"):
            kind(rows_max=1).top(-1)
    with pytest.raises(TypeError):
        _pipeline.DepthTable().add("@ES")  # type: ignore[arg-type]
