"""Consumers are stopped one by one and resumed in another order: all of them catch up."""

import os
import random
import signal
import time
from pathlib import Path
from typing import Final

import pytest

from tests.support import fault_table
from tests.support.fault_table import fault_row
from tests.support.market import Market, topics_of

pytestmark = pytest.mark.slow
BARE: Final = 4
CLIENTS: Final = 2
LINES_PER_SECOND: Final = 800.0
PAUSE_S_MAX: Final = 1.0
CURRENT_S_MAX: Final = 5.0


@fault_row(40)
@pytest.mark.parametrize("seed", range(1, 1 + int(os.environ.get("SWIZZLES", "1"))))
@pytest.mark.long
def test_all_are_current_soon_after_the_last_one_resumed(tmp_path: Path, seed: int) -> None:
    """A host that is short of memory stops its programs in any order, and resumes them so."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    topics = topics_of()
    with Market(tmp_path, rate=LINES_PER_SECOND, seed=seed) as market:
        reference, *consumers = market.subscribers(1 + BARE, *topics)
        consumers += market.subscribers(CLIENTS, *topics, program="client")
        stopping = chance.sample(consumers, len(consumers))
        resuming = chance.sample(consumers, len(consumers))
        resumed_s = 0.0
        try:
            for consumer in stopping:
                os.kill(consumer.pid, signal.SIGSTOP)
                time.sleep(chance.uniform(0.1, PAUSE_S_MAX))
        finally:
            for consumer in resuming:
                os.kill(consumer.pid, signal.SIGCONT)
                resumed_s = time.monotonic()
                if consumer is not resuming[-1]:
                    time.sleep(chance.uniform(0.1, PAUSE_S_MAX))
        accounts = [consumer.check_against(reference) for consumer in consumers]
        current_s = time.monotonic() - resumed_s
        assert current_s <= CURRENT_S_MAX
        assert not reference.log.holes()
    declared = sum(account.declared for account in accounts)
    published = sum(account.published for account in accounts)
    fault_table.note(
        40,
        f"{BARE} bare consumers, {CLIENTS} clients stopped, resumed in random order, seed {seed}",
        recover_s=current_s,
        more=f"{declared:,} of {published:,} declared missing",
    )
