"""Consumers join at any moment, in calm and in trouble: nothing is missing, nothing comes twice."""

import pytest

from tests.support.world import World, WorldOptions

SYMBOLS = ["AAPL", "MSFT", "@ESZ26"]
KINDS = ("quote", "trade", "summary", "state", "book", "order")
JOINS = 1_000


@pytest.mark.slow
@pytest.mark.parametrize("is_troubled", [False, True], ids=["calm", "troubled"])
def test_a_thousand_joins_miss_nothing(is_troubled: bool) -> None:
    """The snapshot's sequence is where the updates go on, whatever happens at that moment."""
    simulator = {"rate": 100.0, "depth_rate": 20.0}
    with World(WorldOptions(seed=42, level1_count=2, cut_share=0.2, simulator=simulator)) as world:
        world.checks.trades.symbols.update(SYMBOLS)
        world.lease(SYMBOLS, ["l1", "l2"])
        world.run(2.0)
        rng = world.rng
        for number in range(JOINS):
            base = f"{rng.choice(KINDS)},{rng.choice(SYMBOLS)},"
            consumer = world.consumer(base, f"~{number:020d}.{base}")
            world.clock.after(rng.uniform(0.05, 1.0), lambda one=consumer: world.data.leave(one))  # type: ignore[misc]
            if is_troubled and number % 100 == 99:
                verb = rng.choice(["reset", "close", "close_mid_line"])
                world.simulator.faults.apply(verb, port=rng.choice(["level1", "level2", "all"]))
            world.run(rng.uniform(0.0, 0.02))
        world.run(5.0)
        answered = world.checks.history.answered
        subscriptions = world.gateway.parts.subscription_counts()
        print(f"{JOINS} joins, {answered} joined with a snapshot, {world.frames} frames, all dense")
        assert len(world.checks.answers) == JOINS
        assert answered > JOINS * (0.5 if is_troubled else 0.99)
        assert subscriptions == (0, 0)
        world.simulator.hold_market(True)
        world.run(1.0)
        world.checks.finish()
        assert not world.checks.violations, world.checks.violations
