"""A gateway's HTTP server as a supervisor, a load balancer and a scraper see it."""

import json
import socket

import pytest

from gateway.health.facts import FeedHistory
from tests.support.http_site import GET, Answer, Client
from tests.support.stage import Stage, free_ports, open_stage, simulated, wait_until


def port_of(stage: Stage) -> int:
    """Where the gateway's HTTP server really is."""
    return int(stage.gateway.endpoints["http"].rsplit(":", 1)[1])


def get(stage: Stage, path: str) -> Answer:
    """Ask once."""
    with Client(port_of(stage)) as client:
        return client.get(path)


def test_probes_follow_the_way_to_dtn() -> None:
    """Without prices a gateway is not ready, but restarting it would not help: it stays live."""
    with simulated() as stage:
        wait_until(lambda: get(stage, "/readyz").status == 200, what="ready")
        assert get(stage, "/livez").text == "live\n"
        assert get(stage, "/healthz").status == 200
        stage.stop_simulator()
        wait_until(lambda: get(stage, "/readyz").status == 503, what="not ready")
        answer = get(stage, "/readyz")
        assert answer.text.startswith("not ready\niqconnect_down: ")
        assert "Start IQConnect" in answer.text
        health = get(stage, "/healthz")
        assert health.status == 503
        assert json.loads(health.body)["level"] == "critical"
        assert get(stage, "/livez").status == 200


def test_health_is_the_same_by_both_ways() -> None:
    """A page and a request that differ would both be doubted."""
    with simulated() as stage, stage.requester() as requester:
        wait_until(lambda: requester.result("health")["level"] == "healthy", what="healthy")
        wait_until(lambda: get(stage, "/healthz").status == 200, what="the same over HTTP")
        assert json.loads(get(stage, "/healthz").body) == requester.result("health")


def test_a_feed_thread_that_hangs_is_not_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then, and only then, a restart is the cure."""
    with simulated() as stage:
        wait_until(lambda: get(stage, "/readyz").status == 200, what="ready")
        monkeypatch.setattr(FeedHistory, "add", lambda *_: None)
        wait_until(lambda: get(stage, "/livez").status == 503, what="found to hang")
        assert "feed_thread_stuck" in get(stage, "/livez").text
        assert get(stage, "/readyz").status == 503


def test_clients_are_told_where_it_is() -> None:
    """A client that knows the control socket finds the rest."""
    with simulated() as stage, stage.requester() as requester:
        endpoint = requester.result("hello")["endpoints"]["http"]
        assert endpoint == f"http://127.0.0.1:{port_of(stage)}"


def test_it_can_be_turned_off() -> None:
    """Where nobody scrapes, no port is open."""
    with simulated(settings={"http": {"enabled": False}}) as stage:
        assert "http" not in stage.gateway.endpoints


def test_other_names_are_refused_unless_other_machines_may_come() -> None:
    """With `allow_remote` the gateway cannot know what it is called."""
    foreign = GET.format(path="/livez").replace("localhost", "gateway.lan")
    with simulated() as stage, Client(port_of(stage)) as client:
        client.send(foreign)
        assert client.answer().status == 421
    everywhere = {"http": {"bind": "0.0.0.0:0", "allow_remote": True}}
    with simulated(settings=everywhere) as stage, Client(port_of(stage)) as client:
        client.send(foreign)
        assert client.answer().status == 200


def test_a_stop_frees_the_port() -> None:
    """The next run starts at once, whoever still looks at this one."""
    with open_stage() as stage:
        level1_port, admin_port = free_ports(2)
        stage.start_gateway(level1_port=level1_port, admin_port=admin_port)
        port = port_of(stage)
        with Client(port) as client:
            assert client.get("/livez").headers["content-length"]
            stage.stop_gateway()
            assert client.is_ended()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_requests_are_counted() -> None:
    """Who asks too much is seen in the figures."""
    with simulated() as stage, stage.requester() as requester:
        for path in ("/livez", "/nothing"):
            get(stage, path)
        counters = requester.result("metrics")["client_metrics"]["counters"]
        assert (counters["http_requests"], counters["http_refused"]) == (2, 1)
