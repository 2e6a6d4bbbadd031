"""The Level 2 port fails in every way it can: books look old at once, and no ghost comes back."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.support import fault_table
from tests.support.consumer import STALE, Consumer, Message
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.fault_table import BESIDE, fault_row
from tests.support.stage import Stage, scripted

pytestmark = pytest.mark.slow
SNAPSHOT = 1
ES = "@ESZ26"
AT = "10:00:00.000001,2026-11-20"
FIRST = [
    f"6,{ES},1,,B,100.25,5,1,2,{AT},",
    f"6,{ES},2,,A,100.50,7,2,2,{AT},",
    f"6,{ES},3,,A,100.75,1,3,2,{AT},",
]
LATER = [FIRST[0], FIRST[2]]
"""What is left when order 2 was deleted while nobody looked."""


@pytest.fixture
def depth() -> FakeIqconnect:
    """A Level 2 port with one future."""
    return FakeIqconnect(answers={f"WOR,{ES}": FIRST})


@pytest.fixture
def stage(depth: FakeIqconnect) -> Iterator[Stage]:
    """A gateway between a calm Level 1 port and that Level 2 port."""
    with scripted(FakeIqconnect(), level2=depth) as one:
        yield one


def watch(stage: Stage) -> Consumer:
    """A consumer of everything about the future's depth, once its book is live."""
    consumer = stage.consumer(
        f"order,{ES},", f"book,{ES},", f"state,{ES},", f"quote,{ES},", "sys,feed,"
    )
    consumer.wait_for_all(
        {f"book,{ES},", f"quote,{ES},"}, lambda _: True, what="values", seconds=8.0
    )
    return consumer


def is_level2(state: str, cause: str | None = None) -> Callable[[Message], bool]:
    """Whether a message says so of the future's Level 2 data."""

    def accept(message: Message) -> bool:
        if message.topic != f"state,{ES},":
            return False
        details = message.values[3]
        return (details.get("level2"), details.get("level2_cause")) == (state, cause)

    return accept


def assert_no_ghost(consumer: Consumer) -> None:
    """The order that was deleted unseen is gone from image and book."""
    rows = consumer.ask(f"order,{ES},").values[0]
    assert [row[2] for row in rows] == [1, 3]
    book = consumer.on(f"book,{ES},")[-1]
    assert book.values[:2] == [[[100.25, 5, 1]], [[100.75, 1, 1]]]
    assert not book.flags & STALE
    consumer.history.check()


@fault_row(BESIDE)
def test_a_dropped_connection_clears_and_rebuilds(stage: Stage, depth: FakeIqconnect) -> None:
    """Orders deleted while we were away must not stand for ever."""
    consumer = watch(stage)
    depth.answers[f"WOR,{ES}"] = LATER
    cut_s = time.monotonic()
    stage.call(depth.drop)
    stale = consumer.wait_for(lambda m: m.kind == "book" and m.flags & STALE, what="STALE")
    assert stale.values[:2] == [[[100.25, 5, 1]], [[100.5, 7, 1], [100.75, 1, 1]]]
    live = consumer.wait_for(is_level2("live"), what="live")
    consumer.wait_for(lambda m: m.kind == "book" and not m.flags & STALE, what="fresh book")
    fault_table.note(
        BESIDE,
        "Level 2 closed, an order deleted meanwhile",
        detect_s=stale.at_s - cut_s,
        recover_s=live.at_s - cut_s,
        cause="iqconnect_down",
        more="no ghost",
    )
    rows = [m for m in consumer.on(f"order,{ES},") if m.at_s > cut_s]
    assert [m.values[:3] for m in rows] == [
        ["clear", "B", None],
        ["clear", "A", None],
        ["add", "B", 1],
        ["add", "A", 3],
    ]
    assert all(m.flags & SNAPSHOT for m in rows[2:])
    words = [m.values[3]["level2"] for m in consumer.on(f"state,{ES},") if m.at_s > cut_s]
    assert words[0] == "stale"
    assert words[-1] == "live"
    assert set(words[1:-1]) == {"recovering"}
    quotes = [m for m in consumer.on(f"quote,{ES},") if m.at_s > cut_s]
    assert not quotes, "Level 1 lost nothing and says nothing"
    assert_no_ghost(consumer)


