"""Hours, days and clocks: nights, weekends, clock changes and stepped wall clocks are no faults."""

from itertools import pairwise
from typing import Any

import pytest

from tests.support import fault_table
from tests.support.fault_table import fault_row
from tests.support.world import World, WorldOptions
from tests.support.world.data_socket import Received

SNAPSHOT, STALE = 1, 16
ALWAYS_OPEN = "TST$Y"
WRONG_US_MAX = 5_000_000
"""An event is stamped with its own time, a few seconds ago at most."""


def world_at(start: str, *, rate: float = 10.0, seed: int = 1, **options: Any) -> World:
    """A small world at an Eastern time."""
    simulator = {"rate": rate, "batch_ms": 200.0}
    return World(WorldOptions(seed=seed, start=start, simulator=simulator, **options))


def assert_undisturbed(world: World, symbols: list[str]) -> None:
    """Nothing was lost, and nobody was told that something was."""
    for symbol in symbols:
        moves = world.checks.states.moves[symbol]
        assert [state for state, _ in moves if state not in ("pending", "live")] == [], moves
        assert moves[-1] == ("live", None)
    assert set(world.attempts.values()) <= {0, 1}, world.attempts
    assert not world.checks.violations, world.checks.violations


def events(frames: list[Received]) -> list[Received]:
    """Trades and quotes that tell of something new."""
    return [
        m for m in frames if m.topic.startswith(("trade,", "quote,")) and not m.body[3] & SNAPSHOT
    ]


def assert_near(found: list[Received]) -> None:
    """Each event's own time is the time at which it was read, but for a moment."""
    assert found
    for topic, body in found:
        assert body[5] is not None, (topic, body)
        assert abs(body[4] - body[5]) < WRONG_US_MAX, (topic, body)


def assert_dated_right(frames: list[Received]) -> int:
    """All times are right, and on no topic does one go back."""
    found = events(frames)
    assert_near(found)
    by_topic: dict[str, list[int]] = {}
    for topic, body in found:
        by_topic.setdefault(topic, []).append(body[5])
    for topic, times in by_topic.items():
        back = [(a, b) for a, b in pairwise(times) if b < a]
        assert not back, f"{topic} goes back in UTC: {back[:3]}"
    return len(found)


@fault_row(24)
@pytest.mark.slow
def test_a_symbol_that_is_silent_for_an_hour_is_live() -> None:
    """The feed's clock line is the test of the feed; that nobody trades is no news."""
    with world_at("2026-09-16T10:00:00", rate=0.0) as world:
        world.lease(["AAPL", "@ESZ26"], ["l1"])
        world.run(3600.0)
        assert_undisturbed(world, ["AAPL", "@ESZ26"])
        heartbeats = world.checks.last["sys,heartbeat,"][2]
        fault_table.note(24, "no line of two symbols for 1 h", more=f"{heartbeats} beats, 0 STALE")


@pytest.mark.slow
def test_a_closed_market_beside_an_open_one_is_live() -> None:
    """At nine in the evening equities rest while currencies trade."""
    with world_at("2026-09-16T20:59:00", rate=3.0) as world:
        world.lease(["AAPL", "EURUSD.FXCM"], ["l1"])
        world.run(900.0)
        assert_undisturbed(world, ["AAPL", "EURUSD.FXCM"])
        print(f"15 min: {world.frames} frames, 0 STALE")


@pytest.mark.parametrize(
    ("start", "symbol", "seconds"),
    [
        ("2026-09-16T23:59:50", ALWAYS_OPEN, 20.0),
        ("2026-09-18T23:59:50", ALWAYS_OPEN, 20.0),
        ("2026-09-20T23:59:50", "@ESZ26", 20.0),
    ],
)
@fault_row(25)
def test_midnight_and_weekends_stamp_no_wrong_day(start: str, symbol: str, seconds: float) -> None:
    """Vendor lines carry a time of day; the day has to be the right one on both sides of it."""
    with world_at(start, rate=40.0) as world:
        world.kept = []
        world.lease([symbol], ["l1"])
        world.run(seconds)
        count = assert_dated_right(world.kept)
        assert_undisturbed(world, [symbol])
        fault_table.note(25, f"midnight after {start[:10]}", more=f"{count} events, 0 wrong days")


