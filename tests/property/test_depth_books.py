"""For any course of events: the vendor's book = the gateway's = a client's mirror, or it says not.

A model of the vendor changes its book, loses its link, forgets to clear, replays, falls silent; a
mirror that sees every frame must hold the vendor's rows whenever the symbol is live, and one that
loses frames at random must hold the gateway's rows or know that it does not.
"""

from typing import Any, ClassVar, Final

import pytest
from gateway_client import BookMirror, SequenceGap, decode_frame
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.model.enums import Cause, SymbolState
from gateway.normalize.depths import Depth
from gateway.policy.demand import Service
from gateway.wire.codec import Encoded
from gateway.wire.topics import parse_topic
from tests.support import books
from tests.support.depth_bench import DepthBench
from tests.support.pipelines import COMPILED, PYTHON, names_here

SYMBOL: Final = "@ESZ26"
AT: Final = "10:00:00.000001,2026-11-20"
SIDES = st.sampled_from("BA")
TICKS = st.integers(1, 6)
SIZES = st.integers(1, 50)
KEYS = st.integers(1, 12)
Row = tuple[str, float, int]
"""Side, price and size."""


class Vendor:
    """The truth of one symbol, and how the vendor writes it down."""

    def __init__(self, style: str) -> None:
        self.style = style
        self.rows: dict[object, Row] = {}

    @property
    def request(self) -> str:
        """What the gateway asks for it."""
        return f"{'WPL' if self.style == 'levels' else 'WOR'},{SYMBOL}"

    def key(self, number: int, side: str, price: float) -> object:
        """What a row is known by."""
        if self.style == "orders":
            return number
        return (f"MM{number:02}", side) if self.style == "makers" else (side, price)

    def line(self, letter: str, key: Any, row: Row | None = None) -> str:
        """A row in the layout of this kind of book; the deletion of one without a row."""
        if self.style == "levels":
            side, price = key
            if row is None:
                return f"9,{SYMBOL},{side},{price:.2f},{AT},"
            kind = {"6": "7"}.get(letter, "8")
            return f"{kind},{SYMBOL},{side},{price:.2f},{row[2]},3,2,{AT},"
        number, maker = (key, "") if self.style == "orders" else ("", key[0])
        if row is None:
            side = self.rows[key][0]
            return f"5,{SYMBOL},{number},{maker},{side},,2026-11-20,"
        side, price, size = row
        return f"{letter},{SYMBOL},{number},{maker},{side},{price:.2f},{size},{number},2,{AT},"

    def put(self, number: int, side: str, ticks: int, size: int) -> str:
        """Add or change a row; an order keeps its side."""
        price = 100.0 + (ticks if side == "A" else -ticks) * 0.25
        key = self.key(number, side, price)
        before = self.rows.get(key)
        if before is not None and self.style == "orders":
            side = before[0]
            price = 100.0 + (ticks if side == "A" else -ticks) * 0.25
        self.rows[key] = (side, price, size)
        letter = "3" if before is None and self.style == "orders" else "4"
        return self.line(letter, key, self.rows[key])

    def drop(self, number: int) -> str | None:
        """Delete one row, if there is any."""
        if not self.rows:
            return None
        key = list(self.rows)[number % len(self.rows)]
        line = self.line("5", key)
        del self.rows[key]
        return line

    def summary(self) -> list[str]:
        """The whole book."""
        return [self.line("6", key, row) for key, row in self.rows.items()]

    def truth(self) -> set[tuple[object, Row]]:
        """The rows, to be compared."""
        return set(self.rows.items())


