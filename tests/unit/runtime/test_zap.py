"""The handler of handshakes: whatever it is sent, it answers by the book and goes on."""

import random
from collections.abc import Iterator

import pytest
import structlog
import zmq
from hypothesis import given
from hypothesis import strategies as st
from zmq.utils import z85

from gateway.clock import FakeClock
from gateway.counters import Counter, Counters
from gateway.policy.admission import USER_BURST_MAX, Admission
from gateway.policy.client_record import ClientRecord
from gateway.policy.curve_keys import key_bytes
from gateway.policy.key_book import Grant, KeyBook
from gateway.runtime.door_log import STRANGERS_TOLD_MAX
from gateway.runtime.zap import ENDPOINT, ZapHandler
from tests.support.keyring import new_pair
from tests.support.stage import wait_until

ALICE = ClientRecord("alice", new_pair().public)
KEY = key_bytes(ALICE.public_key) or b""
STRANGER = key_bytes(new_pair().public) or b""
SEED = 61


def request(*, key: bytes = KEY, mechanism: bytes = b"CURVE") -> list[bytes]:
    """A request as libzmq makes one, with the routing id before it."""
    return [
        *(b"id", b"", b"1.0", b"1"),
        *(b"gateway", b"192.0.2.1", b"", mechanism, key),
    ]


class Bench:
    """A handler in a context of its own."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.counters = Counters()
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.handler = ZapHandler(
            self.context,
            name="data",
            admission=Admission(self.clock, book=lambda: KeyBook([Grant(7, ALICE)])),
            clock=self.clock,
            counters=self.counters,
        )

    def close(self) -> None:
        """End it."""
        assert self.handler.close(5.0)
        self.context.destroy(linger=0)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A handler that is not started: its answers are asked for by hand."""
    bench = Bench()
    try:
        yield bench
    finally:
        bench.close()


def test_a_known_key_is_answered_by_name_grant_and_door(bench: Bench) -> None:
    """Libzmq puts all three on every frame of the connection."""
    with structlog.testing.capture_logs() as logs:
        reply = bench.handler.answer(request())
    assert reply == [
        *(b"id", b"", b"1.0", b"1", b"200", b"OK", b"alice"),
        b"\x07X-Grant\x00\x00\x00\x017\x06X-Door\x00\x00\x00\x07gateway",
    ]
    assert [(log["event"], log["user"], log["address"]) for log in logs] == [
        ("auth_ok", "alice", "192.0.2.1")
    ]
    assert bench.counters.value(Counter.HANDSHAKES_ADMITTED) == 1


def test_a_stranger_is_refused_and_told_once(bench: Bench) -> None:
    """A flood of them is one line a minute."""
    with structlog.testing.capture_logs() as logs:
        replies = [bench.handler.answer(request(key=STRANGER)) for _ in range(5)]
    assert all(reply is not None and reply[4] == b"400" for reply in replies)
    assert len(logs) == 1
    assert logs[0]["event"] == "auth_denied"
    assert logs[0]["reason"] == "unknown_key"
    assert logs[0]["fingerprint"] == new_fingerprint(STRANGER)
    assert bench.counters.value(Counter.HANDSHAKES_REFUSED) == 5


def test_who_comes_and_goes_is_told_once_and_counted(bench: Bench) -> None:
    """A client that connects a hundred times a second drives nothing out of the audit log."""
    with structlog.testing.capture_logs() as logs:
        for _ in range(50):
            bench.handler.answer(request())
    assert [log["count"] for log in logs] == [1]
    bench.clock.advance(seconds=61)
    with structlog.testing.capture_logs() as logs:
        bench.handler.answer(request())
    assert [(log["event"], log["count"]) for log in logs] == [("auth_ok", 50)]


def test_a_stranger_with_many_addresses_fills_no_log(bench: Bench) -> None:
    """A network of IPv6 has more of them than any log has lines."""

    def come(address: str) -> None:
        frames = request(key=STRANGER)
        frames[5] = address.encode()
        bench.handler.answer(frames)

    with structlog.testing.capture_logs() as logs:
        for number in range(STRANGERS_TOLD_MAX + 400):
            come(f"2001:db8::{number:x}")
    assert len(logs) == STRANGERS_TOLD_MAX + 1
    assert logs[-1]["address"] is None
    assert bench.counters.value(Counter.HANDSHAKES_REFUSED) == STRANGERS_TOLD_MAX + 400
    bench.clock.advance(seconds=61)
    with structlog.testing.capture_logs() as logs:
        come("2001:db8::0")
    assert sorted(log["count"] for log in logs) == [1, 399]


def new_fingerprint(key: bytes) -> str:
    """The first characters of a key's text."""
    return str(z85.encode(key).decode("ascii"))[:8]


def test_a_client_that_comes_too_often_is_asked_to_come_back_later(bench: Bench) -> None:
    """With 400 a client's socket would never try again, with 300 it does."""
    replies = [bench.handler.answer(request()) for _ in range(USER_BURST_MAX + 5)]
    codes = [reply[4] for reply in replies if reply is not None]
    assert codes == [b"200"] * USER_BURST_MAX + [b"300"] * 5
    assert bench.counters.value(Counter.HANDSHAKES_LIMITED) == 5


