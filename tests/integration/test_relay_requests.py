"""The control socket of a relay: what passes, what it answers itself, also when it is alone."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any, Self

import msgpack
import pytest
import zmq

from tests.support.relays import RelayStage, relayed
from tests.support.requester import Requester
from tests.support.stage import ANY_PORT, free_ports, open_stage, simulated, wait_until
from tests.support.zmtp import MORE, RawPeer, frame

pytestmark = pytest.mark.slow
NONCE = "0123456789abcdef0123"


@pytest.fixture(scope="module")
def relay() -> Iterator[RelayStage]:
    """A gateway and a relay before it, for all."""
    with simulated() as stage, relayed(stage) as relay:
        relay.consumer("sys,heartbeat,").wait_for_beats(1)
        yield relay


@pytest.fixture
def dealer(relay: RelayStage) -> Iterator[Requester]:
    """A client whose relay must still answer others when it is done."""
    with Requester(relay.control) as requester:
        yield requester
    with Requester(relay.control) as other:
        assert other.result("ping") == {}


@pytest.mark.parametrize("kind", [zmq.DEALER, zmq.REQ], ids=["DEALER", "REQ"])
def test_both_kinds_of_clients_are_answered(relay: RelayStage, kind: int) -> None:
    """REQ is what a beginner uses and DEALER what a library uses."""
    with Requester(relay.control, kind) as requester:
        for _ in range(3):
            assert requester.result("ping") == {}
            assert requester.result("errors", limit=1).keys() == {"errors"}
        reply = requester.call("hello", client="test")
        assert reply["epoch"] == relay.stage.gateway.epoch
        assert reply["result"]["epoch"] == relay.stage.gateway.epoch
        assert reply["result"]["gateway_id"] == "test"
        assert reply["result"]["endpoints"] == relay.relay.endpoints
        assert "relay" in reply["result"]["capabilities"]
        requester.send(b"\xc1")
        assert requester.receive()["error"]["code"] == "bad_request"


@pytest.mark.parametrize(
    "request_id", [None, 0, -1, 2**63, "x" * 100, b"\x00\xff", [1, [2]], {"a": None}, 1.5, True]
)
def test_any_id_is_echoed(dealer: Requester, request_id: object) -> None:
    """Behind the relay requests have other ids; the caller never sees them."""
    for method in ("ping", "hello", "nonsense", "errors"):
        reply = dealer.exchange({"v": 1, "id": request_id, "method": method})
        assert reply["id"] == request_id
        assert type(reply["id"]) is type(request_id)


def test_equal_ids_of_two_clients_are_not_mixed_up(relay: RelayStage) -> None:
    """Every client counts from one."""
    with Requester(relay.control) as one, Requester(relay.control) as other:
        for number in range(200):
            for requester, symbol in ((one, "AAPL"), (other, "MSFT")):
                request = {"v": 1, "id": number, "method": "why", "params": {"symbol": symbol}}
                requester.send(msgpack.packb(request))
        for requester, symbol in ((one, "AAPL"), (other, "MSFT")):
            replies = [requester.receive() for _ in range(200)]
            assert sorted(reply["id"] for reply in replies) == list(range(200))
            assert {reply["result"]["symbol"] for reply in replies} == {symbol}


MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "no msgpack": b"\xc1",
    "cut": msgpack.packb({"v": 1, "id": 7, "method": "ping"})[:-2],
    "two objects": msgpack.packb({"v": 1}) * 2,
    "an array": msgpack.packb([1, 2, 3]),
    "another version": msgpack.packb({"v": 2, "id": 1, "method": "ping"}),
    "no method": msgpack.packb({"v": 1, "id": 1}),
    "a text for params": msgpack.packb({"v": 1, "id": 1, "method": "ping", "params": "x"}),
    "no such method": msgpack.packb({"v": 1, "id": 1, "method": "nonsense"}),
    "not available": msgpack.packb({"v": 1, "id": 1, "method": "admin.drain"}),
    "a bad deadline": msgpack.packb({"v": 1, "id": 1, "method": "ping", "deadline_ms": 0}),
    "too many symbols": msgpack.packb(
        {"v": 1, "id": 1, "method": "subscribe", "params": {"symbols": ["A"] * 5_001}}
    ),
    "no client": msgpack.packb(
        {"v": 1, "id": 1, "method": "subscribe", "params": {"symbols": ["A"]}}
    ),
    "params of ours": msgpack.packb(
        {"v": 1, "id": 1, "method": "hello", "params": {"client": "a b"}}
    ),
    "an admin method": msgpack.packb(
        {"v": 1, "id": 1, "method": "admin.reconnect", "params": {"port": "level1", "reason": "x"}}
    ),
    "nested": msgpack.packb({"v": 1, "id": 1, "method": "ping", "params": [[[[[[[[[1]]]]]]]]]}),
}


@pytest.mark.parametrize("name", list(MALFORMED))
def test_mistakes_get_the_gateways_own_errors(relay: RelayStage, name: str) -> None:
    """A client's handling of errors must not depend on what it talks to."""
    replies = []
    for endpoint in (relay.stage.gateway.endpoints["control"], relay.control):
        with Requester(endpoint) as requester:
            requester.send(MALFORMED[name])
            reply = requester.receive()
            assert not reply["ok"]
            del reply["now_us"]
            replies.append(reply)
    assert replies[0] == replies[1]


