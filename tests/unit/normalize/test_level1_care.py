"""What is noticed although no line says it: no answer, silence, and doubts that are over."""

from itertools import pairwise

import pytest

from gateway.counters import Counter
from gateway.model.enums import Cause, SymbolState
from gateway.normalize.level1_care import SLICES, Level1Care
from tests.unit.normalize.line_desk import Desk, another, line

pytestmark = pytest.mark.usefixtures("pipeline_name")

LOOK_S = 0.5
BUDGET = 5


class Bench:
    """A desk, its care, and what was asked."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.desk.clock.advance(seconds=100.0)
        self.audited: list[str] = []
        self.asked: list[str] = []
        self.heard_ns: int | None = None
        """When the connection was heard last; None for all the time."""
        self.care = Level1Care(
            self.desk.board,
            clock=self.desk.clock,
            counters=self.desk.counters,
            refreshes_per_second_max=BUDGET,
            heard_ns=lambda _: self.heard_ns or self.desk.clock.monotonic_ns(),
            on_audit=self.audited.append,
            on_unanswered=self.asked.append,
        )
        self.desk.board.on_silent = self.asked.append

    def look(self, count: int = 1) -> None:
        """Let so many looks at every symbol pass, half a second each."""
        for _ in range(count):
            for _ in range(SLICES):
                self.desk.clock.advance(seconds=LOOK_S / SLICES)
                self.care.look()

    def busy(self, symbol: str = "AAPL", looks: int = 10) -> None:
        """Let a symbol have an update between any two looks."""
        for _ in range(looks):
            self.desk.feed(another("Q", "ba", symbol=symbol))
            self.look()
        self.desk.raw.clear()

    def count(self, counter: Counter) -> int:
        """A counter's number."""
        return self.desk.count(counter)


@pytest.fixture
def bench() -> Bench:
    """One symbol that is live and has an update all the time."""
    bench = Bench()
    bench.desk.live()
    bench.busy()
    return bench


def test_a_busy_symbol_is_suspected_within_two_seconds(bench: Bench) -> None:
    """And asked about once."""
    bench.look(4)
    assert bench.audited == ["AAPL"]
    assert bench.count(Counter.SYMBOLS_AUDITED) == 1
    assert bench.desk.take() == [], "a suspicion is nobody else's business"


def test_an_answer_that_is_known_changes_nothing_and_is_not_published(bench: Bench) -> None:
    """The symbol is merely quiet; it is asked about ever more rarely."""
    known = bench.desk.board.symbols["AAPL"].line
    bench.look(4)
    bench.desk.feed(f"P{known[1:]}")
    assert bench.desk.take() == []
    assert bench.asked == []
    audits: list[int] = []
    for number in range(400):
        bench.look()
        if bench.audited != ["AAPL"] * (1 + len(audits)):
            audits.append(number)
            bench.desk.feed(f"P{known[1:]}")
    assert 1 <= len(audits) <= 6
    assert bench.desk.take() == []


def test_an_answer_that_is_news_shows_that_the_symbol_was_silent(bench: Bench) -> None:
    """Stale at once, its watch is made anew, and the next values bring it back."""
    bench.look(4)
    bench.desk.feed(line("P", "Cba", {"Bid": "150.0000", "Ask": "150.0100"}))
    states = [(f["state"], f["cause"]) for f in bench.desk.take("state")]
    assert states[0] == ("stale", "symbol_silent")
    assert bench.asked == ["AAPL"]
    bench.desk.feed(line("P", "Cba", {"Bid": "150.0000", "Ask": "150.0100"}))
    assert bench.desk.board.symbols["AAPL"].is_live
    assert bench.count(Counter.SYMBOLS_SILENT) == 1


def test_no_answer_at_all_is_silence_too(bench: Bench) -> None:
    """The values are not even told when asked for."""
    bench.look(8)
    assert bench.desk.board.symbols["AAPL"].cause is Cause.SYMBOL_SILENT
    assert bench.asked == ["AAPL"]
    bench.look(4)
    assert len(bench.asked) >= 2, "asked for until it answers"


def test_no_answer_on_a_silent_connection_is_no_news_of_the_symbol(bench: Bench) -> None:
    """The connection's own silence is told as such, for all its symbols."""
    bench.heard_ns = bench.desk.clock.monotonic_ns()
    bench.look(20)
    assert bench.audited == ["AAPL"]
    assert bench.desk.board.symbols["AAPL"].is_live
    bench.heard_ns = None
    bench.look()
    assert bench.desk.board.symbols["AAPL"].cause is Cause.SYMBOL_SILENT


def test_symbols_that_never_answer_keep_no_audit_waiting(bench: Bench) -> None:
    """They are asked for again and again, within a budget of their own."""
    for number in range(90):
        bench.desk.board.open(f"DEAD{number}")
    bench.busy(looks=20)
    bench.look(4)
    assert bench.count(Counter.REFRESHES_REFUSED) > 0
    assert bench.audited == ["AAPL"]


