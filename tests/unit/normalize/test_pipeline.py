"""The seam: bytes in, frames out, whatever the bytes are."""

import pytest

from gateway.counters import Counter
from gateway.errors import GatewayError
from gateway.iqfeed.lines import LineFramer
from tests.support.pipelines import COMPILED, PYTHON
from tests.unit.normalize.line_desk import (
    GATEWAY_NAMES,
    NOW_US,
    Desk,
    Options,
    another,
    decode,
    line,
)

pytestmark = pytest.mark.usefixtures("pipeline_name")


def test_lines_are_joined_across_reads_and_counted() -> None:
    """TCP cuts where it likes; a line is published when its last byte is there."""
    desk = Desk()
    desk.live()
    lines, size = desk.count(Counter.FEED_LINES), desk.count(Counter.FEED_BYTES)
    data = (line("Q", "ba") + "\r\n" + line("Q", "C") + "\r\n").encode()
    for index in range(len(data)):
        desk.pipeline.feed(data[index : index + 1], NOW_US + index)
    quote, trade = desk.take()
    assert (quote["kind"], trade["kind"]) == ("quote", "trade")
    assert quote["recv_us"] == NOW_US + data.index(b"\n")
    assert trade["recv_us"] == NOW_US + len(data) - 1
    assert desk.count(Counter.FEED_LINES) == lines + 2
    assert desk.count(Counter.FEED_BYTES) == size + len(data)


def test_price_lines_before_a_field_set_are_dropped_and_counted() -> None:
    """Without an acknowledged set no column has a meaning."""
    desk = Desk(Options(names=None))
    desk.board.open("AAPL")
    desk.raw.clear()
    desk.feed(line("P"), line("Q", "ba"))
    desk.pipeline.flush(NOW_US)
    desk.pipeline.flush_all()
    assert desk.take() == []
    assert desk.counted() == {"lines_unmapped": 2}


def test_field_set_agreed_between_two_lines_holds_from_the_second() -> None:
    """The acknowledgment and the first P may come in one read."""
    desk = Desk(Options(names=None))
    desk.board.open("AAPL")
    desk.raw.clear()
    desk.pipeline._on_system_line = lambda text: (
        desk.pipeline.select(GATEWAY_NAMES) if text.startswith("S,CURRENT") else None
    )
    desk.feed("S,CURRENT UPDATE FIELDNAMES,...", line("P"), line("Q", "C"))
    assert [frame["kind"] for frame in desk.take()] == ["state", "quote", "summary", "trade"]
    assert desk.counted() == {}
    assert desk.count(Counter.QUOTES_PUBLISHED) == 1


def test_field_set_that_changes_between_two_lines_of_one_read_holds_at_once() -> None:
    """A column map that is one line late reads sizes as prices."""
    desk = Desk()
    desk.live()
    other = ("Symbol", *sorted(GATEWAY_NAMES[1:]))
    desk.pipeline._on_system_line = lambda _: desk.pipeline.select(other)
    for contents in ("ba", "b", "Cba"):
        desk.pipeline.select(GATEWAY_NAMES)
        desk.feed(
            another("Q", contents, {"Bid": "1.5"}),
            another("Q", contents, {"Bid": "1.6"}),
            "S,CURRENT UPDATE FIELDNAMES,...",
            another("Q", contents, {"Bid": "1.7"}, names=other),
            another("Q", contents, {"Bid": "1.8"}, names=other),
        )
        assert [frame["bid"] for frame in desk.take("quote")] == [1.5, 1.6, 1.7, 1.8]
    assert desk.counted() == {}
    assert desk.count(Counter.QUOTES_PUBLISHED) == 13


def test_connection_lost_between_two_lines_leaves_the_rest_without_columns() -> None:
    """What follows in the same read belongs to a connection that was given up."""
    desk = Desk()
    desk.live()
    for _ in range(3):
        desk.feed(another("Q", "ba"))
    desk.raw.clear()
    desk.pipeline._on_system_line = lambda _: desk.pipeline.reset()
    desk.feed(another("Q", "ba"), "S,GIVE UP", line("Q", "ba"), line("P"))
    assert [frame["kind"] for frame in desk.take()] == ["quote"]
    assert desk.counted() == {"lines_unmapped": 2}
    assert desk.count(Counter.QUOTES_PUBLISHED) == 5


