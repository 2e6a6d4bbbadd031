"""Both clients' calls and lives against a fake gateway over real sockets."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from gateway_client import (
    AsyncGatewayClient,
    DecodeError,
    GatewayClient,
    InvalidArgument,
    NotConnected,
    Quote,
    RequestRefused,
    RequestTimedOut,
    SecurityValidationError,
    Trade,
)

from tests.unit.client.fake_gateway import FakeGateway, Refusal, quote, running, trade

WAIT_S = 10.0


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    """A gateway with a heartbeat every 20 ms."""
    with running() as fake:
        yield fake


@pytest.fixture
def client(gateway: FakeGateway) -> Iterator[GatewayClient]:
    """A connected client."""
    with GatewayClient(gateway.data_endpoint, gateway.control_endpoint) as connected:
        yield connected


def async_client(gateway: FakeGateway, **options: Any) -> AsyncGatewayClient:
    """An asynchronous client, not yet connected."""
    return AsyncGatewayClient(gateway.data_endpoint, gateway.control_endpoint, **options)


# Connecting and disconnecting.


def test_connect_says_why_not() -> None:
    """An unreachable gateway is an answer within the deadline, not an exception or a hang."""
    with running() as fake:
        fake.vanish()
        client = GatewayClient(fake.data_endpoint, fake.control_endpoint, connect_timeout_s=0.1)
        assert client.connect() is False
        assert isinstance(client.last_error, RequestTimedOut)
        assert not client.is_connected
        with pytest.raises(RequestTimedOut), client:
            pytest.fail("entered without a gateway")


def test_connect_needs_a_heartbeat(gateway: FakeGateway) -> None:
    """Replies alone do not make a data connection; the hint names the endpoint to check."""
    gateway.has_heartbeats = False
    client = GatewayClient(gateway.data_endpoint, gateway.control_endpoint, connect_timeout_s=0.1)
    assert client.connect() is False
    assert client.last_error is not None
    assert "data_endpoint" in client.last_error.hint


def test_connect_refuses_a_gateway_of_another_protocol(gateway: FakeGateway) -> None:
    """Better no connection than messages misread."""
    gateway.handlers["hello"] = lambda _: {"protocol": [7]}
    client = GatewayClient(gateway.data_endpoint, gateway.control_endpoint)
    assert client.connect() is False
    assert isinstance(client.last_error, NotConnected)
    gateway.handlers["hello"] = lambda _: []
    assert client.connect() is False
    assert isinstance(client.last_error, DecodeError)


def test_client_leaves_nothing_behind(gateway: FakeGateway) -> None:
    """Threads and sockets end with the client, and it may connect again."""
    threads = threading.active_count()
    descriptors = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    client = GatewayClient(gateway.data_endpoint, gateway.control_endpoint)
    client.disconnect()
    for _ in range(2):
        assert client.connect()
        assert client.connect()
        client.disconnect()
        client.disconnect()
    assert client.next_message() is None
    assert threading.active_count() == threads
    if descriptors:
        gateway.wait_for(lambda: len(os.listdir("/proc/self/fd")) <= descriptors)
    with pytest.raises(NotConnected):
        client.call("ping")
    assert client.get_health_status().health_level == "critical"


def test_forgotten_client_warns_and_ends(gateway: FakeGateway) -> None:
    """A client nobody disconnected must not keep a thread for ever."""
    threads = threading.active_count()
    client = GatewayClient(gateway.data_endpoint, gateway.control_endpoint)
    assert client.connect()
    with pytest.warns(ResourceWarning, match="was not disconnected"):
        client.__del__()
    client.disconnect()
    gateway.wait_for(lambda: threading.active_count() == threads)


@pytest.mark.slow
def test_program_that_forgets_to_disconnect_still_exits(gateway: FakeGateway) -> None:
    """The reader thread is a daemon: an exception in the program ends the program."""
    program = (
        "from gateway_client import GatewayClient\n"
        f"client = GatewayClient({gateway.data_endpoint!r}, {gateway.control_endpoint!r})\n"
        "assert client.connect()\n"
        "raise SystemExit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], timeout=WAIT_S, check=False)
    assert done.returncode == 7


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_is_told_to_make_its_own(client: GatewayClient) -> None:
    """The reader thread does not exist in the child: waiting for it would last for ever."""
    child = os.fork()
    if not child:
        status = 1
        try:
            client.next_message()
        except NotConnected:
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# Subscriptions.


def test_bad_symbol_is_refused_before_anything_is_sent(gateway: FakeGateway) -> None:
    """Not even a connection is needed to refuse it."""
    client = GatewayClient(gateway.data_endpoint, gateway.control_endpoint)
    with pytest.raises(SecurityValidationError):
        client.subscribe_symbol("INVALID;SYMBOL", ["l1"])
    with pytest.raises(ValueError, match="symbol"):
        client.subscribe_symbol("aapl", ["l1"])
    assert gateway.requests == []
    with pytest.raises(NotConnected):
        client.subscribe_symbol("AAPL", ["l1"])


def test_one_bad_symbol_never_spoils_the_others(
    gateway: FakeGateway, client: GatewayClient
) -> None:
    """Each symbol has its own result: what we refuse, what the gateway refuses, what is good."""
    results = client.subscribe_symbols(["AAPL", "x;y", "NOSUCH"], ["l1"])
    assert results["AAPL"].is_accepted
    assert [state.topic for state in results["AAPL"].topics] == [
        "quote,AAPL,",
        "trade,AAPL,",
        "summary,AAPL,",
        "state,AAPL,",
    ]
    assert results["x;y"].code == "symbol_invalid"
    assert (results["NOSUCH"].code, results["NOSUCH"].hint) == ("symbol_not_found", "check it")
    assert gateway.asked("subscribe")[0]["symbols"] == ["AAPL", "NOSUCH"]
    gateway.wait_for(lambda: gateway.has_subscription("quote,AAPL,"))
    assert not any("NOSUCH" in topic for topic in gateway.subscribed)


@pytest.mark.slow
def test_many_symbols_go_in_pieces(gateway: FakeGateway, client: GatewayClient) -> None:
    """The gateway reads arrays of 5,000; joins are paced, and every one is answered."""
    symbols = [f"S{number}" for number in range(6_000)]
    results = client.subscribe_symbols(symbols, ["quote"])
    assert len(results) == 6_000
    assert [len(params["symbols"]) for params in gateway.asked("subscribe")] == [5_000, 1_000]
    gateway.wait_for(lambda: len([t for t in gateway.unsubscribed if t.startswith("~")]) == 6_000)
    client.unsubscribe_symbols(symbols)
    gateway.wait_for(lambda: gateway.unsubscribed.count("quote,S5999,") == 1)


def test_state_stays_while_other_kinds_do(gateway: FakeGateway, client: GatewayClient) -> None:
    """Level 1 and level 2 share the state topic: giving up one must not silence it."""
    client.subscribe_symbol("AAPL", ["l1", "l2"])
    client.unsubscribe_symbol("AAPL", ["l2"])
    gateway.wait_for(lambda: not gateway.has_subscription("depth,AAPL,"))
    assert gateway.asked("unsubscribe")[0]["kinds"] == ["depth", "order", "book"]
    client.unsubscribe_symbol("AAPL")
    gateway.wait_for(lambda: not gateway.has_subscription("state,AAPL,"))
    with pytest.raises(InvalidArgument):
        client.subscribe_symbol("AAPL", ["l3"])
    with pytest.raises(InvalidArgument):
        client.subscribe_symbols("AAPL")


def test_expired_lease_is_taken_again(gateway: FakeGateway, client: GatewayClient) -> None:
    """A lease that lapsed, as after a suspended laptop, comes back by itself."""
    client.subscribe_symbol("AAPL", ["quote"])

    def renew(_: dict[str, Any]) -> Any:
        raise Refusal("lease_expired")

    gateway.handlers["renew"] = renew
    make_renewals_due(client)
    gateway.wait_for(lambda: len(gateway.asked("subscribe")) == 2)
    assert gateway.asked("subscribe")[1]["symbols"] == ["AAPL"]
    assert client.statistics().leases_expired == 1


def test_missing_subscription_is_repaired(gateway: FakeGateway, client: GatewayClient) -> None:
    """Renewal is the only way to notice a subscription that libzmq lost."""
    client.subscribe_symbol("AAPL", ["quote"])
    gateway.handlers["renew"] = lambda _: {"missing_subscriptions": ["quote,AAPL,", "other,X,"]}
    make_renewals_due(client)
    gateway.wait_for(lambda: gateway.subscribed.count("quote,AAPL,") == 2)
    assert gateway.asked("renew")[0]["lease_id"] == "lease-1"
    assert client.statistics().subscriptions_repaired == 1


def test_many_leases_become_few(gateway: FakeGateway, client: GatewayClient) -> None:
    """A loop of single subscriptions must not cost a renewal each for ever."""
    for number in range(40):
        client.subscribe_symbol(f"S{number}", ["quote"])
    make_renewals_due(client)
    gateway.wait_for(lambda: len(gateway.asked("subscribe")) == 41)
    assert len(gateway.asked("subscribe")[40]["symbols"]) == 40
    assert gateway.asked("renew") == []


def make_renewals_due(client: GatewayClient) -> None:
    """Pretend that half of every lease's life has passed."""
    engine = client._engine
    assert engine is not None

    def age(_: int) -> None:
        for lease in engine.session.leases._leases.values():
            lease.renew_at_ns = 0

    engine.post(age, Future())