class DepthBooks(RuleBasedStateMachine):
    """Vendor, gateway and two mirrors."""

    name: ClassVar = PYTHON
    """Which pipeline the gateway reads with."""

    def __init__(self) -> None:
        super().__init__()
        self.is_link_up = True
        self.is_streaming = True

    @initialize(style=st.sampled_from(["orders", "makers", "levels"]))
    def begin(self, style: str) -> None:
        """Watch the symbol and hear its first rows."""
        self.vendor = Vendor(style)
        self.bench = DepthBench(pipeline=self.name)
        self.kind = "depth" if style == "levels" else "order"
        self.mirror = BookMirror(self.kind, SYMBOL)
        self.lossy = BookMirror(self.kind, SYMBOL)
        self.history: dict[int, set[tuple[object, Row]]] = {}
        self.book: list[Any] = []
        self.is_losing = False
        wanted = Service.LEVELS if style == "levels" else Service.ORDERS
        self.bench.want(SYMBOL, wanted)
        if style != "levels":
            self.bench.want(SYMBOL, Service.BOOK)
        self.bench.upstream.take()
        self.vendor.put(1, "B", 1, 5)
        self.vendor.put(2, "A", 1, 5)
        self.send(*self.vendor.summary())

    def send(self, *lines: str) -> None:
        """Let lines arrive, and hand the frames to the mirrors."""
        self.bench.feed(*lines)
        self.deliver()

    def deliver(self) -> None:
        """Give every frame to the attentive mirror, and some to the other."""
        frames, self.bench.frames[:] = list(self.bench.frames), []
        for frame in frames:
            message: Any = decode_frame(frame)
            if message.kind == "book":
                self.book = [message.bids, message.asks, message.flags]
            if message.kind != self.kind:
                continue
            self.mirror.apply(message)
            if not self.is_losing:
                try:
                    self.lossy.apply(message)
                except SequenceGap:
                    assert not self.lossy.is_current
        self.history[self.mirror.sequence] = rows_of(self.mirror)

    @property
    def depth(self) -> Depth:
        """The gateway's side."""
        return self.bench.depths.depths[SYMBOL]

    @rule(number=KEYS, side=SIDES, ticks=TICKS, size=SIZES)
    def change(self, number: int, side: str, ticks: int, size: int) -> None:
        """A row appears or changes; nobody hears of it while the link is down."""
        line = self.vendor.put(number, side, ticks, size)
        if self.is_streaming:
            self.send(line)

    @rule(number=KEYS)
    def delete(self, number: int) -> None:
        """A row goes; nobody hears of it while the link is down."""
        line = self.vendor.drop(number)
        if line is not None and self.is_streaming:
            self.send(line)

    @rule(number=st.integers(50, 60))
    def delete_unknown(self, number: int) -> None:
        """A deletion of what is not there changes nothing."""
        if self.is_streaming and self.vendor.style == "orders":
            self.send(f"5,{SYMBOL},{number},,B,{AT},")

    @rule()
    def replay(self) -> None:
        """The vendor repeats its summary on the living socket: rows we hold already."""
        if self.is_streaming:
            self.send(*self.vendor.summary())

    @rule()
    def clear_depth(self) -> None:
        """A session reset: the vendor clears both sides and fills them anew."""
        if self.is_streaming:
            self.vendor.rows.clear()
            self.send(f"S,CLEAR DEPTH,{SYMBOL},B,", f"S,CLEAR DEPTH,{SYMBOL},A,")
            self.send(self.vendor.put(1, "B", 2, 9))

    @precondition(lambda self: self.is_streaming)
    @rule()
    def lose_dtn(self) -> None:
        """IQConnect loses DTN; our socket stays."""
        self.is_streaming = False
        self.bench.depths.lose_upstream(Cause.DTN_LINK_DOWN)
        self.deliver()

    @precondition(lambda self: not self.is_streaming and self.is_link_up)
    @rule(clears=st.booleans(), replays=st.booleans())
    def regain_dtn(self, clears: bool, replays: bool) -> None:
        """DTN is back: perhaps a clear, perhaps a replay unasked, then what was asked for."""
        self.is_streaming = True
        self.bench.desk.ask_refresh()
        if clears:
            self.send(f"S,CLEAR DEPTH,{SYMBOL},B,", f"S,CLEAR DEPTH,{SYMBOL},A,")
        if replays:
            self.send(*self.vendor.summary())
        assert self.vendor.request in self.bench.upstream.take()
        self.send(*self.vendor.summary())

    @precondition(lambda self: self.is_link_up)
    @rule()
    def lose_socket(self) -> None:
        """Our connection breaks."""
        self.is_streaming = self.is_link_up = False
        self.bench.pipeline.reset()
        self.bench.depths.lose_upstream(Cause.IQCONNECT_DOWN)
        self.deliver()

    @precondition(lambda self: not self.is_link_up)
    @rule()
    def connect(self) -> None:
        """A new connection: everything is asked for anew."""
        self.is_streaming = self.is_link_up = True
        self.bench.upstream.take()
        self.bench.desk.ask_again()
        asked = self.bench.upstream.take()
        assert self.vendor.request in asked
        self.send(*self.vendor.summary())

    @rule()
    def fall_silent(self) -> None:
        """A silence in which nothing was lost."""
        if self.is_streaming:
            self.bench.depths.lose_upstream(Cause.LINK_SILENT)
            self.bench.depths.resume_upstream()
            self.deliver()

    @rule(seconds=st.sampled_from([0.01, 0.06, 0.25, 1.0]))
    def pass_time(self, seconds: float) -> None:
        """Books settle and are published."""
        self.bench.pass_time(seconds)
        self.deliver()

    @rule(is_losing=st.booleans())
    def change_luck(self, is_losing: bool) -> None:
        """The second mirror loses everything for a while."""
        self.is_losing = is_losing

    @rule()
    def join(self) -> None:
        """The second mirror asks for an image; one may come with no rows known yet."""
        frame = self.image_frame()
        if frame is not None and not self.is_losing:
            try:
                self.lossy.apply(decode_frame(frame))
            except SequenceGap:
                assert not self.lossy.is_current

    @rule()
    def restart_gateway(self) -> None:
        """Another run with a later epoch: mirrors begin anew and know it."""
        if not self.is_streaming:
            return
        epoch = self.bench.board.envelope.epoch + 1
        self.bench = DepthBench(epoch=epoch, pipeline=self.name)
        self.history.clear()
        self.bench.want(SYMBOL, Service.LEVELS if self.kind == "depth" else Service.ORDERS)
        if self.kind == "order":
            self.bench.want(SYMBOL, Service.BOOK)
        self.bench.upstream.take()
        self.send(*self.vendor.summary())

    @invariant()
    def rows_are_the_vendors_when_live(self) -> None:
        """What is called live is true, row by row, in the gateway and in the mirror."""
        if not hasattr(self, "vendor") or self.depth.standing.state is not SymbolState.LIVE:
            return
        assert gateway_rows(self.depth, self.kind) == self.vendor.truth()
        if self.mirror.is_current:
            assert rows_of(self.mirror) == self.vendor.truth()
        frame = self.image_frame()
        if frame is not None:
            image: Any = decode_frame(frame)
            assert len(image.rows) == len(self.vendor.rows)

    def image_frame(self) -> bytes | None:
        """The gateway's image, as on a public topic; None when it says why there is none."""
        answer = self.bench.answers.answer(parse(f"{self.kind},{SYMBOL},"))
        if isinstance(answer, Encoded):
            return f"{self.kind},{SYMBOL},".encode() + answer.data
        return None

    @invariant()
    def mirrors_are_right_or_know_better(self) -> None:
        """A mirror that calls itself current holds the gateway's rows of its sequence."""
        if not hasattr(self, "vendor"):
            return
        for mirror in (self.mirror, self.lossy):
            if mirror.is_current and mirror.epoch == self.bench.board.envelope.epoch:
                known = self.history.get(mirror.sequence)
                assert known is None or rows_of(mirror) == known

    @invariant()
    def the_published_book_is_the_top(self) -> None:
        """Once its interval has passed, the last book shows the best levels."""
        if not hasattr(self, "vendor") or self.kind == "depth":
            return
        if self.depth.standing.state is not SymbolState.LIVE:
            return
        self.bench.pass_time(0.06)
        self.deliver()
        bids, asks, flags = self.book
        assert not flags & 16
        for side, levels in (("B", bids), ("A", asks)):
            sums: dict[float, int] = {}
            for row_side, price, size in self.vendor.rows.values():
                if row_side == side:
                    sums[price] = sums.get(price, 0) + size
            best = sorted(sums.items(), reverse=side == "B")[:10]
            assert [(level.price, level.size) for level in levels] == best


