"""A gateway process that attacks are let loose on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.simulator import SimulatorOptions
from tests.support.processes import GatewayProcess
from tests.support.stage import open_stage


@contextmanager
def attacked_gateway(folder: Path) -> Iterator[GatewayProcess]:
    """A gateway process with a market, that gives nothing up by itself.

    Args:
        folder: For its configuration and what it prints.
    """
    options = SimulatorOptions(admin_port=0, level1_port=0, level2_port=0, rate=1_000.0)
    with open_stage() as stage:
        simulator = stage.start_simulator(options)
        with GatewayProcess(
            folder,
            level1_port=simulator.level1_port,
            admin_port=simulator.admin_port,
            settings={"guards": {"enabled": False}},
        ) as running:
            running.start()
            with running.requester() as requester:
                requester.result(
                    "subscribe", client="c", symbols=["AAPL"], kinds=["l1"], lease_s=3_600
                )
            yield running
