"""What cannot be read is counted to the line, and never published; what comes late is not newer."""

from collections import Counter as Tally

import pytest

from gateway.counters import Counter
from gateway.simulator import symbol_state as column
from tests.support.world import World, WorldOptions

LEASED = ["AAPL", "MSFT", "@ESZ26"]
BAD = (
    Counter.LINES_UNKNOWN,
    Counter.LINES_INVALID,
    Counter.LINES_TRUNCATED,
    Counter.LINES_OVERSIZE,
    Counter.LINES_UNMAPPED,
)
SUSPECT = 32


def bad_lines(world: World) -> int:
    """Everything that the gateway counted as unreadable."""
    return sum(world.gateway.parts.counters.value(counter) for counter in BAD)


def finish(world: World) -> None:
    """Let everything arrive and hold the world to its promises."""
    world.simulator.hold_market(True)
    world.run(1.0)
    world.checks.finish()
    assert not world.checks.violations, world.checks.violations


def test_every_bad_line_is_counted_once() -> None:
    """A counter that is wrong by one hides the one line that matters."""
    pieces = {
        "ZZZ,nobody,knows\\r\\n": 1,
        "Q,AAPL,1,2\\r\\nQ,MSFT\\r\\n": 2,
        "\\x00\\x01\\x02\\r\\n\\xff\\xfe\\xfd\\r\\n": 2,
        "T,when?\\r\\n": 1,
        "P,AAPL\\r\\n\\r\\n\\r\\n": 1,
        "9" * 3_000 + "\\r\\n": 1,
    }
    total = 0
    for seed in range(10):
        with World(WorldOptions(seed=seed, cut_share=0.5)) as world:
            world.checks.trades.symbols.update(LEASED)
            world.lease(LEASED, ["l1"])
            world.run(2.0)
            assert bad_lines(world) == 0
            expected = 0
            for _ in range(30):
                text = world.rng.choice(list(pieces))
                expected += pieces[text]
                world.simulator.faults.apply("inject", port="level1", text=text)
                world.run(0.1)
            counted = {c.label: world.gateway.parts.counters.value(c) for c in BAD}
            assert bad_lines(world) == expected, counted
            total += expected
            finish(world)
    print(f"{total} bad lines sent in 10 runs, each counted once")


def test_noise_changes_no_value() -> None:
    """Random bytes between whole lines are lines of nobody: nothing of them is published."""
    lines = 0
    for seed in range(10):
        with World(WorldOptions(seed=seed, cut_share=0.5)) as world:
            world.checks.trades.symbols.update(LEASED)
            world.lease(LEASED, ["l1", "l2"])
            world.run(2.0)
            known = set(world.checks.last)
            for number in range(20):
                for port in ("level1", "level2", "admin"):
                    world.simulator.faults.apply("garbage", port=port, bytes=700, seed=number)
                world.run(0.1)
            lines += bad_lines(world)
            foreign = {t for t in set(world.checks.last) - known if not t.startswith("sys,")}
            assert all(topic.split(",")[1] in LEASED for topic in foreign), foreign
            finish(world)
    print(f"10 runs of 20 x 700 random bytes: {lines} bad lines, no violation")


def test_a_megabyte_in_one_read_loses_nothing() -> None:
    """After an outage of the network everything waits in one socket and is read at once."""
    options = WorldOptions(seed=8, simulator={"rate": 3000.0, "batch_ms": 100.0})
    with World(options) as world:
        world.checks.trades.symbols.update(LEASED)
        world.lease(LEASED, ["l1"])
        world.run(1.0)
        wires = world.standing("level1")
        for wire in wires:
            wire.hold()
        world.run(2.0)
        before = world.gateway.parts.counters.value(Counter.FEED_BYTES)
        for wire in wires:
            wire.release()
        world.run(0.01)
        read = world.gateway.parts.counters.value(Counter.FEED_BYTES) - before
        assert read > 1_000_000, read
        finish(world)
        print(f"{read} bytes at one moment, {world.checks.trades.compared} prints, none lost")


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_what_comes_late_does_not_become_the_last_value(share: float) -> None:
    """Lines that overtake each other are published as they come; the newest is remembered."""
    tally: Tally[str] = Tally()
    for seed in range(10):
        with World(WorldOptions(seed=seed, simulator={"rate": 60.0})) as world:
            world.lease(LEASED, ["l1"])
            world.run(2.0)
            world.kept = []
            world.simulator.faults.apply("swap_lines", share=share)
            world.run(5.0)
            world.simulator.hold_market(True)
            world.run(1.0)
            quotes = [m for m in world.kept if m.topic.startswith("quote,")]
            tally["quotes"] += len(quotes)
            tally["late"] += sum(1 for m in quotes if m.body[3] & SUSPECT)
            for symbol in LEASED:
                last = world.gateway.parts.board.symbols[symbol].quote.last
                state = world.source.state(symbol)
                assert last is not None
                assert state is not None
                true = (
                    float(state.columns[column.BID_PRICE_COLUMN]),
                    float(state.columns[column.ASK_PRICE_COLUMN]),
                )
                assert (last[6], last[8]) == true, f"seed {seed}: {symbol} {last}, market {true}"
    print(f"share {share}: {dict(tally)}; every last value is the market's")
    assert tally["late"] > 0


@pytest.mark.parametrize("skew_s", [60.0, 3600.0, -3600.0])
def test_a_wrong_clock_does_not_freeze_the_last_value(skew_s: float) -> None:
    """A time of the future must not make everything late that comes before it."""
    with World(WorldOptions(seed=3, simulator={"rate": 30.0})) as world:
        world.lease(LEASED, ["l1"])
        world.run(3.0)
        world.simulator.faults.apply("clock_skew", seconds=skew_s)
        world.run(5.0)
        world.simulator.faults.apply("clock_skew", seconds=0.0)
        world.run(2.0)
        late = world.gateway.parts.counters.value(Counter.LINES_OUT_OF_ORDER)
        world.run(8.0)
        late = world.gateway.parts.counters.value(Counter.LINES_OUT_OF_ORDER) - late
        world.simulator.hold_market(True)
        world.run(1.0)
        for symbol in LEASED:
            last = world.gateway.parts.board.symbols[symbol].quote.last
            trade = world.gateway.parts.board.symbols[symbol].trade.last
            state = world.source.state(symbol)
            assert last is not None
            assert trade is not None
            assert state is not None
            columns = state.columns
            assert last[6] == float(columns[column.BID_PRICE_COLUMN]), (symbol, last)
            assert last[8] == float(columns[column.ASK_PRICE_COLUMN]), (symbol, last)
            assert trade[8] == int(columns[column.TICK_ID]), (symbol, trade)
        print(f"off by {skew_s:.0f} s and right again: {late} lines late afterwards, none frozen")
        assert late == 0
