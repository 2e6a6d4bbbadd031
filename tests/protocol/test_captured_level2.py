"""Captured Level 2 lines beside the rows a human reads in them.

The lines themselves are the vendor's and stay outside the project; every one of them is read, in
its order, into the books of one gateway.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.counters import Counter
from gateway.iqfeed.system import DepthCleared, MakerName, parse_system
from gateway.policy.demand import Service
from tests.support.depth_bench import SNAPSHOT, DepthBench

pytestmark = [pytest.mark.captured, pytest.mark.usefixtures("pipeline_name")]

LIVE_62 = "l2_62_tradeframe.txt"
CLASSIC = "l2_classic_csharp_tests.txt"
MADE_62 = "l2_62_csharp_tests_synthetic.txt"


def lines_of(samples: Path, name: str) -> list[str]:
    """The captured lines of a file, without the comments about their origin."""
    text = (samples / name).read_bytes().decode("latin-1")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def utc(*parts: int) -> int:
    """A moment, spelled in UTC."""
    *clock, micros = parts
    year, month, day, hour, minute, second = clock
    moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000 + micros


def rows_of(bench: DepthBench, line: str) -> list[list[Any]]:
    """What one line says on the topics of rows: topic, flags, the vendor's time, the row."""
    bench.feed(line)
    return [
        [topic, body[3], body[5], *body[6:]]
        for topic, body in bench.take()
        if topic.startswith(("order,", "depth,"))
    ]


def bench_for(*symbols: str) -> DepthBench:
    """Books of some symbols, nothing heard yet."""
    bench = DepthBench()
    for symbol in symbols:
        bench.want(symbol, Service.ORDERS, Service.LEVELS)
    bench.take()
    return bench


def test_live_lines_of_protocol_6_2_say_what_a_human_reads(samples: Path) -> None:
    """Three shares and a future, times left out, and both sides cleared."""
    lines = lines_of(samples, LIVE_62)
    assert len(lines) == 7
    bench = bench_for("QQQ", "SPY", "TSLA", "@ESZ21", "@ESZ22")
    assert rows_of(bench, lines[0]) == [
        [
            *("order,QQQ,", SNAPSHOT, utc(2022, 4, 1, 21, 52, 38, 59_128)),
            *("add", "A", None, "AMEX", 408.84, 100, None, 4),
        ]
    ]
    assert rows_of(bench, lines[1]) == [
        [
            *("order,SPY,", 0, utc(2022, 4, 1, 15, 33, 27, 30_724)),
            *("add", "B", None, "NSDQ", 451.44, 300, None, 4),
        ]
    ]
    # Deletions of what is not there are ignored; beside a row of that key they say this.
    assert [rows_of(bench, line) for line in lines[2:5]] == [[], [], []]
    assert bench.count(Counter.BOOK_ROWS_UNKNOWN) == 3
    bench.feed("6,TSLA,,CHXE,B,1084.5,100,,4,,2022-04-01,", "6,QQQ,,MEMX,B,1,1,,4,,2022-04-06,")
    bench.feed("6,@ESZ21,648907593934,,A,4500.25,3,1,2,,2021-10-24,")
    bench.take()
    nothing = (None, None, None, None)
    assert rows_of(bench, lines[2]) == [
        ["order,TSLA,", 0, None, "delete", "B", None, "CHXE", *nothing]
    ]
    assert rows_of(bench, lines[3]) == [
        ["order,QQQ,", 0, None, "delete", "B", None, "MEMX", *nothing]
    ]
    assert rows_of(bench, lines[4]) == [
        [
            *("order,@ESZ21,", 0, utc(2021, 10, 25, 0, 32, 47, 333_543)),
            *("delete", "A", 648_907_593_934, None, *nothing),
        ]
    ]
    assert [parse_system(line) for line in lines[5:]] == [
        DepthCleared("@ESZ22", "B"),
        DepthCleared("@ESZ22", "A"),
    ]
    for line, side in zip(lines[5:], "BA", strict=True):
        assert rows_of(bench, line) == [
            ["order,@ESZ22,", 0, None, "clear", side, None, None, *nothing],
            ["depth,@ESZ22,", 0, None, "clear", side, *nothing],
        ]
    assert_no_complaints(bench)


def test_classic_lines_say_what_a_human_reads(samples: Path) -> None:
    """Both sides of one level, its repetition a microsecond later, and a bare trailing dot."""
    lines = lines_of(samples, CLASSIC)
    assert len(lines) == 4
    bench = bench_for("@ES#", "@ESM19")
    bid_us = utc(2019, 10, 18, 16, 49, 52, 696_621)
    ask_us = utc(2019, 10, 18, 16, 49, 52, 541_104)
    common = ("MD01",)
    assert rows_of(bench, lines[0]) == [
        ["order,@ES#,", SNAPSHOT, bid_us, "add", "B", None, *common, 2982.25, 99, None, None],
        ["order,@ES#,", SNAPSHOT, ask_us, "add", "A", None, *common, 2982.5, 238, None, None],
    ]
    assert rows_of(bench, lines[1]) == [], "only its times are new, and it ends no group"
    assert parse_system(lines[2]) == MakerName("MD02", "Market depth 2")
    assert rows_of(bench, lines[2]) == []
    both_us = utc(2019, 4, 24, 0, 31, 4, 876_740)
    assert rows_of(bench, lines[3]) == [
        ["order,@ESM19,", 0, both_us, "add", "B", None, *common, 2938.0, 65, None, None],
        ["order,@ESM19,", 0, both_us, "add", "A", None, *common, 2938.25, 23, None, None],
    ]
    assert_no_complaints(bench)


def test_lines_made_after_the_documents_say_what_a_human_reads(samples: Path) -> None:
    """Every letter of protocol 6.2, one after the other on the same two keys."""
    lines = lines_of(samples, MADE_62)
    assert len(lines) == 10
    bench = bench_for("@ESM19")
    order, depth = "order,@ESM19,", "depth,@ESM19,"
    us = utc(2019, 4, 24, 0, 31, 4, 876_740)
    number, price = 12_345_678, 2938.25
    gone = (None, None, None)
    bid = ("B", number, "MD01", price, 65, 11, 2)
    ask = ("A", number, "MD01", price, 65, 10, 2)
    assert [rows_of(bench, line) for line in lines] == [
        [[depth, SNAPSHOT, us, "add", "A", price, 65, None, 2]],
        [[order, 0, us, "add", *bid]],
        # The line names another side than the order stands on; its number decides.
        [[order, 0, us, "delete", "B", number, "MD01", None, None, None, None]],
        [[depth, 0, us, "update", "A", price, 65, 10, 2]],
        [[depth, SNAPSHOT, us, "add", "B", price, 65, 11, 2]],
        [[depth, 0, us, "delete", "A", price, *gone]],
        [[order, 0, us, "add", *ask]],
        [[order, 0, us, "update", *ask]],
        [[order, SNAPSHOT, us, "update", *ask]],
        [[depth, 0, us, "update", "B", price, 65, 11, 2]],
    ]
    assert_no_complaints(bench)


def assert_no_complaints(bench: DepthBench) -> None:
    """Nothing in a captured line is odd to us."""
    assert not bench.complaints.samples
