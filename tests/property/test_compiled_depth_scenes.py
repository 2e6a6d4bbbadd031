"""The compiled pipeline of Level 2 does what the Python one does, in what is known to be hard."""

from dataclasses import replace

import pytest

from gateway.counters import Counter
from tests.support import pipelines

if pipelines.COMPILED not in pipelines.names_here():
    pytest.skip("the compiled pipeline was not built", allow_module_level=True)

from tests.support.depth_bench import OPTIONS, classic, gone, level, level_gone, order
from tests.support.depth_pair import DepthPair
from tests.support.depth_world import LEVELS, ROWS, USUAL, WORLD, begun, both, count, feed
from tests.support.pairs import Step, in_pieces

pytestmark = pytest.mark.slow
FULL = replace(WORLD, book=replace(OPTIONS, row_count_max=4))
MAKERS = tuple(
    order("6", "", side, price, maker=maker, priority="")
    for maker in ("NSDQ", "ARCX", "MD01", "MD99", "MD1", "MD001")
    for side, price in (("B", "99.25"), ("A", "99.50"))
)
YOUNG = (("A", "NSDQ"), ("B", "BATS"))


@pytest.mark.parametrize("is_sent_natively", [False, True])
def test_a_side_is_cleared_between_rows(is_sent_natively: bool) -> None:
    """In its place, of one kind and of both, and what follows builds it anew."""
    clear = "S,CLEAR DEPTH,@ES,"
    steps = [
        feed(f"{clear}B,", order("4", 12, "B", "97"), f"{clear}A,", level("8", "A", 105)),
        feed(f"{clear}B,", f"{clear}A,"),
        ("wait", 3_000_000),
        ("flush",),
        feed(*ROWS, *LEVELS, "S,CLEAR DEPTH,@NQ,B,", "S,CLEAR DEPTH,@ES,X,", f"{clear}B"),
    ]
    DepthPair.run(replace(WORLD, is_sent_natively=is_sent_natively), both(*steps))


def test_a_full_book_refuses_what_is_new() -> None:
    """Orders, levels and market makers; what is known changes, and what has gone makes room."""
    steps = [
        feed(order("3", 50, "B", "90"), order("4", 10, "B", "91", 0), level("8", "B", 90)),
        ("wait", 50_000),
        ("flush",),
        feed(gone(10, "B"), order("3", 50, "B", "90"), level_gone("B", 99), level("8", "B", 90)),
        feed(order("4", "", "B", "89", maker="NSDQ"), classic("2", "1x1", "2x2")),
        ("resync", "@ES"),
        feed(*ROWS[:3], *LEVELS[:3]),
        ("wait", 200_000),
        ("flush",),
    ]
    assert count(DepthPair.run(FULL, both(*steps)), Counter.BOOK_ROWS_REFUSED) > 5


def test_market_makers_expire_in_the_order_of_their_arrival() -> None:
    """Whoever is told again is young, and stands where it stood; levels named like them stay."""
    options = replace(WORLD, book=replace(OPTIONS, market_maker_age_us_max=10_000_000))
    steps = [
        *begun(*MAKERS, services=("book",)),
        ("wait", 6_000_000),
        feed(
            order("4", "", "A", "99.75", maker="NSDQ"), order("4", "", "B", "99", 0, maker="BATS")
        ),
        feed(gone("", "B", maker="ARCX"), order("4", "", "B", "99", maker="ARCX")),
        ("wait", 5_000_000),
        ("look",),
        ("wait", 7_000_000),
        feed(classic("2", "99.25x5", "99.75x7", maker="EDGX")),
        ("look",),
        ("ask", "order,@ES,", "book,@ES,"),
    ]
    assert count(DepthPair.run(options, steps), Counter.BOOK_ROWS_EXPIRED) == 9


def test_a_row_moves_to_another_price_and_to_the_other_side() -> None:
    """Its old level shrinks or goes; equal prices are one level, however they are spelled."""
    prices = ("98", "98.0", "98.00", "98.", "098", "-98", "0", "-0", "0.00", ".5", "98.25")
    moves = [order("4", 12, side, price) for price in prices for side in "BA"]
    moves += [order("4", 14, "B", price, 0) for price in prices]
    steps = [feed(*moves), *(feed(move) for move in moves), feed(gone(12, "A"), gone(14, "B"))]
    DepthPair.run(WORLD, both(*steps))


