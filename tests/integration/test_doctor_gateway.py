"""`doctor` at a gateway and its consumers: the right culprit is named first, nothing is disturbed.

Every case runs the command as a user does, as a process of its own, against real processes.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.practice import Practice, open_practice
from tests.support.stage import free_ports
from tests.support.strangers import Stranger

pytestmark = pytest.mark.slow


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Practice]:
    """Nothing runs at first."""
    with open_practice(tmp_path) as place:
        yield place


def test_without_a_gateway_all_is_well_and_it_is_said_how_to_start_one(practice: Practice) -> None:
    """Not running is no problem by itself; and nothing is left behind at IQConnect."""
    simulator = practice.simulate()
    practice.write()
    told = practice.examine()
    by_step = {step["step"]: step for step in told["steps"]}
    assert told["is_well"]
    assert by_step["gateway"]["outcome"] == "skipped"
    assert f"iqfeed-gateway run --config {practice.config}" in by_step["gateway"]["fix"]
    assert "ends by itself" in by_step["login"]["fix"]

    def left() -> int:
        statistics = simulator.statistics()
        return statistics["watches"] + statistics["depth_watches"] + statistics["clients"]

    assert practice.stage.run(wait_until_zero(left)) == 0


async def wait_until_zero(count: Callable[[], int]) -> int:
    """Wait, a second at most, until nothing is left; how much is."""
    for _ in range(100):
        if not count():
            break
        await asyncio.sleep(0.01)
    return int(count())


def test_with_a_gateway_all_is_well_and_nothing_is_disturbed(practice: Practice) -> None:
    """A look at a production gateway must not cost it a connection or a message."""
    simulator = practice.simulate()
    with practice.gateway() as gateway, gateway.consumer("trade,AAPL,", "quote,AAPL,") as reader:
        reader.wait_for_topic("quote,AAPL,")
        accepted = simulator.statistics()["level1_clients"]
        told = practice.examine()
        reader.wait_for_topic("quote,AAPL,")
        assert told["is_well"], told
        assert {step["outcome"] for step in told["steps"]} == {"ok"}
        assert reader.history.violations == []
        with gateway.requester() as requester:
            link = requester.result("metrics")["connections"]["links"]["level1"]
            assert (link["state"], link["attempts"]) == ("streaming", 0)
        assert simulator.statistics()["level1_clients"] == accepted


def test_a_gateway_whose_prices_are_stale_is_first(practice: Practice) -> None:
    """IQConnect is well; the gateway looks for it elsewhere."""
    practice.simulate()
    dead = dict(zip(("admin_port", "level1_port", "level2_port"), free_ports(3), strict=True))
    with practice.gateway(**dead):
        told = practice.examine()
    assert told["first"]["step"] == "gateway"
    assert told["first"]["code"] == "gateway_looks_elsewhere"
    assert f":{dead['level1_port']}, this configuration says" in told["first"]["message"]
    assert told["steps"][-2]["code"] == "symbol_iqconnect_down"


def test_a_gateway_whose_connection_is_refused_is_first(practice: Practice) -> None:
    """IQConnect is well again, and the gateway has not found out: its own word is the reason."""
    simulator = practice.simulate()
    with (
        practice.gateway() as gateway,
        gateway.consumer("state,AAPL,", "quote,AAPL,") as reader,
    ):
        reader.wait_for_topic("quote,AAPL,")
        practice.stage.run(simulator.ports["level1"].close())
        reader.wait_for_state("AAPL", "stale", "iqconnect_down")
        told = practice.examine("--no-level2")
    by_step = {step["step"]: step["code"] for step in told["steps"]}
    assert by_step["ports"] == told["first"]["code"] == "level1_closed"
    assert by_step["gateway"] == "gateway_iqconnect_down"


def test_a_gateway_that_hangs_is_first(practice: Practice) -> None:
    """The system accepts in the name of a suspended process."""
    practice.simulate()
    with practice.gateway() as gateway:
        gateway.send_signal(signal.SIGSTOP)
        try:
            assert practice.first() == ("gateway", "gateway_mute")
        finally:
            gateway.send_signal(signal.SIGCONT)


def test_a_stranger_on_the_control_port_is_first(practice: Practice) -> None:
    """The gateway could not even start there."""
    practice.simulate()
    practice.write()
    with Stranger() as stranger:
        assert practice.first("--control", stranger.endpoint) == ("gateway", "control_foreign")


def test_a_taken_data_port_is_first_although_no_gateway_runs(practice: Practice) -> None:
    """`start the gateway` would be advice that fails."""
    practice.simulate()
    practice.write()
    with Stranger() as stranger:
        assert practice.first("--data", stranger.endpoint) == ("gateway", "data_port_taken")


@pytest.mark.long
def test_a_wrong_control_address_does_not_cost_a_live_gateway_its_life(practice: Practice) -> None:
    """`end the program on the data port` would be the worst advice there is."""
    practice.simulate()
    with practice.gateway() as gateway:
        nobody = f"tcp://127.0.0.1:{free_ports(1)[0]}"
        first = practice.examine("--control", nobody)["first"]
        assert (first["step"], first["code"]) == ("gateway", "control_wrong")
        assert f"a gateway is live at {gateway.data}" in first["message"]
        assert f"nobody listens at {nobody}: --control is wrong" in first["message"]
        assert first["fix"].startswith("Leave that gateway running and correct --control")
        practice.control_port = free_ports(1)[0]
        practice.write()
        assert "control.bind" in practice.examine()["first"]["fix"]


@pytest.mark.long
def test_consumers_at_a_wrong_address_are_first_and_the_right_one_is_named(
    practice: Practice,
) -> None:
    """Everything up to the gateway is well; the gateway itself knows where it publishes."""
    practice.simulate()
    with practice.gateway() as gateway:
        nobody = f"tcp://127.0.0.1:{free_ports(1)[0]}"
        told = practice.examine("--data", nobody)
        assert (told["first"]["step"], told["first"]["code"]) == ("consumer", "data_closed")
        assert gateway.data in told["first"]["fix"]
        with Stranger() as stranger:
            assert practice.first("--data", stranger.endpoint) == ("consumer", "data_foreign")
        assert practice.first("--data", gateway.control) == ("consumer", "data_foreign")
        swapped = ("--data", gateway.control, "--control", gateway.data)
        assert practice.first(*swapped) == ("gateway", "control_is_data")


@pytest.mark.long
def test_consumers_at_another_gateway_are_first(practice: Practice) -> None:
    """Heartbeats come and mean nothing: they are another run's."""
    simulator = practice.simulate()
    other = practice.stage.start_gateway(
        level1_port=simulator.level1_port, admin_port=simulator.admin_port
    )
    with practice.gateway():
        told = practice.first("--data", other.endpoints["data"])
    assert told == ("consumer", "other_gateway")
