"""IQConnect closes the Level 1 connection: old prices look old, and everything comes back."""

import time
from collections import defaultdict
from collections.abc import Iterable

import psutil
import pytest

from gateway.simulator import Simulator
from tests.support.consumer import SNAPSHOT, STALE, Consumer, Message
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.stage import Stage, scripted, simulated

pytestmark = pytest.mark.slow
EAGER = {"retry_backoff_max": 0.2, "enable_circuit_breaker": False}
"""Every attempt at once: what repeats is to be tested, not the patience between repetitions."""
SYMBOL_COUNT = 50
KINDS = ("quote", "trade", "summary", "state")
RECOVERY_S_MAX = 3.0
TRADES_BETWEEN_CUTS = 100
Trade = tuple[float, int, int, str]


def equities(simulator: Simulator, count: int) -> list[str]:
    """Symbols of the seeded market that trade."""
    instruments = simulator._source.market.instruments.values()  # type: ignore[union-attr]
    return [i.symbol for i in instruments if i.weight and i.security_type == 1][:count]


def watch_all(stage: Stage, symbols: Iterable[str]) -> Consumer:
    """A consumer of everything about some symbols, once all are live and have a summary."""
    names = list(symbols)
    topics = [f"{kind},{symbol}," for symbol in names for kind in KINDS]
    consumer = stage.consumer("sys,feed,", *topics)
    consumer.wait_for_all(
        {f"summary,{symbol}," for symbol in names}, lambda _: True, what="summaries", seconds=10.0
    )
    return consumer


def expected_trades(simulator: Simulator) -> dict[str, list[Trade]]:
    """What the simulator sent, by symbol."""
    sent: dict[str, list[Trade]] = defaultdict(list)
    for trade in simulator.expected_trades:
        sent[trade.symbol].append((float(trade.price), trade.size, int(trade.tick_id), trade.basis))
    return sent


def assert_subsequence(seen: list[Trade], sent: list[Trade]) -> None:
    """Every trade seen was sent, in that order and no more often."""
    left = iter(sent)
    for trade in seen:
        assert trade in left, f"{trade} was never sent, or out of order, or twice"


def test_every_symbol_turns_stale_and_comes_back() -> None:
    """No consumer keeps a fresh-looking price of a dead feed, and none has to do anything."""
    with simulated(rate=800.0, record_trades=True) as stage:
        symbols = equities(stage.simulator, SYMBOL_COUNT)
        consumer = watch_all(stage, symbols)
        cut_s = time.monotonic()
        stage.run(stage.simulator.drop_level1_clients())
        states = {f"state,{symbol}," for symbol in symbols}
        stale = consumer.wait_for_all(
            states, lambda m: m.values[:2] == ["stale", "iqconnect_down"], what="stale", seconds=2.0
        )
        live = consumer.wait_for_all(
            states, lambda m: m.values[:2] == ["live", None], what="live", seconds=RECOVERY_S_MAX
        )
        print(f"detected {stale[0].at_s - cut_s:.3f} s, all {stale[-1].at_s - cut_s:.3f} s,")
        print(f"all {SYMBOL_COUNT} live again {live[-1].at_s - cut_s:.3f} s after the cut")
        consumer.wait_for_all(
            {f"quote,{symbol}," for symbol in symbols},
            lambda m: not m.flags & STALE,
            what="fresh quotes",
            seconds=5.0,
        )
        for symbol in symbols:
            assert_stale_in_between(consumer.messages, symbol, after_s=cut_s)
        assert stage.simulator.statistics()["watches"] == SYMBOL_COUNT
        assert {m.epoch for m in consumer.messages} == {stage.gateway.epoch}
        consumer.history.check()