def test_several_frames_are_a_mistake(dealer: Requester) -> None:
    """As at the gateway."""
    dealer.send(b"a", b"b")
    assert dealer.receive()["error"]["code"] == "bad_request"


def test_leases_pass_and_are_the_gateways(relay: RelayStage, dealer: Requester) -> None:
    """A lease by way of the relay is kept where the watch is."""
    lease = dealer.result("subscribe", client="me", symbols=["AAPL", "bad,"], kinds=["l1"])
    assert lease["lease_id"]
    assert [r["symbol"] for r in lease["rejected"]] == ["bad,"]
    with relay.stage.requester() as direct:
        listed = direct.result("subscriptions", client="me")["leases"]
    assert [entry["lease_id"] for entry in listed] == [lease["lease_id"]]
    assert dealer.result("renew", client="me", lease_id=lease["lease_id"])["expires_us"]
    assert dealer.error("renew", client="me", lease_id="gone")["code"] == "lease_expired"
    snapshot = dealer.result("snapshot", topics=["quote,AAPL,", "state,AAPL,"])
    assert [entry["topic"] for entry in snapshot] == ["quote,AAPL,", "state,AAPL,"]
    assert dealer.result("unsubscribe", client="me")["removed"]


def test_a_request_that_comes_twice_is_done_once(relay: RelayStage, dealer: Requester) -> None:
    """Behind the relay the second would have another id: only the relay can know it again."""
    params = {"client": "twice", "symbols": ["AAPL"], "kinds": ["quote"]}
    request = {"v": 1, "id": "same", "method": "subscribe", "params": params}
    first = dealer.exchange(request)["result"]["lease_id"]
    assert dealer.exchange(request)["result"]["lease_id"] == first
    other = dealer.exchange(request | {"id": "another"})["result"]["lease_id"]
    assert other != first
    leases = dealer.result("subscriptions", client="twice")["leases"]
    assert {lease["lease_id"] for lease in leases} == {first, other}
    renewal = {"client": "twice", "lease_id": "gone"}
    request = {"v": 1, "id": "r", "method": "renew", "params": renewal}
    assert [dealer.exchange(request)["ok"] for _ in range(2)] == [False, False]
    counters = dealer.result("metrics")["client_metrics"]["counters"]
    assert counters["rpc_repeats"] == 1, "an error is not an answer to be repeated"
    assert counters["rpc_errors"] >= 2


def test_consumers_are_named_by_their_tokens(relay: RelayStage, dealer: Requester) -> None:
    """An operator wants to know whose the connection is."""
    consumer = relay.consumer(f"~{NONCE}.sys,client,", "quote,AAPL,", "sys,heartbeat,")
    consumer.wait_for_beats(1)
    dealer.result("subscribe", client="momentum", symbols=["AAPL"], kinds=["l1"], data_token=NONCE)
    peers = dealer.result("subscriptions")["peers"]
    named = [peer for peer in peers if peer["client"] == "momentum"]
    assert [peer["subscriptions"] for peer in named] == [3]
    assert named == dealer.result("subscriptions", client="momentum")["peers"]
    assert "token" not in named[0], "a token is its client's alone"


