"""Clients that repeat themselves or meddle with others: nothing is done twice or left over."""

import os
import random
from typing import Any

import msgpack
import pytest

from tests.support.demand_model import DemandModel
from tests.support.fault_table import fault_row, note
from tests.support.requester import Requester
from tests.support.stage import Stage, simulated

pytestmark = pytest.mark.slow
STEPS = int(os.environ.get("LEASE_STEPS", "10000"))
SEED = 5_757


@fault_row(58)
def test_doubled_and_foreign_requests_leave_nothing_over() -> None:
    """Wishes are counted by who has them: never below zero, never one too many."""
    print(f"seed {SEED}, {STEPS} steps")
    chance = random.Random(SEED)
    model = DemandModel()
    while model.steps < STEPS:
        model.step(chance)
    model.leave()
    note(58, f"{model.steps} random requests and subscriptions", lost=0, more="0 watches left")


def send_twice(requester: Requester, request: dict[str, Any]) -> list[dict[str, Any]]:
    """Send the same bytes twice without waiting."""
    data = msgpack.packb(request)
    requester.send(data)
    requester.send(data)
    return [requester.receive(), requester.receive()]


def request_of(number: int, method: str, **params: object) -> dict[str, Any]:
    """One request with an id."""
    return {"v": 1, "id": number, "method": method, "params": params}


def leases_of(stage: Stage) -> list[dict[str, Any]]:
    """The living leases."""
    with Requester(stage.gateway.endpoints["control"]) as other:
        return list(other.result("subscriptions")["leases"])


@fault_row(59)
def test_a_request_that_comes_twice_is_done_once() -> None:
    """A client that lost patience sends the same bytes again, and means one thing."""
    with simulated(settings={"security": {"allow_local_admin": True}}) as stage:
        requester = stage.requester()
        params = {"client": "c", "symbols": ["AAPL"], "kinds": ["l1"], "lease_s": 60}
        first, second = send_twice(requester, request_of(1, "subscribe", **params))
        assert first["result"] == second["result"]
        assert first["id"] == second["id"] == 1
        (lease,) = leases_of(stage)
        assert lease["lease_id"] == first["result"]["lease_id"]
        # Another id is another request, and so is the same one after something else was asked.
        other = requester.exchange(request_of(2, "subscribe", **params))
        assert other["result"]["lease_id"] != lease["lease_id"]
        requester.exchange(request_of(3, "unsubscribe", client="c"))
        again = requester.exchange(request_of(2, "subscribe", **params))
        assert len(leases_of(stage)) == 1
        lease_id = again["result"]["lease_id"]
        gone = send_twice(requester, request_of(4, "unsubscribe", client="c", lease_id=lease_id))
        assert [reply["ok"] for reply in gone] == [True, True]
        assert gone[0]["result"] == gone[1]["result"]
        assert leases_of(stage) == []
        deed = request_of(5, "admin.reconnect", port="level1", reason="twice")
        replies = send_twice(requester, deed)
        # The second one would be rate-limited if it were done again.
        assert [reply["ok"] for reply in replies] == [True, True]
        counters = requester.result("metrics")["client_metrics"]["counters"]
        assert counters["rpc_repeats"] == 3
        note(59, "requests sent twice", lost=0, repeated=0, more="3 of 3 done once")


def test_an_error_is_asked_about_anew() -> None:
    """Who asks again after a refusal wants to know whether it still holds."""
    with simulated() as stage:
        requester = stage.requester()
        renew = request_of(7, "renew", client="c", lease_id="0" * 24)
        replies = [requester.exchange(renew), requester.exchange(renew)]
        assert [reply["error"]["code"] for reply in replies] == ["lease_expired"] * 2
        counters = requester.result("metrics")["client_metrics"]["counters"]
        assert counters["rpc_repeats"] == 0


def test_without_an_id_every_request_is_meant() -> None:
    """Only an id says that two requests are one."""
    with simulated() as stage:
        requester = stage.requester()
        params = {"client": "c", "symbols": ["AAPL"], "kinds": ["l1"], "lease_s": 60}
        send_twice(requester, {"v": 1, "method": "subscribe", "params": params})
        assert len(leases_of(stage)) == 2
