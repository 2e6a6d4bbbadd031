"""Waiting and reading in the extension: what the feed thread learns must be what its loop would."""

import ctypes
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import zmq

from gateway.counters import Counter
from gateway.model.messages import Kind
from tests.support.pipelines import COMPILED, require
from tests.unit.normalize.line_desk import another, line

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the extension waits and reads on Linux only"
)
if TYPE_CHECKING:
    from tests.unit.runtime.pump_rig import Rig

SECOND_NS = 1_000_000_000
LONG_S = 20.0
"""Nothing here may wait so long: who does has missed what should have ended it."""


def make_rig(**options: int) -> "Rig":
    """A rig, where the extension was built."""
    require(COMPILED)
    # Only where it was built.
    from tests.unit.runtime.pump_rig import Rig  # noqa: PLC0415

    return Rig(**options)


@pytest.fixture
def rig() -> Iterator["Rig"]:
    """A streaming link with one live symbol, what was published of it being told already."""
    with make_rig() as made:
        made.live()
        made.heard("quote")
        yield made


@pytest.fixture
def small() -> Iterator["Rig"]:
    """The same with small reads, a line or two each, so that many of them come at once."""
    with make_rig(read_bytes_max=300) as made:
        made.live()
        made.heard("quote")
        yield made


def quotes(count: int) -> list[str]:
    """Usual lines."""
    from tests.unit.runtime.pump_rig import quotes as make  # noqa: PLC0415

    return list(make(count))


def test_what_comes_meanwhile_is_published_counted_and_measured(rig: "Rig") -> None:
    """Nobody must be able to tell from any figure which loop has read."""
    before = rig.published(Counter.FEED_LINES, Counter.FEED_BYTES, Counter.QUOTES_PUBLISHED)
    measured = rig.latencies.lines.total_count
    lines = quotes(7)
    rig.send(*lines)
    assert rig.wait() == {}
    after = rig.published(Counter.FEED_LINES, Counter.FEED_BYTES, Counter.QUOTES_PUBLISHED)
    size = sum(len(text) + 2 for text in lines)
    assert [new - old for new, old in zip(after, before, strict=True)] == [7, size, 7]
    assert rig.latencies.lines.total_count - measured == 7
    assert len(rig.heard("quote")) == 7


def test_every_line_and_message_is_measured_once(rig: "Rig") -> None:
    """Also what Python publishes of a line that is not usual: `health` tells of all of it."""
    rig.send(*quotes(3), another("Q", "Cbav", {"Most Recent Trade": "188.3100"}))
    rig.wait()
    rig.send(another("P", "Cbav", {"Bid": "188.2600"}))
    rig.wait()
    told = [Counter.FEED_LINES, Counter.QUOTES_PUBLISHED, Counter.TRADES_PUBLISHED]
    by_kind = rig.latencies.by_kind
    # The handshake was read by the other loop, which this rig does not measure.
    lines, quote_count, trade_count = rig.published(*told)
    assert rig.latencies.lines.total_count == lines - 3
    assert by_kind["quote"].total_count == quote_count
    assert by_kind["trade"].total_count == trade_count == 1
    summaries = rig.published(Counter.SUMMARIES_PUBLISHED)[0]
    assert by_kind["summary"].total_count == summaries > 0


def test_a_line_that_has_messages_counted_at_once_spoils_no_figure(small: "Rig") -> None:
    """A lost link publishes all that waits, and counts it, in the middle of a read."""
    small.react = lambda _: small.link.pipeline.flush_all()
    measured, counted = small.latencies.lines.total_count, small.published(Counter.FEED_LINES)[0]
    small.send(*quotes(2), "S,SERVER DISCONNECTED", "S,SERVER CONNECTED")
    while small.waiting_bytes():
        small.wait()
    assert small.published(Counter.FEED_LINES)[0] - counted == 4
    assert small.latencies.lines.total_count - measured == 4
    quote_count = small.published(Counter.QUOTES_PUBLISHED)[0]
    assert small.latencies.by_kind["quote"].total_count == quote_count
    for histogram in (small.latencies.lines, *small.latencies.by_kind.values()):
        assert all(0 <= count <= histogram.total_count for count in histogram.counts)


def test_a_slow_read_is_measured_as_long_as_it_took(rig: "Rig") -> None:
    """A figure that ends at a millisecond would hide what operators look for."""
    rig.react = lambda _: time.sleep(0.02)
    before_us = rig.latencies.lines.total_us
    rig.send("S,SERVER CONNECTED")
    rig.wait()
    assert rig.latencies.lines.total_us - before_us >= 20_000
    assert (rig.latencies.lines.quantile_us(1.0) or 0) >= 20_000