def test_metrics_are_the_relays_with_the_gateways_beside(relay: RelayStage) -> None:
    """Both ends of the way, in one answer."""
    with Requester(relay.control) as requester:
        relay.consumer("quote,AAPL,", "sys,heartbeat,").wait_for_beats(2)
        metrics = requester.result("metrics")
        assert metrics["client_metrics"]["messages"] > 0
        assert metrics["client_metrics"]["throughput_msg_per_sec"] > 0
        assert metrics["connections"]["consumers"] >= 1
        assert metrics["connections"]["links"]["level1"]["state"] == "streaming"
        assert metrics["topics"]["subscriptions"] >= metrics["topics"]["topics"] >= 2
        counters = metrics["client_metrics"]["counters"]
        assert counters["rpc_requests"] >= 1
        assert counters["frames_relayed"] == metrics["client_metrics"]["messages"]
        assert metrics["gateway"]["connections"]["consumers"] >= 1
        assert metrics["process"]["rss_mb"] > 0


class FakeGateway:
    """A ROUTER that answers as a test wants it to, in a thread of its own."""

    def __init__(self) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.setsockopt(zmq.LINGER, 0)
        self._router.bind(ANY_PORT)
        self.endpoint = self._router.getsockopt_string(zmq.LAST_ENDPOINT)
        self.requests: list[dict[str, Any]] = []
        self.held: list[tuple[bytes, dict[str, Any]]] = []
        self._is_over = False
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._thread.join()
        self._context.destroy(linger=0)

    def _run(self) -> None:
        while not self._is_over:
            if not self._router.poll(20):
                continue
            peer, data = self._router.recv_multipart()
            request = msgpack.unpackb(data)
            if request["method"] == "hello":
                continue
            self.requests.append(request)
            if request["method"] == "why":
                self.held.append((peer, request))
                continue
            for old_peer, old in self.held:
                self._answer(old_peer, old, {"late": True})
            self.held.clear()
            if request["method"] == "replay":
                # As another version might: the id last, and a result larger than its head.
                body = {"ok": True, "result": {"bodies": [b"x" * 5_000]}, "id": request["id"]}
                self._router.send_multipart([peer, msgpack.packb(body)])
            elif request["method"] == "resync":
                self._router.send_multipart([peer, b"\xc1"])
            else:
                self._answer(peer, request, {"method": request["method"]})

    def _answer(self, peer: bytes, request: dict[str, Any], result: object) -> None:
        reply = {"v": 1, "id": request["id"], "ok": True, "result": result}
        self._router.send_multipart([peer, msgpack.packb(reply | {"epoch": 5, "now_us": 6})])


@pytest.fixture
def scripted() -> Iterator[tuple[FakeGateway, Requester]]:
    """A gateway that is played, and a client behind a relay."""
    with open_stage() as stage, FakeGateway() as gateway:
        nowhere = f"tcp://127.0.0.1:{free_ports(1)[0]}"
        with relayed(stage, data=nowhere, control=gateway.endpoint) as relay:
            yield gateway, relay.requester()


def test_what_is_not_the_relays_passes_whole(scripted: tuple[FakeGateway, Requester]) -> None:
    """A newer gateway's methods and keys must not need a newer relay."""
    gateway, requester = scripted
    request = {"v": 1, "id": "mine", "method": "future", "params": {"a": [1.5, None]}, "extra": 7}
    reply = requester.exchange(request | {"deadline_ms": 2_000})
    assert reply == {
        "v": 1, "id": "mine", "ok": True, "result": {"method": "future"}, "epoch": 5, "now_us": 6
    }  # fmt: skip
    (passed,) = gateway.requests
    assert 1_000 <= passed.pop("deadline_ms") <= 2_000
    assert passed.pop("id") != "mine"
    assert passed == {"v": 1, "method": "future", "params": {"a": [1.5, None]}, "extra": 7}
    reply = requester.exchange({"v": 1, "id": 3, "method": "replay"})
    assert (reply["id"], reply["result"]) == (3, {"bodies": [b"x" * 5_000]})


