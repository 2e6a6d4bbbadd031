"""Consumers join while the market runs at full speed: nothing is missing, nothing is too old."""

import os
from pathlib import Path
from typing import Final

import pytest

from tests.support import fault_table, joins
from tests.support.fault_table import fault_row
from tests.support.joins import Published
from tests.support.market import Market, topics_of

pytestmark = pytest.mark.slow
JOINS: Final = 1_000
SEED: Final = int(os.environ.get("JOINS_SEED", "42"))
LINES_PER_SECOND: Final = 4_000.0
TOPICS: Final = topics_of(kinds=("quote", "trade"))


@fault_row(42)
@pytest.mark.long
def test_a_thousand_late_joiners_miss_nothing(tmp_path: Path) -> None:
    """A strategy that is started at noon must trade on what one started at dawn has."""
    print(f"seed {SEED} (JOINS_SEED)")
    with (
        Market(tmp_path, rate=LINES_PER_SECOND, seed=SEED) as market,
        Published(market.gateway.data, TOPICS) as published,
    ):
        options = {
            "endpoint": market.gateway.data,
            "topics": TOPICS,
            "joins": JOINS,
            "joinsPerSocket": 2,
            "sockets": 8,
            "pauseMs": 20,
            "updatesAfter": 3,
            "secondsMax": 20,
            "seed": SEED,
        }
        done = joins.run(joins.python_command(options), seconds=90.0)
        published.wait_for(done)
    assert len(done) == JOINS
    figures = joins.summarize(done, published.values)
    assert figures.raced, "no join raced with an update: nothing was proven"
    fault_table.note(42, "late joiners under load", lost=0, repeated=0, more=str(figures))
