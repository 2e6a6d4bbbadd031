"""Why, errors, fresh values and administrators' deeds, over the sockets that clients use."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gateway_client import GatewayClient, RequestRefused, SecurityValidationError

from gateway.commands.why import tell_why
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.requester import Requester
from tests.support.stage import Stage, free_ports, open_stage, scripted, wait_until

pytestmark = pytest.mark.slow

ADMIN = {"security": {"allow_local_admin": True}}
ORDERS = (
    "6,@ESZ26,1,,B,4480.25,10,1,2,10:20:00.000000,2026-09-21,",
    "6,@ESZ26,2,,A,4480.5,12,2,2,10:20:00.000000,2026-09-21,",
)


@pytest.fixture
def fake() -> FakeIqconnect:
    """A scripted Level 1 port."""
    return FakeIqconnect(refused_fields=("TickID",), unknown_symbols=("NOSUCH",))


@pytest.fixture
def depth() -> FakeIqconnect:
    """A scripted Level 2 port."""
    return FakeIqconnect(answers={"WOR,@ESZ26": ORDERS})


@pytest.fixture
def stage(fake: FakeIqconnect, depth: FakeIqconnect) -> Iterator[Stage]:
    """A gateway whose local programs are all administrators."""
    with scripted(fake, level2=depth, settings=ADMIN) as stage:
        yield stage


@pytest.fixture
def requester(stage: Stage) -> Requester:
    """A control client of it."""
    return stage.requester()


def lease(requester: Requester, *symbols: str, kinds: tuple[str, ...] = ("quote",)) -> None:
    """Hold symbols and wait for the vendor's first word."""
    requester.result("subscribe", client="c", symbols=symbols, kinds=kinds, wait_ms=2_000)


def wait_for_error(requester: Requester, **wanted: object) -> dict[str, Any]:
    """Wait until the history has an entry with these values."""
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        rows = requester.result("errors", limit=1_000)["errors"]
        found[:] = [row for row in rows if wanted.items() <= row.items()]
        return bool(found)

    wait_until(is_there, what=f"an error with {wanted}")
    return found[0]


def wait_for_link(
    requester: Requester, is_so: Callable[[dict[str, Any]], bool]
) -> dict[str, dict[str, Any]]:
    """Wait until `metrics` says something of Level 1's connection; reports come each second."""
    links: dict[str, dict[str, Any]] = {}

    def is_there() -> bool:
        links.update(requester.result("metrics")["connections"]["links"])
        return "level1" in links and is_so(links["level1"])

    wait_until(is_there, what="a report of the connection")
    return links


def test_the_history_tells_what_happened_on_each_port(
    stage: Stage, fake: FakeIqconnect, requester: Requester
) -> None:
    """One request shows an operator the whole incident, with a way out of each step."""
    lease(requester, "AAPL")
    wait_for_error(requester, port="admin", code="feed_unreachable")
    refused = wait_for_error(requester, port="level1", code="field_not_known")
    assert refused["details"]["field"] == "TickID"
    stage.call(fake.send, b"E,!SYNTAX_ERROR!,\r\n" * 3)
    stage.call(fake.send, b"E,Something new,\r\n")
    wait_for_error(requester, port="level1", code="command_not_understood", count=3)
    new = wait_for_error(requester, port="level1", code="vendor_error")
    assert new["details"] == {"vendor_text": "Something new"}
    stage.call(fake.drop)
    lost = wait_for_error(requester, port="level1", code="feed_closed")
    assert lost["details"]["reason"] == "closed"
    for row in requester.result("errors", limit=1_000)["errors"]:
        assert row["hint"].endswith(".")
        assert row["first_us"] <= row["at_us"]
        assert row["severity"] in ("warn", "error", "fatal")
    assert len(requester.result("errors", limit=2)["errors"]) == 2


