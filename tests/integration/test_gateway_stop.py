"""A gateway process that is asked to stop says goodbye, drains, and is gone."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.simulator import SimulatorOptions
from tests.support.consumer import Consumer
from tests.support.processes import GatewayProcess
from tests.support.stage import open_stage, simulated

pytestmark = pytest.mark.slow
SYMBOLS = ("AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "NVDA")
TOPICS = tuple(f"{kind},{symbol}," for symbol in SYMBOLS for kind in ("trade", "quote", "summary"))
LINES_PER_SECOND = 3000.0
STOP_S_MAX = 5.0
BACKLOG_MESSAGES = 8_000


@contextlib.contextmanager
def under_load(folder: Path) -> Iterator[tuple[GatewayProcess, Consumer]]:
    """A gateway process that publishes thousands of messages a second to one consumer."""
    with open_stage() as stage:
        simulator = stage.start_simulator(
            SimulatorOptions(
                admin_port=0,
                level1_port=0,
                level2_port=0,
                rate=LINES_PER_SECOND,
                equity_count=20,
                trade_share=0.5,
            )
        )
        with GatewayProcess(
            folder, level1_port=simulator.level1_port, admin_port=simulator.admin_port
        ) as gateway:
            gateway.start()
            with gateway.consumer("sys,", *TOPICS) as consumer:
                consumer.wait_for_all(
                    {f"trade,{symbol}," for symbol in SYMBOLS},
                    lambda m: m.sequence > 20,
                    what="trades under load",
                    seconds=15.0,
                )
                yield gateway, consumer


def assert_goodbye_is_last(consumer: Consumer) -> None:
    """Read to the end: goodbye is there, nothing follows it, and nothing before it is missing."""
    goodbye = consumer.wait_for_topic("sys,goodbye,")
    (facts,) = goodbye.values
    assert set(facts) == {"reason", "resume_expected"}
    assert facts["resume_expected"] is True
    assert consumer.receive(0.3) is None
    consumer.history.check()


def test_what_waits_for_a_consumer_that_is_behind_is_sent_before_the_end() -> None:
    """A consumer that paused for a second must not lose that second to our restart."""
    with simulated(rate=LINES_PER_SECOND, trade_share=0.5, equity_count=20) as stage:
        endpoint = stage.gateway.endpoints["data"]
        reference = stage.consumer("sys,", *TOPICS)
        with Consumer(endpoint, "sys,", *TOPICS, queue_max=10, buffer_bytes=16_384) as behind:
            behind.wait_for_topic("trade,AAPL,")
            for _ in range(BACKLOG_MESSAGES):
                assert reference.receive(2.0) is not None
            stage.begin_stop_gateway()
            assert_goodbye_is_last(behind)
            assert len(behind.messages) > BACKLOG_MESSAGES


@pytest.mark.long
def test_two_signals_at_once_end_at_once(tmp_path: Path) -> None:
    """An operator who presses Ctrl-C again has waited long enough."""
    with under_load(tmp_path) as (gateway, _):
        gateway.send_signal(signal.SIGTERM)
        gateway.send_signal(signal.SIGINT)
        code, took_s = gateway.wait()
        assert code in (0, 130), gateway.printed()
        assert took_s < 1.0