def test_half_a_line_of_a_dead_connection_is_forgotten() -> None:
    """Glued to the next connection's first line it would be a line that nobody sent."""
    desk = Desk()
    desk.live()
    desk.pipeline.feed(b"Q,AAPL,ba,1.0", NOW_US)
    desk.pipeline.reset()
    desk.pipeline.select(GATEWAY_NAMES)
    desk.feed(line("Q", "ba"))
    assert desk.one("quote")["bid"] == 188.25
    assert desk.counted() == {}


@pytest.mark.parametrize(
    "text",
    ["S,KEY,99999", "S,SERVER CONNECTED", "E,!SYNTAX_ERROR!,", "n,XYZZY", "O,", "S", "T", "E", "n"],
)
def test_system_lines_go_to_the_session_in_their_place(text: str) -> None:
    """They are no data, and nothing to complain about."""
    desk = Desk()
    desk.system_lines.clear()
    desk.feed(text)
    assert desk.system_lines == [text]
    assert desk.counted() == {}


@pytest.mark.parametrize(
    "text", ["X,AAPL,1,", "QAAPL,1", "Q", "P", "SX", "\xff\xfe,", ",", " ", "\0", "C", "F", "TX,"]
)
def test_unknown_lines_are_counted_sampled_and_passed_on(text: str) -> None:
    """A message of a later version must never stop the feed; the session may know it."""
    desk = Desk()
    desk.live()
    desk.system_lines.clear()
    desk.feed(text, line("Q", "ba"))
    assert desk.system_lines == [text]
    assert desk.counted() == {"lines_unknown": 1}
    assert desk.complaints.samples[-1].line == ascii(text)
    assert desk.one("quote")["bid"] == 188.25


def test_clock_line_is_followed_and_passed_on() -> None:
    """It dates the lines behind it, and it is the session's sign of life."""
    desk = Desk()
    desk.system_lines.clear()
    desk.feed("T,20260916 10:00:01", "T,20260916 10:00:02,")
    assert desk.system_lines == ["T,20260916 10:00:01", "T,20260916 10:00:02,"]
    assert desk.pipeline.eastern.clock_text == "20260916 10:00:02"


def test_clock_line_that_is_none_is_counted_and_dates_nothing() -> None:
    """A corrupt clock must not re-date the feed."""
    desk = Desk()
    desk.system_lines.clear()
    desk.feed("T,2026091 10:00:01", "T,")
    assert desk.system_lines == []
    assert desk.pipeline.eastern.clock_text == "20260916 10:00:00"
    assert desk.counted() == {"lines_invalid": 2}


def test_line_without_end_is_dropped_and_the_next_one_published() -> None:
    """A megabyte without a newline costs one count and no memory."""
    desk = Desk(Options(line_bytes_max=1000, pipeline=PYTHON))
    desk.live()
    for _ in range(1000):
        desk.pipeline.feed(b"Q,AAPL,ba," + b"1" * 1000, NOW_US)
    framer = desk.pipeline._framer
    assert isinstance(framer, LineFramer)
    assert len(framer._tail) <= 1000
    desk.feed("", line("Q", "ba"))
    assert desk.one("quote")["bid"] == 188.25
    assert desk.counted() == {"lines_oversize": 1}


def test_samples_are_bounded_however_bad_the_feed_is() -> None:
    """The log grows with the logarithm of the trouble, and each sample is cut."""
    desk = Desk()
    for _ in range(5000):
        desk.feed("X" * 5000)
    assert desk.counted() == {"lines_unknown": 5000}
    assert len(desk.complaints.samples) == 13
    assert max(len(sample.line) for sample in desk.complaints.samples) <= 203


