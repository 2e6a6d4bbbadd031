"""A gateway process that is asked to stop says goodbye, drains, and is gone."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.simulator import SimulatorOptions
from tests.support.consumer import Consumer
from tests.support.processes import ROOT, GatewayProcess, clean_environment
from tests.support.stage import free_ports, open_stage, simulated

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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.long
def test_a_signal_under_load_drains_and_ends_with_zero(
    tmp_path: Path, number: signal.Signals
) -> None:
    """An upgrade during the session must not lose a message that was already numbered."""
    with under_load(tmp_path) as (gateway, consumer):
        gateway.send_signal(number)
        code, took_s = gateway.wait()
        print(f"{number.name}: ended after {took_s:.3f} s")
        assert code == 0, gateway.printed()
        assert took_s < STOP_S_MAX
        assert_goodbye_is_last(consumer)
        for port in gateway.ports:
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0, f"{port} still listens"


def test_the_last_message_published_is_the_last_received() -> None:
    """A consumer that saw the goodbye may trust that it saw everything before it."""
    with simulated(rate=LINES_PER_SECOND, trade_share=0.5, equity_count=20) as stage:
        consumer = stage.consumer("sys,", *TOPICS)
        consumer.wait_for_topic("trade,AAPL,")
        consumer.wait_for(lambda m: m.kind == "trade" and m.sequence > 100, what="load")
        board = stage.gateway._feed._parts.board
        stage.stop_gateway()
        assert_goodbye_is_last(consumer)
        published = {
            topic.prefix.decode(): topic.sequence
            for topic in board.topics()
            if topic.prefix.decode() in TOPICS and topic.sequence
        }
        assert published == {topic: consumer.history.last(topic)[1] for topic in published}
        assert sum(topic.startswith("trade,") for topic in published) == len(SYMBOLS)


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


HANGING = """
import sys, time
from gateway.commands import run
from gateway.commands.loops import run_program
from gateway.logs import set_up_logging
from gateway.runtime.feed import FeedThread
from gateway.settings import load_settings
install = run.on_stop_signal
def install_and_tell(loop, stop):
    install(loop, stop)
    print("ready", flush=True)
def hang(feed):
    print("hanging", flush=True)
    time.sleep(60)
run.on_stop_signal = install_and_tell
FeedThread._finish = hang
set_up_logging(level="error", form="console")
level1_port, admin_port = map(int, sys.argv[1:])
settings = load_settings(None, overrides={
    "iqconnect": {"level1_port": level1_port, "admin_port": admin_port},
    "data": {"bind": "tcp://127.0.0.1:*"}, "control": {"bind": "tcp://127.0.0.1:*"},
    "http": {"bind": "127.0.0.1:0"}})
sys.exit(run_program(lambda: run.run_gateway(settings)))
"""


def test_a_second_signal_ends_a_stop_that_hangs() -> None:
    """When the orderly end does not end, the second signal is the operator's only tool."""
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING, *map(str, free_ports(2))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=clean_environment(),
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGTERM)
            assert process.stdout.readline() == "hanging\n"
            process.send_signal(signal.SIGTERM)
            started_s = time.monotonic()
            code = process.wait(30.0)
            assert time.monotonic() - started_s < 1.0
            assert code == 130
        finally:
            process.kill()