def test_absurd_sizes_add_up_to_the_largest_that_can_be_told() -> None:
    """And to what is left when some of them go."""
    sizes = (2**63 - 1, 1, 2**62, 2**63, 0)
    rows = [
        order("4", 70 + number, "B", "95", sizes[number % 5], maker=("", "NSDQ")[number % 2])
        for number in range(12)
    ]
    steps = [*map(feed, rows), *(feed(gone(number, "B")) for number in range(70, 80))]
    DepthPair.run(
        WORLD, both(*steps, feed(level("8", "B", 95, 2**63 - 1), level("8", "B", 96, 2**63)))
    )


def test_rows_of_one_price_stand_in_one_order() -> None:
    """By priority, number and name, where any of them may be left out."""
    rows = [
        order("6", number, "B", "95", maker=maker, priority=priority)
        for number in (77, "", 55, 2**64 - 1, "0077")
        for maker in ("NSDQ", "", "M\xd6D1", "A")
        for priority in ("", 3, 1, 2**64 - 1, "x", 2**64)
    ]
    DepthPair.run(WORLD, both(feed(*rows), *(feed(row) for row in rows[::-1])))


def test_books_are_published_with_their_variants() -> None:
    """Each in its interval, with its levels; what a variant has missed comes at once."""
    steps: list[Step] = [("vary", "@ES", name, True) for name in ("250x2", "1000x1", "10", "20x0")]
    for turn in range(12):
        steps += [feed(order("4", 12, "B", f"{98 + turn % 3}"), level("8", "A", 101 + turn % 2))]
        steps += [("wait", 30_000 * turn), ("flush",)]
    topics = [f"book{name},@ES," for name in ("", "@250x2", "@1000x1", "@10", "@20x0")]
    steps += [("ask", *topics), ("vary", "@ES", "250x2", False), ("ask", *topics), ("slow", 4)]
    steps += [feed(*ROWS), ("flush_all",), ("lose", "link_silent"), ("resume",), ("flush",)]
    assert count(DepthPair.run(WORLD, both(*steps)), Counter.BOOKS_PUBLISHED) > 30


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("cause", ["iqconnect_down", "dtn_link_down"])
def test_books_are_lost_and_built_anew(cause: str, is_new: bool) -> None:
    """Rows that come while it is broken, the summary, and updates between them."""
    steps = [
        ("lose", cause),
        feed(order("4", 12, "B", "97"), level("8", "B", "97"), gone(14, "B")),
        ("recover", 0, is_new),
        feed(order("4", 12, "B", "96"), *ROWS[:2], *LEVELS[:2], order("3", 60, "A", "103")),
        ("wait", 100_000),
        feed(*ROWS[2:], *LEVELS[2:]),
        ("wait", 200_000),
        ("flush",),
        feed(order("4", 12, "B", "96")),
    ]
    DepthPair.run(WORLD, both(*steps))


@pytest.mark.parametrize("style", ["order", "level", "level order", "classic"])
def test_a_fresh_book_is_asked_for_on_a_living_connection(style: str) -> None:
    """Its first row clears the old one in its place between updates."""
    told_as = {
        "order": ROWS,
        "level": LEVELS,
        "level order": [order("0", "", side, price) for side, price in (("B", 99), ("A", 101))],
        "classic": [classic("Z", "99x5", "101x7"), classic("Z", "98x5", "102x7", maker="MD02")],
    }
    rows = told_as[style]
    refused = [feed("q,@ES")] if style == "level" else []
    wanted = begun(services=("book",))
    settled: list[Step] = [("wait", OPTIONS.settle_us), ("flush",)]
    update = rows[0].replace("6,", "4,", 1).replace("7,", "8,", 1).replace("Z,", "2,", 1)
    steps = [
        *(*wanted, *refused, feed(*rows), *settled, feed(update), ("resync", "@ES")),
        *(feed(update, *rows, update), feed(rows[0]), *settled, feed(update), ("look",)),
        *(("resync", "@ES"), ("wait", 6_000_000), feed(*rows), *settled),
    ]
    DepthPair.run(WORLD, steps)


