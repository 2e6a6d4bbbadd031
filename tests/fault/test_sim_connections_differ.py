"""One of several connections is made anew and agrees on another layout: it is alone with that."""

from tests.support.world import World, WorldOptions

SYMBOLS = ["AAPL", "MSFT", "TSLA", "@ESZ26", "QCL#", "EURUSD.FXCM"]
COUNT = 3


def test_a_connection_with_another_layout_disturbs_no_other() -> None:
    """Quiet symbols of the others are audited: what cannot be compared proves no silence."""
    with World(WorldOptions(seed=7, level1_count=COUNT, simulator={"rate": 60.0})) as world:
        world.checks.trades.symbols.update(SYMBOLS)
        world.lease(SYMBOLS, ["l1"])
        world.run(5.0)
        world.simulator.faults.apply("fields", refused=["VWAP"])
        shard = world.checks.shard("level1", SYMBOLS[0])
        for wire in world.standing("level1"):
            if wire.shard == shard:
                wire.reset()
        others = [symbol for symbol in SYMBOLS if world.checks.shard("level1", symbol) != shard]
        assert others
        # All fall silent at once, which is audited.
        world.simulator.hold_market(True)
        world.run(20.0)
        for symbol in others:
            moves = world.checks.states.moves[symbol]
            assert [state for state, _ in moves if state not in ("pending", "live")] == [], moves
        print(f"{len(others)} symbols of {COUNT - 1} other connections, 0 STALE")
        world.checks.finish()
        assert not world.checks.violations, world.checks.violations
