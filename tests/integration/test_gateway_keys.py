"""A gateway with keys: who is let in, under which name, and until when."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import structlog
import zmq
from gateway_client import (
    GatewayClient,
    Quote,
)
from zmq.utils.monitor import parse_monitor_message

from tests.support.consumer import use_keys
from tests.support.keyring import Keyring
from tests.support.requester import Requester
from tests.support.slack import SLACK
from tests.support.stage import ANY_PORT, Stage, simulated, wait_until

pytestmark = pytest.mark.slow
REVOKED_S_MAX = 2.0


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    """Two clients."""
    return Keyring(tmp_path, "alice", "bob")


@pytest.fixture
def stage(ring: Keyring) -> Iterator[Stage]:
    """A gateway with keys and a market."""
    with simulated(settings=ring.settings) as stage:
        yield stage


def peers_of(requester: Requester) -> list[dict[str, Any]]:
    """The data connections, as a gateway tells them."""
    peers: list[dict[str, Any]] = requester.result("subscriptions")["peers"]
    return peers


def is_connected(stage: Stage, keys: tuple[str, str, str] | None, *, seconds: float = 1.0) -> bool:
    """Whether a request with these keys is answered."""
    with Requester(stage.gateway.endpoints["control"], keys=keys) as requester:
        requester.send(b"\x80")
        return bool(requester._socket.poll(round(seconds * 1000)))


def hears(stage: Stage, keys: tuple[str, str, str] | None, *, seconds: float = 1.5) -> bool:
    """Whether a subscription with these keys brings anything."""
    return stage.consumer("sys,heartbeat,", keys=keys).receive(seconds) is not None


def test_a_key_opens_both_sockets_and_names_its_holder(stage: Stage, ring: Keyring) -> None:
    """The file's name is the user everywhere."""
    with GatewayClient(
        stage.gateway.endpoints["data"],
        stage.gateway.endpoints["control"],
        client_name="strategy",
        curve=ring.keys("alice"),
    ) as client:
        client.subscribe_symbols(["AAPL"], ["quote"])
        quote = next(item for item in client if isinstance(item, Quote))
        assert quote.symbol == "AAPL"
        with stage.requester(keys=ring.keys("bob")) as requester:
            (peer,) = peers_of(requester)
    assert (peer["user"], peer["client"]) == ("alice", "strategy")
    assert peer["server_key"] == "current"


def test_strangers_are_refused_on_both_sockets(stage: Stage, ring: Keyring) -> None:
    """No key, an unknown key, another server's key: nothing is heard and nothing answered."""
    elsewhere = ring.keys("alice", server=Keyring(ring.directory.parent / "other").server)
    for keys in (None, ring.stranger(), elsewhere):
        assert not is_connected(stage, keys)
        assert not hears(stage, keys)
    assert is_connected(stage, ring.keys("alice"), seconds=5.0)
    assert hears(stage, ring.keys("alice"), seconds=5.0)


def test_hello_says_that_keys_are_asked_for(stage: Stage, ring: Keyring) -> None:
    """A client can tell its user."""
    assert "curve" in stage.requester(keys=ring.keys("bob")).result("hello")["capabilities"]


def test_without_keys_there_is_no_such_capability() -> None:
    """And nobody has a user."""
    with simulated() as stage:
        requester = stage.requester()
        assert "curve" not in requester.result("hello")["capabilities"]
        consumer = stage.consumer("sys,heartbeat,")
        assert consumer.receive(5.0) is not None
        (peer,) = peers_of(requester)
        assert peer["user"] is None
        assert peer["server_key"] is None


def test_a_peer_cannot_give_itself_a_grant(stage: Stage, ring: Keyring) -> None:
    """What a client writes into its own handshake stands behind what the handler said."""
    with zmq.Context() as context, context.socket(zmq.SUB) as sub:
        sub.setsockopt(zmq.LINGER, 0)
        for name in (b"X-Grant:999", b"X-Door:gateway.next"):
            sub.setsockopt(zmq.METADATA, name)
        use_keys(sub, ring.keys("bob"))
        sub.connect(stage.gateway.endpoints["data"])
        sub.subscribe(b"sys,heartbeat,")
        assert sub.poll(5_000)
        (peer,) = peers_of(stage.requester(keys=ring.keys("alice")))
    assert (peer["user"], peer["server_key"]) == ("bob", "current")


