"""The gateway process is killed and started again: consumers and leases come back by themselves."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator import Simulator, SimulatorOptions
from tests.support.consumer import Consumer, private_topic
from tests.support.fault_table import fault_row, note
from tests.support.processes import GatewayProcess
from tests.support.slack import SLACK
from tests.support.stage import open_stage, wait_until

pytestmark = pytest.mark.slow
SYMBOL_COUNT = 1_000
SERVICE_S_MAX = 5.0
LEASE_S = 60


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A calm market with more symbols than are asked for."""
    options = SimulatorOptions(
        admin_port=0,
        level1_port=0,
        level2_port=0,
        rate=200.0,
        equity_count=1_200,
        symbol_limit=2_000,
    )
    with open_stage() as stage:
        yield stage.start_simulator(options)


@pytest.fixture(scope="module")
def symbols(simulator: Simulator) -> list[str]:
    """A thousand symbols of that market."""
    instruments = simulator._source.market.instruments  # type: ignore[union-attr]
    return [name for name, i in instruments.items() if i.security_type == 1][:SYMBOL_COUNT]


def make_gateway(folder: Path, simulator: Simulator, **settings: object) -> GatewayProcess:
    """A gateway process before the simulator; not started."""
    return GatewayProcess(
        folder,
        level1_port=simulator.level1_port,
        admin_port=simulator.admin_port,
        settings=settings,
    )


def wait_for_watches(simulator: Simulator, count: int) -> float:
    """Wait until IQConnect holds so many watches."""
    return wait_until(
        lambda: simulator.statistics()["watches"] == count,
        what=f"{count} watches",
        seconds=SERVICE_S_MAX + 10.0,
    )


def report_of(gateway: GatewayProcess) -> dict[str, Any]:
    """What `subscriptions` says."""
    with gateway.requester() as requester:
        return dict(requester.result("subscriptions"))


@fault_row(79)
@pytest.mark.long
def test_a_lease_of_a_thousand_symbols_survives(
    tmp_path: Path, simulator: Simulator, symbols: list[str]
) -> None:
    """A strategy that renews its lease need not know that the gateway was restarted."""
    state_dir = tmp_path / "state"
    with make_gateway(tmp_path, simulator, state_dir=str(state_dir)) as gateway:
        gateway.start()
        with gateway.requester() as requester:
            hello = requester.result("hello")
            lease = requester.result(
                "subscribe", client="c", symbols=symbols, kinds=["l1"], lease_s=LEASE_S
            )
        wait_for_watches(simulator, SYMBOL_COUNT)
        leases = state_dir / "leases.json"
        wait_until(
            lambda: leases.exists() and lease["lease_id"] in leases.read_text(),
            what="the lease on disk",
        )
        gateway.kill()
        wait_for_watches(simulator, 0)
        killed_s = time.monotonic()
        gateway.start()
        wait_for_watches(simulator, SYMBOL_COUNT)
        recover_s = time.monotonic() - killed_s
        with gateway.requester() as requester:
            again = requester.result("hello")
            assert again["epoch"] > hello["epoch"]
            renewed = requester.result("renew", client="c", lease_id=lease["lease_id"])
            assert renewed["expires_us"] > lease["expires_us"]
        report = report_of(gateway)
        assert [entry["lease_id"] for entry in report["leases"]] == [lease["lease_id"]]
        assert {w["symbol"] for w in report["watches"] if w["wishes"] == 1} == set(symbols)
        gateway.kill()
    note(79, f"killed with a lease of {SYMBOL_COUNT} symbols", recover_s=recover_s)
    assert recover_s <= SERVICE_S_MAX * SLACK
    wait_for_watches(simulator, 0)


@fault_row(79)
def test_a_thousand_bare_subscriptions_come_back(
    tmp_path: Path, simulator: Simulator, symbols: list[str]
) -> None:
    """A consumer of a SUB socket and nothing else gets its prices and its snapshots again."""
    with make_gateway(tmp_path, simulator) as gateway:
        gateway.start()
        publics = [f"quote,{symbol}," for symbol in symbols]
        privates = [private_topic(topic) for topic in publics]
        with gateway.consumer(*publics, *privates) as consumer:
            first = collect_epoch(consumer, {*publics, *privates}, after_epoch=0)
            wait_for_watches(simulator, SYMBOL_COUNT)
            gateway.kill()
            killed_s = time.monotonic()
            gateway.start()
            second = collect_epoch(consumer, {*publics, *privates}, after_epoch=first)
            recover_s = time.monotonic() - killed_s
            assert second > first
            wait_for_watches(simulator, SYMBOL_COUNT)
            assert {w["symbol"] for w in report_of(gateway)["watches"]} == set(symbols)
            consumer.history.check()
        gateway.kill()
    note(
        79, f"killed before a bare consumer of {SYMBOL_COUNT} symbols", recover_s=recover_s, lost=0
    )
    assert recover_s <= SERVICE_S_MAX * SLACK
    wait_for_watches(simulator, 0)


def collect_epoch(consumer: Consumer, topics: set[str], *, after_epoch: int) -> int:
    """Read until every topic had a message of a later epoch, and give that epoch."""
    found = consumer.wait_for_all(
        topics, lambda m: m.epoch > after_epoch, what="messages of a new epoch", seconds=20.0
    )
    (epoch,) = {message.epoch for message in found}
    return epoch
