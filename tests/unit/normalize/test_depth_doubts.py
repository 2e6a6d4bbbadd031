"""What must not be believed: absurd sizes, lone updates, pauses of our own making."""

import pytest

from gateway.counters import Counter
from tests.support.depth_bench import DepthBench

pytestmark = pytest.mark.usefixtures("pipeline_name")


def test_absurd_sizes_add_up_to_the_largest_that_can_be_told() -> None:
    """Three legal lines must not end the feed of every other symbol."""
    bench = DepthBench()
    bench.want("@ES")
    largest = 2**63 - 1
    at = "10:00:00.000001,2026-11-20"
    bench.feed(*(f"6,@ES,{n},,B,100.25,{largest},{n},2,{at}," for n in (1, 2, 3)))
    bench.settle()
    (book,) = [body for topic, body in bench.take("book,") if topic == "book,@ES,"]
    assert book[6] == [[100.25, largest, 3]]
    assert bench.count(Counter.PROCESSING_FAULTS) == 0


def test_an_update_alone_is_no_book_until_the_summary_had_its_time() -> None:
    """Half a book that is called live is worse than none."""
    bench = DepthBench()
    depth = bench.want("@ES")
    bench.feed("4,@ES,7,,B,100.25,5,1,2,10:00:00.000001,2026-11-20,")
    bench.pass_time(1)
    assert depth.standing.state == "recovering"
    bench.pass_time(5)
    assert depth.standing.state == "live", "no summary came: what came is all there is"


def test_a_backlog_of_our_own_is_no_pause_of_the_summary() -> None:
    """While lines wait to be read, the rest of the summary may be among them."""
    bench = DepthBench()
    depth = bench.want("@ES")
    bench.depths.is_drained = lambda: False
    bench.feed("6,@ES,7,,B,100.25,5,1,2,10:00:00.000001,2026-11-20,")
    bench.pass_time(1)
    assert depth.standing.state == "recovering"
    bench.depths.is_drained = lambda: True
    bench.settle()
    assert depth.standing.state == "live"