def test_a_revoked_key_ends_its_connections_and_no_others(stage: Stage, ring: Keyring) -> None:
    """A key is revoked because somebody else may have it: at once, and on both sockets."""
    endpoints = stage.gateway.endpoints
    bob = stage.consumer("sys,heartbeat,", keys=ring.keys("bob"))
    bobs_requests = stage.requester(keys=ring.keys("bob"))
    assert bobs_requests.result("ping") == {}
    with (
        Watched(zmq.SUB, endpoints["data"], ring.keys("alice")) as data,
        Watched(zmq.DEALER, endpoints["control"], ring.keys("alice")) as control,
    ):
        wait_until(
            lambda: {peer["user"] for peer in peers_of(bobs_requests)} == {"alice", "bob"},
            what="both",
        )
        ring.remove("alice")
        began_s = time.monotonic()
        data.wait_for_end()
        control.wait_for_end()
        took_s = time.monotonic() - began_s
    print(f"both connections cut {took_s:.2f} s after the file was gone")
    assert not is_connected(stage, ring.keys("alice"))
    assert not hears(stage, ring.keys("alice"))
    assert bobs_requests.result("ping") == {}
    assert bob.receive(3.0) is not None
    assert [peer["user"] for peer in peers_of(bobs_requests)] == ["bob"]


class Watched:
    """A connection that says something when it stands, and is watched for its end.

    Args:
        kind: `zmq.SUB` or `zmq.DEALER`.
        endpoint: Of the gateway.
        keys: What it comes in with.
        is_idle: Whether it says nothing by itself.
    """

    def __init__(
        self, kind: int, endpoint: str, keys: tuple[str, str, str], *, is_idle: bool = False
    ) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self._context.socket(kind)
        use_keys(self.socket, keys)
        self._events: zmq.Socket[bytes] = self.socket.get_monitor_socket(
            zmq.Event.HANDSHAKE_SUCCEEDED | zmq.Event.DISCONNECTED
        )
        self.socket.connect(endpoint)
        self.wait_for(zmq.Event.HANDSHAKE_SUCCEEDED, seconds=5.0)
        if is_idle:
            return
        if kind == zmq.SUB:
            self.socket.subscribe(b"sys,heartbeat,")
        else:
            self.socket.send(b"\x80")
        assert self.socket.poll(5_000)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.disable_monitor()
        self._events.close(linger=0)
        self._context.destroy(linger=0)

    def wait_for(self, event: zmq.Event, *, seconds: float) -> None:
        """Wait until the connection begins or ends."""
        assert self._events.poll(round(seconds * 1000)), f"no {event} within {seconds} s"
        assert parse_monitor_message(self._events.recv_multipart())["event"] == event

    def wait_for_end(self, *, seconds: float = REVOKED_S_MAX * SLACK) -> None:
        """Wait until it is cut."""
        self.wait_for(zmq.Event.DISCONNECTED, seconds=seconds)


def test_an_idle_connection_of_a_revoked_key_is_worth_nothing(stage: Stage, ring: Keyring) -> None:
    """It was never heard of, so nothing could be cut: its first word is its last."""
    with Watched(
        zmq.SUB, stage.gateway.endpoints["data"], ring.keys("alice"), is_idle=True
    ) as idle:
        ring.remove("alice")
        requester = stage.requester(keys=ring.keys("bob"))
        wait_until(
            lambda: counter(requester, "key_looks_changed") == 1, what="the file to be missed"
        )
        idle.socket.subscribe(b"sys,heartbeat,")
        idle.wait_for_end(seconds=5.0)
        assert not idle.socket.poll(1_500), "not a single message"


def counter(requester: Requester, label: str) -> int:
    """A counter's value."""
    return int(requester.result("metrics")["client_metrics"]["counters"][label])


def test_a_new_file_lets_its_client_in_without_a_restart(stage: Stage, ring: Keyring) -> None:
    """Nobody restarts a gateway in trading hours."""
    keys = ring.add("carol")
    # A socket that was refused does not try again by itself: each look has a new one.
    wait_until(lambda: is_connected(stage, keys, seconds=0.5), what="carol")


def test_a_key_that_is_replaced_ends_the_old_ones_connections(stage: Stage, ring: Keyring) -> None:
    """The same name with another key is somebody else until he proves it."""
    old = ring.keys("alice")
    with Watched(zmq.SUB, stage.gateway.endpoints["data"], old) as watched:
        new = ring.add("alice")
        watched.wait_for_end()
    assert not is_connected(stage, old)
    assert is_connected(stage, new, seconds=5.0)


def test_another_quota_cuts_nobody(stage: Stage, ring: Keyring) -> None:
    """A cut would cost every consumer of that user a gap."""
    consumer = stage.consumer("sys,heartbeat,", keys=ring.keys("alice"))
    assert consumer.receive(5.0) is not None
    requester = stage.requester(keys=ring.keys("bob"))
    ring.add("alice", ring.pairs["alice"], quotas={"leases_max": 5})
    wait_until(lambda: counter(requester, "key_looks_changed") == 1, what="the change")
    assert {peer["user"] for peer in peers_of(requester)} == {"alice"}
    assert stage.gateway._doors is not None
    record = stage.gateway._doors.book.grants["alice"].record
    assert record.quotas.leases_max == 5