# Requests.


def test_refusal_carries_code_and_hint(gateway: FakeGateway, client: GatewayClient) -> None:
    """A method the gateway lacks is a refusal with advice, not a crash."""
    with pytest.raises(RequestRefused) as caught:
        client.get_diagnostic_info()
    assert caught.value.code == "unknown_method"
    assert caught.value.hint == "hint for unknown_method"
    assert client.connection_manager.circuit_breaker is None
    gateway.handlers["ping"] = lambda _: (_ for _ in ()).throw(
        Refusal("rate_limited", retry_ms=50, details={"a": 1})
    )
    with pytest.raises(RequestRefused) as caught:
        client.call("ping")
    assert (caught.value.retry_ms, caught.value.details) == (50, {"a": 1})


def test_late_reply_is_dropped_and_counted(gateway: FakeGateway, client: GatewayClient) -> None:
    """A reply after the deadline must never answer another request."""
    gateway.silent_methods.add("ping")
    with pytest.raises(RequestTimedOut):
        client.call("ping", timeout_s=0.05)
    gateway.silent_methods.clear()
    gateway.do(lambda: gateway.reply(*gateway.held.pop()))
    assert client.call("ping") == {}
    statistics = client.statistics()
    assert (statistics.late_replies, statistics.request_timeouts) == (1, 1)


