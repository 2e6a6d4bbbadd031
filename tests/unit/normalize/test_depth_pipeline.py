"""Bytes to frames on the Level 2 port: every line once, in its place, whatever comes between."""

import pytest

from gateway.counters import Counter
from tests.support.depth_bench import RECV_US, DepthBench, level, order
from tests.support.pipelines import COMPILED, PYTHON

pytestmark = pytest.mark.usefixtures("pipeline_name")


@pytest.fixture(name="bench")
def live_bench() -> DepthBench:
    """A live order book."""
    bench = DepthBench()
    bench.want("@ES")
    bench.feed(order("6", 1, "B", "100.25"), order("6", 2, "A", "100.50"))
    bench.settle()
    bench.take()
    return bench


def test_a_line_may_come_in_any_pieces(bench: DepthBench) -> None:
    """The network cuts where it likes: half a line is never read."""
    for byte in (order("4", 1, "B", "100.25", 65) + "\r\n").encode():
        bench.pipeline.feed(bytes([byte]), RECV_US)
    ((_, body),) = bench.take("order,")
    assert body[11] == 65
    assert bench.count(Counter.FEED_LINES) == 3


def test_half_a_line_of_a_dead_connection_is_forgotten(bench: DepthBench) -> None:
    """Joined to the first line of the next one it would be a wrong row."""
    bench.pipeline.feed(order("4", 1, "B", "100.25", 6)[:-30].encode(), RECV_US)
    bench.pipeline.reset()
    bench.feed(order("4", 1, "B", "100.25", 7))
    assert [body[11] for _, body in bench.take("order,")] == [7]


def test_a_clear_acts_in_its_place_between_the_rows(bench: DepthBench) -> None:
    """Before or after its neighbors it would delete too much, or too little."""
    bench.feed(order("6", 3, "B", "99"), "S,CLEAR DEPTH,@ES,B,", order("6", 4, "B", "98"))
    assert [body[6:9] for _, body in bench.take("order,")] == [
        ["add", "B", 3],
        ["clear", "B", None],
        ["add", "B", 4],
    ]
    assert [row[1] for row in bench.order_rows()] == [4, 2]


@pytest.mark.parametrize(
    "line", ["S,CLEAR DEPTH,", "S,CLEAR DEPTH,@ES", "S,CLEAR DEPTH,@ES,X,", "S,CLEAR DEPTH,,B,"]
)
def test_a_clear_of_no_side_clears_nothing(bench: DepthBench, line: str) -> None:
    """A guess would delete half a market."""
    bench.feed(line, order("4", 1, "B", "100.25", 6))
    assert [body[6] for _, body in bench.take("order,")] == ["update"]
    assert bench.count(Counter.LINES_INVALID) == 1


def test_a_clear_of_what_nobody_wants_is_counted_only(bench: DepthBench) -> None:
    """It comes for a moment after a watch has ended."""
    bench.feed("S,CLEAR DEPTH,@NQ,B,")
    assert bench.take() == []
    assert bench.count(Counter.LINES_UNWATCHED) == 1


def test_system_lines_are_passed_on_and_no_fault(bench: DepthBench) -> None:
    """The session lives by them."""
    lines = [
        "T,20260921 10:20:00",
        "T,garbage",
        "S,SERVER CONNECTED",
        "n,@XX",
        "E,error",
        "M,MD02,Market depth 2",
        "O,",
        "q,@XX,",
    ]
    heard: list[str] = []
    bench.pipeline._on_system_line = heard.append
    bench.feed(*lines, "x,unknown")
    assert heard == [*lines, "x,unknown"]
    assert bench.count(Counter.LINES_UNKNOWN) == 1
    assert bench.pipeline.eastern.clock_text == "20260921 10:20:00"


def test_a_clock_that_stopped_is_forgotten(bench: DepthBench) -> None:
    """An old clock would read the hour that comes twice wrongly."""
    bench.feed("T,20260921 10:20:00")
    bench.pipeline.feed(b"S,x\r\n", RECV_US + 301_000_000)
    assert bench.pipeline.eastern.clock_us is None
    bench.feed("T,20260921 10:20:00")
    bench.pipeline.reset()
    assert bench.pipeline.eastern.clock_text == ""


def test_a_fault_of_ours_costs_one_line(bench: DepthBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted and quoted, and the feed goes on."""

    def fail(*_: object) -> None:
        raise TypeError("bug")

    monkeypatch.setattr(bench.depths, "hear_clear", fail)
    bench.feed("S,CLEAR DEPTH,@ES,B,", order("4", 1, "B", "100.25", 6))
    assert bench.count(Counter.PROCESSING_FAULTS) == 1
    assert len(bench.take("order,")) == 1


def test_what_waits_is_published_when_asked(bench: DepthBench) -> None:
    """Books are states: what waits keeps its interval even at the end."""
    bench.pipeline.set_protocol("6.2")
    bench.feed(order("4", 1, "B", "100.25", 6))
    bench.feed(order("4", 1, "B", "100.25", 7))
    bench.take()
    bench.pipeline.flush_all()
    assert bench.take("book,") == []
    bench.clock.advance(seconds=0.05)
    bench.pipeline.flush_all()
    assert [body[6] for _, body in bench.take("book,")] == [[[100.25, 7, 1]]]


def test_messages_are_counted_by_kind(bench: DepthBench) -> None:
    """The status page shows what goes out."""
    bench.feed(order("4", 1, "B", "100.25", 6), level("7", "B", "1"))
    assert bench.count(Counter.ORDERS_PUBLISHED) == 3
    assert bench.count(Counter.DEPTHS_PUBLISHED) == 1
    assert bench.count(Counter.FEED_BYTES) > 100


def test_a_bench_has_the_pipeline_that_is_asked_for(pipeline_name: str) -> None:
    """Otherwise half of these tests would prove nothing."""
    bench = DepthBench()
    names = {PYTHON: "DepthPipeline", COMPILED: "CompiledDepthPipeline"}
    assert type(bench.pipeline).__name__ == names[pipeline_name]
    assert bench.name == pipeline_name
