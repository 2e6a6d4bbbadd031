"""The extension gives back what it takes: references, memory, and whatever forms a circle."""

import gc
import os
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.support import pipelines

if pipelines.COMPILED not in pipelines.names_here():
    pytest.skip("the compiled pipeline was not built", allow_module_level=True)

from gateway.compiled import _pipeline
from gateway.compiled.symbols import CompiledSymbol, SymbolIndex
from gateway.model.enums import Cause
from gateway.model.messages import Kind
from gateway.normalize.board import Board
from tests.unit.normalize.line_desk import Desk, Options, line

pytestmark = pytest.mark.slow
FEEDS = int(os.environ.get("MEMORY_FEEDS", "100000"))


def lines_of(number: int) -> bytes:
    """A quote, a trade with a quote, and a line that Python reads."""
    moment = f"09:59:59.{number % 1_000_000:06}"
    sides = {"Bid Time": moment, "Ask Time": moment}
    volume = str(40_000_000 + number)
    trade = {"Total Volume": volume, "TickID": volume, "Most Recent Trade Time": moment} | sides
    texts = (
        line("Q", "ba", sides),
        line("Q", "Cba", trade),
        line("Q", "bz", {"VWAP": str(number % 7)} | sides) if number % 10 == 0 else "S,KEY,1",
    )
    return "".join(f"{text}\r\n" for text in texts).encode()


def pieces() -> Iterator[bytes]:
    """Feeds of about a hundred bytes: ends within lines, and lines that are too long."""
    yield b"Q" * 70_000
    yield b"\n"
    number = 0
    while True:
        number += 1
        data = lines_of(number)
        yield data[:200]
        yield data[200:]


def test_feeding_leaves_nothing_behind() -> None:
    """References and blocks are as many after a hundred thousand feeds as after ten thousand."""
    desk = Desk(Options(pipeline=pipelines.COMPILED))
    symbol = desk.live()
    desk.board.variants.add(symbol.quote, symbol="AAPL", kind=Kind.QUOTE, variant="250")
    counted = {"symbol": symbol, "quote": symbol.quote, "trade": symbol.trade, "board": desk.board}
    feeds = pieces()

    def feed(turn: int) -> None:
        now_us = desk.clock.utc_us()
        desk.pipeline.feed(next(feeds), now_us)
        if turn % 50 == 0:
            desk.clock.advance(seconds=0.000_001)
            desk.pipeline.flush(now_us + 10**6)
            desk.board.variants.flush(10**9 + turn)
            forget()

    def forget() -> None:
        desk.raw.clear()
        desk.system_lines.clear()

    # The ring keeps ten thousand trades, and is full before the first look.
    assert_flat(feed, forget, counted)
    counts = desk.counters.as_map()
    assert counts["trades_published"] > FEEDS // 3
    assert counts["lines_oversize"] == 1


