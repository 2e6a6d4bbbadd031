"""Random worlds with random troubles: nothing promised is ever broken, and all is well at the end.

`SIM_SEEDS` says how many; ten thousand take some minutes.
"""

import os
import time

import pytest

from tests.support.world.faults import KINDS
from tests.support.world.scenario import Run, Scenario, draw

SEEDS = int(os.environ.get("SIM_SEEDS", "240"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + SEEDS)]
BLOCKS = 8
ALONE = 5
"""Worlds for each kind of fault; the command adds `--fault KIND` to replay one of them."""


def run(scenario: Scenario) -> Run:
    """Run a world to its end, and fail with what replays it."""
    one = Run(scenario)
    violations = one.run()
    seed = scenario.options.seed
    assert not violations, "\n".join(
        [
            f"seed {seed}: replay with `python -m tests.support.world --seed {seed} --trace`",
            *map(str, scenario.faults),
            *violations,
        ]
    )
    return one


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_kind_of_fault_alone_is_survived(kind: str) -> None:
    """Among many faults a rare one could hide: here each has worlds of its own."""
    runs = [run(draw(seed, names=[kind])) for seed in range(ALONE)]
    slowest_s = max(one.recovered_s for one in runs)
    print(f"{kind}: {ALONE} worlds, all well {slowest_s:.1f} s after its end at the latest")


@pytest.mark.parametrize("block", range(BLOCKS))
@pytest.mark.long
def test_every_seed_keeps_every_promise(block: int) -> None:
    """Nobody thinks of every combination of faults; a failing seed is replayed by its number."""
    seeds = range(block, SEEDS, BLOCKS)
    begun_s, compared, called_back, met = time.process_time(), 0, 0, set()
    for seed in seeds:
        scenario = draw(seed)
        one = run(scenario)
        compared += one.world.checks.trades.compared
        called_back += one.world.checks.freshness.call_backs
        met |= {fault.name for fault in scenario.faults}
    took_s = time.process_time() - begun_s
    print(
        f"{len(seeds)} seeds, {len(seeds) / took_s * 60:.0f} a minute and core, {compared} prints "
        f"compared, {called_back} quotes called back, {len(met)} of {len(KINDS)} kinds of faults"
    )
    assert compared > 0
    assert called_back > 0
