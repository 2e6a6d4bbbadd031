"""The gateway's process is stopped for a while: what it reads afterwards is old."""

import signal
import time
from pathlib import Path

import pytest

from gateway.model.enums import Flag
from tests.integration.test_gateway_stop import under_load

pytestmark = pytest.mark.slow
SUSPENDED_S = 5.0


def test_nothing_old_looks_fresh_when_it_goes_on(tmp_path: Path) -> None:
    """After a suspended laptop or a stopped container, strategies must not trade on the backlog."""
    with under_load(tmp_path) as (gateway, consumer):
        consumer.subscribe("state,AAPL,", "sys,feed,")
        assert consumer.ask("state,AAPL,").values[0] == "live"
        gateway.send_signal(signal.SIGSTOP)
        list(consumer.stream(SUSPENDED_S))
        seen = len(consumer.messages)
        resumed_us = time.time_ns() // 1000
        gateway.send_signal(signal.SIGCONT)
        live_again = consumer.wait_for(
            lambda m: m.topic == "state,AAPL," and m.values[0] == "live", what="live again"
        )
        late = consumer.messages[seen:]
        backlog = late[: late.index(live_again)]
        # What ZeroMQ held when the process was stopped comes first; it was fresh when it was read.
        read_late = [m for m in backlog if m.body[4] >= resumed_us]
        prices = [m for m in read_late if m.kind in ("quote", "trade", "summary")]
        states = [tuple(m.values[:2]) for m in backlog if m.topic == "state,AAPL,"]
        # Where in a round the process was stopped decides which of the two is noticed first.
        assert states
        assert set(states) <= {("stale", "overload"), ("stale", "link_silent")}
        of_aapl = [m for m in prices if m.symbol == "AAPL"]
        assert of_aapl
        assert all(m.flags & Flag.STALE for m in of_aapl)
        assert read_late[0].kind in ("sys", "state"), "the first thing said is why"
