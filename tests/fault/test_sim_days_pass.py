"""Days pass: opens, closes, breaks, nights, a weekend and a clock change, and nothing is lost.

The normal suite runs the minutes in which something begins or ends. `SIM_HOURS=72` runs a whole
weekend in one piece, from Friday morning over the clock change, which takes some minutes.
"""

import os
import time
from datetime import datetime, timedelta

import pytest

from tests.support.world import World, WorldOptions

pytestmark = pytest.mark.slow
SYMBOLS = ["AAPL", "@ESZ26", "EURUSD.FXCM", "TST$Y"]
HOURS = int(os.environ.get("SIM_HOURS", "0"))
WINDOW_S = 150.0
WINDOWS = {
    "equities open": "2026-10-29T09:29:00",
    "equities close": "2026-10-29T15:59:00",
    "futures pause": "2026-10-29T16:59:00",
    "futures go on": "2026-10-29T17:59:00",
    "extended hours end": "2026-10-29T19:59:00",
    "midnight": "2026-10-29T23:59:00",
    "extended hours begin": "2026-10-30T03:59:00",
    "the week ends": "2026-10-30T16:59:00",
    "Saturday": "2026-10-31T12:00:00",
    "the week begins": "2026-11-01T17:59:00",
}
CHANGE = datetime.fromisoformat("2026-11-01T02:00:00")
"""When clocks go back: the vendor's show one o'clock again."""


def world_from(start: str, *, rate: float) -> World:
    """A world with symbols of every kind of trading hours, all of them wanted."""
    simulator = {"rate": rate, "batch_ms": 1000.0}
    world = World(WorldOptions(seed=24, start=start, simulator=simulator))
    world.checks.trades.symbols.update(SYMBOLS)
    world.lease(SYMBOLS, ["l1"], lease_s=86_400)
    return world


def assert_nothing_happened(world: World) -> None:
    """One connection to each port, every symbol live from its first word on, and no STALE."""
    assert world.attempts == {"admin": 1, "level1": 1, "level2": 0}
    for symbol in SYMBOLS:
        moves = world.checks.states.moves[symbol]
        assert [state for state, _ in moves] == ["pending", "pending", "live"], (symbol, moves)
    world.simulator.hold_market(True)
    world.run(1.0)
    world.checks.finish()
    assert not world.checks.violations, world.checks.violations


@pytest.mark.parametrize("what", list(WINDOWS))
def test_nothing_begins_or_ends_with_a_false_alarm(what: str) -> None:
    """A market that closes falls silent all at once, and its silence is nobody's fault."""
    with world_from(WINDOWS[what], rate=8.0) as world:
        world.run(WINDOW_S)
        assert_nothing_happened(world)
        print(f"{what}: {world.frames} frames, {world.checks.trades.compared} prints, 0 STALE")


@pytest.mark.timeout(3600)
@pytest.mark.skipif(not HOURS, reason="set SIM_HOURS to let whole days pass")
def test_a_weekend_passes_in_one_piece() -> None:
    """What fails only after a day fails in no short test."""
    start = datetime.fromisoformat("2026-10-30T09:25:00")
    with world_from(start.isoformat(), rate=0.5) as world:
        begun_s = time.process_time()

        def change() -> None:
            # What was before the change has been sent; the simulator's clock itself never jumps.
            world.pump.advance(world.source.clock.now_us())
            world.simulator.faults.apply("clock_skew", seconds=-3600.0)

        world.clock.after((CHANGE - start) / timedelta(seconds=1) - 0.000001, change)
        for hour in range(HOURS):
            world.run(3600.0)
            leases = world.gateway.leases.living()
            assert leases, f"the lease ended in hour {hour}"
            world.renew(leases[0].lease_id)
        took_s = time.process_time() - begun_s
        print(f"{HOURS} h in {took_s:.0f} s: {world.frames} frames, attempts {world.attempts}")
        assert_nothing_happened(world)
