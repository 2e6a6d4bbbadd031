"""A gateway is asked to stop under load: it drains, says goodbye, and has lost nothing."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from tests.integration.test_gateway_stop import (
    LINES_PER_SECOND,
    STOP_S_MAX,
    TOPICS,
    assert_goodbye_is_last,
    under_load,
)
from tests.support.consumer import Consumer
from tests.support.fault_table import fault_row, note
from tests.support.processes import ROOT, clean_environment
from tests.support.slack import SLACK
from tests.support.stage import free_ports, simulated

pytestmark = pytest.mark.slow
TRADES_MIN: Final = 100


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


def last_of(consumer: Consumer) -> dict[str, tuple[int, int]]:
    """Epoch and sequence of the last message of every topic of market data."""
    return {topic: consumer.history.last(topic) for topic in TOPICS if consumer.on(topic)}


@fault_row(80)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_every_consumer_has_the_same_last_message_and_then_goodbye(
    tmp_path: Path, number: signal.Signals
) -> None:
    """An upgrade during the session must not lose a message that was already numbered."""
    with under_load(tmp_path) as (gateway, consumer), gateway.consumer("sys,", *TOPICS) as second:
        second.wait_for_all(
            {topic for topic in TOPICS if topic.startswith("trade,")},
            lambda _: True,
            what="a second consumer's trades",
            seconds=15.0 * SLACK,
        )
        gateway.send_signal(number)
        code, took_s = gateway.wait()
        assert code == 0, gateway.printed()
        for each in (consumer, second):
            assert_goodbye_is_last(each)
            assert each.on("sys,goodbye,")[-1].values[0]["reason"] == "signal"
        assert last_of(consumer) == last_of(second)
        trades = sum(message.kind == "trade" for message in consumer.messages)
        for port in gateway.ports:
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0, f"{port} still listens"
    note(80, f"{number.name} under load", lost=0, more=f"ended after {took_s:.2f} s")
    assert trades > TRADES_MIN
    assert took_s <= STOP_S_MAX * SLACK


@fault_row(80)
def test_the_last_message_published_is_the_last_received() -> None:
    """What the gateway numbered last, as it knows itself, is what the consumer has last."""
    with simulated(rate=LINES_PER_SECOND, trade_share=0.5, equity_count=20) as stage:
        consumer = stage.consumer("sys,", *TOPICS)
        consumer.wait_for(lambda m: m.kind == "trade" and m.sequence > 100, what="load")
        board = stage.gateway._feed._parts.board
        began_s = time.monotonic()
        stage.stop_gateway()
        took_s = time.monotonic() - began_s
        assert_goodbye_is_last(consumer)
        published = {
            topic.prefix.decode(): topic.sequence
            for topic in board.topics()
            if topic.prefix.decode() in TOPICS and topic.sequence
        }
    received = {topic: consumer.history.last(topic)[1] for topic in published}
    missing = sum(published[topic] - received[topic] for topic in published)
    note(80, "a stop under load, seen from inside", lost=missing, more=f"{took_s:.2f} s")
    assert published == received
    assert sum(published.values()) > TRADES_MIN


@fault_row(81)
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
            began_s = time.monotonic()
            code = process.wait(30.0)
            took_s = time.monotonic() - began_s
        finally:
            process.kill()
    note(81, "a second SIGTERM while the stop hangs", more=f"ended after {took_s:.2f} s")
    assert code == 130
    assert took_s < 1.0 * SLACK
