"""Any order of lines, losses, recoveries, closings and timers, against what readers may rely on."""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.errors import QuotaExceeded
from gateway.model.enums import Cause
from schemas.reference_codec import ReferenceCodec
from tests.support.pipelines import COMPILED, PYTHON
from tests.unit.normalize.line_desk import (
    CONFLATED,
    DELAYED,
    INTERVAL_US,
    SNAPSHOT,
    STALE,
    Desk,
    Frame,
    Options,
    line,
)

CODEC = ReferenceCodec()
SYMBOLS = st.sampled_from(["AAPL", "MSFT", "GLD", "SPY"])
LOSSES = st.sampled_from([Cause.IQCONNECT_DOWN, Cause.DTN_LINK_DOWN, Cause.LINK_SILENT])
REFUSALS = st.sampled_from([Cause.SYMBOL_NOT_FOUND, Cause.SYMBOL_LIMIT])
CONTENTS = st.sampled_from(["ba", "b", "a", "C", "Cbav", "E", "Ov", "v", "h", "Cbaohlc", "", "z"])
VALUES = ("quote", "summary")


class Feed(RuleBasedStateMachine):
    """Four symbols in room for three, and a reader that believes only what it is sent."""

    pipeline = PYTHON

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(Options(symbol_count_max=3, is_whole=False, pipeline=self.pipeline))
        self.delayed = 0
        self.price = 100_000
        self.sequences: dict[tuple[str, str], int] = {}
        self.states: dict[str, str] = {}
        self.seen: dict[tuple[str, str], Frame] = {}
        self.fed: dict[str, float] = {}
        self.updates: dict[str, int] = {}
        self.merged: dict[str, int] = {}
        self.unheard: set[str] = set()
        self.holes: set[tuple[str, str]] = set()

    def look(self, *, is_repeat: bool) -> list[Frame]:
        """Check every frame sent by the last step, as a reader would."""
        for raw in self.desk.raw:
            CODEC.decode(raw)
        frames = self.desk.take()
        for frame in frames:
            kind, symbol, flags = frame["kind"], frame["symbol"], frame["flags"]
            topic = kind, symbol
            self.check_sequence(topic, frame)
            assert flags & DELAYED == self.delayed
            if kind == "state":
                self.states[symbol] = frame["state"]
                continue
            if kind != "fundamental":
                is_stale = self.states.get(symbol) != "live"
                assert bool(flags & STALE) == is_stale, frame
            if kind in VALUES:
                assert bool(flags & CONFLATED) == (frame["merged"] > 1)
            if kind == "summary" and not is_repeat:
                self.merged[symbol] = self.merged.get(symbol, 0) + frame["merged"]
            self.seen[topic] = frame
        return frames

    def check_sequence(self, topic: tuple[str, str], frame: Frame) -> None:
        """Dense; only after an eviction may there be a hole, and never a step back."""
        last = self.sequences.get(topic)
        if last is not None and topic not in self.holes:
            assert frame["sequence"] == last + 1
        assert frame["sequence"] > (last or 0)
        self.holes.discard(topic)
        self.sequences[topic] = frame["sequence"]

    def note_evictions(self, before: set[str]) -> None:
        """Every topic of a symbol that had to make room may continue with a hole."""
        for symbol in before - set(self.desk.board.symbols):
            kinds = ("quote", "trade", "summary", "state", "fundamental", "regional", "correction")
            self.holes |= {(kind, symbol) for kind in kinds}

    def feed(self, *lines: str) -> list[Frame]:
        """Feed lines and look."""
        self.desk.feed(*lines)
        return self.look(is_repeat=False)

    def flush(self) -> None:
        """Publish what waits: nobody closes a symbol in the middle of an interval here."""
        self.desk.pipeline.flush_all()
        self.look(is_repeat=False)

    @rule(symbol=SYMBOLS)
    def open(self, symbol: str) -> None:
        """Somebody wants a symbol."""
        self.flush()
        before = set(self.desk.board.symbols)
        try:
            self.desk.board.open(symbol)
        except QuotaExceeded:
            wanted = list(self.desk.board.wanted())
            assert len(wanted) == 3
        self.note_evictions(before)
        self.look(is_repeat=True)

    @rule(symbol=SYMBOLS)
    def close(self, symbol: str) -> None:
        """Nobody wants it any more."""
        self.flush()
        known = self.desk.board.symbols.get(symbol)
        if known is not None:
            self.desk.board.close(known)
        self.look(is_repeat=True)

    @rule(symbol=SYMBOLS, cause=REFUSALS)
    def refuse(self, symbol: str, cause: Cause) -> None:
        """The vendor will not deliver it."""
        self.desk.board.refuse(symbol, cause)
        self.look(is_repeat=True)

    @rule(cause=LOSSES)
    def lose(self, cause: Cause) -> None:
        """The upstream breaks."""
        self.flush()
        self.desk.board.lose_upstream(cause)
        self.look(is_repeat=True)
        assert "live" not in {state.state for state in self.desk.board.wanted()}

    @rule()
    def recover(self) -> None:
        """The upstream is whole, values are to be asked for."""
        self.flush()
        if self.desk.board.down_causes[0] is not None:
            asked = self.desk.board.recover_upstream()
            assert all(symbol.state in ("pending", "recovering") for symbol in asked)
            self.unheard |= {symbol.name for symbol in asked}
        self.look(is_repeat=True)

    @rule()
    def resume(self) -> None:
        """A silence is over."""
        self.flush()
        refused = {symbol.name for symbol in self.desk.board.wanted() if symbol.state == "refused"}
        if self.desk.board.down_causes[0] is not None:
            self.desk.board.resume_upstream()
        self.look(is_repeat=True)
        assert all(self.states[name] == "refused" for name in refused)

    @rule()
    def reconnect(self) -> None:
        """The connection is replaced."""
        names = self.desk.options.names
        self.desk.pipeline.reset()
        self.desk.pipeline.select(names or ())
        self.look(is_repeat=False)

    @rule(symbol=SYMBOLS, contents=CONTENTS, letter=st.sampled_from("QQQP"))
    def price_line(self, symbol: str, contents: str, letter: str) -> None:
        """One line with a price never seen before."""
        self.price += 1
        text = f"{self.price / 1000:.3f}"
        columns = dict.fromkeys(("Bid", "Last", "Most Recent Trade"), text)
        known = self.desk.board.symbols.get(symbol)
        is_heard = known is not None and known.state != "closed"
        was_live = known is not None and known.is_live
        frames = self.feed(line(letter, contents, columns, symbol=symbol))
        trades = [frame for frame in frames if frame["kind"] == "trade"]
        quotes = [frame for frame in frames if frame["kind"] == "quote"]
        self.unheard.discard(symbol)
        is_back = is_heard and not was_live and self.states.get(symbol) == "live"
        is_full = letter == "P" or is_back
        has_trade = letter == "Q" and any(basis in contents for basis in "CEO")
        has_quote = is_full or any(side in contents for side in "ba")
        assert [trade["price"] for trade in trades] == [float(text)] * (has_trade and is_heard)
        assert [quote["bid"] for quote in quotes] == [float(text)] * (has_quote and is_heard)
        assert all(bool(quote["flags"] & SNAPSHOT) == (letter == "P") for quote in quotes)
        has_summary = is_full or has_trade or any(part in contents for part in "ohlcsv")
        if is_heard and has_summary:
            self.fed[symbol] = float(text)
            self.updates[symbol] = self.updates.get(symbol, 0) + 1

    @rule(symbol=SYMBOLS)
    def rare_lines(self, symbol: str) -> None:
        """F, R and C lines."""
        self.feed(
            f"F,{symbol},5,",
            f"R,{symbol},5,1,1,,2,2,,14,4,11,",
            f"C,{symbol},X,,,,1.5,1,1,,19,",
        )

    @rule(is_delayed=st.booleans())
    def delay(self, is_delayed: bool) -> None:
        """The account's feed becomes delayed, or real."""
        self.desk.board.set_delayed(is_delayed)
        self.delayed = DELAYED * is_delayed

    @rule(seconds=st.sampled_from([0.01, 0.3, 3600.0, -3600.0]))
    def pass_time(self, seconds: float) -> None:
        """Time passes, or the host's clock is set; the timer looks for summaries."""
        self.desk.clock.step_wall(seconds=seconds)
        self.desk.pipeline.flush(self.desk.clock.utc_us())
        self.look(is_repeat=False)

    @rule()
    def all_summaries_come(self) -> None:
        """After an interval the last value of every symbol has been published, none unsaid."""
        self.desk.pipeline.flush(self.desk.clock.utc_us() + INTERVAL_US)
        self.look(is_repeat=False)
        for symbol, price in self.fed.items():
            assert self.seen["summary", symbol]["last"] == price
            assert self.merged[symbol] == self.updates[symbol]

    @invariant()
    def snapshots_agree_with_the_last_message(self) -> None:
        """What a late joiner is told is what everybody else was told last."""
        for name, symbol in self.desk.board.symbols.items():
            for kind in ("quote", "trade", "summary"):
                answer = self.desk.answer(f"{kind},{name},")
                assert answer["type"] == 9 or answer["flags"] & SNAPSHOT
                if answer["type"] == 9 or answer[self.value_of(kind)] is None:
                    continue
                self.check_answer(kind, name, answer, is_live=symbol.is_live)

    def check_answer(self, kind: str, name: str, answer: dict[str, Any], *, is_live: bool) -> None:
        """The same values and sequence, STALE exactly when the symbol is not live."""
        last = self.seen[kind, name]
        assert answer[self.value_of(kind)] == last[self.value_of(kind)]
        assert answer["sequence"] == last["sequence"] == self.sequences[kind, name]
        if kind in VALUES or not is_live:
            assert bool(answer["flags"] & STALE) == (not is_live)

    @staticmethod
    def value_of(kind: str) -> str:
        """The item that was fed as a new price."""
        return {"quote": "bid", "trade": "price", "summary": "last"}[kind]

    @invariant()
    def what_was_asked_for_is_live_only_once_it_was_answered(self) -> None:
        """Neither the end of a silence nor anything else stands in for the vendor's line."""
        for symbol in self.desk.board.wanted():
            assert not (symbol.is_live and symbol.name in self.unheard)

    @invariant()
    def nothing_went_wrong(self) -> None:
        """No bug of ours was caught on the way."""
        assert self.desk.counters.as_map()["processing_faults"] == 0
        assert len(self.desk.board.symbols) <= 3


class CompiledFeed(Feed):
    """The same with the compiled pipeline."""

    pipeline = COMPILED


TestFeed = pytest.mark.slow(Feed.TestCase)
TestCompiledFeed = pytest.mark.usefixtures("compiled")(pytest.mark.slow(CompiledFeed.TestCase))
