"""The gateway's process does not run for seconds: what it had in hand is old when it goes on."""

from tests.support.world import World, WorldOptions

STALE = 16
SUSPENDED_S = 4.0
RUNS = 20


def test_nothing_that_waited_is_published_as_fresh() -> None:
    """A summary waits a quarter of a second to be published; after a suspension it is old."""
    is_any_waiting = 0
    for seed in range(RUNS):
        options = WorldOptions(seed=seed, level1_count=2, simulator={"rate": 40.0})
        with World(options) as world:
            world.consumer("summary,", "quote,", "trade,", "state,")
            world.lease(["AAPL", "MSFT", "TSLA"], ["l1"])
            world.run(2.0 + seed * 0.013)
            world.suspend(SUSPENDED_S)
            world.kept = []
            world.run(SUSPENDED_S + 1.0)
            is_old: set[str] = {"AAPL", "MSFT", "TSLA"}
            of_symbols = [m for m in world.kept if not m.topic.startswith("sys,")]
            assert of_symbols[0].topic.startswith("state,"), f"seed {seed}: {of_symbols[0]}"
            for topic, body in world.kept:
                kind, symbol = topic.split(",")[:2]
                if kind == "state" and body[6] == "live":
                    is_old.discard(symbol)
                elif kind in ("quote", "summary", "trade") and symbol in is_old:
                    assert body[3] & STALE, f"seed {seed}: {topic} {body}"
                    is_any_waiting += 1
            assert not is_old, f"seed {seed}: {is_old} did not become live again"
            assert not world.checks.violations, f"seed {seed}: {world.checks.violations}"
    print(f"{is_any_waiting} messages between suspension and life, in {RUNS} runs, all STALE")


def test_a_link_that_died_meanwhile_is_judged_before_its_prices_look_live() -> None:
    """Its silence is judged late: till then nothing is live, and nobody waits in circles."""
    with World(WorldOptions(seed=1, level1_count=2)) as world:
        world.lease(["AAPL", "MSFT"], ["l1"])
        world.run(2.0)
        world.suspend(SUSPENDED_S)
        for wire in world.standing():
            wire.cut()
        # The world's own guard fails when rounds follow each other without time passing.
        world.run(SUSPENDED_S + 4.0)
        print(f"connections begun until all was well again: {world.attempts}")
        assert len(world.standing()) == 3
        assert not world.checks.violations, world.checks.violations
