"""What a relay with keys leaves out of the gateway's answers."""

from gateway.relay.hiding import DEMAND, HIDING, asked_of


def test_nobody_else_is_named() -> None:
    """To the gateway all of them are the relay, whose answers name all of them."""
    why = {"symbol": "A", "lines": ["Demand: 1 lease (alice.c.1 until 10:00:00 UTC).", "more"]}
    assert HIDING["why"](why, {})["lines"] == [DEMAND, "more"]
    assert HIDING["diagnostics"]({"clients": [{"client": "alice"}], "queue_status": {}}, {}) == {
        "clients": [],
        "queue_status": {},
    }
    alerts = {
        "active": [{"code": "slow_consumer", "client": "alice"}, {"code": "dtn_link_down"}],
        "recent": [{"code": "connections_flooding", "message": "tcp://10.0.0.2:1"}],
    }
    assert HIDING["alerts"](alerts, {}) == {"active": [{"code": "dtn_link_down"}], "recent": []}


def test_errors_of_others_take_no_place_of_those_that_are_told() -> None:
    """So the gateway is asked for all of them."""
    assert asked_of("errors", {"limit": 1}) == {"limit": 1_000}
    assert asked_of("why", {"symbol": "A"}) == {"symbol": "A"}
    errors = {"errors": [{"port": "consumers"}, {"port": "level1"}, {"port": "admin"}]}
    assert HIDING["errors"](errors, {"limit": 1}) == {"errors": [{"port": "level1"}]}
