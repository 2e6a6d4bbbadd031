"""Construction, errors and answers."""

from typing import Any

import pytest
from gateway_client.errors import (
    DecodeError,
    InvalidArgument,
    NotConnected,
    RequestRefused,
    RequestTimedOut,
    SecurityValidationError,
    bounded,
)
from gateway_client.keys import CurveKeys
from gateway_client.options import Options
from gateway_client.results import (
    breaker_of,
    health_of,
    health_without,
    lineage_of,
    read_subscribed,
    rows_of,
)


@pytest.mark.parametrize(
    "wrong",
    [
        {"data_endpoint": "tcp://HOST:None"},
        {"data_endpoint": "127.0.0.1:7700"},
        {"control_endpoint": "tcp://127.0.0.1:0"},
        {"control_endpoint": "tcp://127.0.0.1:65536"},
        {"request_timeout_s": 0},
        {"heartbeat_silence_s": -1.0},
        {"lease_s": 1},
        {"queue_capacity": 5, "conflate_above": 6},
        {"client_name": "no blanks please"},
    ],
)
def test_options_that_can_never_work_are_refused(wrong: dict[str, Any]) -> None:
    """At construction, with a hint, not as a timeout later."""
    with pytest.raises(InvalidArgument):
        Options(**wrong)


def test_clients_are_told_apart() -> None:
    """Two programs that share a name would release each other's leases."""
    assert Options().client_name != Options().client_name
    assert Options(data_endpoint="ipc:///tmp/x", client_name="desk-1").client_name == "desk-1"


def test_secret_key_is_never_shown() -> None:
    """Options end up in logs."""
    keys = CurveKeys("g" * 40, "p" * 40, "s" * 40)
    assert "sss" not in repr(Options(curve=keys))


def test_what_is_no_key_is_refused_unquoted() -> None:
    """Libzmq would say "invalid argument", and a secret in the wrong place would be in a log."""
    with pytest.raises(InvalidArgument, match="not a CURVE key") as caught:
        Options(curve=CurveKeys("g" * 40, "p" * 40, "s" * 39))
    assert caught.value.facts == {"name": "secret_key"}


def test_errors_show_facts_bounded_and_escaped() -> None:
    """A hostile value can neither flood nor forge a log line."""
    error = DecodeError("bad", frame=b"\n" * 500)
    assert len(str(error)) < 250
    assert "\n" not in str(error)
    assert str(NotConnected("plain")) == "plain"
    assert bounded("x" * 500).endswith("...")
    assert NotConnected("a", hint="b").hint == "b"
    assert issubclass(SecurityValidationError, ValueError)
    assert issubclass(RequestTimedOut, TimeoutError)
    refusal = RequestRefused("m", code="busy", hint="h", method="ping")
    assert str(refusal) == "m (code='busy', method='ping')"


def test_subscription_answer_is_read_leniently() -> None:
    """What is malformed in it is skipped; the symbols asked for are all accounted for."""
    result = {
        "lease_id": "1",
        "topics": [{"topic": "quote,A,", "state": "live", "sequence": 3}, {"topic": 5}, "x"],
        "rejected": [{"symbol": "B", "code": "symbol_limit", "hint": "h"}],
    }
    lease_id, results = read_subscribed(result, ["A", "B", "C"])
    assert lease_id == "1"
    assert (results["A"].topics[0].state, results["A"].topics[0].sequence) == ("live", 3)
    assert (results["B"].is_accepted, results["B"].code) == (False, "symbol_limit")
    assert results["C"].is_accepted
    with pytest.raises(DecodeError):
        read_subscribed([], ["A"])
    with pytest.raises(DecodeError):
        rows_of({"topics": 5}, "topics")


def test_health_adds_what_the_client_sees() -> None:
    """A gateway that feels well but cannot be heard is not healthy for this client."""
    verdict = {"level": "healthy", "issues": [], "live": True, "ready": True, "upstream": {"a": 1}}
    assert health_of(verdict, []).is_healthy
    issue = {"code": "data_silent", "message": "silent"}
    worse = health_of(verdict, [issue])
    assert (worse.is_healthy, worse.error_message, worse.issues) == (False, "silent", (issue,))
    assert health_of({}, []).health_level == "critical"
    lost = health_without(RequestTimedOut("no reply in time"))
    assert (lost.is_healthy, lost.error_message) == (False, "no reply in time")


def test_gravest_breaker_is_shown() -> None:
    """One open breaker among closed ones is the one to know of."""
    states = {"a": {"state": "closed"}, "b": {"state": "half_open", "failure_count": 2}, "c": 5}
    links = {port: {"breaker": breaker} for port, breaker in states.items()}
    found = breaker_of({"connections": {"links": {**links, "d": 5}}})
    assert found is not None
    assert (found.port, found.failure_count) == ("b", 2)
    assert breaker_of({}) is None
    assert breaker_of({"connections": 5}) is None
    assert breaker_of({"connections": {"links": {}}}) is None


def test_a_lineage_is_read_leniently() -> None:
    """A gateway of another version may leave things out; the text is what people read."""
    found = lineage_of({"symbol": "A", "state": "stale", "cause": "gap", "lines": ["one", "two"]})
    assert (found.symbol, found.state, found.cause) == ("A", "stale", "gap")
    assert str(found) == "one\ntwo"
    assert lineage_of({"symbol": "A", "state": "live", "cause": None}).lines == ()
    with pytest.raises(DecodeError):
        lineage_of([])
