"""Any bytes, cut anywhere: the same frames, no harm, no memory, and the feed goes on."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.iqfeed.lines import LineFramer
from gateway.iqfeed.values import ENTRIES_MAX
from gateway.normalize import contents, eastern
from schemas.reference_codec import ReferenceCodec
from tests.support.pipelines import PYTHON, default_name
from tests.unit.normalize.line_desk import (
    GATEWAY_NAMES,
    NOW_US,
    REORDERED,
    SUSPECT,
    Desk,
    Frame,
    Options,
    decode,
    line,
)

CODEC = ReferenceCodec()
LINE_BYTES_MAX = 700
SYMBOLS = ("AAPL", "MSFT")


def good_lines(names: tuple[str, ...]) -> list[bytes]:
    """Lines of every kind, as the vendor writes them."""
    texts = [
        line(letter, letters, columns, symbol=symbol, names=names)
        for symbol in SYMBOLS
        for letter, letters in (
            ("P", "Cbacv"), ("Q", "ba"), ("Q", "b"), ("Q", "a"), ("Q", "Cv"), ("Q", "Oh"),
            ("Q", "v"), ("Q", "Ebas"), ("Q", ""), ("Q", "bz"),
        )
        for columns in ({}, {"Bid": "188.2600", "Ask Time": "10:00:00.5", "TickID": "4712"})
    ]  # fmt: skip
    texts += [
        "F,AAPL,5,65.6,28624000,199.95,,,,,,,02/18/2026,",
        "R,MSFT,5,188.25,100,09:59:58,188.36,200,09:59:59,14,4,11,",
        "N,DTN,22017456,AAPL:MSFT:,20260916 095959,Up, up,",
        "C,AAPL,I,O,09/15/2026,15:59:59,188.05,15000,859256116,198944,24,",
        "T,20260916 10:00:01",
        "T,20260917 00:00:00",
        "S,KEY,99999",
        "E,!SYNTAX_ERROR!,",
        "n,XYZZY",
        "Z,never seen",
    ]
    return [f"{text}\r\n".encode() for text in texts]


GOOD = {names: good_lines(names) for names in (GATEWAY_NAMES, REORDERED)}
BYTES = st.lists(
    st.one_of(
        st.sampled_from(
            [b"\r", b"\n", b"\r\n", b",", b"Q,AAPL,", b"P,AAPL,", b"ba,", b"C,", b"T,"]
        ),
        st.sampled_from(
            [b"nan", b"1e999", b"-0", b"9" * 400, b"\xff\xfe", b"\0", b"N,DTN,", b"F,"]
        ),
        st.sampled_from([b"R,AAPL,", b"09:59:59.5", b"09/16/2026", b"188.25", b"S,KEY,1", b"\xb2"]),
        st.binary(max_size=6),
    ),
    max_size=80,
).map(b"".join)


@st.composite
def mutated(draw: st.DrawFn, names: tuple[str, ...]) -> bytes:
    """Good lines, some of them cut, duplicated, swapped, flipped, glued or full of garbage."""
    lines = draw(st.lists(st.sampled_from(GOOD[names]), min_size=1, max_size=12))
    for _ in range(draw(st.integers(0, 6))):
        index = draw(st.integers(0, len(lines) - 1))
        text = lines[index]
        place = draw(st.integers(0, max(0, len(text) - 1)))
        match draw(st.sampled_from(["cut", "double", "swap", "flip", "insert", "glue", "comma"])):
            case "cut":
                lines[index] = text[:place] + b"\r\n"
            case "double":
                lines.insert(index, text)
            case "swap":
                other = draw(st.integers(0, len(lines) - 1))
                lines[index], lines[other] = lines[other], lines[index]
            case "flip":
                bit = 1 << draw(st.integers(0, 7))
                flipped = bytes([text[place] ^ bit]) if text else b""
                lines[index] = text[:place] + flipped + text[place + 1 :]
            case "insert":
                lines[index] = text[:place] + draw(st.binary(max_size=20)) + text[place:]
            case "glue":
                lines[index] = text.removesuffix(b"\r\n")
            case _:
                lines[index] = text[:place] + b"," + text[place:]
    return b"".join(lines)


LAYOUTS = st.sampled_from([GATEWAY_NAMES, REORDERED])
FEEDS = LAYOUTS.flatmap(lambda names: st.tuples(st.just(names), st.one_of(mutated(names), BYTES)))
CUTS = st.lists(st.integers(0, 100_000), max_size=20)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data in pieces; repeated cuts give empty pieces."""
    ends = sorted(place % (len(data) + 1) for place in cuts)
    return [data[start:end] for start, end in pairwise([0, *ends, len(data)])]


def desk_of(names: tuple[str, ...], pipeline: str | None = None) -> Desk:
    """A desk with live symbols, and another one that is asked for."""
    options = Options(
        names=names,
        line_bytes_max=LINE_BYTES_MAX,
        symbol_count_max=5,
        pipeline=pipeline or default_name(),
    )
    desk = Desk(options)
    for symbol in SYMBOLS:
        desk.live(symbol)
    desk.board.open("PENDING")
    desk.raw.clear()
    return desk


