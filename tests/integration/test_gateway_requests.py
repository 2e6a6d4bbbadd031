"""The control socket against every kind of client, the careless and the hostile included."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest
import zmq

from tests.support.requester import Requester
from tests.support.stage import Stage, simulated

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One gateway for all: each test proves that it lives on."""
    with simulated() as stage:
        yield stage


@pytest.fixture
def dealer(stage: Stage) -> Iterator[Requester]:
    """A client whose gateway must still answer others when it is done."""
    with Requester(stage.gateway.endpoints["control"]) as requester:
        yield requester
    with Requester(stage.gateway.endpoints["control"]) as other:
        assert other.result("ping") == {}


@pytest.mark.parametrize("kind", [zmq.DEALER, zmq.REQ], ids=["DEALER", "REQ"])
def test_both_kinds_of_clients_are_answered(stage: Stage, kind: int) -> None:
    """REQ is what a beginner uses and DEALER what a library uses."""
    with Requester(stage.gateway.endpoints["control"], kind) as requester:
        for _ in range(3):
            assert requester.result("ping") == {}
        reply = requester.call("hello", client="test")
        assert reply["epoch"] == stage.gateway.epoch
        assert isinstance(reply["now_us"], int)
        assert reply["result"]["endpoints"] == stage.gateway.endpoints
        assert reply["result"]["protocol"] == [1]
        assert reply["result"]["limits"]["request_bytes_max"] == 262_144


@pytest.mark.parametrize(
    "request_id", [None, 0, -1, 2**63, "x" * 100, b"\x00\xff", [1, [2]], {"a": None}, 1.5, True]
)
def test_any_id_is_echoed(dealer: Requester, request_id: object) -> None:
    """A client pairs replies with requests by whatever it likes."""
    for method in ("ping", "nonsense"):
        reply = dealer.exchange({"v": 1, "id": request_id, "method": method})
        assert reply["id"] == request_id
        assert type(reply["id"]) is type(request_id)


def test_many_requests_at_once_are_all_answered(dealer: Requester) -> None:
    """A dashboard asks for everything at once; nothing may be mixed up or forgotten."""
    count = 1_000
    for number in range(count):
        method = "ping" if number % 3 else "nonsense"
        dealer.send(msgpack.packb({"v": 1, "id": number, "method": method}))
    replies = [dealer.receive() for _ in range(count)]
    assert sorted(reply["id"] for reply in replies) == list(range(count))
    assert all(reply["ok"] == bool(reply["id"] % 3) for reply in replies)


UNREADABLE = {
    "nothing": b"",
    "no msgpack": b"\xc1",
    "text": b"hello",
    "cut": msgpack.packb({"v": 1, "id": 7, "method": "ping"})[:-2],
    "two objects": msgpack.packb({"v": 1}) * 2,
    "a lying length": b"\xdd\x00\x00\x10\x00\x01",
    "keys that are no text": msgpack.packb({1: 2}),
    "bad UTF-8": b"\x81\xa2\xff\xfe\x01",
    "an array": msgpack.packb([1, 2, 3]),
    "a number": msgpack.packb(5),
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_a_bad_request(dealer: Requester, data: bytes) -> None:
    """A client under development needs an answer, and the others must not notice it."""
    dealer.send(data)
    reply = dealer.receive()
    assert (reply["v"], reply["id"], reply["ok"]) == (1, None, False)
    assert reply["error"]["code"] == "bad_request"
    assert reply["error"].keys() == {"code", "message", "hint", "retry_ms", "details"}
    assert reply["error"]["hint"]


def nested(depth: int) -> object:
    """Arrays in arrays."""
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


EXCESSIVE = {
    "an array of 5,001": {"v": 1, "id": 1, "method": "ping", "params": {"symbols": [0] * 5001}},
    "too deep": {"v": 1, "id": 1, "method": "ping", "params": {"x": nested(9)}},
    "far too deep": {"v": 1, "id": 1, "method": "ping", "params": {"x": nested(400)}},
    "a map of 1,000": {str(number): number for number in range(1_000)},
    "a long text": {"v": 1, "id": 1, "method": "ping", "params": {"x": "x" * 100_000}},
}


@pytest.mark.parametrize("request_map", EXCESSIVE.values(), ids=EXCESSIVE)
def test_what_exceeds_a_limit_is_out_of_range(dealer: Requester, request_map: object) -> None:
    """Limits are checked before memory is spent, and the client learns which one it broke."""
    reply = dealer.exchange(request_map)
    assert not reply["ok"]
    assert reply["error"]["code"] == "out_of_range"


def test_a_request_beyond_the_byte_limit_hits_nobody_else(stage: Stage, dealer: Requester) -> None:
    """ZeroMQ cuts such a connection; a client next to it must not feel that."""
    with Requester(stage.gateway.endpoints["control"]) as flooder:
        flooder.send(b"\xc4" + b"x" * 300_000)
        for _ in range(20):
            assert dealer.result("ping") == {}
        assert flooder.result("ping") == {}, "and the client itself is served once it behaves"


@pytest.mark.parametrize("kind", [zmq.DEALER, zmq.REQ], ids=["DEALER", "REQ"])
def test_two_frames_are_a_bad_request(stage: Stage, kind: int) -> None:
    """A REQ socket that gets no reply in its own envelope waits for ever."""
    with Requester(stage.gateway.endpoints["control"], kind) as requester:
        requester.send(msgpack.packb({"v": 1, "id": 1, "method": "ping"}), b"more")
        reply = requester.receive()
        assert (reply["id"], reply["error"]["code"]) == (None, "bad_request")
        assert requester.result("ping") == {}


def test_an_unknown_method_is_named(dealer: Requester) -> None:
    """A typing mistake must read as one."""
    error = dealer.error("subscirbe")
    assert error["code"] == "unknown_method"
    assert "subscirbe" in error["message"]


@pytest.mark.parametrize("method", ["admin.shutdown", "admin.breaker_reset", "admin.evict"])
def test_admin_methods_are_refused_without_keys(dealer: Requester, method: str) -> None:
    """Any local program can connect; none of them may end the gateway."""
    assert dealer.error(method)["code"] == "unauthorized"


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        ({"v": 2, "id": 3, "method": "ping"}, "unsupported_version"),
        ({"v": 0, "id": 3, "method": "ping"}, "unsupported_version"),
        ({"id": 3, "method": "ping"}, "bad_request"),
        ({"v": "1", "id": 3, "method": "ping"}, "bad_request"),
        ({"v": 1, "id": 3}, "bad_request"),
        ({"v": 1, "id": 3, "method": ""}, "bad_request"),
        ({"v": 1, "id": 3, "method": 7}, "bad_request"),
        ({"v": 1, "id": 3, "method": "ping", "params": [1]}, "bad_request"),
        ({"v": 1, "id": 3, "method": "ping", "deadline_ms": -1}, "bad_request"),
        ({"v": 1, "id": 3, "method": "ping", "deadline_ms": "1"}, "bad_request"),
    ],
)
def test_a_wrong_envelope_is_refused(
    dealer: Requester, envelope: dict[str, object], code: str
) -> None:
    """The id comes back even then, so that a client knows which request was wrong."""
    reply = dealer.exchange(envelope)
    assert reply["id"] == 3
    assert reply["error"]["code"] == code