@pytest.mark.slow
def test_control_socket_is_made_anew_when_the_peer_vanished(gateway: FakeGateway) -> None:
    """A half-open connection swallows requests for ever unless it is given up."""
    with GatewayClient(
        gateway.data_endpoint, gateway.control_endpoint, heartbeat_silence_s=0.2
    ) as client:
        gateway.silent_methods.add("ping")
        with pytest.raises(RequestTimedOut):
            client.call("ping", timeout_s=0.3)
        gateway.silent_methods.clear()
        assert client.call("ping") == {}
        assert client.statistics().control_reconnects == 1


def test_request_outlives_a_gateway_restart(gateway: FakeGateway, client: GatewayClient) -> None:
    """A request made while the gateway is away is sent once it is back, within its deadline."""
    gateway.vanish()
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(client.call, "ping", None, WAIT_S)
        gateway.restart()
        assert reply.result(WAIT_S) == {}


def test_figures_are_shaped_for_their_readers(gateway: FakeGateway, client: GatewayClient) -> None:
    """Health, diagnostics, alerts, trends and errors as the operator's guide reads them."""
    breaker = {"level1": {"state": "closed"}, "level2": {"state": "open", "failure_count": 3}}
    gateway.handlers |= {
        "health": lambda _: {
            "level": "warning", "is_healthy": False, "live": True, "ready": True,
            "issues": [{"code": "slow"}], "upstream": {"level1": "streaming"},
            "error_message": "slow",
        },
        "metrics": lambda _: {"client_metrics": {"throughput_msg_per_sec": 1.0}},
        "diagnostics": lambda _: {"client_status": {"connected": True}, "breaker": breaker},
        "alerts": lambda _: {"active": [{"code": "a"}], "recent": [{"code": "b"}]},
        "trends": lambda p: {"metrics": {"latency_ms": {"mean": p["window_minutes"]}}},
        "errors": lambda _: {"errors": [{"at_us": 2_000_000, "message": "b"}, {"at_us": 0}]},
    }  # fmt: skip
    health = client.get_health_status()
    assert (health.health_level, health.error_message, health.live) == ("warning", "slow", True)
    assert client.get_metrics()["client_metrics"]["throughput_msg_per_sec"] == 1.0
    diagnostics = client.get_diagnostic_info()
    assert diagnostics["client_status"]["connected"] is True
    assert diagnostics["queue_status"]["consumer_queue_capacity"] == 100_000
    assert diagnostics["consumer"]["bad_frames"] == 0
    assert client.get_active_alerts() == [{"code": "a"}]
    assert client.get_performance_trends(30)["latency_ms"]["mean"] == 30
    errors = client.connection_manager.get_error_history()
    assert [error["timestamp"][:19] for error in errors] == [
        "1970-01-01T00:00:00",
        "1970-01-01T00:00:02",
    ]
    found = client.connection_manager.circuit_breaker
    assert found is not None
    assert (found.port, found.state, found.failure_count) == ("level2", "open", 3)
    assert client.connection_manager.failure_count == 3