def test_nothing_is_read_after_a_pause_wherever_it_was(rig: "Rig") -> None:
    """What waits then is old; it must not be published before everybody was told so."""
    rig.send(*quotes(1))
    descriptor = rig.link.descriptor
    assert rig.wait(paused_s=3) == {descriptor: zmq.POLLIN}
    assert rig.heard("quote") == []
    assert rig.wait(paused_s=1) == {}
    assert len(rig.heard("quote")) == 1


def test_what_is_too_much_is_left_to_be_judged(small: "Rig") -> None:
    """Only Python reads ahead and leaves out what newer quotes replace: it must be let."""
    small.send(*quotes(200))
    waiting = small.waiting_bytes()
    assert small.wait() == {small.link.descriptor: zmq.POLLIN}
    assert 0 < waiting - small.waiting_bytes() <= 10 * 300
    while small.waiting_bytes() or small.link.has_backlog:
        small.link.on_readable()
    assert small.counters.value(Counter.BACKLOGS_SHED) > 0
    assert small.counters.value(Counter.QUOTES_MERGED) > 0
    assert small.heard("quote")[-1][6:10] == [149.25, 299, 249.25, 200]


def test_a_full_read_that_python_interrupted_leaves_the_rest_to_it_too(small: "Rig") -> None:
    """Else a line that is not usual in each read would keep it from ever being judged."""
    small.send("S,SERVER CONNECTED", *quotes(20))
    assert small.wait() == {small.link.descriptor: zmq.POLLIN}


def test_half_a_line_is_no_sign_of_life(rig: "Rig") -> None:
    """Bytes without an end, however many, are none."""
    heard_ns = rig.link.heard_ns
    before = rig.counters.value(Counter.FEED_BYTES)
    rig.send_bytes(b"Q,AAPL,ba,")
    started_s = time.monotonic()
    rig.wait(seconds=LONG_S)
    assert time.monotonic() - started_s < LONG_S / 2
    assert rig.counters.value(Counter.FEED_BYTES) - before == 10
    assert rig.link.heard_ns == heard_ns
    rig.send_bytes(b"\r\n")
    rig.wait()
    assert heard_ns is not None
    assert (rig.link.heard_ns or 0) > heard_ns


def test_a_subscription_ends_the_wait_although_prices_flow(rig: "Rig") -> None:
    """It is answered from memory, at once."""
    rig.subscriber("quote,AAPL,")
    assert rig.data.poll(10_000)
    rig.send(*quotes(3))
    found = rig.wait((rig.data, int(zmq.POLLIN)), seconds=LONG_S)
    assert found[rig.data] == zmq.POLLIN
    # The prices are for the feed thread to read: it has been told of them as well.
    assert found.get(rig.link.descriptor) == zmq.POLLIN


def test_a_command_ends_the_wait(rig: "Rig") -> None:
    """The control loop wakes the thread through a socket pair, from its own thread."""
    reader, writer = socket.socketpair()
    with reader, writer:
        waker = threading.Timer(0.2, writer.send, [b"\0"])
        waker.start()
        started_s = time.monotonic()
        found = rig.wait((reader.fileno(), int(zmq.POLLIN)), seconds=LONG_S)
        waker.join()
    assert found == {reader_of(found): zmq.POLLIN}
    assert time.monotonic() - started_s < LONG_S / 2


def reader_of(found: dict[int, int]) -> int:
    """The one descriptor that was found."""
    (descriptor,) = found
    return descriptor


def test_the_deadline_ends_the_wait_although_prices_flow(rig: "Rig") -> None:
    """Timers, the heartbeat among them, wait behind it."""
    is_over = threading.Event()

    def flow() -> None:
        lines = [f"{text}\r\n".encode() for text in quotes(10)]
        while not is_over.wait(0.001):
            for text in lines:
                rig.peer.sendall(text)

    flowing = threading.Thread(target=flow)
    flowing.start()
    try:
        started_ns = time.monotonic_ns()
        rig.wait(seconds=0.3)
        waited_ns = time.monotonic_ns() - started_ns
    finally:
        is_over.set()
        flowing.join()
    assert 0.3 * SECOND_NS <= waited_ns < LONG_S / 2 * SECOND_NS
    assert rig.counters.value(Counter.QUOTES_PUBLISHED) > 2


