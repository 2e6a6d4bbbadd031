"""IQConnect, or a part of it, is not there: the gateway serves what it can and says the rest."""

import socket
import threading
import time
from typing import Any

import pytest

from gateway.simulator import Simulator, SimulatorOptions
from tests.support.consumer import STALE, private_topic
from tests.support.requester import Requester
from tests.support.slack import SLACK
from tests.support.stage import free_ports, open_stage, simulated, wait_until

pytestmark = pytest.mark.slow
CONNECT_S_MAX = 3.0


def test_a_gateway_waits_for_iqconnect_and_says_so() -> None:
    """Machines start their programs in any order."""
    level1_port, admin_port = free_ports(2)
    with open_stage() as stage:
        stage.start_gateway(level1_port=level1_port, admin_port=admin_port)
        private = private_topic("quote,AAPL,")
        consumer = stage.consumer("sys,heartbeat,", "state,AAPL,", "quote,AAPL,", private)
        answer = consumer.wait_for_topic(private)
        assert answer.values[:2] == ["pending", "iqconnect_down"]
        (facts,) = consumer.wait_for_beats(1)[0].values
        assert facts["degraded"] == ["iqconnect_down", "admin_down"]
        requester = stage.requester()
        result = requester.result("subscribe", client="c", symbols=["MSFT"], kinds=["quote"])
        assert result["topics"][0]["state"] == "pending"
        health = requester.result("health")
        assert (health["ready"], health["live"]) == (False, True)
        assert "iqconnect_down" in {issue["code"] for issue in health["issues"]}
        there_s = time.monotonic()
        stage.start_simulator(
            SimulatorOptions(
                level1_port=level1_port, admin_port=admin_port, level2_port=0, equity_count=20
            )
        )
        live = consumer.wait_for_state("AAPL", "live", None, seconds=CONNECT_S_MAX)
        print(f"live {live.at_s - there_s:.3f} s after IQConnect began to listen")
        answer = consumer.ask("quote,MSFT,")
        assert answer.values[0] is not None
        consumer.history.check()


def test_a_gateway_waits_for_its_hosts_name_to_have_an_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name server may come late when a machine boots; one that ended would stay away."""
    ask, is_known = socket.getaddrinfo, threading.Event()

    def answer(host: Any, *arguments: Any, **named: Any) -> Any:
        if host != "iqconnect.test":
            return ask(host, *arguments, **named)
        if not is_known.is_set():
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return ask("127.0.0.1", *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    level1_port, admin_port = free_ports(2)
    with open_stage() as stage:
        stage.start_simulator(
            SimulatorOptions(
                level1_port=level1_port, admin_port=admin_port, level2_port=0, equity_count=20
            )
        )
        iqconnect = {"host": "iqconnect.test"}
        stage.start_gateway(level1_port=level1_port, admin_port=admin_port, iqconnect=iqconnect)
        consumer = stage.consumer("state,AAPL,", "quote,AAPL,")
        requester = stage.requester()
        wait_until(lambda: len(unreachable(requester)) == 2, what="errors of both ports")
        for error in unreachable(requester):
            assert "Temporary failure in name resolution" in str(error)
            assert error["hint"]
        health = requester.result("health")
        assert (health["ready"], health["live"]) == (False, True)
        assert "iqconnect_down" in {issue["code"] for issue in health["issues"]}
        there_s = time.monotonic()
        is_known.set()
        live = consumer.wait_for_state("AAPL", "live", None, seconds=CONNECT_S_MAX * SLACK)
        print(f"live {live.at_s - there_s:.3f} s after the name had an address")
        wait_until(
            lambda: requester.result("health")["is_healthy"], what="health", seconds=10.0 * SLACK
        )


def unreachable(requester: Requester) -> list[dict[str, Any]]:
    """What the history says of ports that cannot be connected to."""
    errors = requester.result("errors", limit=100)["errors"]
    return [error for error in errors if error["code"] == "feed_unreachable"]


async def take_admin_away(simulator: Simulator) -> None:
    """Close the admin port and its connections."""
    await simulator.faults.act("refuse", port="admin")
    await simulator.faults.act("reset", port="admin")


async def bring_admin_back(simulator: Simulator) -> None:
    """Listen on the same admin port again."""
    await simulator.faults.act("refuse", port="admin", on=False)


def test_prices_go_on_without_the_admin_port() -> None:
    """Statistics are a second opinion; losing it is a warning and no outage."""
    with simulated(rate=500.0) as stage:
        consumer = stage.consumer("sys,heartbeat,", "quote,AAPL,", "state,AAPL,")
        consumer.wait_for_state("AAPL", "live", None)
        requester = stage.requester()
        stage.run(take_admin_away(stage.simulator))
        consumer.wait_for(
            lambda m: m.kind == "sys" and m.values[0]["upstream"]["admin"] != "streaming",
            what="the admin port's loss in the heartbeat",
        )
        consumer.wait_for_beats(1)
        health = requester.result("health")
        assert (health["level"], health["ready"]) == ("warning", True)
        codes = [issue["code"] for issue in health["issues"]]
        # After a few failed attempts its breaker opens, which is told as well.
        assert codes in (["admin_down"], ["admin_down", "admin_breaker_open"])
        stage.run(bring_admin_back(stage.simulator))
        consumer.wait_for(
            lambda m: m.kind == "sys" and m.values[0]["upstream"]["admin"] == "streaming",
            what="the admin port's return in the heartbeat",
        )
        consumer.wait_for_beats(1)
        assert requester.result("health")["is_healthy"]
        assert [m.values[0] for m in consumer.on("state,AAPL,")][-1] == "live"
        assert not [m for m in consumer.on("quote,AAPL,") if m.flags & STALE]
        consumer.history.check()