def test_a_symbol_that_was_silent_once_is_noticed_as_soon_again(bench: Bench) -> None:
    """It was busy all the time; only what is found quiet may be quiet for longer."""
    bench.look(4)
    answer = another("P", "ba", {"Bid": "151.0000"})
    bench.desk.feed(answer, another("P", "ba", {"Bid": "151.0000"}))
    assert bench.desk.board.symbols["AAPL"].is_live
    bench.busy(looks=6)
    bench.look(4)
    assert bench.audited == ["AAPL"] * 2


def test_a_symbol_that_becomes_busy_again_is_soon_known_to_be(bench: Bench) -> None:
    """A quiet moment was found to be no silence; that is forgotten within seconds."""
    bench.look(4)
    bench.desk.feed(f"P{bench.desk.board.symbols['AAPL'].line[1:]}")
    bench.busy(looks=16)
    bench.look(8)
    assert bench.audited == ["AAPL"] * 2


def test_a_symbol_that_speaks_again_is_not_doubted(bench: Bench) -> None:
    """Between the question and its answer an update came."""
    bench.look(4)
    text = another("Q", "ba", {"Bid": "151.0000"})
    bench.desk.feed(text, f"P{text[1:]}")
    bench.look(2)
    assert bench.desk.board.symbols["AAPL"].is_live
    assert bench.asked == []


def test_a_slow_symbol_may_be_quiet_for_longer() -> None:
    """One update in ten seconds says nothing after twenty."""
    bench = Bench()
    bench.desk.live()
    for _ in range(8):
        bench.desk.feed(another("Q", "ba"))
        bench.look(20)
    bench.look(40)
    assert bench.audited == []


def test_a_halted_symbol_is_quiet_for_a_reason(bench: Bench) -> None:
    """Nobody asks why."""
    bench.desk.feed(another("Q", "O", {"Most Recent Trade Conditions": "21", "TickID": "5000"}))
    bench.look(40)
    assert bench.audited == []


def test_the_market_closes_within_the_budget() -> None:
    """Everything falls silent at once, and the vendor is asked at a bearable pace."""
    bench = Bench()
    names = [f"SYM{number}" for number in range(40)]
    for name in names:
        bench.desk.live(name)
    for _ in range(10):
        for name in names:
            bench.desk.feed(another("Q", "ba", symbol=name))
        bench.look()
    answered = 0
    for number in range(60):
        bench.look()
        for name in bench.audited[answered:]:
            bench.desk.feed(f"P{bench.desk.board.symbols[name].line[1:]}")
        answered = len(bench.audited)
        assert answered <= BUDGET * (number / 2 + 2)
    assert bench.count(Counter.REFRESHES_REFUSED) > 0
    assert set(bench.audited) == set(names), "who had to wait had its turn"
    assert bench.asked == []


def test_a_watch_without_an_answer_is_repeated_ever_more_slowly() -> None:
    """Its first request may have been lost; no answer may also be the vendor's last word."""
    bench = Bench()
    bench.desk.board.open("AAPL")
    times: list[int] = []
    for number in range(200):
        bench.look()
        if len(bench.asked) > len(times):
            times.append(number)
    waits = [after - before for before, after in pairwise(times)]
    assert 3 <= times[0] <= 5
    assert waits[:3] == [8, 16, 32]
    assert bench.count(Counter.WATCHES_REPEATED) == len(times)


def test_nothing_is_asked_while_the_connection_is_down(bench: Bench) -> None:
    """Everything is asked for anyway when it is back."""
    bench.desk.board.open("MSFT")
    bench.desk.board.lose_upstream(Cause.IQCONNECT_DOWN)
    bench.look(60)
    assert (bench.audited, bench.asked) == ([], [])


def test_a_refused_symbol_is_left_alone() -> None:
    """The vendor has said its word."""
    bench = Bench()
    bench.desk.board.open("AAPL")
    bench.desk.board.refuse("AAPL", Cause.SYMBOL_NOT_FOUND)
    bench.look(60)
    assert (bench.audited, bench.asked) == ([], [])


def test_a_doubt_ends_when_it_is_over(bench: Bench) -> None:
    """Five seconds after the last implausible message, and not while it stands."""
    bench.desk.feed(another("Q", "ba", {"Bid": "190.0000", "Ask": "180.0000"}))
    bench.look(30)
    symbol = bench.desk.board.symbols["AAPL"]
    assert symbol.attention.reason == "crossed", "the last quote is still crossed"
    recv_us = bench.desk.clock.utc_us()
    bench.desk.feed(another("Q", "ba"), recv_us=recv_us)
    bench.look()
    assert symbol.attention.reason is None
    assert symbol.state is SymbolState.LIVE