def parse(topic: str) -> Any:
    """A topic, taken apart."""
    return parse_topic(topic.encode())


def rows_of(mirror: BookMirror) -> set[tuple[object, Row]]:
    """A mirror's rows in the vendor model's form."""
    return {model_row(list(row)) for row in mirror.rows()}


def gateway_rows(depth: Depth, kind: str) -> set[tuple[object, Row]]:
    """The gateway's rows in the vendor model's form."""
    book = depth.levels if kind == "depth" else depth.orders
    return {model_row(list(row)) for row in books.rows_of(book)}


def model_row(row: list[Any]) -> tuple[object, Row]:
    """A row of an image in the vendor model's form."""
    if len(row) == 6:
        return (row[1], row[2]), (row[1], row[2], row[3])
    key = row[2] if row[2] is not None else (row[3], row[1])
    return key, (row[1], row[4], row[5])


class CompiledDepthBooks(DepthBooks):
    """With the compiled pipeline."""

    name = COMPILED


DepthBooks.TestCase.settings = settings(stateful_step_count=40)
CompiledDepthBooks.TestCase.settings = settings(stateful_step_count=40)
TestDepthBooks = DepthBooks.TestCase
TestCompiledDepthBooks = pytest.mark.skipif(
    COMPILED not in names_here(), reason="the compiled pipeline was not built"
)(CompiledDepthBooks.TestCase)