def test_a_client_that_tries_to_inject_is_in_the_history(
    fake: FakeIqconnect, stage: Stage, requester: Requester
) -> None:
    """Refused before anything is sent, by the client and by the gateway alike."""
    endpoints = stage.gateway.endpoints
    with GatewayClient(endpoints["data"], endpoints["control"]) as client:
        with pytest.raises(SecurityValidationError):
            client.subscribe_symbol("INVALID;SYMBOL")
        assert not [e for e in client.get_error_history() if e["code"] == "symbol_invalid"]
    lease(requester, "INVALID;SYMBOL", "AAPL")
    row = wait_for_error(requester, port="control", code="symbol_invalid")
    assert row["details"]["symbol"] == "INVALID;SYMBOL"
    assert not [command for command in fake.commands if "INVALID" in command]


def test_why_tells_the_way_of_a_live_symbol(
    stage: Stage, requester: Requester, capsys: pytest.CaptureFixture[str]
) -> None:
    """Demand, watch, last line, last message and link, each in a sentence of its own."""
    lease(requester, "AAPL")
    answer = requester.result("why", symbol="AAPL")
    assert (answer["symbol"], answer["state"], answer["cause"]) == ("AAPL", "live", None)
    text = "\n".join(answer["lines"])
    for word in ("1 lease (c until", "connection level1", "is streaming, breaker closed", "quote"):
        assert word in text
    control = stage.gateway.endpoints["control"]
    assert tell_why("AAPL", control=control, timeout_s=5.0) == 0
    assert "AAPL: live\n  Demand: 1 lease" in capsys.readouterr().out
    assert tell_why("no symbol", control=control, timeout_s=5.0) == 1
    assert "symbol_invalid" in capsys.readouterr().err


def test_why_tells_what_is_wrong(stage: Stage, requester: Requester) -> None:
    """Refused, unwanted, and without a connection: each has its own words."""
    lease(requester, "NOSUCH")
    refused = requester.result("why", symbol="NOSUCH")
    assert refused["state"] == "closed" or refused["cause"] == "symbol_not_found"
    unwanted = requester.result("why", symbol="NOBODY")
    assert (unwanted["state"], unwanted["cause"]) == ("closed", "not_subscribed")
    assert requester.error("why", symbol="A,B")["code"] == "symbol_invalid"


def test_why_tells_that_iqconnect_is_away() -> None:
    """The first question of an outage is answered by the one request that names all of it."""
    with open_stage() as stage:
        level1_port, admin_port = free_ports(2)
        stage.start_gateway(level1_port=level1_port, admin_port=admin_port)
        requester = stage.requester()
        requester.result("subscribe", client="c", symbols=["AAPL"], kinds=["quote"])
        answer = requester.result("why", symbol="AAPL")
        assert (answer["state"], answer["cause"]) == ("pending", "iqconnect_down")
        assert "there is no working connection" in answer["lines"][-3]
        wait_for_error(requester, port="level1", code="breaker_open")
        health = requester.result("health")
        codes = {issue["code"]: issue for issue in health["issues"]}
        assert "Last on level1" in codes["iqconnect_down"]["hint"]
        links = wait_for_link(requester, lambda link: link["breaker"]["failure_count"] >= 5)
        assert links["level1"]["address"] == f"127.0.0.1:{level1_port}"


def test_fresh_values_are_asked_of_the_vendor(
    fake: FakeIqconnect, depth: FakeIqconnect, requester: Requester
) -> None:
    """A refresh on Level 1, a repeated watch on Level 2."""
    lease(requester, "AAPL", "@ESZ26", kinds=("quote", "order"))
    depth.wait_for_command("WOR,@ESZ26")
    assert requester.result("resync", topic="quote,AAPL,") == {"requested": True}
    fake.wait_for_command("fAAPL")
    assert requester.result("resync", topic="order,@ESZ26,") == {"requested": True}
    depth.wait_for_command("WOR,@ESZ26", count=2)
    error = requester.error("resync", topic="trade,AAPL,")
    assert error["code"] == "rate_limited"
    assert 0 < error["retry_ms"] <= 5_000
    assert requester.error("resync", topic="quote,NOBODY,")["code"] == "bad_request"
    assert requester.error("resync", topic="quote,a;b,")["code"] == "symbol_invalid"


