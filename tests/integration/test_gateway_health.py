"""Health as consumers see it: alerts on `sys,alert,`, requests, thresholds, with real processes."""

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.simulator import SimulatorOptions
from tests.support.consumer import Consumer, Message
from tests.support.requester import Requester
from tests.support.stage import Stage, free_ports, open_stage, simulated, wait_until

pytestmark = pytest.mark.slow
ALERT = "sys,alert,"
QUICK = {"connection": {"retry_backoff_max": 0.2, "breaker_open_seconds": 0.5}}
SETTINGS: dict[str, Any] = {
    "security": {"allow_local_admin": True},
    # The simulator's market may be of another day.
    "health": {"check_interval_s": 0.1, "thresholds": {"clock_offset_warning_ms": 0}},
    **QUICK,
}


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A gateway that looks ten times a second, and a simulator."""
    with simulated(settings=SETTINGS, market_clock="2026-11-25T12:00:00") as stage:
        yield stage


@pytest.fixture
def requester(stage: Stage) -> Requester:
    """A control client."""
    return stage.requester()


def alert_of(consumer: Consumer, code: str, event: str, *, seconds: float = 15.0) -> dict[str, Any]:
    """Wait for an alert on the data socket; its map."""

    def is_it(message: Message) -> bool:
        if message.topic != ALERT:
            return False
        details = message.body[6]
        return bool(details["code"] == code and details["event"] == event)

    # Two alerts may come in either order.
    heard = [message for message in consumer.messages if is_it(message)]
    message = (
        heard[-1] if heard else consumer.wait_for(is_it, what=f"{code} {event}", seconds=seconds)
    )
    return dict(message.body[6])


def test_a_lost_iqconnect_is_an_alert_until_it_is_back(stage: Stage, requester: Requester) -> None:
    """Raised with cause and hint, listed while it stands, cleared when it is over."""
    consumer = stage.consumer(ALERT)
    wait_until(lambda: requester.result("health")["ready"], what="live prices")
    stage.stop_simulator()
    raised = alert_of(consumer, "iqconnect_down", "raised")
    assert (raised["id"], raised["level"]) == ("iqconnect_down", "critical")
    assert "IQConnect" in raised["hint"]
    assert raised["count"] == 1
    active = {alert["id"]: alert for alert in requester.result("alerts")["active"]}
    assert active["iqconnect_down"]["since_us"] == raised["since_us"]
    breaker = alert_of(consumer, "level1_breaker_open", "raised")
    assert breaker["level"] == "warning"
    # The same ports again, as IQConnect has them.
    old = stage.simulator
    stage.start_simulator(
        SimulatorOptions(
            admin_port=old.admin_port,
            level1_port=old.level1_port,
            level2_port=old.level2_port,
            rate=200,
        )
    )
    alert_of(consumer, "iqconnect_down", "cleared", seconds=30.0)
    recent = [alert["id"] for alert in requester.result("alerts")["recent"]]
    assert "iqconnect_down" in recent


@pytest.mark.long
def test_a_threshold_of_ones_own_is_judged_at_once(stage: Stage, requester: Requester) -> None:
    """Memory beyond a limit that was just set; then over again."""
    consumer = stage.consumer(ALERT)
    set_to: Callable[[float], Any] = lambda limit: requester.result(  # noqa: E731
        "admin.set_thresholds", thresholds={"memory_warning_mb": limit}, reason="a test"
    )
    set_to(1)
    raised = alert_of(consumer, "memory_high", "raised", seconds=20.0)
    assert raised["value"] > raised["limit"] == 1
    issues = {issue["code"]: issue for issue in requester.result("health")["issues"]}
    assert issues["memory_high"]["level"] == "warning"
    told = requester.result("admin.acknowledge", alert="memory_high", reason="on it")
    assert told["alert"]["acknowledged_reason"] == "on it"
    assert alert_of(consumer, "memory_high", "acknowledged")["acknowledged_reason"] == "on it"
    set_to(2_000)
    alert_of(consumer, "memory_high", "cleared", seconds=20.0)
    assert "memory_high" not in {i["code"] for i in requester.result("health")["issues"]}


def test_metrics_tell_latency_by_kind_and_trends_how_it_moved(
    stage: Stage, requester: Requester
) -> None:
    """While prices come."""
    stage.consumer("quote,AAPL,", "trade,AAPL,")
    wait_until(
        lambda: requester.result("metrics")["client_metrics"]["latency"]["quote"]["count"] > 20,
        what="quotes that were measured",
    )
    metrics = requester.result("metrics")["client_metrics"]
    quote = metrics["latency"]["quote"]
    assert 0 < quote["p50_us"] <= quote["p99_us"] <= quote["p999_us"] <= quote["max_us"]
    assert metrics["oldest_unread_ms"] == 0
    assert metrics["reconnections_last_hour"] == 0
    assert metrics["latency"]["book"]["count"] == 0
    trends = requester.result("trends", window_minutes=5)["metrics"]
    assert trends["latency_ms"]["samples"] >= 1
    assert trends["memory_mb"]["min"] > 10


def test_lag_that_clients_report_is_in_the_metrics(stage: Stage, requester: Requester) -> None:
    """End to end, as only they can know it."""
    token = secrets.token_hex(10)
    stage.consumer(f"~{token}.sys,client,", "quote,AAPL,")
    lease = requester.result(
        "subscribe", client="desk", symbols=["AAPL"], kinds=["l1"], data_token=token
    )
    for lag_us in (2_000, 4_000):
        requester.result(
            "renew", client="desk", lease_id=lease["lease_id"], lag_us=lag_us, data_token=token
        )
    wait_until(
        lambda: requester.result("metrics")["client_metrics"]["consumer_lag"]["count"] == 2,
        what="both reports",
    )
    assert requester.result("metrics")["client_metrics"]["consumer_lag"]["max_us"] >= 4_000


def test_diagnostics_name_every_thread_and_queue(stage: Stage, requester: Requester) -> None:
    """And show no secret."""
    wait_until(lambda: requester.result("health")["ready"], what="live prices")
    told = requester.result("diagnostics")
    assert told["client_status"]["connected"] is True
    assert told["thread_status"]["feed"]["alive"] is True
    assert told["thread_status"]["feed"]["report_age_ms"] < 5_000
    assert told["thread_status"]["control"]["late_ms"] < 5_000
    assert told["queue_status"]["level1_held_lines_capacity"] > 0
    assert told["config"]["gateway_id"] == "test"
    assert told["breaker"]["state"] == "closed"


def test_symbols_are_listed_with_their_causes(stage: Stage, requester: Requester) -> None:
    """A symbol that nobody knows, beside one that is live."""
    stage.consumer("quote,AAPL,", "quote,NOSUCH1,")
    wait_until(
        lambda: [r["state"] for r in requester.result("symbols")["symbols"]] == ["live", "refused"],
        what="both answers",
    )
    rows = requester.result("symbols", search="such")["symbols"]
    assert [(row["symbol"], row["cause"]) for row in rows] == [("NOSUCH1", "symbol_not_found")]
    assert rows[0]["since_us"] <= time.time_ns() // 1000


def test_without_iqconnect_the_gateway_says_so_from_the_start() -> None:
    """A start without IQConnect is an alert after two seconds, not silence."""
    with open_stage() as stage:
        level1_port, admin_port = free_ports(2)
        stage.start_gateway(level1_port=level1_port, admin_port=admin_port, **SETTINGS)
        consumer = stage.consumer(ALERT)
        alert_of(consumer, "iqconnect_down", "raised")
