"""The simulator's Level 1 port over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.errors import ConfigError
from gateway.simulator import Simulator, SimulatorOptions
from gateway.simulator.main import serve
from tests.unit.simulator.raw_client import RawClient

OPEN = "2026-09-16T10:00:00"


@asynccontextmanager
async def running(**changes: object) -> AsyncIterator[Simulator]:
    """A simulator on free ports, in the middle of a regular session."""
    values: dict[str, object] = {
        "admin_port": 0, "level1_port": 0, "level2_port": 0, "market_clock": OPEN,
        "rate": 2000.0, "seed": 11,
    } | changes  # fmt: skip
    simulator = Simulator(SimulatorOptions(**values))  # type: ignore[arg-type]
    await simulator.start()
    try:
        yield simulator
    finally:
        await simulator.stop()
    assert simulator.failure is None


async def until(is_true: Callable[[], bool], wake: Callable[[], Awaitable[object]]) -> None:
    """Await something again and again until a condition holds."""
    async with asyncio.timeout(20):
        while not is_true():
            await wake()


@pytest.mark.asyncio
async def test_the_conversation_opens_as_documented() -> None:
    """Order and content of the first lines are what a client synchronizes on."""
    async with running() as simulator:
        client = await RawClient.connect(simulator.level1_port)
        lines = await client.lines(5)
        assert [line[:18] for line in lines] == [
            "S,KEY,99999", "S,SERVER CONNECTED", "S,IP,192.0.2.10 60", "S,CUST,real_time,1",
            "S,CURRENT UPDATE F",
        ]  # fmt: skip
        assert len(lines[4].split(",")) == 68
        client.send("S,SET PROTOCOL,6.2")
        assert await client.until_prefix("S,CURRENT PROTOCOL") == "S,CURRENT PROTOCOL,6.2"
        names = await client.until_prefix("S,CURRENT UPDATE FIELDNAMES")
        assert len(names.split(",")) == 18
        await client.close()


@pytest.mark.asyncio
async def test_without_set_protocol_the_oldest_dialect_is_spoken() -> None:
    """A client that forgets it gets 66 columns and no `n`."""
    async with running() as simulator:
        client = await RawClient.connect(simulator.level1_port)
        client.send("wNOPE", "wAAPL")
        assert (await client.until_prefix("Q,NOPE")).startswith("Q,NOPE,Not Found,")
        assert len((await client.until_prefix("P,AAPL")).split(",")) == 68
        await client.close()


@pytest.mark.asyncio
async def test_a_watch_is_answered_by_f_then_p_then_q() -> None:
    """The snapshot is older than every update that follows it."""
    async with running() as simulator:
        client = await RawClient.connect(simulator.level1_port)
        await client.set_protocol()
        client.send("wAAPL")
        lines = await client.until(lambda line: line.startswith("Q,AAPL"))
        letters = [line[0] for line in lines if line[0] != "T"]
        assert letters == ["F", "P", "Q"]
        assert all(line.endswith(",") for line in lines if line[0] in "FPQ")
        await client.close()


@pytest.mark.asyncio
async def test_watches_belong_to_their_socket_and_the_limit_to_the_login() -> None:
    """Two sockets share one allowance, and each gets only what it asked for."""
    async with running(symbol_limit=2) as simulator:
        one = await RawClient.connect(simulator.level1_port)
        two = await RawClient.connect(simulator.level1_port)
        await one.set_protocol()
        await two.set_protocol()
        one.send("wAAPL", "wMSFT")
        await one.until_prefix("P,MSFT")
        two.send("wTSLA", "wMSFT", "S,REQUEST WATCHES")
        lines = await two.until(lambda line: line.startswith("S,WATCHES"))
        assert "S,SYMBOL LIMIT REACHED,TSLA" in lines
        assert lines[-1] == "S,WATCHES,MSFT"
        updates = [await two.until_prefix("Q,") for _ in range(50)]
        assert {line.split(",")[1] for line in updates} == {"MSFT"}
        await one.close()
        await two.close()


@pytest.mark.asyncio
@pytest.mark.slow
async def test_a_second_is_told_every_second_and_between_the_right_updates() -> None:
    """The T line is the heartbeat, and dates the times that follow it."""
    async with running() as simulator:
        client = await RawClient.connect(simulator.level1_port)
        await client.set_protocol()
        client.send("wTST$Y", "wAAPL")
        loop = asyncio.get_running_loop()
        first = await client.until_prefix("T,")
        began = loop.time()
        second_now = first[-8:]
        for _ in range(2):
            lines = await client.until(lambda line: line.startswith("T,"))
            times = {line.split(",")[4][:8] for line in lines if is_trade(line)}
            assert times <= {second_now}
            assert seconds(lines[-1]) == seconds("T,20260916 " + second_now) + 1
            second_now = lines[-1][-8:]
        assert 1.5 < loop.time() - began < 10
        client.send("S,TIMESTAMPSOFF")
        client.send("S,REQUEST WATCHES")
        await client.until_prefix("S,WATCHES")
        updates = [await client.line() for _ in range(3000)]
        assert not [line for line in updates if line.startswith("T,")]
        await client.close()


def is_trade(line: str) -> bool:
    """Whether a default line is a Q with a new trade."""
    return line.startswith("Q,") and bool(set(line.split(",")[15]) & set("CEO"))


def seconds(line: str) -> int:
    """Seconds of the day of a T line."""
    hours, minutes, rest = line[-8:].split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(rest)


@pytest.mark.asyncio
@pytest.mark.slow
async def test_the_trades_recorded_are_the_trades_received() -> None:
    """The record is what an end-to-end test compares with, so it must be exact."""
    async with running(record_trades=True, rate=5000.0, correction_every=100) as simulator:
        client = await RawClient.connect(simulator.level1_port)
        await client.set_protocol()
        names = (
            "Most Recent Trade,Most Recent Trade Size,Most Recent Trade Conditions,"
            "Most Recent Trade Market Center,TickID,Message Contents,Most Recent Trade Time,"
            "Most Recent Trade Date,Total Volume,Most Recent Trade Aggressor,Bid,Ask"
        )
        client.send(f"S,SELECT UPDATE FIELDS,{names}", "wAAPL", "w@ES#", "wEURUSD.FXCM")
        heard: list[tuple[str, ...]] = []
        corrections = 0
        while len(heard) < 1500:
            line = await client.line()
            corrections += line.startswith("C,")
            fields = line.split(",")
            basis = set(fields[7]) & set("CEO") if line.startswith("Q,") else set()
            if basis:
                heard.append((*fields[1:7], basis.pop(), *fields[8:14]))
        # When it was sent is not on the wire.
        sent = [tuple(map(str, trade[:-1])) for trade in simulator.expected_trades]
        assert heard == sent[: len(heard)]
        assert corrections > 3
        counts = simulator.statistics()
        total = sum(counts[f"trades_sent_{letter}"] for letter in "ceo")
        assert total == len(simulator.expected_trades)
        await client.close()


@pytest.mark.asyncio
@pytest.mark.slow
async def test_headlines_come_when_asked_for() -> None:
    """Headlines hold commas and non-ASCII bytes; only those who ask get them."""
    async with running(news_interval_s=1, rate=0) as simulator:
        client = await RawClient.connect(simulator.level1_port)
        await client.set_protocol()
        client.send("S,NEWSON")
        line = await client.until_prefix("N,")
        assert len(line.split(",")) >= 7
        client.send("S,NEWSOFF", "S,REQUEST WATCHES")
        await client.until_prefix("S,WATCHES")
        await client.until_prefix("T,")
        assert (await client.until_prefix("T,")).startswith("T,2026")
        await client.close()


@pytest.mark.asyncio
@pytest.mark.slow
async def test_a_slow_reader_is_closed_while_others_go_on() -> None:
    """One client that stops reading must not cost the others anything."""
    async with running(rate=40_000.0, client_queue_bytes_max=262_144) as simulator:
        slow = await RawClient.connect(simulator.level1_port)
        quick = await RawClient.connect(simulator.level1_port)
        await quick.set_protocol()
        quick.send("wMSFT")
        slow.send("S,SET PROTOCOL,6.2", "wAAPL", "wSPY", "wQQQ")
        # Asyncio stops reading a stream that nobody takes from; then the simulator's queue fills.
        await until(lambda: simulator.statistics()["slow_clients_closed"] == 1, quick.line)
        assert await slow.is_closed()
        assert simulator.statistics()["level1_clients"] == 1
        await quick.until_prefix("T,")
        assert (await quick.until_prefix("Q,MSFT")).startswith("Q,MSFT")
        await slow.close()
        await quick.close()


@pytest.mark.asyncio
async def test_dropped_clients_lose_everything_they_asked_for() -> None:
    """After a reconnect nothing is left: no watch, no protocol, no field set."""
    async with running() as simulator:
        client = await RawClient.connect(simulator.level1_port)
        await client.set_protocol()
        client.send("wAAPL")
        await client.until_prefix("Q,AAPL")
        await simulator.drop_level1_clients()
        counts = simulator.statistics()
        assert (counts["level1_clients"], counts["watches"], counts["symbols"]) == (0, 0, 0)
        assert await client.is_closed()
        again = await RawClient.connect(simulator.level1_port)
        assert len((await again.until_prefix("S,CURRENT UPDATE")).split(",")) == 68
        await client.close()
        await again.close()


@pytest.mark.asyncio
async def test_a_lost_link_is_told_and_healed_with_snapshots() -> None:
    """The socket stays open while the data is stale."""
    async with running() as simulator:
        client = await RawClient.connect(simulator.level1_port)
        await client.set_protocol()
        client.send("wAAPL")
        await client.until_prefix("Q,AAPL")
        simulator.set_server_connected(False)
        await client.until_prefix("S,SERVER DISCONNECTED")
        client.send("S,REQUEST WATCHES")
        assert await client.line() == "S,WATCHES,AAPL"
        simulator.set_server_connected(True)
        lines = await client.lines(4)
        assert [line[:6] for line in lines] == ["S,SERV", "F,AAPL", "P,AAPL", lines[3][:6]]
        await client.until_prefix("Q,AAPL")
        await client.close()


@pytest.mark.asyncio
@pytest.mark.slow
async def test_a_stalled_port_says_nothing_and_goes_on_later() -> None:
    """A hung IQConnect keeps its sockets; even the heartbeat is missing."""
    async with running() as simulator:
        admin = await RawClient.connect(simulator.admin_port)
        client = await RawClient.connect(simulator.level1_port)
        await client.set_protocol()
        client.send("wAAPL")
        await client.until_prefix("Q,AAPL")
        simulator.stall_level1(True)
        sent = simulator.statistics()["timestamps_sent"]
        events = simulator.statistics()["events"]
        client.send("wMSFT")
        late = await RawClient.connect(simulator.level1_port)
        late.send("S,SET LOG LEVELS,Debug")
        await admin.line()
        await admin.line()
        assert simulator.statistics()["timestamps_sent"] == sent
        assert simulator.statistics()["events"] == events
        assert simulator.statistics()["symbols"] == 1
        simulator.stall_level1(False)
        await client.until_prefix("P,MSFT")
        assert await late.line() == "S,KEY,99999"
        assert await late.until_prefix("S,CURRENT LOG LEVELS,Debug")
        for peer in (admin, client, late):
            await peer.close()


@pytest.mark.asyncio
@pytest.mark.slow
async def test_the_asked_rate_is_delivered() -> None:
    """A load test means nothing when the load is another one."""
    async with running(rate=3000.0) as simulator:
        client = await RawClient.connect(simulator.level1_port)
        await client.set_protocol()
        client.send(*(f"w{symbol}" for symbol in ("AAPL", "MSFT", "SPY", "@ES#", "TST$Y")))
        await client.until_prefix("T,")
        lines = await client.until(lambda line: line.startswith("T,"))
        lines += await client.until(lambda line: line.startswith("T,"))
        updates = sum(line.startswith("Q,") for line in lines)
        assert simulator.statistics()["events_skipped"] > 0 or 5400 < updates < 6600
        await client.close()


@pytest.mark.asyncio
async def test_a_busy_port_is_a_clear_refusal() -> None:
    """Usually a real IQConnect is running there already."""
    async with running() as simulator:
        options = SimulatorOptions(admin_port=0, level1_port=simulator.level1_port, level2_port=0)
        with pytest.raises(ConfigError, match="already in use") as refused:
            await serve(options, announce=lambda _: None)
        assert refused.value.facts["setting"] == "level1_port"


@pytest.mark.asyncio
async def test_serving_announces_its_ports_and_ends_with_the_last_client() -> None:
    """IQConnect leaves some seconds after its last client; the simulator can do the same."""
    announced: list[str] = []
    options = SimulatorOptions(
        admin_port=0,
        level1_port=0,
        level2_port=0,
        is_exiting_with_last_client=True,
        exit_delay_s=0.05,
    )
    heard = asyncio.Event()

    def announce(text: str) -> None:
        announced.append(text)
        if "level 1" in text:
            heard.set()

    serving = asyncio.create_task(serve(options, announce=announce))
    await heard.wait()
    client = await RawClient.connect(int(announced[1].rpartition(":")[2]))
    await client.line()
    await client.close()
    async with asyncio.timeout(10):
        assert await serving == 0
    assert announced[-1] == "the last client is gone"


@pytest.mark.asyncio
async def test_serving_until_cancelled_frees_the_ports() -> None:
    """The next start must find them free."""
    announced: list[str] = []
    heard = asyncio.Event()

    def announce(text: str) -> None:
        announced.append(text)
        if "level 1" in text:
            heard.set()

    options = SimulatorOptions(admin_port=0, level1_port=0, level2_port=0)
    serving = asyncio.create_task(serve(options, announce=announce))
    await heard.wait()
    port = int(announced[1].rpartition(":")[2])
    client = await RawClient.connect(port)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert await client.is_closed()
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await RawClient.connect(port)
    await client.close()