def test_the_ends_of_a_connection_have_their_usual_reasons(rig: "Rig") -> None:
    """Whoever reads the log must be able to tell a closed connection from a broken one."""
    rig.send(*quotes(2))
    rig.peer.shutdown(socket.SHUT_WR)
    found = rig.wait(seconds=LONG_S)
    assert found.get(rig.link.descriptor, 0) & zmq.POLLIN
    assert len(rig.heard("quote")) == 2, "what came before came while it stood"
    rig.link.on_readable()
    assert rig.lost == ["closed"]


def test_a_reset_has_its_own_reason(rig: "Rig") -> None:
    """The error is the socket's only once: the extension must not take it."""
    rig.reset_by_peer()
    found = rig.wait(seconds=LONG_S)
    assert found.get(rig.link.descriptor, 0) & zmq.POLLERR
    rig.link.on_readable()
    assert rig.lost == ["read failed: Connection reset by peer"]


def test_a_line_may_end_the_connection(rig: "Rig") -> None:
    """The lines behind it are of a connection that is gone, and so is its descriptor."""
    rig.react = lambda _: rig.link.reconnect()
    rig.send(*quotes(2), "S,SERVER DISCONNECTED", *quotes(2))
    rig.wait(seconds=LONG_S)
    assert rig.link.descriptor is None
    assert not rig.pump.is_usable
    assert rig.lost == ["given up on request"]
    assert len(rig.heard("quote")) == 2
    with pytest.raises(ValueError, match="no connection"):
        rig.wait()


def test_an_error_of_python_reaches_whoever_waits(rig: "Rig") -> None:
    """The thread ends by it, and its owner is told."""

    def fail(_: object) -> None:
        raise ZeroDivisionError

    rig.link.pipeline._on_system_line = fail
    rig.send(*quotes(1), "S,SERVER CONNECTED", *quotes(1))
    # Arithmetic is among the faults that cost one line only.
    rig.wait()
    assert rig.counters.value(Counter.PROCESSING_FAULTS) == 1

    def end(_: object) -> None:
        raise SystemExit(3)

    rig.link.pipeline._on_system_line = end
    rig.send("S,SERVER CONNECTED")
    with pytest.raises(SystemExit):
        rig.wait()


def test_a_poll_that_fails_does_not_look_like_a_quiet_feed(rig: "Rig") -> None:
    """A loop around it would turn without end and say nothing."""
    libzmq = ctypes.CDLL(zmq.backend.cython._zmq.__file__)  # type: ignore[attr-defined,unused-ignore]
    libzmq.zmq_ctx_shutdown(ctypes.c_void_p(rig.context.underlying))
    with pytest.raises(OSError, match=str(int(zmq.ETERM))):
        rig.wait((rig.data, int(zmq.POLLIN)))


def test_a_topic_with_variants_ends_the_wait_however_much_came(rig: "Rig") -> None:
    """Their messages are due at once; a thousand trades behind the quote must not hide it."""
    symbol = rig.board.symbols["AAPL"]
    added = rig.board.variants.add(symbol.quote, symbol="AAPL", kind=Kind.QUOTE, variant="250")
    assert added is not None
    rig.board.variants.flush(time.monotonic_ns() // 1000)
    rig.send(another("Q", "C"))
    rig.wait()
    rig.send(*quotes(1), *(another("Q", "C") for _ in range(1_040)))
    started_s = time.monotonic()
    rig.wait(seconds=LONG_S)
    assert time.monotonic() - started_s < LONG_S / 2
    assert rig.board.variants.next_due_us() == 0
    assert rig.counters.value(Counter.TRADES_PUBLISHED) == 1_041


def test_kept_trades_are_there_when_the_wait_is_over(rig: "Rig") -> None:
    """A replay that is asked for then must have no hole."""
    rig.send(another("Q", "C"), *(another("Q", "C") for _ in range(20)))
    rig.wait()
    trade = rig.board.symbols["AAPL"].trade
    kept = rig.board.envelope.rings.read(trade, 1, trade.sequence)
    assert len(kept.frames) == trade.sequence == 21


def test_only_streaming_alone_is_pumped(rig: "Rig") -> None:
    """Everything else is the loop's: bytes left to send, what is held, other states."""
    assert rig.pump.is_usable
    rig.link._unsent = b"wAAPL\r\n"
    assert not rig.pump.is_usable
    rig.link._unsent = b""
    assert line("Q").startswith("Q,AAPL")
    rig.link.close()
    assert not rig.pump.is_usable
