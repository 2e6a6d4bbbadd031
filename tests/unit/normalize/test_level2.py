"""Level 2 lines of protocol 6.2 to rows: every column in place, no row from a bad line."""

import pytest

from gateway.counters import Counter
from gateway.policy.demand import Service
from tests.support.depth_bench import (
    EPOCH,
    EVENT_US,
    RECV_US,
    SNAPSHOT,
    SUSPECT,
    DepthBench,
    gone,
    level,
    level_gone,
    order,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")

ID_MAX = 2**64 - 1


def live_orders(*rows: str) -> DepthBench:
    """A bench with a live order book of one symbol."""
    bench = DepthBench()
    bench.want("@ES")
    bench.feed(*(rows or (order("6", 1, "B", "100.25"), order("6", 2, "A", "100.50"))))
    bench.settle()
    assert bench.state() == "live"
    bench.take()
    return bench


def live_levels() -> DepthBench:
    """A bench with a live book of price levels."""
    bench = DepthBench()
    bench.want("@ES", Service.LEVELS)
    bench.feed(level("7", "B", "100.25"), level("7", "A", "100.50"))
    bench.settle()
    bench.take()
    return bench


def test_every_column_of_an_order_reaches_its_item() -> None:
    """A column in a neighbor's place would be a wrong price or size that looks right."""
    bench = live_orders()
    bench.feed(order("3", ID_MAX, "A", "-0.5", 9, maker="MD01", priority=ID_MAX))
    ((_, body),) = bench.take("order,")
    assert body == [
        *(6, EPOCH, 3, 0, RECV_US, EVENT_US),
        *("add", "A", ID_MAX, "MD01", -0.5, 9, ID_MAX, 2),
    ]


def test_every_column_of_a_level_reaches_its_item() -> None:
    """The same for price levels."""
    bench = live_levels()
    bench.feed(level("8", "B", "100.25", 77))
    ((_, body),) = bench.take("depth,")
    assert body == [*(5, EPOCH, 3, 0, RECV_US, EVENT_US), "update", "B", 100.25, 77, 3, 2]


def test_an_update_of_an_unknown_key_is_an_add_and_of_a_known_one_is_not() -> None:
    """The vendor sends changes of what it never added; a mirror must not miss them."""
    bench = live_orders()
    bench.feed(order("4", 9, "B", "99"), order("3", 9, "B", "99"), order("6", 9, "A", "101"))
    assert [body[6:9] for _, body in bench.take("order,")] == [
        ["add", "B", 9],
        ["update", "B", 9],
        ["update", "A", 9],
    ]
    assert [row[1] for row in bench.order_rows()] == [1, 2, 9]


def test_a_summary_row_is_marked_and_an_update_is_not() -> None:
    """A consumer tells what stood from what happened."""
    bench = live_orders()
    bench.feed(order("6", 3, "B", "99"), order("4", 3, "B", "99", 6))
    assert [body[3] for _, body in bench.take("order,")] == [SNAPSHOT, 0]


def test_a_deletion_names_what_stood_in_the_book() -> None:
    """The side in the line may be wrong; a mirror deletes by what it was told before."""
    bench = live_orders()
    bench.feed(gone(1, "A"))
    ((_, body),) = bench.take("order,")
    assert body[6:] == ["delete", "B", 1, None, None, None, None, None]


def test_a_deletion_of_an_unknown_key_is_ignored_and_counted() -> None:
    """A sequence spent on nothing would be a message about nothing."""
    bench = live_orders()
    bench.feed(gone(77, "B"), gone("", "B", maker="NSDQ"))
    levels = live_levels()
    levels.feed(level_gone("B", "1.25"))
    assert bench.take("order,") == levels.take("depth,") == []
    assert bench.count(Counter.BOOK_ROWS_UNKNOWN) == 2
    assert levels.count(Counter.BOOK_ROWS_UNKNOWN) == 1


def test_a_level_is_deleted_by_side_and_price() -> None:
    """Equal prices on both sides are two levels."""
    bench = live_levels()
    bench.feed(level("8", "A", "100.25"), level_gone("A", "100.250"))
    assert [body[6:] for _, body in bench.take("depth,")][1] == [
        *("delete", "A", 100.25, None, None, None),
    ]
    assert bench.answer("depth,@ES,")[6] == [
        ["add", "B", 100.25, 5, 3, 2],
        ["add", "A", 100.5, 5, 3, 2],
    ]


def test_a_market_maker_has_one_row_a_side() -> None:
    """An equity's row has no number: venue and side are its key."""
    bench = live_orders(order("6", "", "B", "10", maker="NSDQ", priority=""))
    bench.feed(
        order("4", "", "A", "11", maker="NSDQ", priority=""),
        order("4", "", "B", "10.01", maker="NSDQ", priority=""),
        gone("", "A", maker="NSDQ"),
    )
    assert [body[6:9] + body[9:11] for _, body in bench.take("order,")] == [
        ["add", "A", None, "NSDQ", 11.0],
        ["update", "B", None, "NSDQ", 10.01],
        ["delete", "A", None, "NSDQ", None],
    ]


def test_no_time_is_nil_and_never_the_time_of_arrival() -> None:
    """The vendor leaves the time of many rows out; an invented one would look exact."""
    bench = live_orders()
    bench.feed("5,@ES,1,,B,,2022-04-01,", "3,@ES,9,,B,100,5,1,2,,,")
    assert [body[5] for _, body in bench.take("order,")] == [None, None]
    assert bench.count(Counter.VALUES_INVALID) == 0


def test_an_impossible_time_costs_only_the_time() -> None:
    """A row of a book is worth more than its stamp."""
    bench = live_orders()
    bench.feed("3,@ES,9,,B,100,5,1,2,25:00:00.000000,2026-09-21,")
    assert [body[5] for _, body in bench.take("order,")] == [None]
    assert bench.count(Counter.VALUES_INVALID) == 1


def test_a_size_of_nothing_passes_as_suspect() -> None:
    """The vendor said so; whoever trades on it shall know that it is odd."""
    bench = live_orders()
    bench.feed(order("4", 1, "B", "100.25", 0))
    ((_, body),) = bench.take("order,")
    assert (body[3], body[11]) == (SUSPECT, 0)
    bench.settle()
    assert bench.answer("book,@ES,")[3] & SUSPECT
    assert bench.answer("order,@ES,")[3] & SUSPECT
    assert bench.take("state,")[-1][1][9]["reason"] == "implausible"
    bench.feed(order("4", 1, "B", "100.25", 1))
    bench.settle()
    assert not bench.answer("book,@ES,")[3] & SUSPECT
    assert not bench.answer("order,@ES,")[3] & SUSPECT
    assert "reason" not in bench.take("state,")[-1][1][9]
    levels = live_levels()
    levels.feed(level("8", "B", "100.25", 0))
    assert [body[3] for _, body in levels.take("depth,")] == [SUSPECT]


@pytest.mark.parametrize("price", ["0", "0.00", "-37.63", "2938.", ".5"])
def test_prices_at_and_below_nothing_are_prices(price: str) -> None:
    """Oil was sold at -37.63; a spread may cost nothing."""
    bench = live_orders()
    bench.feed(order("3", 9, "B", price))
    ((_, body),) = bench.take("order,")
    assert (body[10], body[3]) == (float(price), 0)


BAD_LINES = [
    order("3", 9, "S", "100"),
    order("3", 9, "", "100"),
    order("3", 9, "b", "100"),
    order("3", 9, "BA", "100"),
    order("3", 9, "B", ""),
    order("3", 9, "B", "nan"),
    order("3", 9, "B", "inf"),
    order("3", 9, "B", "1e3"),
    order("3", 9, "B", "-0"),
    order("3", 9, "B", "1_0"),
    order("3", 9, "B", " 1"),
    order("3", 9, "B", "100", ""),
    order("3", 9, "B", "100", "-5"),
    order("3", 9, "B", "100", "1.5"),
    order("3", 9, "B", "100", 2**63),
    order("3", 9, "B", "100", "NaN"),
    order("3", 2**64, "B", "100"),
    order("3", "12345678901234567890123", "B", "100"),
    order("3", "-9", "B", "100"),
    order("3", "9a", "B", "100"),
    order("3", "\xb2", "B", "100"),
    order("3", "", "B", "100"),
    order("3", "", "B", "100", maker="M" * 65),
    order("3", 9, "B", "100", maker="M" * 65),
    gone(1, "S"),
    gone(1, ""),
    gone("1x", "B"),
    gone("", "B"),
    level("8", "S", "100"),
    level("8", "B", "nan"),
    level("8", "B", "100", ""),
    level("8", "B", "100", "-1"),
    level_gone("X", "100"),
    level_gone("B", "nan"),
    level_gone("B", ""),
    order("0", 9, "S", "100"),
    order("0", 9, "B", "x"),
]


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_bad_line_is_refused_counted_and_the_next_is_read(line: str) -> None:
    """A wrong row in a book is worse than a missing one, and neither may stop the feed."""
    bench = DepthBench()
    bench.want("@ES", Service.ORDERS, Service.LEVELS)
    bench.feed(order("6", 1, "B", "100.25"), level("7", "A", "101"))
    bench.settle()
    bench.take()
    bench.feed(line, order("4", 1, "B", "100.25", 6))
    assert [body[6:8] for _, body in bench.take()] == [["update", "B"]]
    assert bench.count(Counter.LINES_INVALID) == 1
    assert bench.count(Counter.PROCESSING_FAULTS) == 0


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_bad_line_is_no_sign_of_life(line: str) -> None:
    """A pending symbol must not come alive, nor change its source, by what could not be read."""
    bench = DepthBench()
    depth = bench.want("@ES")
    bench.feed(line)
    bench.settle()
    assert bench.state() == "pending"
    assert depth.standing.source is None
    assert not depth.has_level_orders


@pytest.mark.parametrize(
    "line",
    [
        order("3", 9, "B", "100"),
        gone(1, "B"),
        level("8", "B", "100.25"),
        level_gone("B", "100.25"),
        order("0", 9, "B", "100"),
    ],
)
def test_a_line_cut_anywhere_is_refused(line: str) -> None:
    """Half a number is another number: a size of 65 cut to 6 is a wrong size."""
    bench = DepthBench()
    bench.want("@ES", Service.ORDERS, Service.LEVELS)
    bench.feed(order("6", 1, "B", "100.25"), level("7", "B", "100.25"))
    bench.settle()
    bench.take()
    cuts = [line[:end] for end in range(2, len(line))]
    bench.feed(*cuts)
    assert bench.take("order,") + bench.take("depth,") == []
    assert bench.count(Counter.LINES_TRUNCATED) == len(cuts)


def test_more_columns_are_accepted_and_counted() -> None:
    """A newer IQConnect may append columns; that must not stop a market."""
    bench = live_orders()
    bench.feed(order("3", 9, "B", "100") + "new,", order("3", 10, "B", "100") + "1,2,3,")
    assert len(bench.take("order,")) == 2
    assert bench.count(Counter.LINES_EXTRA_COLUMNS) == 2


@pytest.mark.parametrize("side", ["A", "B"])
def test_more_columns_beside_a_symbol_spelled_like_a_side_cost_no_row(side: str) -> None:
    """`A` and `B` are listed companies: who watches them must not lose the rows of all others."""
    bench = DepthBench()
    bench.want("@ES", Service.ORDERS, Service.LEVELS)
    for symbol in ("A", "B", "T", "F"):
        bench.want(symbol)
    bench.feed(order("6", 9, side, "100") + "new,", level("7", side, "100") + "new,")
    assert bench.count(Counter.LINES_EXTRA_COLUMNS) == 2
    assert bench.count(Counter.LINES_INVALID) == 0
    rows = [topic for topic, _ in bench.take() if not topic.startswith("state,")]
    assert rows == ["order,@ES,", "depth,@ES,"]


@pytest.mark.parametrize(
    "line",
    [
        order("3", 9, "B", "100") + order("3", 10, "B", "101"),
        order("3", 9, "B", "100")[:18] + order("3", 10, "B", "101"),
        order("3", 9, "B", "100")[:-25] + order("4", 10, "A", "101"),
        order("3", 9, "B", "100", 6)[:19] + level("8", "A", "101"),
        level("8", "B", "100") + level("8", "B", "101"),
        level("8", "B", "100")[:14] + order("3", 10, "A", "101"),
    ],
)
def test_two_lines_that_ran_into_one_are_refused(line: str) -> None:
    """Where the end of a line is lost, a column may hold the half of two values."""
    bench = live_orders()
    bench.feed(line)
    assert bench.take("order,") + bench.take("depth,") == []
    assert bench.count(Counter.LINES_INVALID) == 1


def test_a_line_of_another_symbol_is_counted_only() -> None:
    """Rows that come after the last consumer left are nobody's."""
    bench = live_orders()
    bench.feed(order("3", 9, "B", "100", symbol="@NQ"))
    assert bench.take() == []
    assert bench.count(Counter.LINES_UNWATCHED) == 1


@pytest.mark.parametrize("line", ["3", "30,@ES,", "x,@ES,1", "3;@ES"])
def test_what_only_looks_like_a_row_is_an_unknown_line(line: str) -> None:
    """Letters of later versions are counted and never stop the feed."""
    bench = live_orders()
    bench.feed(line)
    assert bench.count(Counter.LINES_UNKNOWN) == 1


@pytest.mark.parametrize("maker", ["\xd1\xff", "A B", "~.", "\x01", "M" * 64, "nil"])
def test_a_market_maker_is_any_short_text(maker: str) -> None:
    """The vendor's codes are its own; what is published is what it wrote."""
    bench = live_orders(order("6", "", "B", "10", maker=maker, priority=""))
    assert bench.order_rows() == [["B", None, maker, 10.0, 5, None, 2]]


def test_a_priority_that_is_none_costs_only_itself() -> None:
    """A place in the queue is not worth an order."""
    bench = live_orders()
    bench.feed(order("3", 9, "B", "99", priority="first"), order("3", 10, "B", "98", priority=""))
    assert [body[12] for _, body in bench.take("order,")] == [None, None]
    assert bench.count(Counter.VALUES_INVALID) == 1


def test_levels_that_answer_a_request_for_orders_make_the_book() -> None:
    """Futures without market by order answer `WOR` by type 0: there are no orders to wait for."""
    bench = DepthBench()
    depth = bench.want("@ES")
    bench.feed(order("0", 11, "B", "100.25", 65), order("0", 12, "A", "100.50", 7))
    bench.settle()
    assert bench.state() == "live"
    assert str(depth.standing.source) == "price_levels"
    assert bench.top() == ([[100.25, 65]], [[100.5, 7]])
    assert bench.answer("order,@ES,")[6:8] == ["refused", "no_depth"]
    rows = bench.answer("depth,@ES,")
    assert (rows[0], rows[6]) == (
        13,
        [["add", "B", 100.25, 65, None, 2], ["add", "A", 100.5, 7, None, 2]],
    )


def test_updates_do_not_keep_a_book_of_such_levels_from_being_live() -> None:
    """Type 0 marks no summary: a busy future would be recovering for ever."""
    bench = DepthBench()
    bench.want("@ES")
    bench.feed(order("0", 11, "B", "100.25", 65))
    for size in range(1, 6):
        bench.pass_time(0.1)
        bench.feed(order("0", 11, "B", "100.25", size))
    assert bench.state() == "live"
    assert [body[3] & SNAPSHOT for _, body in bench.take("depth,")] == [1, 1, 0, 0, 0, 0]


def test_a_level_order_beside_orders_is_a_level_only() -> None:
    """A stray line of type 0 must not take a live order book away."""
    bench = live_orders()
    bench.feed(order("0", 11, "B", "100.25", 65))
    bench.settle()
    assert bench.top() == ([[100.25, 5]], [[100.5, 5]])
    assert bench.answer("order,@ES,")[0] == 13