@pytest.mark.parametrize("size", [40, 79, 80, 81, 82, 200])
def test_a_line_longer_than_allowed(size: int) -> None:
    """It is dropped whole, told in its place, and what follows is read."""
    options = replace(WORLD, line_bytes_max=80)
    long = order("4", 12, "B", "97", maker="x" * (size - len(order("4", 12, "B", "97"))))
    data = f"{long}\n{USUAL['4']}\r\n{long}".encode()
    tail = f"\n{USUAL['5']}\r\n".encode()
    steps = [("feed", data), ("feed", tail), *in_pieces(data, range(len(data))), ("feed", b"\n")]
    dropped = count(DepthPair.run(options, both(*steps)), Counter.LINES_OVERSIZE)
    assert dropped == (4 if size > 80 else 0)


@pytest.mark.parametrize("word", ["RESET", "LOSE", "AGAIN", "REFRESH", "RESUME", "LOOK"])
def test_something_happens_in_the_middle_of_a_chunk(word: str) -> None:
    """The rows before it are of the time before, and those behind it of the time after."""
    middle = f"S,DO,{word}"
    rows = (order("4", 12, "B", "97"), level("8", "B", 97), gone(14, "B"))
    data = "".join(f"{line}\r\n" for line in (*rows, middle, *rows[::-1], *ROWS, *LEVELS, "4,@E"))
    steps: list[Step] = [
        *(("feed", data.encode()), ("feed", b"S,1,,B,1,1,1,2,,,\r\n")),
        *(("wait", OPTIONS.settle_us), ("flush",), feed(*rows)),
    ]
    DepthPair.run(WORLD, both(*steps))


def test_symbols_come_and_go_in_the_middle_of_a_chunk() -> None:
    """Late rows find no book, or a new one."""
    others = [row.replace("@ES", "@NQ") for row in ROWS]
    lines = ["S,CLOSE,@ES", *ROWS, "S,OPEN,@ES", *ROWS, "S,OPEN,@NQ", *others, "n,@NQ", *others]
    many = [feed(*(f"S,OPEN,S{at}" for at in range(9))), feed("S,CLOSE,@NQ", *others)]
    DepthPair.run(replace(WORLD, symbol_count_max=4), both(feed(*lines), *many, feed(*ROWS)))


def test_a_clock_line_counts_although_its_reader_fails() -> None:
    """The lines behind it are dated by it all the same; the hour of a DST change shows it."""
    row = "4,@ES,12,,B,97,5,1,2,01:30:00.000001,2026-11-01,"
    clocks = ("T,20261101 00:59:00", "T,20261101 01:45:00", "T,20261101 02:10:00")
    steps: list[Step] = [feed(clock, row) for clock in clocks]
    steps += [("fault", True), feed(row, clocks[0], row), ("wait", 400_000_000), feed(row)]
    steps += [("feed", f"{row}\r\n".encode(), ahead) for ahead in (-7_200_000_000, 7_200_000_000)]
    DepthPair.run(replace(WORLD, utc_us=1_793_511_000_000_000), both(*steps))


@pytest.mark.parametrize("time", ["10:00:00.000001", ""])
def test_a_date_of_another_spelling_is_none(time: str) -> None:
    """Of dates kept converted, a clock line's are spelled in another way than a row's."""
    us_dates = ("09/22/2026", "11/01/2026", "09/25/2026")
    known = [f"4,@ES,12,,B,97,5,1,2,{time},{date}," for date in ("2026-09-22", "2026-11-01")]
    rows = [f"4,@ES,12,,B,97,5,1,2,10:00:00.000001,{date}," for date in us_dates]
    clock = "T,20260925 10:00:00"
    DepthPair.run(WORLD, both(feed(*rows), feed(*known), feed(*rows), feed(clock, *rows, *known)))
