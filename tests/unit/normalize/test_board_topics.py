"""Sequences and topics: dense, never going back, bounded in number."""

from itertools import pairwise

import pytest

from gateway.errors import QuotaExceeded
from gateway.model.enums import Cause
from tests.unit.normalize.line_desk import (
    EPOCH,
    NOW_US,
    SNAPSHOT,
    STALE,
    Desk,
    Frame,
    Options,
    line,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")


def test_reopened_symbol_begins_anew_with_its_old_sequences() -> None:
    """Values of before are forgotten, because nobody watched; sequences never go back."""
    desk = Desk()
    desk.feed(line("Q", "Cba"))
    symbol = desk.live()
    desk.feed(line("Q", "Cbah"))
    before = {frame["kind"]: frame["sequence"] for frame in desk.take()}
    desk.board.close(symbol)
    desk.raw.clear()
    assert desk.board.open("AAPL") is symbol
    answer = desk.answer("quote,AAPL,")
    assert (answer["type"], answer["state"], answer["sequence"]) == (9, "pending", 0)
    desk.feed(line("P"))
    frames = desk.take("quote", "summary")
    # One more of each was the STALE repeat at the close.
    assert {f["kind"]: f["sequence"] for f in frames} == {
        "quote": before["quote"] + 2,
        "summary": before["summary"] + 2,
    }
    assert frames[0]["bid_us"] is None


def test_reopened_symbol_still_knows_its_last_trade() -> None:
    """A print that was made was made; only what could have changed is forgotten."""
    desk = Desk()
    symbol = desk.live()
    desk.feed(line("Q", "C"))
    trade = desk.one("trade")
    desk.board.close(symbol)
    desk.board.open("AAPL")
    assert desk.answer("trade,AAPL,") == {
        name: value for name, value in trade.items() if name not in ("kind", "symbol")
    } | {"flags": SNAPSHOT | STALE}


def test_evicted_symbol_continues_above_every_sequence_it_had() -> None:
    """The floor: a consumer that keeps its last sequence never sees a lower one in an epoch."""
    desk = Desk(Options(symbol_count_max=2))
    old = desk.live("OLD")
    for _ in range(5):
        desk.feed(line("Q", "ba", symbol="OLD"))
    highest = desk.take("quote")[-1]["sequence"]
    desk.board.close(old)
    desk.live("B")
    desk.live("C")
    assert "OLD" not in desk.board.symbols
    desk.board.close(desk.board.symbols["C"])
    desk.raw.clear()
    desk.live("OLD")
    desk.feed(line("Q", "Cbah", symbol="OLD"))
    assert {frame["kind"] for frame in desk.take()} == {"trade", "quote", "summary"}
    sequences = [topic.sequence for topic in desk.board.symbols["OLD"].topics.values()]
    # Everything new starts above the highest discarded one: OLD's quotes, its close included.
    assert min(sequences) > highest + 1


def test_oldest_closed_symbol_makes_room_and_wanted_ones_never_do() -> None:
    """The bound holds against a consumer that walks through all symbols there are."""
    desk = Desk(Options(symbol_count_max=3))
    for name in ("A", "B", "C"):
        desk.live(name)
    with pytest.raises(QuotaExceeded):
        desk.board.open("D")
    assert list(desk.board.symbols) == ["A", "B", "C"]
    for name in ("B", "A"):
        desk.board.close(desk.board.symbols[name])
    desk.board.open("B")
    desk.board.open("D")
    assert sorted(desk.board.symbols) == ["B", "C", "D"]
    with pytest.raises(QuotaExceeded):
        desk.board.open("A")


def test_sequences_are_dense_through_every_change() -> None:
    """A hole means a loss to the consumer, so the gateway must never make one."""
    desk = Desk()
    symbol = desk.live()
    frames: list[Frame] = []
    for _ in range(3):
        desk.feed(line("Q", "Cbavh"), line("Q", "a"), line("P"))
        desk.board.lose_upstream(Cause.LINK_SILENT)
        desk.board.resume_upstream()
        desk.board.lose_upstream(Cause.DTN_LINK_DOWN)
        desk.feed(line("Q", "Cba"))
        desk.board.recover_upstream()
        desk.feed(line("Q", "O"))
        desk.board.close(symbol)
        desk.board.open("AAPL")
        desk.board.refuse("AAPL", Cause.SYMBOL_LIMIT)
        desk.board.open("AAPL")
        frames += desk.take()
    by_topic: dict[str, list[int]] = {}
    for frame in frames:
        by_topic.setdefault(frame["kind"], []).append(frame["sequence"])
        assert frame["epoch"] == EPOCH
    assert set(by_topic) == {"quote", "trade", "summary", "state"}
    for sequences in by_topic.values():
        assert {later - earlier for earlier, later in pairwise(sequences)} == {1}


def test_all_topics_are_listed_for_the_tails_scan() -> None:
    """A topic that is not listed can lose its last message without anybody noticing."""
    desk = Desk()
    desk.live()
    desk.feed("F,AAPL,5,", "N,DTN,123,AAPL:MSFT:,20260916 095959,Head, line,")
    prefixes = {topic.prefix for topic in desk.board.topics()}
    kinds = ("quote", "trade", "summary", "state", "fundamental")
    assert prefixes == {f"{kind},AAPL,".encode() for kind in kinds} | {b"news,DTN,"}


def test_news_topics_are_bounded_and_never_go_back() -> None:
    """Garbage could name endless distributors; the floor keeps the real one's sequence rising."""
    desk = Desk(Options(symbol_count_max=3))
    for _ in range(4):
        desk.feed("N,DTN,1,,,Headline,")
    for index in range(3):
        desk.feed(f"N,X{index},1,,,Headline,")
    desk.feed("N,DTN,1,,,Headline,")
    sequences = [frame["sequence"] for frame in desk.take("news") if frame["symbol"] == "DTN"]
    assert sequences[:4] == [1, 2, 3, 4]
    assert sequences[4] > 4
    assert len(list(desk.board.topics())) <= 3


def test_wall_clock_set_back_does_not_disturb_sequences_or_states() -> None:
    """NTP may step the host's clock; only stamps follow it."""
    desk = Desk()
    desk.live()
    desk.clock.step_wall(seconds=-3600)
    desk.board.lose_upstream(Cause.LINK_SILENT)
    desk.board.resume_upstream()
    stale, live = desk.take("state")
    assert (stale["sequence"], live["sequence"]) == (3, 4)
    assert stale["recv_us"] == NOW_US - 3_600_000_000