def test_strangers_are_never_held(bench: Bench) -> None:
    """With 300 libzmq would keep each of them for two seconds."""
    replies = [bench.handler.answer(request(key=STRANGER)) for _ in range(40)]
    assert {reply[4] for reply in replies if reply is not None} == {b"400"}
    assert bench.counters.value(Counter.HANDSHAKES_LIMITED) == 20


def test_a_probe_is_refused_noted_and_not_told(bench: Bench) -> None:
    """The self-test must prove that the handler was asked, and alarm nobody."""
    bench.handler.expect(STRANGER)
    assert not bench.handler.probed.is_set()
    with structlog.testing.capture_logs() as logs:
        reply = bench.handler.answer(request(key=STRANGER))
    assert reply is not None
    assert reply[4] == b"400"
    assert bench.handler.probed.is_set()
    assert logs == []


@pytest.mark.parametrize("length", range(9))
def test_half_a_request_is_refused(bench: Bench, length: int) -> None:
    """It cannot come from libzmq, and must not be what opens the door."""
    reply = bench.handler.answer(request()[:length])
    assert reply is None or reply[4] in (b"500", b"400")


@given(st.lists(st.binary(max_size=60), max_size=12))
def test_no_request_is_admitted_but_a_known_key(frames: list[bytes]) -> None:
    """Whatever comes, the answer is a refusal or nothing."""
    bench = Bench()
    try:
        reply = bench.handler.answer(frames)
    finally:
        bench.close()
    assert reply is None or reply[4] != b"200"


@pytest.mark.parametrize("place", range(9))
def test_no_single_frame_of_a_good_request_may_be_anything(bench: Bench, place: int) -> None:
    """Only address, identity and domain are not judged by their spelling here."""
    rng = random.Random(SEED + place)
    print(f"seed {SEED + place}")
    for _ in range(50):
        frames = request()
        frames[place] = rng.randbytes(rng.randrange(40))
        reply = bench.handler.answer(frames)
        is_admitted = reply is not None and reply[4] == b"200"
        assert is_admitted == (place not in (2, 7, 8)), frames


def ask(bench: Bench, frames: list[bytes], *, ms: int = 3_000) -> list[bytes] | None:
    """Send a request to a running handler as libzmq does."""
    with bench.context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.connect(ENDPOINT)
        dealer.send_multipart(frames)
        return dealer.recv_multipart() if dealer.poll(ms) else None


def test_a_running_handler_survives_what_is_no_request(bench: Bench) -> None:
    """One bad request must not be the last one answered."""
    bench.handler.start()
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    for _ in range(100):
        ask(bench, [rng.randbytes(rng.randrange(30)) for _ in range(rng.randrange(1, 12))], ms=0)
    ask(bench, [b"x" * 100_000], ms=0)
    reply = ask(bench, request()[1:])
    assert reply is not None
    assert reply[3] == b"200"
    assert bench.handler.is_alive


def test_a_handler_that_died_says_why(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Health tells it; the door is shut meanwhile, because nobody answers."""

    def fail(*_: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(Admission, "judge", fail)
    with structlog.testing.capture_logs() as logs:
        bench.handler.start()
        assert ask(bench, request()[1:], ms=200) is None
        wait_until(lambda: not bench.handler.is_alive, what="the end of the thread")
    assert isinstance(bench.handler.failure, RuntimeError)
    assert [log["log_level"] for log in logs] == ["critical"]


def test_a_context_has_one_handler(bench: Bench) -> None:
    """A second one would answer half of the requests."""
    with pytest.raises(zmq.ZMQError):
        ZapHandler(
            bench.context,
            name="other",
            admission=Admission(bench.clock, book=KeyBook),
            clock=bench.clock,
            counters=bench.counters,
        )


def test_events_of_refused_connections_are_told_with_their_address(bench: Bench) -> None:
    """Who knocks without a key is named as well, as far as the system still knows."""
    guarded = bench.context.socket(zmq.ROUTER)
    bench.handler.watch(guarded)
    with structlog.testing.capture_logs() as logs:
        bench.handler.start()
        guarded.setsockopt(zmq.CURVE_SERVER, 1)
        guarded.setsockopt(zmq.CURVE_SECRETKEY, new_pair().secret.encode())
        guarded.bind("tcp://127.0.0.1:*")
        with zmq.Context() as other, other.socket(zmq.DEALER) as plain:
            plain.setsockopt(zmq.LINGER, 0)
            plain.connect(guarded.getsockopt_string(zmq.LAST_ENDPOINT))
            wait_until(
                lambda: bench.counters.value(Counter.HANDSHAKES_FAILED) > 0, what="a refusal"
            )
        wait_until(lambda: bool(logs), what="a line")
    assert logs[0]["event"] == "auth_denied"
    assert logs[0]["reason"] == "handshake_failed"
    assert logs[0]["address"] in ("127.0.0.1", None)
    guarded.close(linger=0)
