"""Every name of the operations guide's connection settings does what it says."""

import asyncio
import socket
import time

import pytest

from gateway.counters import Counter
from gateway.policy.breaker import BreakerState
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.stage import free_ports, open_stage, scripted, simulated, wait_until

pytestmark = pytest.mark.slow


def listening() -> socket.socket:
    """A port that takes connections and never says a word."""
    return socket.create_server(("127.0.0.1", 0))


def test_host_and_port_say_where_level1_is() -> None:
    """The guide's spelling of two settings that have another one too."""
    fake = FakeIqconnect()
    with open_stage() as stage:
        stage.start_fake(fake)
        connection = {"host": "localhost", "port": fake.port}
        overrides = {"iqconnect": {"level1_port": 5009, "admin_port": free_ports(1)[0]}}
        stage.start_gateway(
            level1_port=5009,
            admin_port=overrides["iqconnect"]["admin_port"],
            connection=connection,
        )
        stage.consumer("quote,AAPL,").wait_for_topic("quote,AAPL,")


@pytest.mark.parametrize("timeout_seconds", [0.3, 0.9])
def test_timeout_seconds_ends_a_handshake_without_answer(timeout_seconds: float) -> None:
    """An IQConnect that accepts and is mute is given up after this long."""
    with listening() as mute, open_stage() as stage:
        mute.settimeout(5.0)
        stage.start_gateway(
            level1_port=mute.getsockname()[1],
            admin_port=free_ports(1)[0],
            connection={"timeout_seconds": timeout_seconds, "retry_backoff_max": 0.1},
        )
        with mute.accept()[0]:
            first_s = time.monotonic()
            with mute.accept()[0]:
                lasted_s = time.monotonic() - first_s
    assert timeout_seconds <= lasted_s < timeout_seconds + 0.4


@pytest.mark.parametrize("max_retry_attempts", [2, 4])
def test_max_retry_attempts_opens_the_breaker_and_ends_nothing(max_retry_attempts: int) -> None:
    """So many failures in a row, then single attempts, for as long as it takes."""
    ports = free_ports(2)
    fake = FakeIqconnect(port=ports[0])
    connection = {
        "max_retry_attempts": max_retry_attempts,
        "retry_backoff_max": 0.1,
        "breaker_open_seconds": 0.4,
    }
    with open_stage() as stage:
        stage.start_gateway(level1_port=ports[0], admin_port=ports[1], connection=connection)
        breaker = stage.gateway._feed._parts.level1.links[0].retry.breaker
        wait_until(lambda: breaker.state is not BreakerState.CLOSED, what="the breaker opens")
        assert breaker.failure_count == max_retry_attempts
        wait_until(lambda: breaker.failure_count >= max_retry_attempts + 2, what="single attempts")
        stage.start_fake(fake)
        stage.consumer("quote,AAPL,").wait_for_topic("quote,AAPL,", seconds=2.0)


def test_enable_circuit_breaker_false_leaves_the_waits_alone() -> None:
    """Attempts go on at the backoff's pace."""
    ports = free_ports(2)
    connection = {
        "enable_circuit_breaker": False,
        "retry_backoff_first": 0.05,
        "retry_backoff_max": 0.05,
        "breaker_open_seconds": 60.0,
    }
    with open_stage() as stage:
        stage.start_gateway(level1_port=ports[0], admin_port=ports[1], connection=connection)
        retry = stage.gateway._feed._parts.level1.links[0].retry
        took_s = wait_until(lambda: retry.attempt_count >= 20, what="twenty attempts")
        assert retry.breaker.state is BreakerState.CLOSED
        assert took_s < 2.0


def test_retry_backoff_base_and_max_shape_the_waits() -> None:
    """Ceilings 0.1, 0.3, 0.9, then 1.0 for ever: no wait is longer."""
    ports = free_ports(2)
    connection = {
        "enable_circuit_breaker": False,
        "retry_backoff_base": 3.0,
        "retry_backoff_max": 1.0,
    }
    with open_stage() as stage:
        stage.start_gateway(level1_port=ports[0], admin_port=ports[1], connection=connection)
        backoff = stage.gateway._feed._parts.level1.links[0].retry._backoff
        ceilings: dict[int, float] = {}
        wait_until(
            lambda: (
                ceilings.setdefault(backoff.attempts, backoff._ceiling_ns / 1e9) is not None
                and backoff.attempts >= 4
            ),
            what="four attempts",
        )
        assert {n: ceilings[n] for n in ceilings if n <= 4} == {
            n: pytest.approx(min(1.0, 0.1 * 3**n)) for n in ceilings if n <= 4
        }


