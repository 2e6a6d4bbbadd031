"""The simulator's Level 2 port over real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import zip_longest

import pytest

from gateway.errors import ConfigError
from gateway.simulator import Simulator, SimulatorOptions
from tests.unit.simulator.raw_client import RawClient
from tests.unit.simulator.replayer import Replayer

OPEN = "2026-09-16T10:00:00"


@asynccontextmanager
async def running(**changes: object) -> AsyncIterator[Simulator]:
    """A simulator on free ports, in the middle of a regular session."""
    values: dict[str, object] = {
        "admin_port": 0, "level1_port": 0, "level2_port": 0, "market_clock": OPEN, "rate": 1000.0,
        "seed": 11, "depth_rate": 500.0, "depth_orders": 40,
    } | changes  # fmt: skip
    simulator = Simulator(SimulatorOptions(**values))  # type: ignore[arg-type]
    await simulator.start()
    try:
        yield simulator
    finally:
        await simulator.stop()
    assert simulator.failure is None


@asynccontextmanager
async def client_of(simulator: Simulator, protocol: str = "6.2") -> AsyncIterator[RawClient]:
    """A Level 2 client that has agreed on a protocol."""
    client = await RawClient.connect(simulator.level2_port)
    assert await client.line() == "S,SERVER CONNECTED"
    client.send(f"S,SET PROTOCOL,{protocol}")
    assert await client.until_prefix("S,CURRENT") == f"S,CURRENT PROTOCOL,{protocol}"
    try:
        yield client
    finally:
        with contextlib.suppress(ConnectionError):
            await client.close()


async def hear(client: RawClient, book: Replayer, is_last: Callable[[str], bool]) -> list[str]:
    """Apply lines up to and with the first that is wanted."""
    lines = await client.until(is_last)
    for line in lines:
        book.hear(line)
    return lines


async def catch_up(client: RawClient, book: Replayer) -> list[str]:
    """Apply everything that was sent before now; the answer to a question marks its end."""
    client.send("mMD01")
    return await hear(client, book, lambda line: line.startswith("M,"))


@pytest.mark.asyncio
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_client_holds_what_is_true_whenever_the_market_stands_still(seed: int) -> None:
    """Orders, venues and levels, rebuilt from lines alone, at moments nobody chose."""
    print(f"seed={seed}")
    async with running(seed=seed) as simulator, client_of(simulator) as client:
        book = Replayer()
        client.send("WOR,@ES#", "WPL,@NQ#", "WPL,QNG#,5", "WOR,AAPL", "WOR,@YM#")
        for number in range(8):
            await hear(client, book, lambda line: line[:1] in "3489" and bool(line))
            simulator.hold_market(True)
            await catch_up(client, book)
            assert book.orders_of("@ES#") == [
                (one.side, one.order_id, one.price, one.size, one.priority)
                for one in simulator.true_orders("@ES#")
            ], number
            assert book.makers_of("AAPL") == simulator.true_makers("AAPL"), number
            for symbol, count in (("@NQ#", None), ("QNG#", 5)):
                for side, levels in zip("BA", simulator.true_levels(symbol), strict=True):
                    assert book.levels_of(symbol, side) == levels[:count], number
            simulator.hold_market(False)
        assert {"3", "4", "5", "6", "7", "8", "0"} <= set(book.counts)


@pytest.mark.asyncio
async def test_a_classic_client_holds_both_sides_of_every_row() -> None:
    """Groups end, rows without a quote go, and the rows are the ten best levels."""
    async with running() as simulator, client_of(simulator, "6.1") as client:
        book = Replayer()
        client.send("w@ES#", "wAAPL")
        for _ in range(5):
            await hear(client, book, lambda line: line.startswith("2,"))
            simulator.hold_market(True)
            await catch_up(client, book)
            assert not book.is_group_open
            bids, asks = simulator.true_levels("@ES#")
            rows = book.classic_of("@ES#")
            true = [
                tuple(level and (level.price.rstrip("0"), level.size) for level in pair)
                for pair in zip_longest(bids[:10], asks[:10])
            ]
            assert rows == {f"MD{place:02d}": pair for place, pair in enumerate(true, start=1)}
            held = {
                (side, maker, *row)
                for maker, pair in book.classic_of("AAPL").items()
                for side, row in zip("BA", pair, strict=True)
                if row is not None
            }
            assert held == set(simulator.true_makers("AAPL"))
            simulator.hold_market(False)


@pytest.mark.asyncio
async def test_the_link_comes_back_with_clear_depth_and_summaries() -> None:
    """Orders that went meanwhile are never mentioned again."""
    async with running() as simulator, client_of(simulator) as client:
        book = Replayer()
        client.send("WOR,@ES#", "WOR,AAPL")
        await hear(client, book, lambda line: line.startswith("3,"))
        simulator.set_server_connected(False)
        await hear(client, book, lambda line: line == "S,SERVER DISCONNECTED")
        held = {row[1] for row in book.orders_of("@ES#")}
        simulator.hold_market(True)
        simulator.set_server_connected(True)
        assert await client.lines(3) == [
            "S,SERVER CONNECTED", "S,CLEAR DEPTH,@ES#,B,", "S,CLEAR DEPTH,@ES#,A,",
        ]  # fmt: skip
        book.orders.clear()
        await catch_up(client, book)
        now = {row[1] for row in book.orders_of("@ES#")}
        assert now == {one.order_id for one in simulator.true_orders("@ES#")}
        assert book.makers_of("AAPL") == simulator.true_makers("AAPL")
        assert held - now
        assert held & now


@pytest.mark.asyncio
async def test_unknown_symbols_and_symbols_without_depth_are_refused() -> None:
    """`n` and `q` are final; the limit is the login's, over both ports."""
    async with running(symbol_limit=2) as simulator, client_of(simulator) as client:
        quotes = await RawClient.connect(simulator.level1_port)
        await quotes.set_protocol()
        quotes.send("wAAPL", "wMSFT")
        await quotes.until_prefix("P,MSFT")
        client.send("WOR,NOPE", "WOR,QNG#", "WPL,AAPL", "WOR,@ES#", "S,REQUEST WATCHES")
        assert await client.lines(5) == [
            "n,NOPE", "q,QNG#,", "q,AAPL,", "S,SYMBOL LIMIT REACHED,@ES#", "S,WATCHES",
        ]  # fmt: skip
        client.send("WOR,AAPL")
        assert (await client.line()).startswith("6,AAPL,,")
        await quotes.close()