@pytest.mark.parametrize("fault", [KeyError("x"), ValueError("x"), TypeError("x")])
def test_bug_of_ours_costs_one_line(fault: Exception) -> None:
    """It is counted and quoted, and the next line is read: a feed must not die of a typo."""
    desk = Desk()
    desk.live()

    def fail(_: str) -> None:
        raise fault

    desk.pipeline._on_system_line = fail
    desk.feed("S,KEY,1", line("Q", "ba"))
    assert desk.one("quote")["bid"] == 188.25
    assert desk.counted() == {"processing_faults": 1}
    sample = desk.complaints.samples[-1]
    assert (sample.line, sample.detail) == ("'S,KEY,1'", f"{type(fault).__name__} in our own code")


def test_failure_that_is_meant_is_not_swallowed() -> None:
    """What the session raises on purpose concerns the connection, not one line."""
    desk = Desk()

    def refuse(_: str) -> None:
        raise GatewayError("on purpose")

    desk.pipeline._on_system_line = refuse
    with pytest.raises(GatewayError):
        desk.feed("S,KEY,1")


def test_empty_reads_and_empty_lines_are_nothing() -> None:
    """Neither counts as a line."""
    desk = Desk()
    lines = desk.count(Counter.FEED_LINES)
    desk.pipeline.feed(b"", NOW_US)
    desk.pipeline.feed(b"\r\n\n\r\n", NOW_US)
    assert desk.count(Counter.FEED_LINES) == lines
    assert desk.raw == []


def test_frames_are_one_topic_and_one_body() -> None:
    """Splitting at the first two commas is all a consumer has to do, whatever the body holds."""
    desk = Desk()
    desk.live()
    # 0x2c2c2c is three commas in the body.
    desk.feed(line("Q", "ba", {"Bid Size": str(0x2C2C2C2C)}))
    (raw,) = desk.raw
    assert raw.startswith(b"quote,AAPL,")
    assert raw.count(b",") > 2
    assert decode(raw)["bid_size"] == 0x2C2C2C2C


def test_protocol_in_force_reaches_the_fundamentals() -> None:
    """The layout of an F line depends on it."""
    desk = Desk()
    desk.live()
    desk.pipeline.set_protocol("6.0")
    desk.feed(",".join(["F", "AAPL", *("" for _ in range(12)), "1.5", ""]))
    assert desk.one("fundamental")["fields"] == {}


def test_clock_that_stopped_is_forgotten_and_the_next_one_followed() -> None:
    """More than five minutes old it would date a fresh stamp a day back."""
    desk = Desk()
    desk.pipeline.feed(b"", NOW_US + 300_000_000)
    assert desk.pipeline.eastern.clock_us == NOW_US
    desk.pipeline.feed(b"", NOW_US + 300_000_001)
    assert desk.pipeline.eastern.clock_us is None
    desk.clock_line("2026-09-16 10:05:01")
    assert desk.pipeline.eastern.clock_us == NOW_US + 301_000_000


def test_waiting_summaries_go_out_by_the_timer_and_are_counted() -> None:
    """The timer is the only one who knows that an interval is over when no line comes."""
    desk = Desk()
    desk.live()
    desk.feed(line("Q", "C"))
    desk.pipeline.flush(NOW_US + 1_000_000)
    assert [frame["kind"] for frame in desk.take()] == ["trade", "summary"]
    assert desk.count(Counter.SUMMARIES_PUBLISHED) == 2


def test_refresh_line_is_read_by_the_field_set() -> None:
    """P and Q lines share their columns."""
    desk = Desk()
    desk.live()
    desk.feed(line("P", "", {"Bid": "1.5"}))
    assert desk.one("quote")["bid"] == 1.5
    desk.feed("N,DTN,1,,,Headline")
    assert desk.one("news")["headline"] == "Headline"


def test_a_desk_has_the_pipeline_that_is_asked_for(pipeline_name: str) -> None:
    """Otherwise half of these tests would prove nothing."""
    desk = Desk()
    assert (
        type(desk.pipeline).__name__
        == {PYTHON: "Pipeline", COMPILED: "CompiledPipeline"}[pipeline_name]
    )
    assert desk.options.pipeline == pipeline_name
