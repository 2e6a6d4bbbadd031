"""An application is busy while the gateway restarts: its client's own thread subscribes again."""

import time
from pathlib import Path
from typing import Any, Final

import pytest
from gateway_client import GatewayClient

from gateway.simulator import SimulatorOptions
from tests.support import fault_table
from tests.support.fault_table import fault_row
from tests.support.processes import GatewayProcess
from tests.support.stage import open_stage, wait_until

pytestmark = pytest.mark.slow
SYMBOL_COUNT: Final = 625
KINDS: Final = ("quote", "trade", "summary", "state")
BACK_S_MAX: Final = 1.0
BUSY_S: Final = 1.0
"""What a machine with other work may add."""


def held_topics(gateway: GatewayProcess) -> dict[str, int]:
    """How many connections hold each public topic, as the gateway sees it."""
    with gateway.requester() as requester:
        demand: dict[str, Any] = requester.result("subscriptions")["demand"]
    return {entry["topic"]: entry["connections"] for entry in demand["subscriptions"]}


@fault_row(41)
@pytest.mark.long
def test_subscriptions_return_although_nobody_reads(tmp_path: Path) -> None:
    """Only a socket that is polled subscribes again, and a strategy may compute for minutes."""
    options = SimulatorOptions(
        admin_port=0,
        level1_port=0,
        level2_port=0,
        rate=200.0,
        equity_count=SYMBOL_COUNT + 100,
        symbol_limit=SYMBOL_COUNT + 100,
    )
    with open_stage() as stage:
        simulator = stage.start_simulator(options)
        instruments = simulator._source.market.instruments  # type: ignore[union-attr]
        symbols = [s for s, i in instruments.items() if i.security_type == 1][:SYMBOL_COUNT]
        topics = {f"{kind},{symbol}," for symbol in symbols for kind in KINDS}
        with GatewayProcess(
            tmp_path, level1_port=simulator.level1_port, admin_port=simulator.admin_port
        ) as gateway:
            gateway.start()
            with GatewayClient(
                data_endpoint=gateway.data, control_endpoint=gateway.control
            ) as client:
                client.subscribe_topics(sorted(topics))
                wait_until(lambda: topics <= held_topics(gateway).keys(), what="subscriptions")
                gateway.kill()
                gateway.start()
                answering_s = time.monotonic()
                wait_until(lambda: topics <= held_topics(gateway).keys(), what="all of them again")
                back_s = time.monotonic() - answering_s
                connections = {n for t, n in held_topics(gateway).items() if t in topics}
                assert connections == {1}
            gateway.kill()
    print(f"{len(topics)} topics back {back_s:.2f} s after the gateway answers")
    fault_table.note(
        41,
        "application reads nothing while the gateway restarts",
        recover_s=back_s,
        more=f"{len(topics):,} topics",
    )
    assert back_s <= BACK_S_MAX + BUSY_S