@pytest.mark.asyncio
async def test_dropped_clients_lose_everything_they_asked_for() -> None:
    """After a reconnect nothing is left: no watch and no protocol."""
    async with running() as simulator, client_of(simulator) as client:
        client.send("WOR,@ES#")
        await client.until_prefix("3,")
        await simulator.drop_level2_clients()
        counts = simulator.statistics()
        assert (counts["level2_clients"], counts["depth_watches"], counts["symbols"]) == (0, 0, 0)
        assert await client.is_closed()
        again = await RawClient.connect(simulator.level2_port)
        again.send("WOR,@ES#")
        assert await again.lines(2) == ["S,SERVER CONNECTED", "E,!SYNTAX_ERROR!,"]
        await again.close()


@pytest.mark.asyncio
@pytest.mark.slow
async def test_a_stalled_port_says_nothing_while_level_1_goes_on() -> None:
    """The sockets stay; even the heartbeat is missing. What waited comes later, in order."""
    async with running() as simulator, client_of(simulator) as client:
        quotes = await RawClient.connect(simulator.level1_port)
        await quotes.set_protocol()
        quotes.send("w@ES#")
        book = Replayer()
        client.send("WOR,@ES#")
        await hear(client, book, lambda line: line.startswith("3,"))
        simulator.stall_level2(True)
        client.send("mMD01")
        late = await RawClient.connect(simulator.level2_port)
        sent = simulator.statistics()["events"]
        for _ in range(200):
            await quotes.until_prefix("Q,@ES#")
        assert simulator.statistics()["events"] > sent
        simulator.stall_level2(False)
        simulator.hold_market(True)
        assert await late.line() == "S,SERVER CONNECTED"
        await hear(client, book, lambda line: line.startswith("M,"))
        await catch_up(client, book)
        assert [row[1] for row in book.orders_of("@ES#")] == [
            one.order_id for one in simulator.true_orders("@ES#")
        ]
        for peer in (quotes, late):
            await peer.close()


@pytest.mark.asyncio
async def test_what_waits_for_a_stalled_port_is_bounded() -> None:
    """A hang of hours must not eat the machine's memory."""
    async with running(client_queue_bytes_max=65_536, rate=20_000.0) as simulator:
        quotes = await RawClient.connect(simulator.level1_port)
        await quotes.set_protocol()
        quotes.send("w@ES#")
        async with client_of(simulator) as client:
            client.send("WOR,@ES#")
            await client.until_prefix("3,")
            simulator.stall_level2(True)
            async with asyncio.timeout(20):
                while simulator.statistics()["slow_clients_closed"] == 0:
                    await quotes.until_prefix("Q,@ES#")
            assert await client.is_closed()
        await quotes.close()