def assert_flat(
    feed: Callable[[int], object], forget: Callable[[], object], counted: Mapping[str, object]
) -> None:
    """References and blocks are as many at the end as before the last tenth.

    Args:
        feed: Called with each number of a feed.
        forget: Drops what the test itself has kept.
        counted: Objects whose references are counted.
    """
    seen: list[tuple[dict[str, int], int]] = []
    for turn in range(FEEDS):
        feed(turn)
        if turn in (FEEDS // 10 * 9 - 1, FEEDS - 1):
            forget()
            gc.collect()
            seen.append(({name: sys.getrefcount(each) for name, each in counted.items()}, blocks()))
    (before, blocks_before), (after, blocks_after) = seen
    assert before == after
    if FEEDS >= 100_000:
        assert blocks_after - blocks_before < 200, (blocks_before, blocks_after)


def blocks() -> int:
    """Allocated blocks of the interpreter; none are known where malloc is used instead."""
    return sys.getallocatedblocks()


def test_failures_leave_nothing_behind() -> None:
    """A send that fails ends the feed, whatever was put aside; then it goes on."""
    desk = Desk(Options(pipeline=pipelines.COMPILED))
    symbol = desk.live()
    fault = OSError("no")
    sent = desk.raw.append

    def send(frame: bytes) -> None:
        if desk.system_lines and desk.system_lines[-1] == "S,FAIL":
            raise fault
        sent(frame)

    reader = _reader_of(desk.board, send)
    reader.use(33, True)
    references = sys.getrefcount(symbol), sys.getrefcount(symbol.quote)
    for number in range(500):
        desk.system_lines.append("S,FAIL")
        with pytest.raises(OSError, match="no"):
            reader.feed(lines_of(2 * number + 1), desk.clock.utc_us())
        desk.system_lines.clear()
        reader.feed(lines_of(2 * number + 2), desk.clock.utc_us())
        desk.raw.clear()
        fault.__traceback__ = None
    gc.collect()
    assert (sys.getrefcount(symbol), sys.getrefcount(symbol.quote)) == references


def _reader_of(board: Board, send: Callable[[bytes], object]) -> _pipeline.Reader:
    assert isinstance(board.symbols, SymbolIndex)
    return _pipeline.Reader(
        board.symbols.table,
        epoch=1,
        line_bytes_max=1_000,
        summary_interval_us=1,
        price_max=0.0,
        jump_max=0.0,
        zmq_send=0,
        socket=0,
        read_line=lambda *_: None,
        drop_line=lambda _: None,
        keep=lambda *_: None,
        mark=lambda *_: None,
        wait=lambda _: None,
        date_second=lambda _: 1_700_000_000_000_000,
        date_day=lambda _: 1_700_000_000_000_000,
        send=send,
    )


def test_a_pipeline_and_its_symbols_are_freed_together() -> None:
    """They know each other in circles, which the collector has to see through."""

    def live() -> tuple[object, ...]:
        desk = Desk(Options(pipeline=pipelines.COMPILED, symbol_count_max=4))
        for number in range(12):
            symbol = desk.live(f"S{number}")
            desk.board.variants.add(
                symbol.quote, symbol=symbol.name, kind=Kind.QUOTE, variant="250"
            )
            desk.feed(line("Q", "ba", symbol=symbol.name))
            desk.board.close(symbol)
            symbol.life = symbol  # type: ignore[assignment]
        return desk, desk.pipeline, desk.board

    kinds = (_pipeline.Topic, CompiledSymbol, _pipeline.Reader, _pipeline.SymbolTable)
    assert_freed(live, *kinds)


def assert_freed(make: Callable[[], tuple[object, ...]], *kinds: type) -> None:
    """What is made and let go is gone, and so is everything of some types that came with it."""
    gc.collect()
    before = {kind: count_of(kind) for kind in kinds}
    gone = [weakref.ref(each) for _ in range(5) for each in make()]
    gc.collect()
    assert [each() for each in gone] == [None] * len(gone)
    assert {kind: count_of(kind) for kind in kinds} == before


def count_of(kind: type) -> int:
    """Objects of a type that the collector knows."""
    return sum(isinstance(each, kind) for each in gc.get_objects())


def test_a_symbol_that_made_room_is_not_found_any_more() -> None:
    """Its name may be another symbol's by now, and its memory anybody's."""
    desk = Desk(Options(pipeline=pipelines.COMPILED, symbol_count_max=2))
    for turn in range(300):
        name = f"S{turn % 5}"
        desk.live(name)
        assert isinstance(desk.board.symbols, SymbolIndex)
        assert len(desk.board.symbols.table) == len(desk.board.symbols) <= 2
        moment = f"09:59:59.{turn:06}"
        desk.feed(line("Q", "ba", {"Bid Time": moment, "Ask Time": moment}, symbol=name))
        assert desk.one("quote")["symbol"] == name
        desk.board.close(desk.board.symbols[name])


def test_states_that_cannot_be_are_refused() -> None:
    """With an exception of Python's; the object is what it was."""
    desk = Desk(Options(pipeline=pipelines.COMPILED))
    symbol = desk.live()
    quote = symbol.quote.last
    for attribute, value in (
        *(("flags", -1), ("flags", 2**64), ("flags", "x"), ("line", "\u20ac"), ("line", None)),
        *(("bid_us", 2**63), ("bid_us", 1.5), ("summary_line", 7), ("last_conditions", b"x")),
    ):
        before = getattr(symbol, attribute)
        with pytest.raises((TypeError, ValueError, OverflowError)):
            setattr(symbol, attribute, value)
        assert getattr(symbol, attribute) == before, attribute
        with pytest.raises((TypeError, AttributeError)):
            delattr(symbol, attribute)
    for last in ("x", (1, "y" * 300), [1], (1, object())):
        with pytest.raises((TypeError, ValueError)):
            symbol.quote.last = last  # type: ignore[assignment]
        assert symbol.quote.last == quote
    symbol.cause = Cause.HALTED
    assert symbol.cause is Cause.HALTED
