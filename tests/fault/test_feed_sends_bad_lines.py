"""Lines as no faithful IQConnect sends them: counted exactly, and the feed goes on."""

import contextlib
import random
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from gateway.counters import Counter
from tests.support import fault_table
from tests.support.consumer import Consumer
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.fault_table import fault_row
from tests.support.stage import Stage, scripted, wait_until

pytestmark = pytest.mark.slow
SEED: Final = 7_700
RPC_MS_MAX: Final = 250.0
"""Gateway, IQConnect, consumer and requester share one interpreter here."""
BAD_LABELS: Final = (
    "lines_oversize",
    "lines_unknown",
    "lines_truncated",
    "lines_extra_columns",
    "lines_unmapped",
    "lines_unwatched",
    "lines_invalid",
    "values_invalid",
    "vendor_errors",
    "processing_faults",
)
NOTHING: Final = dict.fromkeys(BAD_LABELS, 0)


@contextlib.contextmanager
def live_symbol(**settings: object) -> Iterator[tuple[Stage, FakeIqconnect, Consumer]]:
    """A scripted IQConnect with AAPL live at bid 10, ask 11."""
    fake = FakeIqconnect()
    with scripted(fake, settings=settings) as stage:
        consumer = stage.consumer("sys,heartbeat,", "quote,AAPL,", "trade,AAPL,", "state,AAPL,")
        consumer.wait_for_topic("quote,AAPL,")
        yield stage, fake, consumer


def quote(fake: FakeIqconnect, bid: str, **values: str) -> bytes:
    """A Q line that changes AAPL's bid."""
    return fake.line("Q", "AAPL", Message_Contents="b", Bid=bid, Ask="11", **values)


def wait_for_bid(consumer: Consumer, bid: float) -> None:
    """Wait for a quote with this bid: the feed goes on."""
    consumer.wait_for(lambda m: m.topic == "quote,AAPL," and m.values[0] == bid, what=f"bid {bid}")


def reported(stage: Stage, consumer: Consumer) -> dict[str, int]:
    """The counters of bad lines in `metrics`, once they hold everything sent so far."""
    consumer.wait_for_beats(2)
    metrics = stage.requester().result("metrics")["client_metrics"]
    return {label: metrics["counters"][label] for label in BAD_LABELS}


def test_lines_split_at_every_byte_give_the_same_messages() -> None:
    """TCP cuts where it likes; a line is a line only when its end has come."""
    with live_symbol() as (stage, fake, consumer):
        counters = stage.gateway._feed._parts.counters
        lines = quote(fake, "10.5") + fake.line(
            "Q", "AAPL", Message_Contents="Cv", Most_Recent_Trade="10.75",
            Most_Recent_Trade_Size="100", TickID="7", Bid="10.5", Ask="11",
        )  # fmt: skip
        for number in range(len(lines)):
            before = counters.value(Counter.FEED_BYTES)
            stage.call(fake.send, lines[number : number + 1])
            wait_until(
                lambda b=before: counters.value(Counter.FEED_BYTES) > b,  # type: ignore[misc]
                what="one byte read",
            )
        trade = consumer.wait_for_topic("trade,AAPL,")
        assert trade.values[:3] == [10.75, 100, 7]
        assert [m.values[0] for m in consumer.on("quote,AAPL,")] == [10.0, 10.5]
        assert reported(stage, consumer) == NOTHING
        consumer.history.check()


