"""The whole gateway with the compiled pipeline: what an operator and a consumer can tell of it."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator import SimulatorOptions
from tests.support.consumer import STALE, Consumer
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.pipelines import COMPILED, require
from tests.support.processes import GatewayProcess
from tests.support.slack import SLACK
from tests.support.stage import Stage, open_stage, scripted

pytestmark = pytest.mark.slow
BURST = 6_000
STOPPED_S = 2.5
"""A little more than what the gateway takes for a pause of its own."""


@pytest.fixture(autouse=True)
def built() -> None:
    """Nothing of this can be tested without it."""
    require(COMPILED)


def quote(fake: FakeIqconnect, number: int, *, contents: str = "ba") -> bytes:
    """A line that differs from the one before."""
    return fake.line(
        "Q", "AAPL", Message_Contents=contents,
        Bid=f"{100 + number % 100}.5", Bid_Size=str(100 + number), Bid_Time="09:30:00.000000",
        Ask=f"{300 + number % 100}.5", Ask_Size="100", Ask_Time="09:30:00.000000",
        Most_Recent_Trade="200", Most_Recent_Trade_Size="10", TickID=str(number),
        Most_Recent_Trade_Time="09:30:00.000000", Most_Recent_Trade_Date="09/16/2026",
        Total_Volume=str(1_000 + number),
    )  # fmt: skip


@pytest.fixture
def live() -> Iterator[tuple[Stage, FakeIqconnect, Consumer]]:
    """A gateway with little room for what it cannot read in time, and AAPL live."""
    fake = FakeIqconnect()
    settings: dict[str, Any] = {
        "pipeline": "compiled",
        "connection": {"message_queue_size": 1_000},
        "upstream": {"read_bytes_max": 16_384},
        "data": {"high_water_mark": 1_000_000},
    }
    with scripted(fake, settings=settings) as stage:
        consumer = stage.consumer("quote,AAPL,", "trade,AAPL,", "state,AAPL,", "sys,heartbeat,")
        fake.wait_for_command("wAAPL")
        consumer.wait_for_state("AAPL", "live", None)
        yield stage, fake, consumer


def told_by(stage: Stage, consumer: Consumer) -> dict[str, Any]:
    """The figures, once everything so far is in them."""
    # A report is made just before each heartbeat.
    consumer.wait_for_beats(2)
    with stage.requester() as requester:
        metrics: dict[str, Any] = requester.result("metrics")["client_metrics"]
    return metrics


def test_every_message_is_measured_once(
    live: tuple[Stage, FakeIqconnect, Consumer],
) -> None:
    """Usual lines one by one, others between them, and a loss of the vendor's in the middle."""
    stage, fake, consumer = live
    with stage.requester() as requester:
        assert requester.result("hello")["pipeline"]["name"] == "compiled"
    for number in range(300):
        stage.call(fake.send, quote(fake, number, contents="Cbav" if number % 50 == 0 else "ba"))
        if number == 150:
            stage.call(fake.send, b"S,SERVER DISCONNECTED\r\nS,SERVER CONNECTED\r\n")
    stage.call(fake.send, b"".join(quote(fake, number) for number in range(300, 400)))
    consumer.wait_for(lambda m: m.kind == "quote" and m.values[1] == 499, what="the last quote")
    metrics = told_by(stage, consumer)
    counters, latency = metrics["counters"], metrics["latency"]
    for kind, counter in (("quote", "quotes_published"), ("trade", "trades_published")):
        assert latency[kind]["count"] == counters[counter] > 0, kind
        assert 0 < latency[kind]["p99_us"] < 60_000_000
    assert 0 < metrics["average_latency_ms"] < 60_000


def test_what_cannot_be_read_in_time_is_merged_and_no_trade_is_lost(
    live: tuple[Stage, FakeIqconnect, Consumer],
) -> None:
    """Reads that are full are read ahead, and judged together, whoever read first."""
    stage, fake, consumer = live
    stage.call(fake.send, quote(fake, 0, contents="Cbav"))
    consumer.wait_for(lambda m: m.kind == "trade", what="the first trade")
    burst = b"".join(
        quote(fake, number, contents="Cbav" if number % 100 == 0 else "ba")
        for number in range(1, BURST + 1)
    )
    stage.call(fake.send, burst)
    newest = consumer.wait_for(
        lambda m: m.kind == "quote" and m.values[1] == 100 + BURST, what="the newest", seconds=20.0
    )
    assert not newest.flags & STALE
    trades = [m.values[2] for m in consumer.on("trade,AAPL,")]
    assert trades == [0, *range(100, BURST + 1, 100)]
    counters = told_by(stage, consumer)["counters"]
    assert counters["backlogs_shed"] > 0
    assert counters["quotes_merged"] > 0
    consumer.history.check()


def test_a_stopped_process_publishes_nothing_old_as_live_and_stops_at_once(tmp_path: Path) -> None:
    """Whichever loop it was stopped in; and while lines flow it hears that it is to end."""
    with open_stage() as stage:
        simulator = stage.start_simulator(
            SimulatorOptions(
                admin_port=0, level1_port=0, level2_port=0, rate=4_000.0, equity_count=10
            )
        )
        with GatewayProcess(
            tmp_path,
            level1_port=simulator.level1_port,
            admin_port=simulator.admin_port,
            settings={"pipeline": "compiled"},
        ) as gateway:
            gateway.start()
            with gateway.consumer("quote,AAPL,", "state,AAPL,", "sys,goodbye,") as consumer:
                for _ in range(2):
                    consumer.wait_for(
                        lambda m: m.kind == "quote" and not m.flags & STALE, what="live quotes"
                    )
                    suspend(gateway, consumer)
                gateway.send_signal(signal.SIGTERM)
                assert consumer.wait_for_topic("sys,goodbye,").values[0]["resume_expected"]
                code, took_s = gateway.wait()
    assert code == 0, gateway.printed()
    assert took_s < 5.0 * SLACK


def suspend(gateway: GatewayProcess, consumer: Consumer) -> None:
    """Stop the process, let it go on, and judge all that it read until it was live again."""
    gateway.send_signal(signal.SIGSTOP)
    list(consumer.stream(STOPPED_S))
    seen = len(consumer.messages)
    resumed_us = time.time_ns() // 1000
    gateway.send_signal(signal.SIGCONT)
    consumer.wait_for_state("AAPL", "live", None, seconds=15.0)
    late = [m for m in consumer.messages[seen:-1] if m.body[4] >= resumed_us]
    assert any(m.kind == "state" and m.values[0] == "stale" for m in late)
    prices = [m for m in late if m.kind == "quote"]
    assert prices
    assert all(m.flags & STALE for m in prices), [m for m in prices if not m.flags & STALE][:3]
