"""A world in one process: the same seed gives the same bytes at the same times, anywhere."""

import os
import subprocess
import sys

import pytest

from tests.support.world import World, WorldOptions

SECONDS = 5.0


def digest_of(seed: int) -> str:
    """What all frames of a run add up to."""
    options = WorldOptions(seed=seed, level1_count=2, cut_share=0.3, is_digested=True)
    with World(options) as world:
        world.consumer("")
        world.lease(["AAPL", "MSFT", "@ESZ26"], ["l1", "l2"])
        world.run(SECONDS)
        assert world.frames > 100
        return world.digest


def test_the_same_seed_gives_the_same_bytes() -> None:
    """A failing seed is worth something only if it fails again."""
    assert digest_of(7) == digest_of(7)
    assert digest_of(7) != digest_of(8)


@pytest.mark.slow
@pytest.mark.long
def test_another_process_with_other_hashes_gives_the_same_bytes() -> None:
    """A seed that fails in one process is replayed in another one, whose sets are ordered anew."""
    program = f"import {__name__} as t; print(t.digest_of(7))"
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.getcwd()},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1, digests
    assert digest_of(7) + "\n" in digests
