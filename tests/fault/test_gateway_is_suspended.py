"""The gateway's process is stopped for a while: what it reads afterwards is old."""

import os
import signal
import time
from pathlib import Path

import pytest

from gateway.model.enums import Flag
from tests.integration.test_gateway_stop import under_load
from tests.support import fault_table
from tests.support.fault_table import fault_row

pytestmark = pytest.mark.slow
SUSPENDED_S = float(os.environ.get("SUSPENDED_SECONDS", "5"))


@fault_row(28)
@pytest.mark.long
def test_nothing_old_looks_fresh_when_it_goes_on(tmp_path: Path) -> None:
    """After a suspended laptop or a stopped container, strategies must not trade on the backlog."""
    with under_load(tmp_path) as (gateway, consumer):
        consumer.subscribe("state,AAPL,", "sys,feed,")
        assert consumer.ask("state,AAPL,").values[0] == "live"
        gateway.send_signal(signal.SIGSTOP)
        list(consumer.stream(SUSPENDED_S))
        seen = len(consumer.messages)
        resumed_us, resumed_s = time.time_ns() // 1000, time.monotonic()
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
        first = next(m for m in backlog if m.topic == "state,AAPL,")
        fault_table.note(
            28,
            f"process stopped for {SUSPENDED_S:g} s",
            detect_s=first.at_s - resumed_s,
            recover_s=live_again.at_s - resumed_s,
            cause="/".join(sorted({str(cause) for _, cause in states})),
            more=f"{len(of_aapl)} old values, all STALE",
        )
