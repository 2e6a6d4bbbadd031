"""The simulator's faults over real sockets: what a client of the ports sees of them."""

import asyncio
import contextlib
import errno
import random

import pytest

from gateway.simulator import Simulator
from gateway.simulator.verbs import VERBS, Kind, Parameter
from tests.integration.test_simulator_level1 import running, until
from tests.unit.simulator.raw_client import RawClient

PORTS = ("admin", "level1", "level2")


def number_of(simulator: Simulator, port: str) -> int:
    """The port number that is listened on."""
    return simulator.ports[port].number


async def is_refused(number: int) -> bool:
    """Whether a connection is refused, and not merely closed."""
    try:
        client = await RawClient.connect(number)
    except ConnectionRefusedError as problem:
        return problem.errno == errno.ECONNREFUSED
    await client.close()
    return False


async def end_of(client: RawClient) -> str:
    """How a connection ends: `end` or `reset`."""
    try:
        async with asyncio.timeout(10):
            while await client.reader.read(65_536):
                pass
    except ConnectionResetError:
        return "reset"
    return "end"


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.asyncio
async def test_a_close_is_an_end_and_a_reset_a_reset(port: str) -> None:
    """A client meets both, and only one of them is polite."""
    async with running() as simulator:
        for verb, ending in (("close", "end"), ("reset", "reset")):
            client = await RawClient.connect(number_of(simulator, port))
            await client.line()
            await simulator.faults.act(verb, port=port)
            assert await end_of(client) == ending
            await client.close()


@pytest.mark.asyncio
async def test_a_line_is_cut_off_by_the_end() -> None:
    """Half a line is the last thing that comes."""
    async with running() as simulator:
        client = await RawClient.connect(simulator.level1_port)
        await client.set_protocol()
        client.send("wAAPL")
        await client.until_prefix("Q,AAPL")
        await simulator.faults.act("close_mid_line", port="level1")
        data = await client.reader.read()
        assert not data.endswith(b"\n")
        await client.close()


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.asyncio
async def test_a_refused_port_refuses_and_listens_again_on_the_same_number(port: str) -> None:
    """Those that are connected stay; a gateway tries again until it is let in."""
    async with running() as simulator:
        number = number_of(simulator, port)
        client = await RawClient.connect(number)
        await client.line()
        await simulator.faults.act("refuse", port=port)
        assert await is_refused(number)
        client.send("S,SET CLIENT NAME,still here", "S,NONSENSE")
        await client.until_prefix("E,!SYNTAX_ERROR!")
        others = [number_of(simulator, name) for name in PORTS if name != port]
        assert not any([await is_refused(other) for other in others])
        await simulator.faults.act("refuse", port=port, on=False)
        again = await RawClient.connect(number)
        assert await again.line()
        await again.close()
        await client.close()


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_restart_closes_everything_and_comes_back_with_nothing_known() -> None:
    """A client must send everything again."""
    async with running() as simulator:
        clients = [await RawClient.connect(number_of(simulator, port)) for port in PORTS]
        await clients[1].set_protocol()
        clients[1].send("wAAPL")
        await clients[1].until_prefix("P,AAPL")
        await simulator.faults.act("restart", down_s=0.3)
        for client, port in zip(clients, PORTS, strict=True):
            assert await client.is_closed()
            await client.close()
            assert await is_refused(number_of(simulator, port))
        assert simulator.statistics()["clients"] == 0
        opened = simulator.ports["level2"]
        await until(lambda: opened.is_listening, lambda: asyncio.sleep(0.02))
        admin = await RawClient.connect(simulator.admin_port)
        assert (await admin.line()).split(",")[5:7] == ["0", "1"]
        client = await RawClient.connect(simulator.level1_port)
        client.send("S,REQUEST WATCHES")
        assert await client.until_prefix("S,WATCHES") == "S,WATCHES"
        await client.close()
        await admin.close()


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_half_open_connection_loses_what_is_said_and_stays() -> None:
    """Nobody closes it: only silence tells."""
    async with running(record_trades=True) as simulator:
        client = await RawClient.connect(simulator.level1_port)
        await client.set_protocol()
        client.send("wAAPL", "wMSFT")
        await client.until_prefix("Q,")
        await simulator.faults.act("half_open", port="level1")
        sent = len(simulator.expected_trades)
        await until(lambda: simulator.counts.trades_unsent > 20, lambda: asyncio.sleep(0.01))
        assert len(simulator.expected_trades) == sent
        client.send("T")
        await simulator.faults.act("half_open", port="level1", on=False)
        await client.until_prefix("T,")
        await client.close()


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_slow_reader_shows_in_the_client_statistics_until_it_is_closed() -> None:
    """KB queued grows, and what waits is bounded."""
    async with running(client_queue_bytes_max=400_000, rate=2000.0) as simulator:
        admin = await RawClient.connect(simulator.admin_port)
        admin.send("S,CLIENTSTATS ON")
        client = await RawClient.connect(simulator.level1_port)
        await client.set_protocol()
        await simulator.faults.act("slow_reader", port="level1", bytes_per_s=20_000)
        client.send("wAAPL", "wMSFT")
        queued = 0.0
        while not queued:
            queued = float((await admin.until_prefix("S,CLIENTSTATS,1,")).split(",")[10])
        assert await client.is_closed()
        assert simulator.counts.slow_clients_closed == 1
        await client.close()
        await admin.close()


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_login_lets_the_data_ports_speak() -> None:
    """Registered, with the right words, and a moment later."""
    async with running(credentials=("4711", "secret"), login_delay_s=0.05) as simulator:
        admin = await RawClient.connect(simulator.admin_port)
        client = await RawClient.connect(simulator.level1_port)
        assert (await admin.line()).split(",")[12] == "Not Connected"
        assert await client.lines(2) == ["S,KEY,99999", "S,SERVER DISCONNECTED"]
        admin.send("S,REGISTER CLIENT APP,X,1", "S,SET LOGINID,4711", "S,SET PASSWORD,wrong")
        admin.send("S,CONNECT", "S,SET PASSWORD,secret", "S,CONNECT")
        assert await client.line() == "S,SERVER CONNECTED"
        await admin.until(lambda line: ",Connected," in line)
        assert simulator.counts.logins_refused == simulator.counts.logins_accepted == 1
        await simulator.faults.act("login_replaced")
        await client.until_prefix("S,SERVER DISCONNECTED")
        await client.close()
        await admin.close()