def test_snapshot_and_replay_read_bodies(gateway: FakeGateway, client: GatewayClient) -> None:
    """Values by request decode into the same types as the stream's."""
    body = [1, gateway.epoch, 3, 1, 1, None, *quote(1.5)]
    print_body = [2, gateway.epoch, 4, 2, 1, None, *trade(2.5)]
    gateway.handlers |= {
        "snapshot": lambda p: [{"topic": topic, "body": body} for topic in p["topics"]],
        "replay": lambda _: {"bodies": [print_body], "complete": True, "oldest": 1},
    }
    (value,) = client.snapshot(["quote,AAPL,"])
    assert isinstance(value, Quote)
    assert (value.symbol, value.bid) == ("AAPL", 1.5)
    events, is_complete = client.replay("trade,AAPL,", 4, 4, gateway.epoch)
    assert is_complete
    assert isinstance(events[0], Trade)
    gateway.handlers["snapshot"] = lambda _: [{"topic": "quote,AAPL,", "body": [1, 2]}]
    with pytest.raises(DecodeError):
        client.snapshot(["quote,AAPL,"])
    with pytest.raises(InvalidArgument):
        client.snapshot(["AAPL"])
    with pytest.raises(InvalidArgument):
        client.call("ping", {"x": object()})


def test_many_threads_share_one_client(gateway: FakeGateway, client: GatewayClient) -> None:
    """Every reply finds its caller, every message exactly one reader."""
    gateway.handlers["echo"] = lambda params: params
    client.subscribe_symbol("AAPL", ["trade"])
    client.next_message(WAIT_S)

    def work(number: int) -> list[int]:
        return [client.call("echo", {"n": number * 100 + step})["n"] for step in range(20)]

    with ThreadPoolExecutor(8) as pool:
        readers = [
            pool.submit(lambda: [client.next_message(WAIT_S) for _ in range(25)]) for _ in range(4)
        ]
        callers = [pool.submit(work, number) for number in range(4)]
        for price in range(100):
            gateway.publish("trade,AAPL,", *trade(float(price)))
        read = [item for reader in readers for item in reader.result(WAIT_S)]
        for number, caller in enumerate(callers):
            assert caller.result(WAIT_S) == [number * 100 + step for step in range(20)]
    assert sorted(item.price or 0.0 for item in read if isinstance(item, Trade)) == [
        float(price) for price in range(100)
    ]


# The asynchronous face.


@pytest.mark.asyncio
async def test_async_client_streams_and_asks(gateway: FakeGateway) -> None:
    """The same engine behind coroutines."""
    async with async_client(gateway) as client:
        gateway.publish("quote,AAPL,", *quote(1.0))
        result = await client.subscribe_symbol("AAPL", ["quote"])
        assert result.is_accepted
        bids: list[float | None] = []
        async for item in client:
            assert isinstance(item, Quote)
            bids.append(item.bid)
            if len(bids) == 50:
                break
            await asyncio.to_thread(gateway.publish, "quote,AAPL,", *quote(len(bids) + 1.0))
        assert bids == [float(bid) for bid in range(1, 51)]
        assert await client.call("ping") == {}
        with pytest.raises(RequestRefused):
            await client.get_active_alerts()
        await client.unsubscribe_symbol("AAPL")
    assert [item async for item in client] == []
    assert not client.is_connected


@pytest.mark.asyncio
async def test_canceled_wait_loses_no_message(gateway: FakeGateway) -> None:
    """Waiting with a deadline or in a canceled task must not swallow what comes next."""
    async with async_client(gateway) as client:
        await client.subscribe_symbol("AAPL", ["trade"])
        await client.next_message(WAIT_S)
        assert await client.next_message(0.01) is None
        waiting = asyncio.create_task(client.next_message())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert client._engine is not None
        assert client._engine.queue._wakers == []
        await asyncio.to_thread(gateway.publish, "trade,AAPL,", *trade(1.0))
        item = await client.next_message(WAIT_S)
        assert isinstance(item, Trade)


@pytest.mark.asyncio
async def test_async_connect_says_why_not(gateway: FakeGateway) -> None:
    """The same answers as the synchronous face."""
    gateway.handlers["hello"] = lambda _: {"protocol": [7]}
    client = async_client(gateway)
    assert await client.connect() is False
    assert isinstance(client.last_error, NotConnected)
    assert (await client.get_health_status()).is_healthy is False
    with pytest.raises(NotConnected):
        await client.call("ping")


@pytest.mark.asyncio
async def test_canceled_request_leaves_the_client_usable(gateway: FakeGateway) -> None:
    """The reply to a request nobody waits for any more is simply dropped."""
    async with async_client(gateway) as client:
        gateway.silent_methods.add("ping")
        asking = asyncio.create_task(client.call("ping"))
        await asyncio.to_thread(gateway.wait_for, lambda: bool(gateway.held))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        gateway.silent_methods.clear()
        await asyncio.to_thread(gateway.do, lambda: gateway.reply(*gateway.held.pop()))
        assert await client.call("ping") == {}
