"""What a relay's consumers receive: the gateway's own bytes, by every way of subscribing."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import zmq

from tests.support.consumer import private_topic
from tests.support.relays import CALM, RelayStage, before_fake, relayed
from tests.support.stage import Stage, simulated

pytestmark = pytest.mark.slow
KINDS = {
    "quote", "trade", "summary", "fundamental", "news", "state", "regional", "correction",
    "book", "order", "depth", "sys",
}  # fmt: skip
TOPICS = tuple(
    f"{kind},{symbol},"
    for symbol in ("AAPL", "MSFT", "@ES#")
    for kind in ("quote", "regional", "book", "book@250", "order", "depth", "state")
)


class RawConsumer:
    """A SUB socket whose frames are kept as they came."""

    def __init__(self, endpoint: str, *topics: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.SNDHWM, 0)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.connect(endpoint)
        for topic in topics:
            self._socket.subscribe(topic.encode())

    def close(self) -> None:
        """Leave."""
        self._context.destroy(linger=0)

    def read(self, seconds: float) -> list[bytes] | None:
        """Take the next message, all parts of it; None when none came in time."""
        if not self._socket.poll(round(seconds * 1000)):
            return None
        return self._socket.recv_multipart()


@pytest.fixture(scope="module")
def market() -> Iterator[tuple[Stage, RelayStage]]:
    """A market with everything in it, and a relay."""
    options: dict[str, Any] = {
        "rate": 1500.0,
        "equity_count": 12,
        "correction_every": 50,
        "news_interval_s": 1,
    }
    with simulated(**options) as stage, relayed(stage) as relay:
        yield stage, relay


def test_every_kind_passes_byte_for_byte(market: tuple[Stage, RelayStage]) -> None:
    """A relay that unpacked frames could change what it does not know, and would be slow."""
    stage, relay = market
    direct = RawConsumer(stage.gateway.endpoints["data"], "", *TOPICS)
    behind = RawConsumer(relay.data, "", *TOPICS)
    frames: dict[str, set[bytes]] = {"direct": set(), "behind": set()}
    kinds: set[bytes] = set()
    wanted = {kind.encode() for kind in KINDS}
    # Until each kind has come by both ways, and what was seen behind has been seen directly.
    for _ in range(200_000):
        for name, consumer in (("direct", direct), ("behind", behind)):
            message = consumer.read(0.0 if len(kinds) < len(wanted) else 0.5)
            if message is not None:
                (frame,) = message
                frames[name].add(frame)
                if name == "behind":
                    kinds.add(frame.split(b",", 1)[0].split(b"@")[0])
        if kinds >= wanted and len(frames["behind"]) > 3_000:
            break
    assert kinds == wanted
    first = {frame.split(b",", 2)[:2][0] for frame in frames["behind"]}
    assert b"book@250" in first
    end_s = time.monotonic() + 15.0
    while not frames["behind"] <= frames["direct"] and time.monotonic() < end_s:
        frames["direct"].update(direct.read(1.5) or ())
    direct.close()
    behind.close()
    assert frames["behind"] <= frames["direct"]


def test_the_empty_subscription_and_prefixes_work(market: tuple[Stage, RelayStage]) -> None:
    """A recorder takes everything with one subscription; a scanner all trades."""
    _, relay = market
    recorder = relay.consumer("")
    scanner = relay.consumer("trade,")
    demand = relay.consumer(*TOPICS, "trade,AAPL,", "trade,MSFT,")
    demand.wait_for_topic("trade,AAPL,")
    kinds: set[str] = set()
    for message in recorder.stream(15.0):
        kinds.add(message.kind)
        if kinds >= {"quote", "trade", "summary", "sys", "book@250"}:
            break
    else:
        raise AssertionError(f"only {kinds}")
    recorder.history.check()
    symbols: set[str] = set()
    for message in scanner.stream(10.0):
        assert message.kind == "trade"
        symbols.add(message.symbol)
        if symbols >= {"AAPL", "MSFT"}:
            break
    scanner.history.check()


def test_taking_everything_back_leaves_what_was_asked_for_by_name() -> None:
    """Each subscription stands for itself, at the relay and at the gateway behind it."""
    with before_fake() as (relay, upstream):
        recorder = relay.consumer("", "quote,")
        other = relay.consumer("trade,")
        frames = upstream.read_until(b"\x01quote,", b"\x01sys@", b"\x01trade,", b"\x01quote@")
        assert len([f for f in frames if f == b"\x01quote,"]) == 1
        recorder.unsubscribe("")
        gone = upstream.read_until(b"\x00sys@", b"\x00quote@")
        assert b"\x00quote," not in gone
        assert b"\x00trade," not in gone
        for topic in (b"trade,AAPL,x", b"quote,AAPL,x", b"news,AP,x", b"quote,AAPL,y"):
            upstream.send(topic)
        assert recorder._socket.recv() == b"quote,AAPL,x"
        assert recorder._socket.recv() == b"quote,AAPL,y"
        assert other._socket.recv() == b"trade,AAPL,x"


def test_a_consumer_that_does_not_read_holds_up_nobody() -> None:
    """Its queue fills and frames are dropped for it alone; others get every one."""
    count, mark = 3_000, 500
    with before_fake(high_water_mark=mark, send_buffer_bytes=8_192) as (relay, upstream):
        stopped = relay.consumer()
        stopped._socket.setsockopt(zmq.RCVHWM, 10)
        stopped.subscribe("trade,")
        # The second topic arrives behind the first, which is then known to be in place.
        reader = RawConsumer(relay.data, "trade,", "quote,")
        upstream.read_until(b"\x01trade,", b"\x01quote,")
        body = b"x" * 4_000
        got: list[bytes] = []
        # The reader is never further behind than this: its own queue does not fill.
        unread = threading.Semaphore(mark // 5)

        def read() -> None:
            while len(got) < count and (message := reader.read(15.0)) is not None:
                got.extend(message)
                unread.release()

        thread = threading.Thread(target=read)
        thread.start()
        for number in range(count):
            assert unread.acquire(timeout=15.0), f"after {len(got)} frames none came"
            upstream.send(b"trade,A,%d," % number + body)
        thread.join(20.0)
        reader.close()
        assert [int(frame.split(b",", 3)[2]) for frame in got] == list(range(count))


def test_snapshots_wait_their_turn_at_a_relay_as_at_the_gateway() -> None:
    """The gateway lets a relay ask for any number, so the relay must ration its consumers."""
    pace, count = 20, 60
    paced = replace(CALM.limits, snapshots_per_second_max=pace)
    with simulated(rate=200.0) as stage, relayed(stage, limits=paced) as relay:
        consumer = relay.consumer("quote,AAPL,")
        consumer.wait_for_topic("quote,AAPL,")
        privates = [private_topic("quote,AAPL,") for _ in range(count)]
        asked_s = time.monotonic()
        consumer.subscribe(*privates)
        answers = consumer.wait_for_all(set(privates), lambda _: True, what="answers", seconds=15.0)
        took_s = answers[-1].at_s - asked_s
        # The bucket holds one second's worth.
        assert took_s > (count - pace) / pace * 0.7
        late = [private_topic("quote,AAPL,") for _ in range(count)]
        consumer.subscribe(*late)
        consumer.unsubscribe(*late)
        consumer.wait_for_topic("quote,AAPL,")
        assert len(consumer.on("quote,AAPL,")) > 1
        consumer.history.check()