def test_an_address_out_of_range_is_refused(stage: Stage, ring: Keyring) -> None:
    """A stolen key is worth less that way."""
    keys = ring.add("carol", addresses=["10.0.0.0/8"])
    requester = stage.requester(keys=ring.keys("bob"))
    wait_until(lambda: counter(requester, "key_looks_changed") == 1, what="the file")
    with structlog.testing.capture_logs() as logs:
        assert not is_connected(stage, keys)
    assert [(log["user"], log["reason"]) for log in logs if log["event"] == "auth_denied"] == [
        ("carol", "address")
    ]


def test_a_broken_file_is_an_issue_and_its_last_state_stands(stage: Stage, ring: Keyring) -> None:
    """An editor's slip throws nobody out, and is not forgotten either."""
    consumer = stage.consumer("sys,heartbeat,", keys=ring.keys("alice"))
    requester = stage.requester(keys=ring.keys("bob"))
    ring.write("alice", f'public_key: "{ring.pairs["alice"].public}"\nrol: admin\n')
    wait_until(lambda: issue(requester, "client_files_refused") is not None, what="the issue")
    told = issue(requester, "client_files_refused")
    assert told is not None
    assert "line=2" in told["message"]
    assert "Did you mean role?" in told["message"]
    assert consumer.receive(3.0) is not None
    assert is_connected(stage, ring.keys("alice"), seconds=5.0)
    ring.add("alice", ring.pairs["alice"])
    wait_until(lambda: issue(requester, "client_files_refused") is None, what="no issue")


def issue(requester: Requester, code: str) -> dict[str, Any] | None:
    """An issue that `health` tells; None without."""
    issues: list[dict[str, Any]] = requester.result("health")["issues"]
    return next((found for found in issues if found["code"] == code), None)


def test_an_operators_word_is_enough_to_read_the_files_now(stage: Stage, ring: Keyring) -> None:
    """SIGHUP means it, however young the files are."""
    ring.add("carol")
    requester = stage.requester(keys=ring.keys("bob"))
    stage.call(stage.gateway.reload)
    wait_until(lambda: counter(requester, "key_looks_changed") == 1, what="it", seconds=2.0)


def test_the_next_key_holds_at_its_own_addresses(tmp_path: Path) -> None:
    """Clients go over one by one, and the operator sees who has not."""
    ring = Keyring(tmp_path, "alice", "bob")
    following = ring.add_server("server-next")
    settings = ring.settings
    settings["security"]["rotation"] = {"data_bind": ANY_PORT, "control_bind": ANY_PORT}
    with simulated(settings=settings) as stage:
        ends = stage.gateway.endpoints
        assert len({ends[n] for n in ("data", "data_next", "control", "control_next")}) == 4
        clients = [
            GatewayClient(ends["data"], ends["control"], curve=ring.keys("alice")),
            GatewayClient(
                ends["data_next"],
                ends["control_next"],
                curve=ring.keys("bob", server=following),
            ),
        ]
        for client in clients:
            with client:
                client.subscribe_symbols(["AAPL"], ["quote"])
                assert any(isinstance(item, Quote) for item in client)
                with stage.requester(keys=ring.keys("alice")) as requester:
                    told = {peer["user"]: peer["server_key"] for peer in peers_of(requester)}
                assert told in ({"alice": "current"}, {"bob": "next"})
        for data, server in ((ends["data"], following), (ends["data_next"], ring.server)):
            with Crossed(data, ring.keys("alice", server=server)) as crossed:
                assert not crossed.poll(1_000), "each key holds at its own address only"
        with Crossed(ends["data_next"], (following.public, *ring.pairs["bob"])) as right:
            assert right.poll(5_000)
        with Crossed(ends["data_next"], (following.public, *ring.stranger()[1:])) as stranger:
            assert not stranger.poll(1_000), "and strangers are refused there as well"


class Crossed:
    """A subscriber of heartbeats with any keys.

    Args:
        endpoint: A data socket.
        keys: Whatever the test wants to try.
    """

    def __init__(self, endpoint: str, keys: tuple[str, str, str]) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._sub = self._context.socket(zmq.SUB)
        use_keys(self._sub, keys)
        self._sub.connect(endpoint)
        self._sub.subscribe(b"sys,heartbeat,")

    def __enter__(self) -> "zmq.Socket[bytes]":
        return self._sub

    def __exit__(self, *_: object) -> None:
        self._context.destroy(linger=0)


def test_no_secret_is_told_by_any_request(stage: Stage, ring: Keyring) -> None:
    """Diagnostics are mailed around."""
    requester = stage.requester(keys=ring.keys("alice"))
    secrets = [ring.server.secret, *(pair.secret for pair in ring.pairs.values())]
    for method in ("hello", "health", "metrics", "diagnostics", "subscriptions", "errors"):
        told = str(requester.result(method))
        assert not [secret for secret in secrets if secret in told], method


def test_nothing_of_a_gateway_with_keys_is_left_behind(ring: Keyring) -> None:
    """Threads and contexts end with it."""
    for _ in range(3):
        with simulated(settings=ring.settings) as stage:
            assert is_connected(stage, ring.keys("bob"), seconds=5.0)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("zap-")]
