"""A connection that is cut again and again over real sockets leaves nothing behind.

`RECONNECTIONS` says how often; five hundred take a minute or two.
"""

import gc
import os
import time

import psutil
import pytest

from tests.support.consumer import Message
from tests.support.slack import FREED_MB
from tests.support.stage import simulated

EAGER = {"connection": {"retry_backoff_max": 0.1, "enable_circuit_breaker": False}}
ROUNDS = int(os.environ.get("RECONNECTIONS", "60"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + ROUNDS)]
SYMBOLS = ("AAPL", "MSFT", "TSLA")
RSS_GROWN_MB_MAX = 8.0 + FREED_MB


class Back:
    """Waits until every symbol was stale and is live again."""

    def __init__(self) -> None:
        self._stale: set[str] = set()
        self._live: set[str] = set()

    def note(self, message: Message) -> bool:
        """Take a message; whether all are back."""
        if message.kind == "state":
            if message.values[0] == "stale":
                self._stale.add(message.symbol)
            elif message.values[0] == "live" and message.symbol in self._stale:
                self._live.add(message.symbol)
        return len(self._live) == len(SYMBOLS)


def test_every_round_ends_where_it_began() -> None:
    """Descriptors, watches and memory after many rounds are what they were after a few."""
    process = psutil.Process()
    with simulated(settings=EAGER, rate=50.0) as stage:
        topics = [f"{kind},{symbol}," for symbol in SYMBOLS for kind in ("quote", "state")]
        consumer = stage.consumer(*topics)
        for symbol in SYMBOLS:
            consumer.wait_for_state(symbol, "live", None)
        epoch = stage.gateway.epoch
        descriptors, rss_mb, started_s = 0, 0.0, time.monotonic()
        for number in range(ROUNDS):
            stage.run(stage.simulator.drop_level1_clients())
            back = Back()
            consumer.wait_for(back.note, what=f"everything back after cut {number}")
            consumer.messages.clear()
            if number == ROUNDS // 3:
                gc.collect()
                descriptors, rss_mb = process.num_fds(), process.memory_info().rss / 1_048_576
        gc.collect()
        grown_mb = process.memory_info().rss / 1_048_576 - rss_mb
        watches = stage.call(stage.simulator.statistics)["watches"]
        print(
            f"{ROUNDS} cuts in {time.monotonic() - started_s:.1f} s: {watches} watches, "
            f"{process.num_fds() - descriptors:+d} descriptors, {grown_mb:+.1f} MB"
        )
        assert watches == len(SYMBOLS)
        assert abs(process.num_fds() - descriptors) <= 2
        assert grown_mb < RSS_GROWN_MB_MAX
        assert consumer.history.last("quote,AAPL,")[0] == epoch
        consumer.history.check()
