"""The login is a delayed one: every price says so."""

import pytest

from tests.support.consumer import DELAYED
from tests.support.stage import simulated

pytestmark = pytest.mark.slow
KINDS = {"quote", "trade", "summary", "fundamental", "state", "regional", "correction"}


def test_every_message_of_a_symbol_is_flagged() -> None:
    """A price of fifteen minutes ago that looks current costs money."""
    with simulated(is_delayed=True, rate=2000.0, equity_count=12, correction_every=20) as stage:
        consumer = stage.consumer("sys,heartbeat,")
        consumer.wait_for(
            lambda m: m.values[0]["upstream"]["level1"] == "streaming", what="the connection"
        )
        consumer.subscribe(*(f"{kind},AAPL," for kind in sorted(KINDS)))
        kinds: set[str] = set()
        for message in consumer.stream(15.0):
            kinds.add(message.kind)
            if kinds >= KINDS:
                break
        own = [m for m in consumer.messages if m.symbol == "AAPL"]
        assert {m.kind for m in own} == KINDS
        assert all(m.flags & DELAYED for m in own)
        assert consumer.ask("quote,AAPL,").flags & DELAYED
        stage.run(stage.simulator.drop_level1_clients())
        consumer.wait_for_state("AAPL", "live", None)
        assert all(m.flags & DELAYED for m in consumer.messages if m.symbol == "AAPL")
        issues = stage.requester().result("health")["issues"]
        assert "delayed" in {issue["code"] for issue in issues}
        consumer.history.check()