def assert_stale_in_between(messages: list[Message], symbol: str, *, after_s: float) -> None:
    """From stale to live: last values repeated at once, and nothing that looks fresh."""
    own = [m for m in messages if m.symbol == symbol and m.at_s >= after_s]
    words = [m.values[0] if m.kind == "state" else "" for m in own]
    begin, end = words.index("stale"), words.index("live")
    outage = own[begin:end]
    for kind in ("quote", "summary"):
        repeated = next(m for m in outage if m.kind == kind)
        assert repeated.flags & (SNAPSHOT | STALE) == SNAPSHOT | STALE
        before = [
            m for m in messages if m.topic == repeated.topic and m.sequence < repeated.sequence
        ]
        assert repeated.values == before[-1].values
    assert all(m.flags & STALE for m in outage if m.kind in ("quote", "summary"))
    assert not [m for m in outage if m.kind == "trade"]


def test_no_trade_is_invented_and_none_comes_twice() -> None:
    """The P line after a reconnect shows the last trade again; it is not a new one."""
    with simulated(rate=800.0, trade_share=0.5, record_trades=True) as stage:
        symbols = equities(stage.simulator, 10)
        consumer = watch_all(stage, symbols)
        for _ in range(3):
            stage.run(stage.simulator.drop_level1_clients())
            consumer.wait_for_all(
                {f"state,{symbol}," for symbol in symbols},
                lambda m: m.values[0] == "live",
                what="live",
                seconds=6.0,
            )
            for _ in range(TRADES_BETWEEN_CUTS):
                consumer.wait_for(lambda m: m.kind == "trade", what="trades again")
        stage.stop_gateway()
        list(consumer.stream(0.3))
        sent = expected_trades(stage.simulator)
        seen: dict[str, list[Trade]] = defaultdict(list)
        for message in consumer.messages:
            if message.kind == "trade":
                price, size, trade_id, _, _, basis, *_ = message.values
                seen[message.symbol].append((price, size, trade_id, basis))
        assert sum(map(len, seen.values())) > 3 * TRADES_BETWEEN_CUTS
        for symbol in symbols:
            assert_subsequence(seen[symbol], sent[symbol])
        consumer.history.check()


@pytest.mark.parametrize("lost_bytes", [5, 40])
def test_half_a_line_before_the_cut_is_no_line(lost_bytes: int) -> None:
    """Nor does it become one together with the first line of the next connection."""
    fake = FakeIqconnect()
    with scripted(fake) as stage:
        consumer = stage.consumer("quote,AAPL,", "state,AAPL,")
        consumer.wait_for_state("AAPL", "live", None)
        values = {"Bid": "77", "Ask": "78", "Open": "1234.5678", "Number_of_Trades_Today": "123456"}
        whole = fake.line("Q", "AAPL", Message_Contents="ba", **values)
        stage.call(fake.send, whole.replace(b"77", b"66") + whole[:-lost_bytes])
        stage.call(fake.drop)
        consumer.wait_for_state("AAPL", "live", None)
        stage.call(fake.send, fake.line("Q", "AAPL", Message_Contents="a", Bid="9", Ask="12"))
        consumer.wait_for(lambda m: m.kind == "quote" and m.values[2] == 12.0, what="the next line")
        bids = [m.values[0] for m in consumer.on("quote,AAPL,")]
        assert bids == [10.0, 66.0, 66.0, 10.0, 9.0]
        consumer.history.check()


def test_a_flapping_connection_leaks_nothing() -> None:
    """IQConnect that restarts all night must not exhaust the gateway's descriptors."""
    with simulated(rate=100.0, settings={"connection": EAGER}) as stage:
        consumer = watch_all(stage, ["AAPL"])
        process = psutil.Process()
        before = process.num_fds()
        for _ in range(10):
            stage.run(stage.simulator.drop_level1_clients())
            consumer.wait_for_state("AAPL", "live", None)
        assert process.num_fds() <= before
        counters = stage.gateway._feed._parts.counters.as_map()
        assert (counters["connects"], counters["disconnects"]) == (11, 10)
        consumer.history.check()
