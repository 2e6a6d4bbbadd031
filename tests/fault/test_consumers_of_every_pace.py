"""Slow ones, restless ones and crowds: healthy consumers keep what they had, and see no gap."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
import zmq

from gateway.simulator import Simulator, SimulatorOptions
from tests.support.consumer import Consumer, private_topic
from tests.support.fault_table import BESIDE, fault_row, note
from tests.support.incident import equities
from tests.support.processes import ROOT, GatewayProcess
from tests.support.slack import FREED_MB
from tests.support.stage import open_stage

pytestmark = pytest.mark.slow
LINES_PER_SECOND = 3_000.0
NAMED_S_MAX = 5.0
KEPT_MIN = 0.9
"""Share of its throughput that a healthy consumer keeps."""
CROWD = int(os.environ.get("CROWD", "60"))
CROWD_MB_MAX = 2.0
"""Memory for each healthy consumer of a crowd."""
CHURN_PER_SECOND = 1_000
SECONDS = 6.0

SLOW_READER = """
import sys, time, zmq
socket = zmq.Context().socket(zmq.SUB)
socket.setsockopt(zmq.SNDHWM, 0)
socket.setsockopt(zmq.RCVHWM, 100)
socket.connect(sys.argv[1])
socket.subscribe(b"")
socket.recv()
print("ready", flush=True)
while True:
    socket.recv()
    time.sleep(float(sys.argv[2]))
