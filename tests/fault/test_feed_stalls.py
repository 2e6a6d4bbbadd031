"""The Level 1 socket stays open and nothing comes: not even the vendor's clock."""

import time

import pytest

from tests.support.consumer import STALE
from tests.support.fault_table import fault_row
from tests.support.stage import simulated, wait_until

pytestmark = pytest.mark.slow
DETECT_S_MAX = 3.5
RECONNECT_S_MAX = 6.0


def test_a_stalled_link_is_named_and_replaced() -> None:
    """A hung IQConnect is the fault that looks most like a quiet market."""
    with simulated() as stage:
        consumer = stage.consumer("state,AAPL,", "quote,AAPL,", "summary,AAPL,")
        consumer.wait_for_state("AAPL", "live", None)
        stalled_s = time.monotonic()
        accepted = stage.simulator.counts.clients_accepted
        stage.call(stage.simulator.stall_level1, True)
        silent = consumer.wait_for_state("AAPL", "stale", "link_silent", seconds=DETECT_S_MAX)
        quote = consumer.wait_for_topic("quote,AAPL,", seconds=1.0)
        assert quote.flags & STALE
        wait_until(
            lambda: stage.simulator.counts.clients_accepted > accepted,
            what="another connection",
            seconds=RECONNECT_S_MAX,
        )
        reconnected_s = time.monotonic()
        consumer.wait_for_state("AAPL", "stale", "iqconnect_down", seconds=1.0)
        revived_s = time.monotonic()
        stage.call(stage.simulator.stall_level1, False)
        live = consumer.wait_for_state("AAPL", "live", None)
        print(f"silent {silent.at_s - stalled_s:.2f} s, new connection", end=" ")
        print(f"{reconnected_s - stalled_s:.2f} s after the stall,", end=" ")
        print(f"live {live.at_s - revived_s:.3f} s after the revival")
        stale = [m for m in consumer.messages if silent.at_s < m.at_s < live.at_s]
        assert all(m.flags & STALE for m in stale if m.kind != "state")
        consumer.history.check()


def test_a_short_stall_is_resumed_without_a_new_connection() -> None:
    """What comes late is not lost: the same connection goes on and values hold again."""
    with simulated(rate=0.0) as stage:
        consumer = stage.consumer("state,AAPL,", "quote,AAPL,", "sys,heartbeat,")
        consumer.wait_for_state("AAPL", "live", None)
        stage.call(stage.simulator.stall_level1, True)
        consumer.wait_for_state("AAPL", "stale", "link_silent", seconds=DETECT_S_MAX)
        before = stage.simulator.statistics()
        stage.call(stage.simulator.stall_level1, False)
        consumer.wait_for_state("AAPL", "live", None)
        quote = consumer.wait_for_topic("quote,AAPL,", seconds=2.0)
        assert not quote.flags & STALE
        consumer.wait_for_beats(1)
        words = [m.values[0] for m in consumer.on("state,AAPL,")]
        assert words[-3:] == ["live", "stale", "live"]
        after = stage.simulator.statistics()
        assert after["clients_accepted"] == before["clients_accepted"]
        assert after["snapshots_sent"] == before["snapshots_sent"], "nothing was asked again"
        consumer.history.check()


@fault_row(24)
def test_a_quiet_symbol_is_not_stale() -> None:
    """An illiquid symbol says nothing for hours; the vendor's clock proves that the link lives."""
    with simulated(rate=0.0) as stage:
        consumer = stage.consumer("state,ZYRX,", "quote,ZYRX,", "sys,heartbeat,")
        consumer.wait_for_state("ZYRX", "live", None)
        for beat in consumer.wait_for_beats(5):
            assert beat.values[0]["degraded"] == []
        assert consumer.on("state,ZYRX,")[-1].values[0] == "live"
        assert len(consumer.on("quote,ZYRX,")) == 1
