"""The network before a consumer loses packets or is slow: nothing is lost, nobody else suffers."""

import time
from pathlib import Path
from typing import Final

import pytest

from tests.support import fault_table, namespaces, records
from tests.support.fault_table import fault_row
from tests.support.market import Market, topics_of
from tests.support.network import FAR, Network

pytestmark = pytest.mark.slow
LINES_PER_SECOND: Final = 4_400.0
"""More than 5,000 messages a second: a line is a quote, or a trade and perhaps a summary."""
LINES_PER_SECOND_OF_LOSS_BASED_TCP: Final = 300.0
"""Reno and cubic slow down at each lost packet: over 100 ms and 5 % no more than 80 kB/s pass,
whatever the link could carry."""
MEASURED_S: Final = 6.0
SETTLE_S: Final = 2.0


def now_us() -> int:
    """The clock of the records."""
    return time.time_ns() // 1000


@fault_row(37)
@pytest.mark.parametrize("loss", [0.01, 0.05])
@pytest.mark.long
def test_lost_packets_are_no_lost_messages(network: Network, tmp_path: Path, loss: float) -> None:
    """What TCP sends again is late, and nothing else."""
    topics = topics_of()
    control = namespaces.congestion_control(network.near)
    lines = LINES_PER_SECOND if control == "bbr" else LINES_PER_SECOND_OF_LOSS_BASED_TCP
    with Market(tmp_path, network=network, rate=lines) as market:
        reference = market.subscriber(*topics)
        consumer = market.subscriber(*topics, at="far")
        network.change(delay_ms=50, jitter_ms=10, loss=loss)
        time.sleep(SETTLE_S)
        since_us = now_us()
        before = reference.log.read() and reference.log.message_count
        time.sleep(MEASURED_S)
        until_us = now_us()
        reference.log.read()
        rate = (reference.log.message_count - before) / MEASURED_S
        account = consumer.check_against(reference, seconds=20.0)
        assert account.declared == 0
        assert not consumer.log.events_of(records.SILENT)
        p50, p99 = consumer.log.percentiles_ms(0.5, 0.99, since_us=since_us, until_us=until_us)
        (own_p99,) = reference.log.percentiles_ms(0.99, since_us=since_us, until_us=until_us)
        figures = network.figures("to_far")
    lost = figures["lost"] / figures["sent"]
    assert figures["lost"] > 0
    fault_table.note(
        37,
        f"{loss:.0%} packet loss, 50 ms ± 10 ms each way",
        lost=account.published - account.received,
        repeated=0,
        more=f"{rate:,.0f} msg/s over {control}, {lost:.1%} of packets lost; "
        f"p50 {p50:.0f} ms, p99 {p99:.0f} ms; without a link p99 {own_p99:.1f} ms",
    )


@fault_row(38)
@pytest.mark.long
def test_a_slow_link_hurts_nobody_else(network: Network, tmp_path: Path) -> None:
    """One consumer behind a bad line must not make the desk's prices old."""
    topics = topics_of()
    with Market(tmp_path, network=network, rate=LINES_PER_SECOND) as market:
        reference, *others = market.subscribers(3, *topics)
        slow = market.subscriber(*topics, at="far")
        time.sleep(SETTLE_S)
        calm_us = now_us()
        time.sleep(MEASURED_S)
        network.change("to_far", rate_bps=1_000_000)
        struck_us = now_us()
        time.sleep(MEASURED_S)
        network.heal()
        healed_us = now_us()
        for other in others:
            assert other.check_against(reference).declared == 0
        account = slow.check_against(reference, seconds=30.0)
        calm, struck = (
            max(o.log.percentiles_ms(0.99, since_us=a, until_us=b)[0] for o in others)
            for a, b in ((calm_us, struck_us), (struck_us, healed_us))
        )
        assert network.figures("to_far")["overflowed"] > 0
        named = {
            told["peer"]
            for _, (topic, told) in reference.log.events_of(records.NOTICE)
            if topic == "sys,alert," and told["code"] == "slow_consumer"
        }
        assert all(FAR in peer for peer in named), named
    fault_table.note(
        38,
        "1 Mbit/s to one consumer",
        lost=0,
        repeated=0,
        more=f"others: p99 {calm:.1f} ms before, {struck:.1f} ms meanwhile; the slow one: "
        f"{account.declared:,} of {account.published:,} declared missing, "
        f"{'named' if named else 'not named'}",
    )