@pytest.mark.asyncio
async def test_everything_is_as_it_was_after_clear() -> None:
    """A test leaves nothing behind for the next one."""
    async with running() as simulator:
        number = simulator.level1_port
        for verb in ("refuse", "half_open", "stall"):
            await simulator.faults.act(verb, port="all")
        await simulator.faults.act("dtn", up=False)
        await simulator.faults.act("protocols", versions=[])
        await simulator.faults.act("clear")
        client = await RawClient.connect(number)
        await client.set_protocol()
        client.send("wAAPL")
        await client.until_prefix("Q,AAPL")
        await client.close()


def drawn(parameter: Parameter, rng: random.Random) -> object:
    """A value that a parameter allows."""
    known: dict[str, list[object]] = {
        "symbol": ["AAPL", "MSFT", "@ES#"],
        "versions": [["6.1", "6.2"], ["6.2"], []],
        "refused": [["Bid", "Ask"], []],
        "text": [r"S,\x00\n"],
        "down_s": [0.0, 0.02],
        "seconds": [0.2, -2 if parameter.low < 0 else 0.0],
    }
    if choices := [*parameter.choices, *known.get(parameter.name, [])]:
        return rng.choice(choices)
    if parameter.kind is Kind.FLAG:
        return rng.random() < 0.5
    if parameter.kind is Kind.NUMBER:
        return rng.uniform(parameter.low, min(parameter.high, 1))
    return rng.randint(int(parameter.low), min(int(parameter.high), 20_000))


async def pester(simulator: Simulator, rng: random.Random, is_over: asyncio.Event) -> None:
    """Connect, ask and leave, again and again, whatever the answer."""
    while not is_over.is_set():
        with contextlib.suppress(OSError):
            client = await RawClient.connect(number_of(simulator, rng.choice(PORTS)))
            client.send("S,SET PROTOCOL,6.2", "wAAPL", "wMSFT", "w@ES#", "fAAPL", "S,CONNECT")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rng.uniform(0, 0.05)):
                    while await client.reader.read(65_536):
                        pass
            client.writer.transport.abort()
        await asyncio.sleep(0)


@pytest.mark.asyncio
@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_row_of_faults_breaks_the_simulator_itself(seed: int) -> None:
    """A tool that breaks things must not be the thing that is broken."""
    print(f"seed {seed}")
    rng = random.Random(seed)
    verbs = [verb for verb in VERBS.values() if verb.name != "clear"]
    async with running(record_trades=True, credentials=("a", "b")) as simulator:
        numbers = [number_of(simulator, port) for port in PORTS]
        is_over = asyncio.Event()
        pests = [asyncio.create_task(pester(simulator, rng, is_over)) for _ in range(3)]
        for _ in range(250):
            verb = rng.choice(verbs)
            params = {one.name: drawn(one, rng) for one in verb.parameters}
            await simulator.faults.act(verb.name, **params)
            await asyncio.sleep(rng.choice((0, 0, 0.005)))
        is_over.set()
        await asyncio.gather(*pests)
        await simulator.faults.act("clear")
        await simulator.faults.act("dtn", up=True)
        assert numbers == [number_of(simulator, port) for port in PORTS]
        clients = [await RawClient.connect(number) for number in numbers]
        assert (await clients[0].line()).split(",")[12] == "Connected"
        for client in clients[1:]:
            client.send("S,SET PROTOCOL,6.2", "wAAPL")
        await clients[1].until_prefix("Q,AAPL")
        await clients[2].until_prefix("6,AAPL")
        for client in clients:
            await client.close()
