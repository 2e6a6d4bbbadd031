"""Snapshots of depth from memory: whole books at a sequence, or why there is none."""

import pytest

from gateway.model.enums import Cause
from gateway.policy.demand import Service
from gateway.wire.codec import Encoded
from gateway.wire.topics import parse_topic
from tests.support.depth_bench import (
    DELAYED,
    EPOCH,
    EVENT_US,
    RECV_US,
    SNAPSHOT,
    STALE,
    SUSPECT,
    DepthBench,
    level,
    order,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")


@pytest.fixture(name="bench")
def live_bench() -> DepthBench:
    """Orders, levels and a book of one live symbol."""
    bench = DepthBench()
    bench.want("@ES", Service.ORDERS, Service.LEVELS, Service.BOOK)
    bench.feed(
        order("6", 1, "B", "100.25", maker="MM"),
        order("6", 2, "A", "100.50"),
        level("7", "B", "100.25"),
    )
    bench.settle()
    return bench


def test_an_image_is_the_whole_book_at_a_sequence(bench: DepthBench) -> None:
    """Updates with a greater sequence go on from here, and no other does."""
    assert bench.answer("order,@ES,") == [
        *(13, EPOCH, 2, SNAPSHOT, RECV_US, EVENT_US),
        [
            ["add", "B", 1, "MM", 100.25, 5, 7, 2],
            ["add", "A", 2, None, 100.5, 5, 7, 2],
        ],
    ]
    assert bench.answer("depth,@ES,") == [
        *(13, EPOCH, 1, SNAPSHOT, RECV_US, EVENT_US),
        [["add", "B", 100.25, 5, 3, 2]],
    ]


def encoded(bench: DepthBench, topic: str) -> bytes:
    """The bytes of an image."""
    name = parse_topic(topic.encode())
    assert name is not None
    answer = bench.answers.answer(name)
    assert isinstance(answer, Encoded)
    return answer.data


def test_an_image_of_a_book_that_stands_still_is_the_same(bench: DepthBench) -> None:
    """A hundred consumers that join at once must not cost a hundred encodings."""
    book = bench.depths.depths["@ES"].orders
    first = encoded(bench, "order,@ES,")
    kept = book.image(bench.board.envelope.pack)[1]
    assert encoded(bench, "order,@ES,") == first
    assert book.image(bench.board.envelope.pack)[1] is kept
    bench.feed(order("4", 1, "B", "100.25", 6, maker="MM"))
    assert encoded(bench, "order,@ES,") != first
    assert bench.order_rows()[0][4] == 6
    bench.feed(order("4", 1, "B", "100.25", 5, maker="MM"))
    assert bench.order_rows()[0][4] == 5


def test_an_empty_book_has_an_empty_image(bench: DepthBench) -> None:
    """Nothing to sell is an answer, and no reason to ask again."""
    bench.feed("S,CLEAR DEPTH,@ES,B,", "S,CLEAR DEPTH,@ES,A,")
    bench.pass_time(2.1)
    assert bench.answer("order,@ES,")[6] == []
    assert bench.answer("depth,@ES,")[6] == []
    assert bench.answer("book,@ES,")[6:8] == [[], []]


def test_an_image_says_what_it_is_worth(bench: DepthBench) -> None:
    """It may be all that a consumer of a dead or doubtful feed ever gets."""
    bench.board.set_delayed(is_delayed=True)
    bench.depths.lose_upstream(Cause.LINK_SILENT)
    assert bench.answer("order,@ES,")[3] == SNAPSHOT | STALE | DELAYED
    bench.board.set_delayed(is_delayed=False)
    bench.depths.resume_upstream()
    bench.feed(order("4", 2, "A", "99.00"))
    assert bench.answer("order,@ES,")[3] == SNAPSHOT | SUSPECT
    assert bench.answer("depth,@ES,")[3] == SNAPSHOT


@pytest.mark.parametrize("topic", ["order,@NQ,", "depth,@NQ,", "book,@NQ,", "book@250x5,@NQ,"])
def test_nobody_is_left_guessing_about_what_nobody_wants(bench: DepthBench, topic: str) -> None:
    """The answer has sequence 0 and no flags: it is none of the topic's messages."""
    body = bench.answer(topic)
    assert body[:4] == [9, EPOCH, 0, 0]
    assert body[6:8] == ["closed", "not_subscribed"]


@pytest.mark.parametrize("topic", ["order@250,@ES,", "depth@250x5,@ES,"])
def test_rows_have_no_variants(bench: DepthBench, topic: str) -> None:
    """Conflated rows would make a wrong book."""
    assert bench.answer(topic)[6:8] == ["refused", "no_depth"]


@pytest.mark.parametrize("topic", ["order,@ES,", "book,@ES,"])
def test_what_is_awaited_says_so(topic: str) -> None:
    """At worst `pending`, with the reason if there is one."""
    bench = DepthBench()
    bench.want("@ES")
    assert bench.answer(topic)[6:8] == ["pending", None]
    bench.depths.lose_upstream(Cause.IQCONNECT_DOWN)
    assert bench.answer(topic)[6:8] == ["pending", "iqconnect_down"]


def test_each_kind_answers_for_itself() -> None:
    """A book may live by levels while there are no orders to be had, or nobody asked for them."""
    bench = DepthBench()
    bench.want("@ES", Service.LEVELS)
    bench.feed(level("7", "B", "100.25"))
    bench.settle()
    assert bench.answer("depth,@ES,")[0] == 13
    assert bench.answer("order,@ES,")[6:8] == ["closed", "not_subscribed"]
    bench.want("@ES", Service.ORDERS)
    assert bench.answer("order,@ES,")[6:8] == ["pending", None]
    bench.feed("q,@ES,")
    assert bench.answer("order,@ES,")[6:8] == ["refused", "no_depth"]
    assert bench.answer("depth,@ES,")[0] == 13


@pytest.mark.parametrize("topic", ["order,@ES,", "depth,@ES,"])
def test_a_refused_symbol_says_why(bench: DepthBench, topic: str) -> None:
    """A consumer decides by the cause whether to wait."""
    bench.desk.note_not_found("@ES")
    assert bench.answer(topic)[6:8] == ["refused", "symbol_not_found"]
    assert bench.answer("book,@ES,")[3] & STALE


def test_a_variant_that_has_not_been_published_is_answered_with_the_present_book(
    bench: DepthBench,
) -> None:
    """Its first message may be a second away."""
    bench.desk.add_variant("@ES", "1000x1")
    assert bench.answer("book@1000x1,@ES,")[6:8] == [[(100.25, 5, 1)], [(100.5, 5, 1)]]
    fresh = DepthBench()
    fresh.desk.add_variant("@ES", "1000x1")
    fresh.want("@ES")
    assert fresh.answer("book@1000x1,@ES,")[6:8] == ["pending", None]