@pytest.mark.asyncio
@pytest.mark.slow
async def test_a_held_market_stands_still_while_time_goes_on() -> None:
    """A test needs a moment at which nothing is under way."""
    async with running() as simulator, client_of(simulator) as client:
        quotes = await RawClient.connect(simulator.level1_port)
        await quotes.set_protocol()
        quotes.send("w@ES#")
        client.send("WOR,@ES#")
        book = Replayer()
        await hear(client, book, lambda line: line.startswith("3,"))
        simulator.hold_market(True)
        await catch_up(client, book)
        quotes.send("S,REQUEST WATCHES")
        await quotes.until_prefix("S,WATCHES")
        times = await client.lines(2)
        assert [line[:2] for line in times] == ["T,", "T,"]
        assert (await quotes.line()).startswith("T,")
        simulator.hold_market(False)
        assert await quotes.until_prefix("Q,@ES#")
        # A delete may come without a time, an addition never does.
        change = await client.until_prefix("3,")
        assert change.split(",")[9][:8] >= times[-1][-8:]
        await quotes.close()


@pytest.mark.asyncio
async def test_a_silent_symbol_comes_back_with_a_repeated_watch() -> None:
    """One symbol's depth stops while others stream; nobody says so."""
    async with running() as simulator, client_of(simulator) as client:
        book = Replayer()
        client.send("WOR,@ES#", "WOR,@NQ#")
        await hear(client, book, lambda line: line.startswith("3,@ES#"))
        simulator.set_depth_silent("@ES#", is_silent=True)
        await catch_up(client, book)
        lines = [line for line in await client.lines(300) if not line.startswith("T,")]
        assert {line.split(",")[1] for line in lines} == {"@NQ#"}
        client.send("WOR,@ES#")
        assert (await client.until_prefix("6,@ES#")).startswith("6,@ES#")
        await client.until_prefix("4,@ES#")


@pytest.mark.asyncio
async def test_a_reset_book_is_cleared_and_told_anew() -> None:
    """A session begins with CLEAR DEPTH for both sides."""
    async with running() as simulator, client_of(simulator) as client:
        book = Replayer()
        client.send("WOR,@ES#", "WPL,@ES#,3")
        await hear(client, book, lambda line: line.startswith("3,@ES#"))
        before = {row[1] for row in book.orders_of("@ES#")}
        simulator.hold_market(True)
        simulator.reset_depth("@ES#")
        lines = await catch_up(client, book)
        clears = [line for line in lines if line.startswith("S,")]
        assert clears == ["S,CLEAR DEPTH,@ES#,B,", "S,CLEAR DEPTH,@ES#,A,"]
        now = [row[1] for row in book.orders_of("@ES#")]
        assert now == [one.order_id for one in simulator.true_orders("@ES#")]
        assert not before & set(now)
        assert book.levels_of("@ES#", "B") == simulator.true_levels("@ES#")[0][:3]


@pytest.mark.asyncio
@pytest.mark.slow
async def test_a_futures_session_begins_with_a_fresh_book() -> None:
    """At 18:00 Eastern every order is new."""
    async with (
        running(market_clock="2026-09-16T17:59:59", depth_rate=0) as simulator,
        client_of(simulator) as client,
    ):
        client.send("WOR,@ES#", "WOR,AAPL")
        lines = await client.until(lambda line: line.startswith("S,CLEAR DEPTH,@ES#,A,"))
        assert "S,CLEAR DEPTH,@ES#,B," in lines
        assert (await client.line()).startswith("6,@ES#,")
        assert (await client.until_prefix("3,@ES#")).split(",")[-3].startswith("18:00:0")


@pytest.mark.asyncio
@pytest.mark.slow
async def test_statistics_count_level_2_clients() -> None:
    """Type 2 in the client statistics, and one more client for the login."""
    async with running() as simulator, client_of(simulator) as client:
        admin = await RawClient.connect(simulator.admin_port)
        client.send("S,SET CLIENT NAME,books", "WOR,@ES#", "WPL,@ES#", "WOR,AAPL")
        await client.until_prefix("6,AAPL")
        admin.send("S,CLIENTSTATS ON")
        fields = (await admin.until_prefix("S,CLIENTSTATS,2")).split(",")
        assert (fields[4], fields[6], fields[7], len(fields)) == ("books", "2", "0", 12)
        assert (await admin.until_prefix("S,STATS")).split(",")[5:7] == ["2", "2"]
        await admin.close()


@pytest.mark.asyncio
async def test_the_last_level_2_client_ends_the_simulator_too() -> None:
    """IQConnect counts clients of all ports."""
    async with running(is_exiting_with_last_client=True, exit_delay_s=0.05) as simulator:
        async with client_of(simulator):
            assert not simulator.finished.is_set()
        async with asyncio.timeout(10):
            await simulator.finished.wait()


@pytest.mark.asyncio
async def test_a_busy_level_2_port_is_a_clear_refusal() -> None:
    """The setting to change is named."""
    async with running() as simulator:
        second = Simulator(
            SimulatorOptions(admin_port=0, level1_port=0, level2_port=simulator.level2_port)
        )
        with pytest.raises(ConfigError, match="already in use") as refused:
            await second.start()
        assert refused.value.facts["setting"] == "level2_port"