def test_keepalive_interval_is_the_pace_of_time_requests() -> None:
    """A request a connection sends by itself finds out that nobody takes it."""
    level1, level2 = FakeIqconnect(), FakeIqconnect(answers={"WOR,@ESZ26": []})
    settings = {"connection": {"keepalive_interval": 0.25}}
    with scripted(level1, level2=level2, settings=settings) as stage:
        stage.consumer("quote,AAPL,", "book,@ESZ26,").wait_for_topic("quote,AAPL,")
        level1.wait_for_command("T", count=2)
        began_s = time.monotonic()
        level1.wait_for_command("T", count=8)
        assert 1.2 < time.monotonic() - began_s < 2.5
        level2.wait_for_command("S,TIMESTAMPSON", count=4)


@pytest.mark.parametrize(("size", "is_shed"), [(1_000, True), (100_000, False)])
def test_message_queue_size_is_where_shedding_begins(size: int, *, is_shed: bool) -> None:
    """Below it every quote is published; above it the newest of each symbol."""
    fake = FakeIqconnect()
    settings = {
        "connection": {"message_queue_size": size},
        "upstream": {"read_bytes_max": 4_096},
    }
    with scripted(fake, settings=settings) as stage:
        consumer = stage.consumer("quote,AAPL,")
        consumer.wait_for_topic("quote,AAPL,")
        count = 20_000
        lines = b"".join(
            fake.line("Q", "AAPL", Message_Contents="b", Bid=str(20 + number), Ask="90000")
            for number in range(count)
        )
        stage.call(fake.send, lines)
        last = consumer.wait_for(lambda m: m.values[0] == float(19 + count), what="the last quote")
        quotes = [m for m in consumer.on("quote,AAPL,") if not m.flags & 1]
        assert last is quotes[-1]
        assert sum(m.values[8] for m in quotes) == count, "every quote is stood for"
        assert (len(quotes) < count) is is_shed
        counted = stage.gateway._feed._parts.counters.value(Counter.BACKLOGS_SHED)
        assert (counted > 0) is is_shed
        consumer.history.check()


def test_thread_pool_size_is_the_number_of_workers() -> None:
    """What blocks waits for one of them, and not for the control loop."""
    with simulated(settings={"connection": {"thread_pool_size": 3}}) as stage:

        async def workers() -> int:
            executor = asyncio.get_running_loop()._default_executor  # type: ignore[attr-defined]
            return int(executor._max_workers)

        assert stage.run(workers()) == 3


@pytest.mark.parametrize(
    ("connection", "level1", "level2"),
    [
        ({}, 1, 1),
        ({"max_connections": 5}, 4, 1),
        ({"max_connections": 6, "level1_connections": 2, "level2_connections": 3}, 2, 3),
    ],
)
def test_max_connections_is_the_size_of_the_pool(
    connection: dict[str, int], level1: int, level2: int
) -> None:
    """Every connection is used, each for its own symbols, and every symbol is live."""
    with simulated(settings={"connection": connection}, depth_rate=100.0) as stage:
        instruments = stage.simulator._source.market.instruments.values()  # type: ignore[union-attr]
        names = [i.symbol for i in instruments if i.weight and i.security_type == 1][:30]
        consumer = stage.consumer(*(f"{kind},{n}," for n in names for kind in ("state", "book")))
        consumer.wait_for_all(
            {f"state,{n}," for n in names},
            lambda m: m.values[0] == "live" and m.values[3].get("level2") == "live",
            what="live",
            seconds=15.0,
        )
        statistics = stage.simulator.statistics()
        assert (statistics["level1_clients"], statistics["level2_clients"]) == (level1, level2)
        counts = [client.watch_counts()[0] for client in stage.simulator.ports.clients("level1")]
        assert sum(counts) == 30
        assert min(counts) > 0
        ports = stage.requester().result("health")["upstream"]
        expected = {"admin", *names_of("level1", level1), *names_of("level2", level2)}
        assert set(ports) == expected


def names_of(port: str, count: int) -> set[str]:
    """How the connections to a port are called."""
    return {port, *(f"{port}.{number}" for number in range(2, count + 1))}


def test_headlines_come_once_however_many_connections_there_are() -> None:
    """Each connection that asks for them gets all of them."""
    settings = {"connection": {"max_connections": 4}}
    with simulated(settings=settings, news_interval_s=1, market_clock="auto") as stage:
        consumer = stage.consumer("news,", "sys,heartbeat,")
        wait_until(
            lambda: stage.simulator.statistics()["level1_clients"] == 3, what="three connections"
        )
        consumer.wait_for(lambda m: m.kind == "news", what="a headline")
        list(consumer.stream(3.2))
        stories = [m.values[1] for m in consumer.messages if m.kind == "news"]
        assert len(stories) == len(set(stories)) >= 2