def test_a_flood_of_requests_for_fresh_values_asks_the_vendor_little(
    fake: FakeIqconnect, requester: Requester
) -> None:
    """A client in a loop must not load the vendor, nor keep others from being answered."""
    names = [f"S{number}" for number in range(300)]
    lease(requester, *names)
    codes = [
        reply["error"]["code"] if not reply["ok"] else "done"
        for name in names
        for reply in [requester.call("resync", topic=f"quote,{name},")]
    ]
    assert codes.count("done") <= 20
    assert set(codes) == {"done", "rate_limited"}
    # Until the answer to a request that came last, everything asked before has been sent or not.
    lease(requester, "LAST")
    assert len([c for c in fake.commands if c.startswith("f")]) == codes.count("done")


def test_an_administrator_makes_a_connection_anew(
    stage: Stage, fake: FakeIqconnect, requester: Requester
) -> None:
    """Symbols are stale for a moment and come back by themselves; the next one has to wait."""
    consumer = stage.consumer("state,AAPL,")
    lease(requester, "AAPL")
    result = requester.result("admin.reconnect", port="level1", reason="a test")
    assert result == {"connections": 1}
    fake.wait_for_command("wAAPL", count=2)
    consumer.wait_for_state("AAPL", "live", None)
    error = requester.error("admin.reconnect", port="level1", reason="again")
    assert error["code"] == "rate_limited"
    assert error["retry_ms"] > 0
    unwanted = requester.result("admin.reconnect", port="level2", reason="nobody wants depth yet")
    assert unwanted == {"connections": 0}
    assert requester.error("admin.reconnect", port="lookup", reason="x")["code"] == "bad_request"
    assert requester.error("admin.reconnect", port="level1")["code"] == "bad_request"
    assert requester.error("admin.shutdown", reason="x")["code"] == "unknown_method"


def test_an_administrator_closes_a_breaker_after_the_repair() -> None:
    """Whoever has repaired it need not wait for the breaker's time to be over."""
    (level1_port, admin_port) = free_ports(2)
    patient = {"breaker_open_seconds": 600.0, "retry_backoff_max": 0.1}
    with open_stage() as stage:
        stage.start_gateway(
            level1_port=level1_port,
            admin_port=admin_port,
            connection=patient,
            security=ADMIN["security"],
        )
        requester = stage.requester()
        endpoints = stage.gateway.endpoints
        wait_for_error(requester, port="level1", code="breaker_open")
        with GatewayClient(endpoints["data"], endpoints["control"]) as client:
            breaker = client.connection_manager.circuit_breaker
            assert breaker is not None
            assert (breaker.state, breaker.failure_count) == ("open", 5)
            health = client.get_health_status()
            assert "level1_breaker_open" in [issue["code"] for issue in health.issues]
            fake = stage.start_fake(FakeIqconnect(port=level1_port))
            repaired_s = time.monotonic()
            requester.result("admin.breaker_reset", port="level1", reason="repaired")
            fake.wait_for_command("S,SET PROTOCOL,6.2")
            print(f"connected {time.monotonic() - repaired_s:.3f} s after the reset")
            admin = requester.result("admin.breaker_reset", port="admin", reason="x")
            assert admin == {"connections": 1}


def test_administrators_are_refused_where_they_are_not_allowed(fake: FakeIqconnect) -> None:
    """The default: any local program can connect, and none of them may interrupt prices."""
    with scripted(fake) as stage:
        requester = stage.requester()
        for method in ("admin.reconnect", "admin.breaker_reset"):
            error = requester.error(method, port="level1", reason="x")
            assert error["code"] == "unauthorized"
            assert "allow_local_admin" in error["hint"]
        assert wait_for_error(requester, port="control", code="unauthorized")["count"] == 2


