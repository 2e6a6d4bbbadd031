"""The simulator's admin port over real sockets."""

import pytest

from gateway.simulator import Simulator, SimulatorOptions
from tests.unit.simulator.raw_client import RawClient


def options() -> SimulatorOptions:
    """Free ports and a fixed moment."""
    return SimulatorOptions(
        admin_port=0, level1_port=0, level2_port=0, market_clock="2026-09-16T10:00:00", rate=1000
    )


@pytest.mark.asyncio
@pytest.mark.slow
async def test_statistics_come_at_once_and_then_every_second_with_live_figures() -> None:
    """Robust clients poll this line before they open a data port."""
    simulator = Simulator(options())
    await simulator.start()
    try:
        admin = await RawClient.connect(simulator.admin_port)
        first = (await admin.line()).split(",")
        assert (first[1], first[5], first[6], first[12]) == ("STATS", "0", "1", "Connected")
        client = await RawClient.connect(simulator.level1_port)
        await client.set_protocol()
        client.send("wAAPL", "wMSFT")
        await client.until_prefix("Q,")
        await admin.line()
        later = (await admin.line()).split(",")
        assert (later[5], later[6]) == ("2", "2")
        assert float(later[18]) > float(first[18])
        await admin.close()
        await client.close()
    finally:
        await simulator.stop()


@pytest.mark.asyncio
@pytest.mark.slow
async def test_client_statistics_name_every_client() -> None:
    """KB queued is the sign of a slow reader."""
    simulator = Simulator(options())
    await simulator.start()
    try:
        admin = await RawClient.connect(simulator.admin_port)
        client = await RawClient.connect(simulator.level1_port)
        await client.set_protocol()
        client.send("S,SET CLIENT NAME,reader", "wAAPL", "S,REGON,MSFT")
        await client.until_prefix("R,MSFT")
        admin.send("S,SET CLIENT NAME,watcher", "S,CLIENTSTATS ON")
        lines = [
            await admin.until_prefix("S,CLIENTSTATS,0"),
            await admin.until_prefix("S,CLIENTSTATS,1"),
        ]
        one, two = (line.split(",") for line in lines)
        assert (one[4], two[4]) == ("watcher", "reader")
        assert two[5].startswith("20260916 1000")
        assert two[6:8] == ["2", "1"]
        assert len(one) == len(two) == 12
        admin.send("S,CLIENTSTATS OFF", "S,TEST")
        await admin.until_prefix("E,!SYNTAX_ERROR!,")
        pair = [await admin.line(), await admin.line()]
        assert all(line.startswith("S,STATS") for line in pair)
        await admin.close()
        await client.close()
    finally:
        await simulator.stop()


@pytest.mark.asyncio
@pytest.mark.slow
async def test_a_login_brings_up_the_link() -> None:
    """Not connected, then registered and connected: the start-up recipe of clients."""
    simulator = Simulator(
        SimulatorOptions(admin_port=0, level1_port=0, level2_port=0, is_connected_at_start=False)
    )
    await simulator.start()
    try:
        admin = await RawClient.connect(simulator.admin_port)
        client = await RawClient.connect(simulator.level1_port)
        assert (await admin.line()).split(",")[12] == "Not Connected"
        assert await client.lines(2) == ["S,KEY,99999", "S,SERVER DISCONNECTED"]
        admin.send("S,REGISTER CLIENT APP,X,1", "S,SET LOGINID,77", "S,CONNECT")
        assert await client.line() == "S,SERVER CONNECTED"
        assert (await client.line()).startswith("S,IP,")
        stats = await admin.until(lambda line: ",Connected," in line)
        assert stats[-1].split(",")[14] == "77"
        await admin.close()
        await client.close()
    finally:
        await simulator.stop()