@fault_row(11)
@pytest.mark.long
def test_every_kind_of_bad_line_is_counted_once() -> None:
    """Exact counters are the proof that nothing else was lost beside them."""
    with live_symbol(upstream={"line_bytes_max": 8192}) as (stage, fake, consumer):
        good = quote(fake, "12")
        cut = good[: good.index(b",12,") + 4]
        bad = [
            (b"X,unknown,letter\r\n", "lines_unknown"),
            (b"\x00\xff\xfe\x80 garbage\r\n", "lines_unknown"),
            (b"Quote,AAPL,1,2\r\n", "lines_unknown"),
            (b"%%%\r\n", "lines_unknown"),
            (cut + b"\r\n", "lines_truncated"),
            (b"Q,AAPL,\r\n", "lines_truncated"),
            (b"P,\r\n", "lines_truncated"),
            (quote(fake, "13").replace(b"\r\n", b"more,\r\n"), "lines_extra_columns"),
            (b"Q," + b"9" * 20_000 + b"\r\n", "lines_oversize"),
            (b"T,not a time\r\n", "lines_invalid"),
            (quote(fake, "12").replace(b"AAPL", b"MSFT"), "lines_unwatched"),
            (b"E,something went wrong,\r\n", "vendor_errors"),
            (quote(fake, "1e999"), "values_invalid"),
            (quote(fake, "NaN"), "values_invalid"),
            (quote(fake, "abc"), "values_invalid"),
            (quote(fake, "14", Bid_Size="1.5"), "values_invalid"),
            (b"\r\n\r\n\n", None),
        ]
        expected = dict(NOTHING)
        for line, label in bad:
            stage.call(fake.send, line)
            if label is not None:
                expected[label] += 1
        stage.call(fake.send, quote(fake, "99"))
        wait_for_bid(consumer, 99.0)
        assert reported(stage, consumer) == expected
        bids = [m.values[0] for m in consumer.on("quote,AAPL,")]
        assert bids == [10.0, 13.0, None, None, None, 14.0, 99.0]
        samples = stage.requester().result("metrics")["client_metrics"]["samples"]
        assert all(len(s["line"]) < 300 and s["line"].isascii() for s in samples)
        consumer.history.check()
        more = "nil or rejected, every count exact, no infinity or NaN published"
        fault_table.note(11, "17 kinds of bad lines and fields", lost=0, repeated=0, more=more)


@fault_row(8)
@pytest.mark.long
def test_a_megabyte_in_one_piece_holds_up_nobody() -> None:
    """Requests are answered while it is read, and every line of it is published."""
    with live_symbol() as (stage, fake, consumer):
        requester = stage.requester()
        size = len(quote(fake, "20.0000"))
        count = 1_048_576 // size
        bids = [f"{20 + number / 10_000:.4f}" for number in range(count)]
        stage.call(fake.send, b"".join(quote(fake, bid) for bid in bids))
        waits_ms = []
        seen: list[float] = []
        give_up_s = time.monotonic() + 15.0
        while len(seen) < count:
            assert time.monotonic() < give_up_s, f"{len(seen)} of {count} lines published"
            began_ns = time.monotonic_ns()
            requester.result("ping")
            waits_ms.append((time.monotonic_ns() - began_ns) / 1e6)
            while (message := consumer.receive(0.0)) is not None:
                if message.kind == "quote":
                    seen.append(message.values[0])
        assert seen == [float(bid) for bid in bids]
        longest_ms = max(waits_ms)
        more = f"{count:,} lines, all, in order; request {longest_ms:.1f} ms at most"
        fault_table.note(8, "1 MB of lines at once", lost=0, repeated=0, more=more)
        assert longest_ms < RPC_MS_MAX
        consumer.history.check()


@pytest.mark.long
def test_a_line_without_an_end_is_dropped_whole() -> None:
    """Megabytes without a line end must neither fill memory nor swallow the next line."""
    with live_symbol() as (stage, fake, consumer):
        for _ in range(64):
            stage.call(fake.send, b"9" * 65_536)
        stage.call(fake.send, b"\r\n" + quote(fake, "15"))
        wait_for_bid(consumer, 15.0)
        assert reported(stage, consumer) == NOTHING | {"lines_oversize": 1}


def test_random_bytes_never_stop_the_feed() -> None:
    """Whatever comes, the next good line is published and our own code does not fail."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    with live_symbol() as (stage, fake, consumer):
        alphabet = b"QPTSFNCREn,,,,,0123456789.-:/ \r\nAAPL" + bytes(range(256))
        for number in range(100):
            junk = bytes(chance.choices(alphabet, k=chance.randrange(1, 2_000)))
            # A line that agrees on other fields ends the connection: that is another test.
            stage.call(fake.send, junk + b"\r\n" + quote(fake, str(number + 20)))
            wait_for_bid(consumer, float(number + 20))
        assert reported(stage, consumer)["processing_faults"] == 0
        consumer.history.check()


def test_a_changed_field_set_ends_the_connection_and_nothing_is_guessed() -> None:
    """Columns read from the wrong places would be plausible and wrong prices."""
    with live_symbol() as (stage, fake, consumer):
        stage.call(fake.send, b"S,CURRENT UPDATE FIELDNAMES,Symbol,Ask,Bid\r\nQ,AAPL,1,2,\r\n")
        consumer.wait_for_state("AAPL", "stale", "iqconnect_down")
        consumer.wait_for_state("AAPL", "live", None)
        stage.call(fake.send, quote(fake, "16"))
        wait_for_bid(consumer, 16.0)
        bids: list[Any] = [m.values[0] for m in consumer.on("quote,AAPL,")]
        assert set(bids) == {10.0, 16.0}
        consumer.history.check()