BAD_PARAMS: list[tuple[str, dict[str, Any]]] = [
    ("subscribe", {}),
    ("subscribe", {"client": "c", "symbols": [], "kinds": ["quote"]}),
    ("subscribe", {"client": "c", "symbols": "AAPL", "kinds": ["quote"]}),
    ("subscribe", {"client": "c", "symbols": ["AAPL"], "kinds": ["qoute"]}),
    ("subscribe", {"client": "c", "symbols": [7], "kinds": ["quote"]}),
    ("subscribe", {"client": "c", "symbols": ["AAPL"], "kinds": ["quote"], "lease_s": 1}),
    ("subscribe", {"client": "c", "symbols": ["AAPL"], "kinds": ["quote"], "wait_ms": 60_000}),
    ("subscribe", {"client": "a b", "symbols": ["AAPL"], "kinds": ["quote"]}),
    ("unsubscribe", {}),
    ("renew", {"client": "c"}),
    ("snapshot", {"topics": []}),
    ("snapshot", {"topics": ["quote,AAPL"]}),
    ("snapshot", {"topics": ["~0123456789abcdef.quote,AAPL,"]}),
    ("snapshot", {"topics": ["quote,\u20ac,"]}),
]


@pytest.mark.parametrize(("method", "params"), BAD_PARAMS)
def test_wrong_parameters_are_refused(
    dealer: Requester, method: str, params: dict[str, Any]
) -> None:
    """Nothing is done by halves: the request is refused and says why."""
    error = dealer.error(method, **params)
    assert error["code"] == "bad_request"
    assert error["message"]


def test_unknown_keys_are_ignored(dealer: Requester) -> None:
    """A newer client works with an older gateway."""
    reply = dealer.exchange({"v": 1, "id": 1, "method": "ping", "new": 1, "params": {"newer": 2}})
    assert reply["ok"]


def test_a_client_that_vanishes_before_its_reply_hurts_nobody(
    stage: Stage, dealer: Requester
) -> None:
    """Programs crash while they wait; the reply has no reader and is dropped."""
    for number in itertools.islice(itertools.count(), 20):
        with Requester(stage.gateway.endpoints["control"]) as vanishing:
            params = {"client": f"v{number}", "symbols": ["AAPL"], "kinds": ["quote"]}
            request = {"v": 1, "id": 1, "method": "subscribe", "params": params}
            for _ in range(5):
                vanishing.send(msgpack.packb(request))
            with contextlib.suppress(AssertionError):
                vanishing.receive(0.001)
        assert dealer.result("ping") == {}
    with Requester(stage.gateway.endpoints["control"]) as requester:
        for number in range(20):
            requester.result("unsubscribe", client=f"v{number}")


def test_requests_are_answered_under_load(stage: Stage) -> None:
    """Control is small and rare, data is not; neither may wait for the other."""
    consumer = stage.consumer("quote,", "quote,AAPL,", "quote,MSFT,", "trade,AAPL,")
    consumer.wait_for_topic("quote,AAPL,")
    with Requester(stage.gateway.endpoints["control"]) as requester:
        for method in ("hello", "describe", "health", "metrics", "subscriptions", "ping"):
            assert requester.call(method)["ok"], method
        snapshot = requester.result("snapshot", topics=["quote,AAPL,", "quote,NEVERASKED,"])
    assert [entry["topic"] for entry in snapshot] == ["quote,AAPL,", "quote,NEVERASKED,"]
    assert snapshot[0]["body"][0] == 1
    assert snapshot[1]["body"][6:8] == ["closed", "not_subscribed"]
    consumer.history.check()