def test_a_deadline_is_kept_and_a_late_reply_goes_nowhere(
    scripted: tuple[FakeGateway, Requester],
) -> None:
    """What came too late for one request must not be taken for another's answer."""
    _, requester = scripted
    request = {"v": 1, "id": 1, "method": "why", "params": {"symbol": "A"}, "deadline_ms": 300}
    reply = requester.exchange(request, seconds=3.0)
    assert (reply["id"], reply["error"]["code"]) == (1, "upstream_down")
    assert reply["error"]["retry_ms"]
    # The held reply comes first now, and then the right one.
    reply = requester.exchange({"v": 1, "id": 2, "method": "describe"})
    assert (reply["id"], reply["result"]) == (2, {"method": "describe"})
    counters = requester.result("metrics")["client_metrics"]["counters"]
    assert counters["rpc_replies_late"] == 1
    assert counters["rpc_unanswered"] >= 1


def test_a_gateway_that_lives_and_is_late_is_a_timeout(
    scripted: tuple[FakeGateway, Requester],
) -> None:
    """Late is not gone: the client may try again where a dead gateway needs an operator."""
    _, requester = scripted
    why = {"v": 1, "id": 1, "method": "why", "params": {"symbol": "A"}, "deadline_ms": 600}
    requester.send(msgpack.packb(why))
    # Garbage is counted, and a sign of life.
    resync = {"v": 1, "id": 2, "method": "resync", "params": {"topic": "x"}, "deadline_ms": 400}
    requester.send(msgpack.packb(resync))
    replies = {reply["id"]: reply for reply in (requester.receive(), requester.receive())}
    assert replies[2]["error"]["code"] == "timeout"


def test_a_relay_alone_still_answers_for_itself() -> None:
    """An operator who looks for the fault needs the relay's word most when the gateway is gone."""
    ports = free_ports(2)
    with open_stage() as stage:
        options = {"data": f"tcp://127.0.0.1:{ports[0]}", "control": f"tcp://127.0.0.1:{ports[1]}"}
        with relayed(stage, **options) as relay:
            requester = relay.requester()
            assert requester.result("ping") == {}
            for method in ("hello", "describe", "errors"):
                error = requester.error(method)
                assert error["code"] == "upstream_down"
                assert error["retry_ms"] == 1_000
                assert "gateway behind this relay" in error["hint"]
            relay.consumer("quote,AAPL,")
            wait_until(
                lambda: (
                    [p["subscriptions"] for p in requester.result("subscriptions")["peers"]] == [1]
                ),
                what="its consumer",
            )
            assert requester.result("subscriptions")["complete"] is False
            assert requester.result("metrics")["gateway"] is None
            wait_until(
                lambda: (
                    "gateway_silent"
                    in {issue["code"] for issue in requester.result("health")["issues"]}
                ),
                what="silence in health",
            )
            health = requester.result("health")
            assert (health["level"], health["live"], health["ready"]) == ("critical", True, False)


def test_requests_in_flight_are_bounded_and_none_is_forgotten() -> None:
    """A flood waits in ZeroMQ's bounded queue, not in the relay's memory."""
    with simulated(rate=0.0) as market, relayed(market, requests_in_flight_max=4) as relay:
        requester = relay.requester()
        for number in range(500):
            requester.send(msgpack.packb({"v": 1, "id": number, "method": "errors"}))
        replies = [requester.receive() for _ in range(500)]
        assert sorted(reply["id"] for reply in replies) == list(range(500))
        assert all(reply["ok"] for reply in replies)


def test_a_connection_that_was_cut_for_its_flood_is_in_the_relays_health(relay: RelayStage) -> None:
    """The gateway behind it has seen nothing of it."""
    endless = frame(b"x" * 900, flags=MORE) * 70
    with RawPeer(relay.control, "DEALER") as peer, contextlib.suppress(OSError):
        end_s = time.monotonic() + 10.0
        while time.monotonic() < end_s:
            peer.send(endless)
    with Requester(relay.control) as requester, relay.stage.requester() as behind:
        (issue,) = (
            issue
            for issue in requester.result("health")["issues"]
            if issue["code"] == "connections_flooding"
        )
        assert issue["level"] == "warning"
        assert "1 connections" in issue["message"]
        counters = requester.result("metrics")["client_metrics"]["counters"]
        assert counters["connections_flooding"] == 1
        codes = {issue["code"] for issue in behind.result("health")["issues"]}
        assert "connections_flooding" not in codes
