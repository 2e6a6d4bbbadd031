"""IQConnect refuses, flaps, or is not logged in, for long: attempts and words stay few."""

import gc
import tracemalloc
from itertools import pairwise

import pytest

from tests.support import fault_table
from tests.support.fault_table import fault_row
from tests.support.world import World, WorldOptions

LEASED = ["AAPL", "MSFT", "@ESZ26"]
STALE = 16


def assert_all_well(world: World) -> None:
    """Every symbol is live again, and nothing was promised and not kept."""
    for symbol in LEASED:
        assert world.checks.states.states[symbol] == ("live", None)
    world.simulator.hold_market(True)
    world.run(1.0)
    world.checks.finish()
    assert not world.checks.violations, world.checks.violations


@fault_row(5)
@pytest.mark.long
def test_ten_minutes_of_refusal_cost_few_attempts_and_few_words() -> None:
    """An IQConnect that is not there is asked for patiently, and the log does not fill up."""
    seconds = 600.0
    with World(WorldOptions(seed=5, level1_count=2)) as world:
        world.checks.trades.symbols.update(LEASED)
        world.lease(LEASED, ["l1", "l2"])
        world.run(3.0)
        world.simulator.faults.apply("refuse", port="all")
        world.simulator.faults.apply("reset", port="all")
        world.run(30.0)
        before, words = dict(world.attempts), len(world.log)
        tracemalloc.start()
        world.run(seconds / 2)
        first_bytes = _bytes_of_gateway()
        world.run(seconds / 2)
        grown_bytes = _bytes_of_gateway() - first_bytes
        tracemalloc.stop()
        attempts = {port: count - before[port] for port, count in world.attempts.items()}
        lines = sum(1 for event in world.log[words:] if event["level"] != "debug")
        ping = world.gateway.request(world.gateway.desk.ping(None))  # type: ignore[arg-type]
        assert ping.is_done
        more = f"{sum(attempts.values())} attempts on 4 connections, {lines} log lines, "
        fault_table.note(5, f"refused for {seconds:.0f} s", more=f"{more}{grown_bytes:+} bytes")
        # One probe by each connection whenever its open breaker lets one through.
        probes_max = seconds / world.gateway.settings.connection.breaker_open_seconds
        assert attempts["level1"] <= 2 * probes_max
        assert max(attempts["level2"], attempts["admin"]) <= probes_max
        assert lines < 60
        assert grown_bytes < 200_000
        assert world.checks.last["quote,AAPL,"][3] & STALE  # type: ignore[operator]
        world.simulator.faults.apply("refuse", port="all", on=False)
        world.run(5.0)
        assert_all_well(world)


def test_the_first_attempts_are_spread() -> None:
    """Many connections are lost at one moment; they do not all come back at one moment."""
    count = 4
    shares: list[float] = []
    for seed in range(20):
        with World(WorldOptions(seed=seed, level1_count=count)) as world:
            world.lease(LEASED, ["l1"])
            world.run(3.0)
            world.simulator.faults.apply("refuse", port="level1")
            world.simulator.faults.apply("reset", port="level1")
            lost_ns = world.clock.now_ns
            world.run(3.0)
            waits = [at - lost_ns for at in world.attempts_ns["level1"] if at > lost_ns]
            shares.append(sum(1 for wait in waits if wait < 20_000_000) / count)
            assert max(b - a for a, b in pairwise(waits)) > 100_000_000
    average = sum(shares) / len(shares)
    print(f"attempts of a connection within 20 ms of its loss: {average:.2f} on average")
    # Waits are drawn from 100 ms first: a fifth of the connections is back that soon.
    assert average < 0.5


@fault_row(6)
def test_flapping_is_not_answered_by_hammering() -> None:
    """A connection that lives for a moment has not succeeded: waits do not start over with it."""
    with World(WorldOptions(seed=6)) as world:
        world.checks.trades.symbols.update(LEASED)
        world.lease(LEASED, ["l1"])
        world.run(3.0)
        before = world.attempts["level1"]
        for _ in range(50):
            world.simulator.faults.apply("refuse", port="level1")
            world.simulator.faults.apply("reset", port="level1")
            world.run(1.0)
            world.simulator.faults.apply("refuse", port="level1", on=False)
            world.run(1.0)
        attempts = world.attempts["level1"] - before
        fault_table.note(6, "up 1 s, down 1 s, 50 times", more=f"{attempts} attempts in 100 s")
        assert attempts <= 60
        world.run(5.0)
        assert_all_well(world)


