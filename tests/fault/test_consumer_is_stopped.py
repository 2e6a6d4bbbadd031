"""A consumer stops reading: it is named, then cut off, and nobody else notices anything."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from gateway.simulator import SimulatorOptions
from tests.support.consumer import Consumer
from tests.support.fault_table import fault_row, note
from tests.support.incident import equities
from tests.support.processes import GatewayProcess
from tests.support.reading import reader
from tests.support.slack import FREED_MB
from tests.support.stage import open_stage

pytestmark = pytest.mark.slow
NAMED_S_MAX = 5.0
EVICTED_S_MAX = 15.0
GROWTH_MB_MAX = 40.0 + FREED_MB
"""For each stopped consumer."""
LINES_PER_SECOND = 4_000.0


@contextmanager
def loaded_gateway(folder: Path) -> Iterator[GatewayProcess]:
    """A gateway process under load."""
    options = SimulatorOptions(
        admin_port=0, level1_port=0, level2_port=0, rate=LINES_PER_SECOND, equity_count=60
    )
    with open_stage() as stage:
        simulator = stage.start_simulator(options)
        gateway = GatewayProcess(
            folder, level1_port=simulator.level1_port, admin_port=simulator.admin_port
        )
        with gateway:
            gateway.start()
            with gateway.requester() as requester:
                symbols = equities(simulator, 60)
                requester.result("subscribe", client="load", symbols=symbols, kinds=["l1"])
            yield gateway


def stop_and_watch(gateway: GatewayProcess, count: int) -> tuple[Consumer, list[dict[str, Any]]]:
    """Stop so many consumers under load, and follow them to their end.

    Returns:
        A consumer that was healthy all the time, and the alerts it heard.
    """
    healthy = gateway.consumer("sys,", "quote,", "trade,", "summary,")
    process = psutil.Process(gateway.pid)
    with ExitStack() as stack:
        stack.callback(healthy.close)
        children = [stack.enter_context(reader(gateway.data)) for _ in range(count)]
        healthy.wait_for(lambda m: m.kind == "trade", what="trades")
        rss = process.memory_info().rss
        for child in children:
            child.send_signal(signal.SIGSTOP)
        struck_s = time.monotonic()
        alerts: list[dict[str, Any]] = []
        times: dict[str, list[float]] = {"raised": [], "cleared": []}
        most_mb = 0.0
        for message in healthy.stream(EVICTED_S_MAX + 5.0):
            if message.topic == "sys,heartbeat,":
                most_mb = max(most_mb, (process.memory_info().rss - rss) / 1e6)
            if message.topic == "sys,alert,":
                alerts.append(message.values[0])
                times[message.values[0]["event"]].append(message.at_s - struck_s)
                if len(times["cleared"]) == count:
                    break
        for child in children:
            child.send_signal(signal.SIGCONT)
    assert len(times["raised"]) == len(times["cleared"]) == count, times
    note(
        30 if count > 1 else 29,
        f"{count} of {count + 1} consumers stopped",
        detect_s=max(times["raised"]),
        lost=0,
        cause="slow_consumer",
        more=f"cut off after {max(times['cleared']):.1f} s; RSS {most_mb:+.1f} MB at most",
    )
    assert max(times["raised"]) < NAMED_S_MAX
    assert max(times["cleared"]) < EVICTED_S_MAX
    assert most_mb < GROWTH_MB_MAX * count
    healthy.history.check()
    return healthy, alerts


@fault_row(29)
@pytest.mark.long
def test_one_that_stops_is_named_and_cut_off(tmp_path: Path) -> None:
    """An operator must know which program it is, and the others must not pay for it."""
    with loaded_gateway(tmp_path) as gateway:
        _, (raised, cleared) = stop_and_watch(gateway, 1)
        assert raised["code"] == cleared["code"] == "slow_consumer"
        assert raised["peer"] == cleared["peer"]
        assert raised["peer"].startswith("tcp://127.0.0.1:")
        assert raised["peer"] in raised["message"]
        assert "cut off" in cleared["message"]
        assert raised["peer"] in gateway.printed()
        with gateway.requester() as requester:
            errors = [e for e in requester.result("errors")["errors"] if e["port"] == "consumers"]
            peers = requester.result("subscriptions")["peers"]
        assert [error["code"] for error in errors] == ["consumer_evicted", "slow_consumer"]
        assert all(raised["peer"] in error["message"] for error in errors)
        assert errors[0]["details"]["reason"].startswith("its socket took nothing for 1")
        assert raised["peer"] not in [peer["peer"] for peer in peers]


@fault_row(30)
@pytest.mark.long
def test_ten_that_stop_are_named_and_cut_off(tmp_path: Path) -> None:
    """A host that is suspended takes all its programs with it."""
    with loaded_gateway(tmp_path) as gateway:
        _, alerts = stop_and_watch(gateway, 10)
        assert len({alert["peer"] for alert in alerts}) == 10
