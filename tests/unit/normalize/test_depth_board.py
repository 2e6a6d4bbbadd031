"""Whether a book can be trusted, and who is told of it."""

from typing import Any

import pytest

from gateway.counters import Counter
from gateway.model.enums import Cause
from gateway.policy.demand import Service
from tests.support.depth_bench import (
    CONFLATED,
    SNAPSHOT,
    STALE,
    SUSPECT,
    DepthBench,
    level,
    order,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")

BID, ASK = order("6", 1, "B", "100.25"), order("6", 2, "A", "100.50")


@pytest.fixture(name="bench")
def live_bench() -> DepthBench:
    """A live order book of one symbol."""
    bench = DepthBench()
    bench.want("@ES")
    bench.feed(BID, ASK)
    bench.settle()
    bench.take()
    return bench


def states(bench: DepthBench) -> list[tuple[str, str | None]]:
    """State and cause of each state message."""
    return [(body[6], body[7]) for _, body in bench.take("state,")]


def test_a_book_is_live_when_its_summary_pauses() -> None:
    """The vendor marks no end: a book published between two rows would be half a book."""
    bench = DepthBench()
    bench.want("@ES")
    assert states(bench) == [("pending", None)]
    for number in range(5):
        bench.feed(order("6", number, "B", 100 - number))
        bench.pass_time(0.15)
    assert [topic for topic, _ in bench.take("book,")] == []
    assert bench.state() == "recovering"
    assert bench.depths.next_due_us() == (bench.clock.monotonic_ns() // 1000) + 50_000
    bench.pass_time(0.05)
    frames = bench.take()
    assert [body[6] for topic, body in frames if topic == "state,@ES,"] == ["live"]
    assert [len(body[6]) for topic, body in frames if topic == "book,@ES,"] == [5]


def test_a_loss_is_told_on_every_topic_at_once(bench: DepthBench) -> None:
    """A consumer of `book` alone must not keep a fresh-looking price of a dead feed."""
    bench.depths.books.add(bench.depths.depths["@ES"], "1000x1")
    bench.depths.mark(bench.depths.depths["@ES"], 0)
    bench.pass_time(1)
    bench.take()
    bench.depths.lose_upstream(Cause.IQCONNECT_DOWN)
    bench.depths.lose_upstream(Cause.IQCONNECT_DOWN)
    frames = bench.take()
    assert [topic for topic, _ in frames] == ["state,@ES,", "book,@ES,", "book@1000x1,@ES,"]
    assert [body[3] & ~CONFLATED for topic, body in frames[1:]] == [SNAPSHOT | STALE] * 2
    bench.feed(order("4", 1, "B", "100.25", 9))
    assert [body[3] for _, body in bench.take("order,")] == [STALE]
    bench.pass_time(1)
    assert bench.take("book") == []
    assert bench.answer("book,@ES,")[3] & ~CONFLATED == SNAPSHOT | STALE
    assert bench.answer("order,@ES,")[3] == SNAPSHOT | STALE


def test_a_silence_that_ends_brings_the_newest_book_without_a_new_row(bench: DepthBench) -> None:
    """Nothing was lost, so nothing is asked; what changed meanwhile must be told."""
    bench.depths.lose_upstream(Cause.LINK_SILENT)
    bench.feed(order("4", 1, "B", "100.25", 9))
    bench.depths.resume_upstream()
    assert bench.depths.next_due_us() == 0
    bench.pass_time(0.05)
    assert bench.state() == "live"
    assert [body[3:4] + body[6:8] for _, body in bench.take("book,")][-1] == [
        *(0, [[100.25, 9, 1]], [[100.5, 5, 1]])
    ]
    assert bench.depths.depths["@ES"].flags == 0


def test_a_full_book_says_so_until_it_is_rebuilt() -> None:
    """Rows are missing: the best price may be among them."""
    bench = DepthBench()
    depth = bench.want("@ES")
    bench.feed(*(order("6", number, "B", 100 + number) for number in range(10_001)))
    bench.settle()
    assert bench.count(Counter.BOOK_ROWS_REFUSED) == 1
    assert bench.answer("book,@ES,")[3] & SUSPECT
    assert bench.answer("order,@ES,")[3] & SUSPECT
    assert bench.take("state,")[-1][1][9]["reason"] == "book_full"
    bench.feed("S,CLEAR DEPTH,@ES,B,", "S,CLEAR DEPTH,@ES,A,", BID)
    bench.settle()
    assert not depth.is_full
    assert bench.answer("book,@ES,")[3] & ~CONFLATED == SNAPSHOT
    assert "reason" not in bench.take("state,")[-1][1][9]
    depth.is_full = True
    bench.desk.ask_in_doubt(depth)
    bench.feed(BID)
    assert not depth.is_full, "a fresh book is whole"


def test_a_crossed_book_is_published_and_called_suspect(bench: DepthBench) -> None:
    """The vendor's word is passed on, with what speaks against it."""
    bench.feed(order("4", 1, "B", "100.75"))
    bench.pass_time(0.05)
    ((_, body),) = bench.take("book,")
    assert (body[3], body[6]) == (SUSPECT, [[100.75, 5, 1]])
    assert bench.count(Counter.BOOKS_SUSPECT) == 1
    bench.feed(order("4", 1, "B", "100.50"))
    bench.pass_time(0.05)
    frames = bench.take()
    assert [b[3] for t, b in frames if t == "book,@ES,"] == [SUSPECT]
    assert [b[9]["reason"] for t, b in frames if t == "state,@ES,"] == ["locked"]
    bench.feed(order("4", 1, "B", "100.25"))
    bench.pass_time(0.05)
    frames = bench.take()
    assert [b[3] for t, b in frames if t == "book,@ES,"] == [0]
    assert ["reason" in b[9] for t, b in frames if t == "state,@ES,"] == [False]


def test_a_closed_symbol_leaves_no_rows_behind(bench: DepthBench) -> None:
    """A consumer that still listens must not join them to those of the next watch."""
    depth = bench.depths.depths["@ES"]
    bench.feed(order("4", 1, "B", "100.25", 9))
    bench.take()
    bench.depths.close(depth)
    frames = bench.take()
    assert [topic for topic, _ in frames] == ["state,@ES,", "book,@ES,", *["order,@ES,"] * 2]
    assert [body[6] for topic, body in frames if topic == "order,@ES,"] == ["clear"] * 2
    assert frames[1][1][3] & ~CONFLATED == SNAPSHOT | STALE
    bench.pass_time(1)
    assert bench.take() == []
    assert bench.answer("order,@ES,")[6:8] == ["closed", "not_subscribed"]
    bench.feed(order("4", 1, "B", "100.25", 9))
    assert bench.take() == []


def test_sequences_have_no_holes_over_all_of_it(bench: DepthBench) -> None:
    """A consumer calls a hole a loss."""
    frames: list[tuple[str, list[Any]]] = []
    bench.depths.lose_upstream(Cause.IQCONNECT_DOWN)
    bench.desk.ask_again()
    bench.feed(BID, "S,CLEAR DEPTH,@ES,B,", order("0", 1, "A", "5"), level("7", "B", "1"))
    frames += bench.take()
    bench.depths.close(bench.depths.depths["@ES"])
    bench.want("@ES", Service.BOOK, Service.LEVELS)
    bench.feed(BID, level("7", "B", "1"))
    bench.settle()
    frames += bench.take()
    for topic in ("order,@ES,", "depth,@ES,", "book,@ES,", "state,@ES,"):
        numbers = [body[2] for name, body in frames if name == topic]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), topic


def test_delayed_rows_say_so(bench: DepthBench) -> None:
    """An account's prices may be fifteen minutes old."""
    bench.board.set_delayed(is_delayed=True)
    bench.depths.set_delayed()
    bench.feed(order("4", 1, "B", "100.25", 9))
    bench.pass_time(0.05)
    assert [body[3] for topic, body in bench.take() if topic != "state,@ES,"] == [128, 128]


def test_clears_are_counted_once_as_messages(bench: DepthBench) -> None:
    """The sum of what was sent is made of two counts, and a message belongs to one of them."""
    sent = bench.board.envelope.messages
    orders = bench.count(Counter.ORDERS_PUBLISHED)
    bench.depths.clear(bench.depths.depths["@ES"], 5)
    assert bench.count(Counter.ORDERS_PUBLISHED) == orders + 2
    assert bench.board.envelope.messages == sent


def test_a_silence_leaves_the_refused_refused(bench: DepthBench) -> None:
    """It says nothing new about what the vendor will not deliver."""
    bench.desk.note_not_found("@ES")
    bench.depths.lose_upstream(Cause.LINK_SILENT)
    bench.depths.resume_upstream()
    bench.depths.recover_upstream(is_new=False)
    assert bench.state() == "refused"
    assert bench.take("state,")[-1][1][6:8] == ["refused", "symbol_not_found"]