"""


@contextmanager
def loaded(folder: Path, **settings: object) -> Iterator[tuple[Simulator, GatewayProcess]]:
    """A gateway process under load; all symbols of the market are watched."""
    options = SimulatorOptions(
        admin_port=0, level1_port=0, level2_port=0, rate=LINES_PER_SECOND, equity_count=60
    )
    with open_stage() as stage:
        simulator = stage.start_simulator(options)
        gateway = GatewayProcess(
            folder,
            level1_port=simulator.level1_port,
            admin_port=simulator.admin_port,
            settings=settings,
        )
        with gateway:
            gateway.start()
            with gateway.requester() as requester:
                requester.result(
                    "subscribe", client="load", symbols=equities(simulator, 60), kinds=["l1"]
                )
            yield simulator, gateway


def throughput(consumer: Consumer, seconds: float) -> tuple[float, float]:
    """Messages a second, and the age of the oldest when it was read, seconds."""
    begin, started_s, worst_us = len(consumer.messages), time.monotonic(), 0
    for message in consumer.stream(seconds):
        worst_us = max(worst_us, time.time_ns() // 1000 - message.body[4])
    return (len(consumer.messages) - begin) / (time.monotonic() - started_s), worst_us / 1e6


@fault_row(BESIDE)
@pytest.mark.long
def test_one_at_a_hundredth_of_the_pace_is_named(tmp_path: Path) -> None:
    """It reads, so nothing breaks; it trades on old prices, and somebody must say so."""
    with loaded(tmp_path) as (_, gateway), ExitStack() as stack:
        healthy = stack.enter_context(gateway.consumer("sys,", "quote,", "trade,"))
        healthy.wait_for(lambda m: m.kind == "trade", what="load")
        before, _ = throughput(healthy, SECONDS)
        process = psutil.Process(gateway.pid)
        rss = process.memory_info().rss
        child = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", SLOW_READER, gateway.data, str(100 / LINES_PER_SECOND)],
                stdout=subprocess.PIPE,
                cwd=ROOT,
            )
        )
        stack.callback(child.kill)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        slow_s = time.monotonic()
        # It is behind from the moment when the buffers between us are full.
        alert = healthy.wait_for(
            lambda m: m.topic == "sys,alert,", what="an alert", seconds=NAMED_S_MAX + 3.0
        )
        named_s = alert.at_s - slow_s
        details = alert.values[0]
        assert (details["event"], details["code"]) == ("raised", "slow_consumer")
        during, worst_s = throughput(healthy, SECONDS)
        with gateway.requester() as requester:
            (peer,) = [p for p in requester.result("subscriptions")["peers"] if p["is_slow"]]
            issues = requester.result("health")["issues"]
        assert peer["peer"] == details["peer"]
        assert peer["lag_us"] >= 3_000_000
        (issue,) = [issue for issue in issues if issue["code"] == "slow_consumers"]
        assert details["peer"] in issue["message"]
        healthy.history.check()
        grown_mb = (process.memory_info().rss - rss) / 1e6
        note(
            BESIDE,
            "a consumer at a hundredth of the pace",
            detect_s=named_s,
            lost=0,
            cause="slow_consumer",
            more=f"the healthy one kept {during / before:.0%}, oldest message {worst_s:.2f} s; "
            f"RSS {grown_mb:+.0f} MB",
        )
        assert during >= KEPT_MIN * before
        assert named_s < NAMED_S_MAX + 1.0


class Churner(threading.Thread):
    """A consumer that subscribes and unsubscribes a thousand times a second.

    Args:
        endpoint: The gateway's data socket.
        symbols: What it takes and leaves.
    """

    def __init__(self, endpoint: str, symbols: list[str]) -> None:
        super().__init__(name="churner", daemon=True)
        self._endpoint = endpoint
        self._symbols = symbols
        self._is_over = threading.Event()
        self.done = 0

    def run(self) -> None:
        """Churn until stopped."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        socket = context.socket(zmq.SUB)
        socket.setsockopt(zmq.SNDHWM, 0)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(self._endpoint)
        per_turn = CHURN_PER_SECOND // 100
        while not self._is_over.wait(0.01):
            for _ in range(per_turn // 2):
                symbol = self._symbols[self.done % len(self._symbols)]
                topics = (f"quote,{symbol},", private_topic(f"quote,{symbol},"))
                for topic in topics:
                    socket.subscribe(topic)
                for topic in topics:
                    socket.unsubscribe(topic)
                self.done += 2
            while socket.poll(0):
                socket.recv()
        context.destroy(linger=0)

    def stop(self) -> None:
        """End it."""
        self._is_over.set()
        self.join(5.0)


@fault_row(BESIDE)
@pytest.mark.long
def test_one_that_churns_its_subscriptions_disturbs_nobody(tmp_path: Path) -> None:
    """A consumer in a loop of subscribing and leaving costs its own time only."""
    with loaded(tmp_path) as (simulator, gateway), ExitStack() as stack:
        healthy = stack.enter_context(gateway.consumer("sys,", "quote,", "trade,"))
        healthy.wait_for(lambda m: m.kind == "trade", what="load")
        before, _ = throughput(healthy, SECONDS)
        churner = Churner(gateway.data, equities(simulator, 40))
        churner.start()
        stack.callback(churner.stop)
        during, worst_s = throughput(healthy, SECONDS)
        churner.stop()
        healthy.history.check()
        pace = churner.done * 2 / SECONDS
        note(
            BESIDE,
            "a consumer that churns its subscriptions",
            lost=0,
            more=f"{pace:.0f} subscriptions and as many ends a second; the healthy one kept "
            f"{during / before:.0%}, oldest message {worst_s:.2f} s",
        )
        assert during >= KEPT_MIN * before


@fault_row(BESIDE)
@pytest.mark.long
def test_a_crowd_is_served_alike(tmp_path: Path) -> None:
    """Many consumers of a part each, and one that takes all: nobody misses anything."""
    with loaded(tmp_path) as (simulator, gateway), ExitStack() as stack:
        symbols = equities(simulator, 60)
        healthy = stack.enter_context(gateway.consumer("sys,", "quote,", "trade,"))
        healthy.wait_for(lambda m: m.kind == "trade", what="load")
        before, _ = throughput(healthy, SECONDS)
        process = psutil.Process(gateway.pid)
        rss = process.memory_info().rss
        crowd = [
            stack.enter_context(gateway.consumer(f"quote,{symbols[n % 60]},", "sys,heartbeat,"))
            for n in range(CROWD)
        ]
        begin, started_s = len(healthy.messages), time.monotonic()
        while time.monotonic() - started_s < SECONDS:
            healthy.receive(0.05)
            for consumer in (healthy, *crowd):
                while consumer.receive(0.0) is not None:
                    pass
        during = (len(healthy.messages) - begin) / (time.monotonic() - started_s)
        grown_mb = (process.memory_info().rss - rss) / 1e6
        for consumer in crowd:
            consumer.wait_for_beats(1)
            consumer.history.check()
            assert len(consumer.on("sys,heartbeat,")) >= SECONDS - 2
        healthy.history.check()
        with gateway.requester() as requester:
            peers = requester.result("subscriptions")["peers"]
        assert len(peers) == CROWD + 1
        note(
            BESIDE,
            f"{CROWD} consumers at once",
            lost=0,
            more=f"the first one kept {during / before:.0%}; RSS {grown_mb:+.0f} MB",
        )
        assert grown_mb < CROWD_MB_MAX * CROWD + FREED_MB