def test_a_lost_dtn_link_asks_for_fresh_books(stage: Stage, depth: FakeIqconnect) -> None:
    """The socket stays open and IQConnect may forget to clear: the summary replaces the book."""
    consumer = watch(stage)
    stage.call(depth.send, b"S,SERVER DISCONNECTED\r\n")
    consumer.wait_for(is_level2("stale", "dtn_link_down"), what="stale")
    assert consumer.wait_for_topic(f"book,{ES},").flags & STALE
    depth.answers[f"WOR,{ES}"] = LATER
    stage.call(depth.send, b"S,SERVER CONNECTED\r\n")
    depth.wait_for_command(f"WOR,{ES}", count=2)
    consumer.wait_for(is_level2("live"), what="live")
    consumer.wait_for(lambda m: m.kind == "book" and not m.flags & STALE, what="fresh book")
    assert_no_ghost(consumer)


def test_the_vendors_own_clear_and_replay_is_followed(stage: Stage, depth: FakeIqconnect) -> None:
    """IQConnect clears each side and replays what is left, with numbers we still hold."""
    consumer = watch(stage)
    replay = [f"S,CLEAR DEPTH,{ES},B,", f"S,CLEAR DEPTH,{ES},A,", *LATER]
    depth.answers[f"WOR,{ES}"] = LATER
    text = "".join(
        f"{line}\r\n" for line in ("S,SERVER DISCONNECTED", "S,SERVER CONNECTED", *replay)
    )
    stage.call(depth.send, text.encode())
    consumer.wait_for(is_level2("recovering", "dtn_link_down"), what="recovery")
    consumer.wait_for(is_level2("live"), what="live")
    consumer.wait_for(lambda m: m.kind == "book" and not m.flags & STALE, what="fresh book")
    assert_no_ghost(consumer)


def test_a_silent_link_is_stale_and_opened_anew(stage: Stage, depth: FakeIqconnect) -> None:
    """A hanging port must not leave a book that looks alive."""
    consumer = watch(stage)
    depth.is_silent = True
    consumer.wait_for(is_level2("stale", "link_silent"), what="stale")
    depth.answers[f"WOR,{ES}"] = LATER
    depth.wait_for_command(f"WOR,{ES}", count=2, seconds=8.0)
    depth.is_silent = False
    consumer.wait_for(is_level2("live"), what="live", seconds=8.0)
    consumer.wait_for(lambda m: m.kind == "book" and not m.flags & STALE, what="fresh book")
    assert_no_ghost(consumer)


def test_a_summary_cut_by_the_connections_end_is_begun_again(
    stage: Stage, depth: FakeIqconnect
) -> None:
    """Half a summary is no book: it is never called live."""
    consumer = watch(stage)
    depth.answers[f"WOR,{ES}"] = []
    stage.call(depth.drop)
    depth.wait_for_command(f"WOR,{ES}", count=2)
    depth.answers[f"WOR,{ES}"] = LATER
    half = f"{FIRST[0]}\r\n6,{ES},2,,A,100".encode()
    stage.call(depth.send, half)
    stage.call(depth.drop)
    consumer.wait_for(is_level2("live"), what="live")
    consumer.wait_for(lambda m: m.kind == "book" and not m.flags & STALE, what="fresh book")
    assert_no_ghost(consumer)
    begun = consumer.on(f"state,{ES},")
    last = max(i for i, m in enumerate(begun) if m.values[3]["level2"] == "stale")
    assert [m.values[3]["level2"] for m in begun[last:]][-1] == "live"


def test_level1_lost_leaves_the_book_alone() -> None:
    """Each port's values are judged by their own connection."""
    level1, depth = FakeIqconnect(), FakeIqconnect(answers={f"WOR,{ES}": FIRST})
    with scripted(level1, level2=depth) as stage:
        consumer = watch(stage)
        stage.call(level1.drop)
        state = consumer.wait_for_state(ES, "stale", "iqconnect_down")
        assert state.values[3]["level2"] == "live"
        consumer.wait_for_state(ES, "live", None)
        assert not [m for m in consumer.on(f"book,{ES},") if m.flags & STALE]
        consumer.history.check()
