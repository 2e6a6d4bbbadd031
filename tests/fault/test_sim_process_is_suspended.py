"""The gateway's process does not run for seconds: what it had in hand is old when it goes on."""

from tests.support.world import World, WorldOptions
from tests.support.world.data_socket import Received

STALE = 16
SUSPENDED_S = 4.0


def test_nothing_that_waited_is_published_as_fresh() -> None:
    """A summary waits a quarter of a second to be published; after a suspension it is old."""
    first: list[Received] = []
    for seed in range(20):
        options = WorldOptions(seed=seed, level1_count=2, simulator={"rate": 40.0})
        with World(options) as world:
            consumer = world.consumer("summary,", "quote,", "trade,", "state,")
            world.lease(["AAPL", "MSFT", "TSLA"], ["l1"])
            world.run(2.0 + seed * 0.013)
            heard: list[Received] = []
            take = consumer.take
            consumer.take = lambda m, heard=heard, take=take: (heard.append(m), take(m))[1]  # type: ignore[method-assign,misc]
            world.suspend(SUSPENDED_S)
            world.run(SUSPENDED_S + 0.0001)
            fresh = [m for m in heard if not m.topic.startswith("state,") and not m.body[3] & STALE]
            assert not fresh, f"seed {seed}: {fresh[:3]}"
            first.append(heard[0])
            world.run(4.0)
            assert not world.checks.violations, f"seed {seed}: {world.checks.violations}"
    print(f"first message after {SUSPENDED_S} s, in {len(first)} runs: {first[0]}")
    assert all(message.topic.startswith("state,") for message in first)
