"""The relay's way to the gateway: what it believes of heartbeats, and when it connects anew."""

from collections.abc import Iterator

import msgpack
import pytest
import zmq

from gateway.clock import FakeClock
from gateway.counters import Counter, Counters
from gateway.relay.upstream import Upstream
from tests.support.relays import FakeUpstream

HEARTBEAT = b"sys,heartbeat,"
NONCE = "0123456789abcdef"


def heartbeat(epoch: object = 7, *, items: int = 7) -> bytes:
    """A heartbeat of one run."""
    body = [20, epoch, 1, 0, 5, None, {"gateway_id": "gw"}][:items]
    return HEARTBEAT + bytes(msgpack.packb(body))


class Bench:
    """An upstream with a clock that stands still and a gateway played by hand."""

    def __init__(self) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.gateway = FakeUpstream()
        self.clock = FakeClock(monotonic_ns=10**12)
        self.counters = Counters()
        self.news = 0
        self.upstream = Upstream(
            self.context,
            self.gateway.endpoint,
            token=NONCE,
            clock=self.clock,
            counters=self.counters,
            on_news=self.note_news,
        )

    def note_news(self) -> None:
        """Count."""
        self.news += 1

    def pass_time(self, seconds: float) -> bool:
        """Look every 50 ms, drained; whether it connected anew meanwhile."""
        looks = []
        for _ in range(round(seconds * 20)):
            self.clock.advance(seconds=0.05)
            looks.append(self.upstream.look(is_drained=True))
        return any(looks)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Everything, closed in the end."""
    bench = Bench()
    yield bench
    bench.upstream.close()
    bench.gateway.close()
    bench.context.term()


def test_it_connects_anew_after_three_seconds_of_silence(bench: Bench) -> None:
    """And again after three more, for as long as it takes."""
    assert not bench.pass_time(2.9)
    assert bench.pass_time(0.2)
    assert not bench.pass_time(2.8)
    assert bench.pass_time(0.2)
    assert bench.counters.value(Counter.UPSTREAM_REOPENED) == 2
    assert bench.news == 2


def test_silence_is_told_from_the_last_heartbeat_whatever_is_done_about_it(bench: Bench) -> None:
    """Connecting anew is no sign of life; a gateway never heard is silent from the start."""
    bench.pass_time(7.0)
    assert bench.upstream.silent_ns() == pytest.approx(7_000_000_000)
    bench.upstream.note(heartbeat())
    bench.pass_time(4.0)
    assert bench.upstream.silent_ns() == pytest.approx(4_000_000_000)


def test_heartbeats_keep_the_connection(bench: Bench) -> None:
    """A second of jitter is no silence."""
    for _ in range(5):
        assert not bench.pass_time(2.0)
        bench.upstream.note(heartbeat())
    assert bench.counters.value(Counter.UPSTREAM_REOPENED) == 0


def test_what_waits_to_be_read_is_not_silence(bench: Bench) -> None:
    """Heartbeats may be among it: a relay that is behind must not lose all of it."""
    for _ in range(100):
        bench.clock.advance(seconds=0.05)
        assert not bench.upstream.look(is_drained=False)
    assert bench.upstream.look(is_drained=True)


def test_a_relay_that_stood_still_listens_before_it_judges(bench: Bench) -> None:
    """After a suspension libzmq needs a moment to bring what came meanwhile."""
    bench.upstream.note(heartbeat())
    bench.clock.advance(seconds=60)
    assert not bench.upstream.look(is_drained=True)
    assert not bench.pass_time(0.4)
    assert bench.pass_time(0.2), "nothing came"
    assert bench.counters.value(Counter.STALLS) == 1


def test_a_new_epoch_is_news(bench: Bench) -> None:
    """The gateway was restarted and has forgotten who we are."""
    for epoch, news in ((7, 1), (7, 1), (8, 2)):
        bench.upstream.note(heartbeat(epoch))
        assert (bench.upstream.epoch, bench.news) == (epoch, news)


@pytest.mark.parametrize(
    "frame",
    [
        HEARTBEAT,
        HEARTBEAT + b"\xc1",
        HEARTBEAT + b"\x05",
        HEARTBEAT + bytes(msgpack.packb([1, 2])),
        HEARTBEAT + bytes(msgpack.packb({"epoch": 1})),
        heartbeat("x"),
        heartbeat(None),
        heartbeat(True),
        heartbeat(items=5),
        HEARTBEAT[:-1],
        HEARTBEAT + bytes(msgpack.packb([20, 7, 1, 0, 5, msgpack.ExtType(1, b"")])),
    ],
)
def test_what_is_no_heartbeat_is_no_sign_of_life(bench: Bench, frame: bytes) -> None:
    """Whatever listens on that port, it cannot end the relay."""
    bench.upstream.note(frame)
    assert bench.upstream.heard_ns is None
    assert bench.counters.value(Counter.FRAMES_INVALID) == 1


def test_a_notice_to_the_relay_is_no_sign_of_life(bench: Bench) -> None:
    """It is for the log."""
    topic = f"~{NONCE}.sys,client,".encode()
    for told in ({"notice": "limit", "event": "x"}, None):
        bench.upstream.note(topic + bytes(msgpack.packb([25, 7, 1, 0, 5, None, told])))
    assert bench.upstream.heard_ns is None
    assert bench.counters.value(Counter.FRAMES_INVALID) == 0


def test_a_topic_that_was_just_left_is_asked_for_still(bench: Bench) -> None:
    """Who joins it then gets no frames of before and none too few."""
    for topic in (b"quote,A,", b"quote,B,", b"~0123456789abcdef.quote,A,"):
        bench.upstream.subscribe(topic)
        bench.upstream.unsubscribe(topic)
    bench.upstream.subscribe(b"quote,A,")
    frames = bench.gateway.read_until(b"\x00~0123456789abcdef.quote,A,")
    assert [f for f in frames if f[:1] == b"\x00"] == [b"\x00~0123456789abcdef.quote,A,"]
    assert frames.count(b"\x01quote,A,") == 1
    bench.pass_time(0.9)
    assert bench.upstream.topic_count == 4
    bench.pass_time(0.2)
    assert bench.upstream.topic_count == 3
    assert bench.gateway.read_until(b"\x00quote,B,") == [b"\x00quote,B,"]


def test_a_connection_that_the_gateway_has_not_seen_is_made_anew(bench: Bench) -> None:
    """And the relay's own topics are the first on it."""
    bench.upstream.note(heartbeat())
    bench.upstream.subscribe(b"quote,A,")
    bench.gateway.read_until(b"\x01quote,A,")
    bench.upstream.note_unseen()
    assert bench.upstream.look(is_drained=True)
    assert not bench.upstream.look(is_drained=True)
    again = [f for f in bench.gateway.read_until(b"\x01quote,A,") if f[:1] == b"\x01"]
    assert again[0] == b"\x01" + HEARTBEAT
