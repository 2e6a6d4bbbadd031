"""Every request gets its own answer or its own error, over real sockets."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from gateway_client import (
    DecodeError,
    GatewayClient,
    InvalidArgument,
    Quote,
    RequestRefused,
    RequestTimedOut,
    SecurityValidationError,
    Trade,
)

from tests.unit.client.fake_gateway import FakeGateway, Refusal, quote, trade

WAIT_S = 10.0


def test_refusal_carries_code_and_hint(gateway: FakeGateway, client: GatewayClient) -> None:
    """A method the gateway lacks is a refusal with advice, not a crash."""
    with pytest.raises(RequestRefused) as caught:
        client.get_diagnostic_info()
    assert caught.value.code == "unknown_method"
    assert caught.value.hint == "hint for unknown_method"
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


def test_requests_are_answered_again_after_a_restart(
    gateway: FakeGateway, client: GatewayClient
) -> None:
    """Nobody must make a new client because the gateway was away for a moment.

    A request handed to the dying connection ends at its deadline, which is its caller's to choose.
    """
    gateway.vanish()
    gateway.restart()
    timeouts = 0
    while True:
        try:
            assert client.call("ping", None, 0.5) == {}
        except RequestTimedOut:
            timeouts += 1
            assert timeouts < 10, "no reply to any request"
        else:
            break


def test_figures_are_shaped_for_their_readers(gateway: FakeGateway, client: GatewayClient) -> None:
    """Health, diagnostics, alerts, trends and errors as the operator's guide reads them."""
    links = {
        "level1": {"breaker": {"state": "closed"}},
        "level2": {"breaker": {"state": "open", "failure_count": 3}},
    }
    gateway.handlers |= {
        "health": lambda _: {
            "level": "warning", "is_healthy": False, "live": True, "ready": True,
            "issues": [{"code": "slow"}], "upstream": {"level1": "streaming"},
            "error_message": "slow",
        },
        "metrics": lambda _: {
            "client_metrics": {"throughput_msg_per_sec": 1.0}, "connections": {"links": links},
        },
        "diagnostics": lambda _: {"client_status": {"connected": True}},
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


def test_why_and_resync_say_what_the_gateway_says(
    gateway: FakeGateway, client: GatewayClient
) -> None:
    """An operator's questions are one call each, and their limits are told with a wait."""
    gateway.handlers |= {
        "why": lambda p: {
            "symbol": p["symbol"], "state": "stale", "cause": "link_silent", "lines": ["Demand: …"],
        },
        "resync": lambda p: {"requested": p["topic"] == "quote,AAPL,"},
    }  # fmt: skip
    found = client.why("AAPL")
    assert (found.state, found.cause, found.lines) == ("stale", "link_silent", ("Demand: …",))
    assert client.resync("quote,AAPL,")
    gateway.handlers["resync"] = lambda _: (_ for _ in ()).throw(
        Refusal("rate_limited", retry_ms=5_000)
    )
    with pytest.raises(RequestRefused) as caught:
        client.resync("quote,AAPL,")
    assert caught.value.retry_ms == 5_000
    with pytest.raises(SecurityValidationError):
        client.why("INVALID;SYMBOL")
    with pytest.raises(InvalidArgument):
        client.resync("quote AAPL")


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