def run(names: tuple[str, ...], chunks: list[bytes]) -> Desk:
    """A desk that was fed."""
    desk = desk_of(names)
    for chunk in chunks:
        desk.pipeline.feed(chunk, NOW_US)
    desk.pipeline.flush_all()
    return desk


def check_frames(raw: list[bytes]) -> list[Frame]:
    """Each frame fits the contract's definitions, NaN included, and sequences have no hole."""
    frames = []
    last: dict[tuple[str, str], int] = {}
    for data in raw:
        CODEC.decode(data)
        frame = decode(data)
        topic = frame["kind"], frame["symbol"]
        if topic in last and frame["kind"] != "news":
            assert frame["sequence"] == last[topic] + 1
        assert frame["sequence"] > last.get(topic, 0)
        last[topic] = frame["sequence"]
        frames.append(frame)
    return frames


@pytest.mark.usefixtures("pipeline_name")
@pytest.mark.slow
@given(FEEDS, CUTS)
def test_chunking_changes_no_byte(feed: tuple[tuple[str, ...], bytes], cuts: list[int]) -> None:
    """TCP cuts where it likes: frames, counters and samples depend on the bytes alone."""
    names, data = feed
    whole = run(names, [data])
    for chunks in (cut(data, cuts), [bytes([byte]) for byte in data]):
        other = run(names, chunks)
        assert other.raw == whole.raw
        assert other.counters.as_map() == whole.counters.as_map()
        # Oversize lines are noticed before the lines of their chunk are read: only order differs.
        assert set(other.complaints.samples) == set(whole.complaints.samples)
        assert other.system_lines == whole.system_lines


@pytest.mark.usefixtures("pipeline_name")
@pytest.mark.slow
@given(FEEDS, CUTS)
def test_no_bytes_harm_the_feed(feed: tuple[tuple[str, ...], bytes], cuts: list[int]) -> None:
    """Whatever came before, nothing raises, nothing invalid is published, and a good line is."""
    names, data = feed
    desk = run(names, cut(data, cuts))
    check_frames(desk.raw)
    assert desk.counters.as_map()["processing_faults"] == 0
    desk.feed("", "T,20260916 10:00:00", line("P", "ba", names=names))
    desk.raw.clear()
    columns = {"Bid": "1.2345", "Bid Time": "09:59:59.987654"}
    desk.feed(line("Q", "ba", columns, names=names))
    quote = desk.one("quote")
    assert (quote["bid"], quote["ask"], quote["bid_size"]) == (1.2345, 188.36, 100)
    assert quote["bid_us"] == NOW_US - 12_346
    # Lines before may have had a later time of day, and then this one comes out of order.
    assert quote["flags"] in (0, SUSPECT)


@pytest.mark.slow
@given(LAYOUTS, st.lists(BYTES, max_size=8))
def test_no_bytes_take_memory(names: tuple[str, ...], chunks: list[bytes]) -> None:
    """Every cache, tail and sample is bounded, and garbage makes no symbols."""
    desk = desk_of(names, PYTHON)
    for chunk in chunks:
        desk.pipeline.feed(chunk, NOW_US)
        framer = desk.pipeline._framer
        assert isinstance(framer, LineFramer)
        assert len(framer._tail) <= LINE_BYTES_MAX
    assert set(desk.board.symbols) == {*SYMBOLS, "PENDING"}
    assert len(desk.complaints.samples) <= 50
    assert len(desk.board._news) <= 5
    values = desk.pipeline._values
    assert max(len(values.prices), len(values.sizes), len(values.conditions)) <= ENTRIES_MAX
    assert len(values.plans) <= contents.ENTRIES_MAX
    assert len(desk.pipeline.eastern._days) <= eastern.DAYS_MAX
    for known in (values.prices, values.sizes, values.conditions):
        assert all(len(text) <= 64 for text in known)
    for symbol in desk.board.symbols.values():
        assert len(symbol.rest) <= LINE_BYTES_MAX


@pytest.mark.usefixtures("pipeline_name")
@pytest.mark.slow
@given(st.lists(st.sampled_from(GOOD[GATEWAY_NAMES]), max_size=30))
def test_good_lines_are_never_complained_of(lines: list[bytes]) -> None:
    """An alarm that rings in good weather is not heard in bad."""
    desk = run(GATEWAY_NAMES, lines)
    check_frames(desk.raw)
    unknown = [data for data in lines if data.startswith(b"Z") or b",bz," in data]
    bad = desk.counted()
    repeated = bad.pop("lines_duplicate", 0)
    told = bad.pop("lines_unknown", 0) + bad.pop("values_invalid", 0)
    assert len(unknown) - repeated <= told <= len(unknown)
    assert bad == {}