@fault_row(25)
def test_what_was_stamped_before_midnight_may_come_behind_it() -> None:
    """The clock line of the new day can overtake a quote of the old one."""
    with world_at("2026-09-16T23:59:50", rate=40.0) as world:
        world.kept = []
        world.lease([ALWAYS_OPEN], ["l1"])
        world.run(10.4)
        before = len(events(world.kept))
        # The market's clock goes back behind midnight, and no line says so before the next second.
        world.simulator.faults.apply("clock_skew", seconds=-0.9)
        world.run(0.3)
        late = events(world.kept)[before:]
        assert_near(late)
        print(f"{len(late)} events of the old day behind the first clock line of the new one")


def test_a_new_trading_day_begins_exactly_once() -> None:
    """Volume starts over at the rollover; starting twice would be a day counted twice."""
    with world_at("2026-09-16T23:59:40", rate=40.0) as world:
        world.kept = []
        world.lease([ALWAYS_OPEN], ["l1"])
        world.run(40.0)
        volumes = [m.body[14] for m in world.kept if m.topic == f"summary,{ALWAYS_OPEN},"]
        trades = [m.body[13] for m in world.kept if m.topic == f"trade,{ALWAYS_OPEN},"]
        for series in (volumes, trades):
            known = [v for v in series if v is not None]
            rollovers = [(a, b) for a, b in pairwise(known) if b < a]
            assert len(rollovers) == 1, rollovers
        fault_table.note(25, "a new trading day", more=f"{len(trades)} trades, exactly 1 rollover")
        assert_undisturbed(world, [ALWAYS_OPEN])


@pytest.mark.parametrize(
    ("start", "skew_s"), [("2026-11-01T01:59:50", -3600.0), ("2026-03-08T01:59:50", 3600.0)]
)
@fault_row(26)
def test_clock_changes_never_go_back_in_utc(start: str, skew_s: float) -> None:
    """The vendor sends Eastern time without a zone: one hour comes twice, another never."""
    with world_at(start, rate=40.0) as world:
        world.kept = []
        world.lease([ALWAYS_OPEN], ["l1"])

        def change() -> None:
            # What was before the change has been sent; the simulator's clock itself never jumps.
            world.pump.advance(world.source.clock.now_us())
            world.simulator.faults.apply("clock_skew", seconds=skew_s)

        world.clock.after(9.999999, change)
        world.run(25.0)
        assert_undisturbed(world, [ALWAYS_OPEN])
        before = len(events(world.kept))
        # A connection that is made within the hour that comes twice has only the host's clock.
        world.simulator.faults.apply("reset", port="level1")
        world.run(10.0)
        count = assert_dated_right(world.kept)
        assert count > before
        assert not world.checks.violations, world.checks.violations
        fault_table.note(26, f"clock change {start[:10]}", more=f"{count} events, 0 back in UTC")


@fault_row(27)
def test_stepping_the_wall_clock_ends_no_lease_and_doubts_nothing() -> None:
    """Durations are measured by the monotonic clock; only stamps follow the wall clock."""
    with world_at("2026-09-16T10:00:00") as world:
        world.checks.states.is_wall_steady = False
        world.lease(["AAPL", "@ESZ26"], ["l1", "l2"], lease_s=120)
        world.run(5.0)
        for step_s in (-3600.0, 86_400.0, -86_400.0, 3600.0):
            world.clock.step_wall(seconds=step_s)
            world.run(10.0)
            assert len(world.gateway.leases.living()) == 1
        assert_undisturbed(world, ["AAPL", "@ESZ26"])
        world.run(100.0)
        assert not world.gateway.leases.living(), "the lease does end in its own time"
        fault_table.note(27, "steps of -1 h, +1 d, -1 d, +1 h", more="0 leases ended, 0 STALE")
