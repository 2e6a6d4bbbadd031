"""Who is cut off by a name that several have: nobody, before it is said whose is meant."""

import secrets
from pathlib import Path
from typing import Any

import pytest
from gateway_client import GatewayClient, RequestRefused

from tests.support.consumer import Consumer
from tests.support.keyring import Keyring
from tests.support.requester import Requester
from tests.support.stage import Stage, simulated, wait_until

pytestmark = pytest.mark.slow
NAME = "strategy"
REASON = "it was told to"


def joined(stage: Stage, ring: Keyring, user: str, client: str = NAME) -> Consumer:
    """A data connection of a user's whose client has told its name."""
    token = secrets.token_hex(10)
    consumer = stage.consumer("sys,heartbeat,", f"~{token}.sys,client,", keys=ring.keys(user))
    requester = stage.requester(keys=ring.keys(user))
    wait_until(
        lambda: (
            requester.result("hello", client=client, data_token=token)["refused_subscriptions"]
            is not None
        ),
        what="the connection to be named",
    )
    return consumer


def names_of(requester: Requester) -> dict[str, list[str]]:
    """The names of connections, by user."""
    found: dict[str, list[str]] = {}
    peers: list[dict[str, Any]] = requester.result("subscriptions")["peers"]
    for peer in peers:
        found.setdefault(peer["user"], []).append(peer["peer"])
    return found


def test_a_name_of_several_users_is_refused_until_one_is_named(tmp_path: Path) -> None:
    """An administrator must not cut off whom it does not mean."""
    ring = Keyring(tmp_path, "root", *(f"user{number:02}" for number in range(12)))
    with simulated(settings=ring.settings) as stage:
        root = stage.requester(keys=ring.keys("root"))
        for number in range(12):
            joined(stage, ring, f"user{number:02}")
        before = names_of(root)
        error = root.error("admin.evict", peer=NAME, reason=REASON)
        assert error["code"] == "bad_request"
        assert "user00, user01" in error["message"]
        assert "user09" in error["message"]
        assert "user10" not in error["message"], "the list is bounded"
        assert "count=12" in error["message"]
        assert "`user`" in error["hint"]
        assert names_of(root) == before, "nobody was cut off"
        assert root.result("admin.evict", peer=NAME, user="user01", reason=REASON) == {"evicted": 1}
        left = {user: peers for user, peers in before.items() if user != "user01"}
        wait_until(
            lambda: {u: p for u, p in names_of(root).items() if u != "user01"} == left,
            what="the others as they were",
        )
        assert before["user01"] != names_of(root).get("user01")
        (peer,) = before["user02"]
        # A connection's own name is one user's, and another's connection is not hit by it.
        wrong = root.result("admin.evict", peer=peer, user="user03", reason=REASON)
        assert wrong == {"evicted": 0}
        assert root.result("admin.evict", peer=peer, reason=REASON) == {"evicted": 1}


def test_the_python_client_says_whose(tmp_path: Path) -> None:
    """By an argument of its own; and it hears why its request was refused."""
    ring = Keyring(tmp_path, "root", "alice", "bob")
    with simulated(settings=ring.settings) as stage:
        joined(stage, ring, "alice")
        joined(stage, ring, "bob")
        ends = stage.gateway.endpoints
        with GatewayClient(ends["data"], ends["control"], curve=ring.keys("root")) as client:
            with pytest.raises(RequestRefused, match="alice, bob"):
                client.evict(NAME, REASON)
            assert client.evict(NAME, REASON, user="alice") == 1