@fault_row(18)
@pytest.mark.parametrize("is_password_right", [False, True])
def test_a_lost_login_is_not_fought_for(is_password_right: bool) -> None:
    """One login works on one machine: who logs in again at once takes it from the other one."""
    minutes = 5
    options = WorldOptions(
        seed=18,
        credentials=("user", "right" if is_password_right else "wrong"),
        simulator={"credentials": ("user", "right"), "rate": 2.0},
    )
    with World(options) as world:
        world.lease(LEASED, ["l1"])
        world.run(10.0)
        counts = world.simulator.counts
        if is_password_right:
            assert world.checks.states.states["AAPL"] == ("live", None)
        logins = []
        for _ in range(minutes * 6):
            if is_password_right:
                # The other machine takes it again whenever we had it.
                world.simulator.faults.apply("login_replaced")
            world.run(10.0)
            logins.append(counts.logins_accepted + counts.logins_refused)
        worst = max(logins[at + 6] - logins[at] for at in range(len(logins) - 6))
        causes = [cause for _, cause in world.checks.states.moves["AAPL"]]
        fault_table.note(
            18,
            "login taken again and again" if is_password_right else "wrong password",
            cause="login_lost",
            more=f"{logins[-1]} logins in {minutes} min, at most {worst} in one",
        )
        assert worst <= 2
        assert "login_lost" in causes
        assert not world.checks.violations, world.checks.violations


@pytest.mark.parametrize("port", ["level1", "level2"])
def test_a_connection_that_dies_in_a_short_outage_is_not_waited_for(port: str) -> None:
    """DTN is away between two statistics lines, so only the dead connection was told of it."""
    with World(WorldOptions(seed=9)) as world:
        world.checks.trades.symbols.update(LEASED)
        world.lease(LEASED, ["l1", "l2"])
        world.run(3.2)
        world.simulator.faults.apply("dtn", up=False)
        world.run(0.1)
        for wire in world.standing(port):
            wire.cut()
        world.run(0.4)
        world.simulator.faults.apply("dtn", up=True)
        begun_s = world.clock.elapsed_s
        links = world.gateway.links
        while any(one.link.value != "streaming" for one in links) or _is_any_cut(world):
            world.run(0.1)
            assert world.clock.elapsed_s < begun_s + 12.0
        print(f"{port} is back {world.clock.elapsed_s - begun_s:.1f} s after DTN is")
        world.run(2.0)
        assert_all_well(world)


@pytest.mark.slow
@pytest.mark.long
def test_five_hundred_reconnections_leak_nothing() -> None:
    """What each connection leaves behind adds up in a gateway that runs for months."""
    rounds = 500
    with World(WorldOptions(seed=500, level1_count=2, simulator={"rate": 20.0})) as world:
        world.checks.trades.symbols.update(LEASED)
        world.lease(LEASED, ["l1", "l2"])
        world.run(5.0)
        sizes: list[int] = []
        for number in range(rounds):
            world.simulator.faults.apply("reset", port="level1" if number % 2 else "all")
            until_s = world.clock.elapsed_s + 30.0
            world.run(0.1)
            while any(world.checks.states.states[s] != ("live", None) for s in LEASED):
                world.run(0.1)
                assert world.clock.elapsed_s < until_s, f"not live after reset {number}"
            if number in (rounds // 2, rounds - 1):
                # What the world's own checkers keep grows with what they have seen.
                world.checks.states.moves.clear()
                world.log.clear()
                gc.collect()
                sizes.append(sum(1 for one in gc.get_objects() if _is_ours(one)))
        statistics = world.simulator.statistics()
        epochs = {body[1] for body in world.checks.last.values()}
        print(
            f"{rounds} reconnections in {world.clock.elapsed_s:.0f} s: {sizes} objects of the "
            f"gateway, {statistics['watches']} watches, attempts {world.attempts}"
        )
        assert statistics["watches"] == len(LEASED)
        assert len(epochs) == 1
        assert abs(sizes[1] - sizes[0]) <= 50
        assert len(world.clock) < 50
        assert_all_well(world)


def _is_any_cut(world: World) -> bool:
    return any(wire.is_cut for wire in world.standing())


def _is_ours(one: object) -> bool:
    module = str(type(one).__module__)
    return module.startswith("gateway.") and "simulator" not in module


def _bytes_of_gateway() -> int:
    """Memory that the gateway's own code asked for and that is still held."""
    gc.collect()
    ours = [
        tracemalloc.Filter(True, "*/gateway/*"),
        tracemalloc.Filter(False, "*/gateway/simulator/*"),
    ]
    snapshot = tracemalloc.take_snapshot().filter_traces(ours)
    return sum(one.size for one in snapshot.statistics("filename"))
