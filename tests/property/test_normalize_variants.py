"""Conflated topics: the newest value in time, every update counted, staleness at once."""

from typing import Any

import msgpack
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.clock import FakeClock
from gateway.counters import Counters
from gateway.model.enums import Cause, SymbolState
from gateway.model.messages import Kind
from gateway.normalize.board import Board
from gateway.normalize.variants import INTERVAL_US_MIN, VariantPublisher
from gateway.wire.envelope import Envelope

SNAPSHOT, CONFLATED, STALE = 1, 8, 16
VARIANTS = ("1", "20", "250", "1000")
PER_TOPIC_MAX = 3


class VariantMachine(RuleBasedStateMachine):
    """One symbol's quote with variants that come and go, against everything that was published."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.frames: list[bytes] = []
        self.envelope = Envelope(epoch=1, send=self.frames.append)
        self.publisher = VariantPublisher(
            self.envelope, counters=Counters(), per_topic_max=PER_TOPIC_MAX
        )
        self.board = Board(
            envelope=self.envelope, clock=self.clock, symbol_count_max=9, variants=self.publisher
        )
        self.board.recover_upstream()
        self.symbol = self.board.open("A")
        self.board.hear(self.symbol)
        self.base: list[list[Any]] = []
        self.told: dict[str, list[tuple[list[Any], int]]] = {}
        """What came on each living variant, and when."""
        self.pending: dict[str, int] = {}
        """Updates that each has not stood for yet."""
        self.sequences: dict[str, int] = {}
        self.price = 0.0
        self.read()

    @property
    def now_us(self) -> int:
        """Monotonic."""
        return self.clock.monotonic_ns() // 1000

    def read(self) -> None:
        """Take what was published."""
        for frame in self.frames:
            kind, _, data = frame.split(b",", 2)
            body = msgpack.unpackb(data)
            if kind == b"quote":
                self.base.append(body)
                # What is repeated, being worth another thing now, is no update.
                updates = 0 if body[3] & SNAPSHOT else body[-1]
                for variant in self.pending:
                    self.pending[variant] += updates
            elif kind.startswith(b"quote@"):
                self.take(kind[6:].decode(), body)
        self.frames.clear()

    def take(self, variant: str, body: list[Any]) -> None:
        """Check one conflated message."""
        assert variant in self.told, "a message of a variant that is not there"
        last = self.base[-1]
        count = self.pending[variant]
        assert body[4:-1] == last[4:-1]
        assert body[-1] == max(count, 1)
        assert bool(body[3] & CONFLATED) is (count > 1)
        assert body[3] & STALE == last[3] & STALE
        if not count:
            assert body[3] & SNAPSHOT
        assert body[2] > self.sequences.get(variant, 0)
        if self.told[variant]:
            assert body[2] == self.told[variant][-1][0][2] + 1
            interval_us = max(int(variant) * 1000, INTERVAL_US_MIN)
            is_early = self.now_us - self.told[variant][-1][1] < interval_us
            is_repeat = bool(body[3] & SNAPSHOT)
            changed = body[3] & STALE != self.told[variant][-1][0][3] & STALE
            assert not is_early or changed or is_repeat
        self.sequences[variant] = body[2]
        self.told[variant].append((body, self.now_us))
        self.pending[variant] = 0

    @rule(merged=st.integers(1, 5))
    def quote(self, merged: int) -> None:
        """The vendor sends a quote, perhaps one that stands for several."""
        self.price += 0.25
        values = (self.price, 1, self.price + 1, 1, None, None, None, None, merged)
        self.envelope.publish(
            self.symbol.quote, values, flags=self.symbol.flags, recv_us=self.now_us, event_us=None
        )
        self.read()

    @rule(variant=st.sampled_from(VARIANTS))
    def subscribe(self, variant: str) -> None:
        """Somebody wants a variant."""
        made = self.publisher.add(self.symbol.quote, symbol="A", kind=Kind.QUOTE, variant=variant)
        if variant in self.told:
            assert made is not None
        elif len(self.told) >= PER_TOPIC_MAX:
            assert made is None
        else:
            assert made is not None
            self.told[variant] = []
            self.pending[variant] = 0

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def unsubscribe(self, data: st.DataObject) -> None:
        """The last one who wanted a variant leaves."""
        variant = data.draw(st.sampled_from(sorted(self.told)))
        assert self.publisher.drop(self.symbol.quote, variant)
        assert not self.publisher.drop(self.symbol.quote, variant)
        del self.told[variant], self.pending[variant]

    @rule(ms=st.integers(0, 400))
    def wait(self, ms: int) -> None:
        """Time passes, and what is due goes out when it is due."""
        end_us = self.now_us + ms * 1000
        while True:
            due_us = self.publisher.next_due_us()
            if due_us is None or due_us > end_us:
                break
            if due_us > self.now_us:
                self.clock.advance(seconds=(due_us - self.now_us) / 1e6)
            self.publisher.flush(self.now_us)
            self.read()
        if end_us > self.now_us:
            self.clock.advance(seconds=(end_us - self.now_us) / 1e6)

    @rule()
    def lose_the_upstream(self) -> None:
        """Whoever holds a conflated price must know at once that it may be old."""
        was_live = self.symbol.is_live
        self.board.lose_upstream(Cause.LINK_SILENT)
        self.read()
        if was_live and self.base:
            for messages in self.told.values():
                assert messages
                assert messages[-1][0][3] & STALE
        self.board.resume_upstream()
        self.read()
        assert self.symbol.state is SymbolState.LIVE

    @invariant()
    def everything_is_told_or_waits(self) -> None:
        """No update is forgotten: it was stood for, or it will be within the interval."""
        if not self.base:
            return
        for variant, count in self.pending.items():
            if count or not self.told[variant]:
                due_us = self.publisher.next_due_us()
                assert due_us is not None
                assert due_us <= self.now_us + max(int(variant) * 1000, INTERVAL_US_MIN)


VariantMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=40)
TestVariants = VariantMachine.TestCase
