"""Z and 2 lines of the protocols before 6.2: both sides of a market maker in one line."""

import pytest

from gateway.counters import Counter
from tests.support.depth_bench import LAST, SNAPSHOT, SUSPECT, DepthBench, classic

pytestmark = pytest.mark.usefixtures("pipeline_name")


@pytest.fixture(name="bench")
def live_bench() -> DepthBench:
    """A live book of one level named like a market maker."""
    bench = DepthBench()
    bench.want("@ES")
    bench.feed(classic("Z", "100.25x5", "100.50x6"))
    bench.settle()
    assert bench.state() == "live"
    bench.take()
    return bench


def told(bench: DepthBench) -> list[list[object]]:
    """Action, side, market maker, price, size and flags of each row message."""
    return [[*body[6:8], *body[9:12], body[3]] for _, body in bench.take("order,")]


def test_a_line_is_two_rows_of_one_market_maker() -> None:
    """Bid and ask in each other's place would be a crossed market that is not."""
    bench = DepthBench()
    bench.want("@ES")
    bench.feed(classic("Z", "2982.25x99", "2982.5x238"))
    assert told(bench) == [
        ["add", "B", "MD01", 2982.25, 99, SNAPSHOT],
        ["add", "A", "MD01", 2982.5, 238, SNAPSHOT],
    ]
    bench.settle()
    assert bench.top() == ([[2982.25, 99]], [[2982.5, 238]])
    assert str(bench.depths.depths["@ES"].standing.source) == "market_makers"


def test_only_the_side_that_changed_is_told(bench: DepthBench) -> None:
    """A line repeats the other side; an update that says nothing would be counted as one."""
    bench.feed(classic("2", "100.25x5", "100.75x6"))
    assert told(bench) == [["update", "A", "MD01", 100.75, 6, 0]]
    bench.feed(classic("2", "100.25x9", "100.75x6"))
    assert told(bench) == [["update", "B", "MD01", 100.25, 9, 0]]
    bench.feed(classic("2", "100.25x9", "100.75x6"))
    assert told(bench) == []


def test_a_side_that_is_not_valid_is_deleted_once(bench: DepthBench) -> None:
    """What the vendor calls invalid must not be traded on."""
    bench.feed(classic("2", "100.25x5", "0x0", "TFF"), classic("2", "100.25x5", "0x0", "TFF"))
    assert told(bench) == [["delete", "A", "MD01", None, None, 0]]
    bench.feed(classic("Z", "0x0", "0x0", "FFF"))
    assert told(bench) == [["delete", "B", "MD01", None, None, 0]]
    assert bench.count(Counter.BOOK_ROWS_UNKNOWN) == 0


def test_the_last_row_of_a_group_says_so(bench: DepthBench) -> None:
    """A consumer applies a group as a whole: without its end it would wait for ever."""
    bench.feed(
        classic("2", "100.00x1", "100.50x6"),
        classic("2", "101.00x1", "101.50x2", "TTT", maker="MD02"),
    )
    assert [row[-1] for row in told(bench)] == [0, 0, LAST]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (classic("2", "100.25x5", "100.50x6", "TTT"), ["update", "A", "MD01", 100.5, 6, LAST]),
        (classic("2", "100.25x5", "0x0", "TFT"), ["delete", "A", "MD01", None, None, LAST]),
        (classic("Z", "99x1", "0x0", "TFT", maker="MD02"), ["add", "B", "MD02", 99, 1, 65]),
        (classic("2", "99x1", "0x0", "TFT", maker="MD02"), ["add", "B", "MD02", 99, 1, LAST]),
        (classic("2", "100.25x9", "100.50x", "TTT"), ["update", "B", "MD01", 100.25, 9, LAST]),
        (classic("2", "x", "100.50x6", "FTT"), ["delete", "B", "MD01", None, None, LAST]),
    ],
)
def test_a_group_ends_whatever_its_last_line_says(
    bench: DepthBench, line: str, expected: list[object]
) -> None:
    """The end must not be lost with a side that is not there, or that says nothing new."""
    bench.feed(line)
    assert told(bench)[-1] == expected


@pytest.mark.parametrize(
    "line",
    [
        classic("2", "100x1", "101x1", "TXF"),
        classic("2", "100x1", "101x1", ("T", "T", "")),  # type: ignore[arg-type]
        classic("2", "100x1", "101x1", maker=""),
        classic("2", "100x1", "101x1", maker="M" * 65),
        classic("2", "nanx1", "x", "TTT"),
    ],
)
def test_a_bad_line_is_refused_whole(bench: DepthBench, line: str) -> None:
    """A flag that is neither T nor F may say that a price must not be used."""
    bench.feed(line)
    assert told(bench) == []
    assert bench.count(Counter.LINES_INVALID) == 1


def test_a_bad_side_does_not_cost_the_other(bench: DepthBench) -> None:
    """The row that stands is kept until something better is known."""
    bench.feed(classic("2", "nanx5", "100.75x6"))
    assert told(bench) == [["update", "A", "MD01", 100.75, 6, 0]]
    assert bench.count(Counter.LINES_INVALID) == 1
    assert bench.order_rows()[0][:4] == ["B", None, "MD01", 100.25]


def test_a_line_of_nothing_readable_is_no_sign_of_life() -> None:
    """An empty book that is called live is worse than one that is awaited."""
    bench = DepthBench()
    bench.want("@ES")
    bench.feed(classic("Z", "nanx5", "x"))
    bench.settle()
    assert bench.state() == "pending"


def test_nothing_to_sell_is_suspect(bench: DepthBench) -> None:
    """A valid side of size 0 passes, and says that it is odd."""
    bench.feed(classic("2", "100.25x0", "100.50x6"))
    assert told(bench) == [["update", "B", "MD01", 100.25, 0, SUSPECT]]


def test_a_line_cut_anywhere_is_refused(bench: DepthBench) -> None:
    """Half a line is no line."""
    line = classic("2", "100.75x9", "101.00x9", "TTT")
    bench.feed(*[line[:end] for end in range(2, len(line))])
    assert told(bench) == []


def test_a_row_that_is_only_repeated_does_not_grow_old(bench: DepthBench) -> None:
    """A market maker that confirms its price every minute is not silent."""
    bench.feed(classic("2", "50x1", "60x1", maker="NITE"))
    bench.take()
    for _ in range(20):
        bench.pass_time(60)
        bench.feed(classic("2", "50x1", "60x1", maker="NITE"))
        bench.care.look()
    assert told(bench) == []
    bench.pass_time(901)
    bench.feed(classic("2", "50x1", "60x1", maker="ARCA"))
    told(bench)
    bench.care.look()
    gone = [row[:3] for row in told(bench)]
    assert [row for row in gone if row[2] == "NITE"] == [
        ["delete", "B", "NITE"],
        ["delete", "A", "NITE"],
    ]


def test_late_lines_of_what_was_given_back_are_dropped() -> None:
    """The vendor goes on for a moment after a watch has ended."""
    bench = DepthBench()
    depth = bench.want("@ES")
    bench.feed(classic("Z", "100x1", "101x1"))
    bench.depths.release(depth, next(iter(depth.asked)))
    bench.take()
    bench.feed(classic("2", "100x2", "101x2"))
    assert told(bench) == []
    assert bench.count(Counter.LINES_UNWATCHED) == 1