def test_metrics_have_every_connection_and_both_loops_counts(
    stage: Stage, requester: Requester
) -> None:
    """Requests are counted in the control loop: they were always 0 in the feed thread's figures."""
    lease(requester, "AAPL")
    wait_for_link(requester, lambda link: link["state"] == "streaming")
    requester.error("nonsense")
    metrics = requester.result("metrics")
    links = metrics["connections"]["links"]
    assert set(links) == {"admin", "level1", "level2"}
    assert links["level1"]["held_lines"] == 0
    assert links["level2"]["state"] == "closed"
    assert metrics["connections"]["login"] == "unknown"
    counters = metrics["client_metrics"]["counters"]
    assert counters["rpc_requests"] >= 3
    assert counters["rpc_errors"] >= 1


def test_a_client_asks_the_same_questions(stage: Stage, requester: Requester) -> None:
    """What an operator asks on the command line, a program can ask as well."""
    lease(requester, "AAPL")
    endpoints = stage.gateway.endpoints
    with GatewayClient(endpoints["data"], endpoints["control"]) as client:
        assert client.why("AAPL").state == "live"
        assert client.resync("quote,AAPL,")
        with pytest.raises(RequestRefused) as caught:
            client.resync("quote,AAPL,")
        assert caught.value.code == "rate_limited"
        assert caught.value.retry_ms is not None
        history = client.connection_manager.get_error_history()
        assert "feed_unreachable" in [error["code"] for error in history]


def test_an_admin_port_that_hangs_is_told_by_what_is_missing(fake: FakeIqconnect) -> None:
    """It listens and says nothing of use: that is another repair than one that is not there."""
    with open_stage() as stage:
        stage.start_fake(fake)
        mute = stage.start_fake(FakeIqconnect())
        hasty = {"timeout_seconds": 0.3}
        stage.start_gateway(level1_port=fake.port, admin_port=mute.port, connection=hasty)
        row = wait_for_error(stage.requester(), port="admin", code="feed_timed_out")
        assert "no stats came" in row["details"]["reason"]


def test_an_administrators_deed_is_in_the_log(
    capfd: pytest.CaptureFixture[str], stage: Stage, requester: Requester
) -> None:
    """Who interrupted prices, and why, must be known the morning after."""
    # The first of the fixtures is the last to go: the gateway writes until its end.
    del stage
    capfd.readouterr()
    requester.result("admin.breaker_reset", port="level1", reason="after the repair")
    requester.error("admin.reconnect", port="lookup", reason="a slip")
    output = capfd.readouterr()
    lines = [line for line in (output.out + output.err).splitlines() if "part=audit" in line]
    assert len(lines) == 2
    assert "outcome=done" in lines[0]
    assert "reason='after the repair'" in lines[0]
    assert "address=127.0.0.1" in lines[0]
    assert "outcome=bad_request" in lines[1]


def test_a_program_that_cannot_be_started_is_in_the_history() -> None:
    """The log may be far away; the way out is in the answer."""
    admin, level1 = free_ports(2)
    with open_stage() as stage:
        missing = {"command": ["/no/such/iqconnect"]}
        stage.start_gateway(level1_port=level1, admin_port=admin, iqconnect=missing)
        message = "IQConnect cannot be started"
        row = wait_for_error(stage.requester(), port="admin", message=message)
        assert row["details"]["program"] == "/no/such/iqconnect"
        assert "iqconnect.command" in row["hint"]


def test_an_iqconnect_that_is_heard_counts_as_serving(fake: FakeIqconnect) -> None:
    """Its admin port alone does not answer; who prices come from is neither started nor ended."""
    with scripted(fake) as stage:
        gateway = stage.gateway
        stage.consumer("state,AAPL,").wait_for_state("AAPL", "live", None, seconds=8.0)
        wait_for_link(stage.requester(), lambda link: link["state"] == "streaming")
        assert gateway._history.is_serving(gateway._clock.monotonic_ns())
