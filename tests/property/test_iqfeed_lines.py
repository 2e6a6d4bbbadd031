"""How the network cuts the bytes must not matter, and no bytes may hurt."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.counters import Complaints, Counter, Counters, Sample
from gateway.iqfeed.lines import LineFramer

# Mostly what decides about lines, so that small examples hit every case.
BYTES = st.lists(
    st.one_of(
        st.sampled_from([b"\r", b"\n", b"\r\n", b"\x0b", b"\x1c", b"\x85", b",", b"a", b"bcdefg"]),
        st.binary(max_size=4),
    ),
    max_size=60,
).map(b"".join)
LIMITS = st.integers(1, 20)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data in pieces; repeated cuts give empty pieces."""
    ends = sorted(cut % (len(data) + 1) for cut in cuts)
    return [data[start:end] for start, end in pairwise([0, *ends, len(data)])]


def frame(chunks: list[bytes], line_bytes_max: int) -> tuple[list[str], int, list[Sample]]:
    """The lines, the count of dropped ones, and the samples kept of them."""
    counters = Counters()
    complaints = Complaints(counters)
    framer = LineFramer(complaints, line_bytes_max=line_bytes_max)
    lines = [line for chunk in chunks for line in framer.feed(chunk)]
    return lines, counters.value(Counter.LINES_OVERSIZE), list(complaints.samples)


def reference(data: bytes, line_bytes_max: int) -> tuple[list[str], int]:
    """The definition of a line, byte by byte, without any speed."""
    *raw_lines, tail = data.split(b"\n")
    whole = [raw for raw in raw_lines if len(raw) <= line_bytes_max]
    dropped = len(raw_lines) - len(whole) + (len(tail) > line_bytes_max)
    lines = [raw.removesuffix(b"\r").decode("latin-1") for raw in whole]
    return [line for line in lines if line], dropped


@given(BYTES, LIMITS, st.lists(st.integers(0, 10_000), max_size=20))
def test_lines_are_those_of_the_definition(data: bytes, limit: int, cuts: list[int]) -> None:
    """The fast paths are shortcuts; they must never be a different answer."""
    lines, dropped, _ = frame(cut(data, cuts), limit)
    assert (lines, dropped) == reference(data, limit)


@given(BYTES, LIMITS, st.lists(st.integers(0, 10_000), max_size=20))
def test_chunking_changes_nothing(data: bytes, limit: int, cuts: list[int]) -> None:
    """Any split of the same bytes, one byte at a time included, gives equal lines and samples."""
    whole = frame([data], limit)
    assert frame(cut(data, cuts), limit) == whole
    assert frame([bytes([byte]) for byte in data], limit) == whole


@given(st.lists(BYTES, max_size=10), LIMITS)
def test_memory_is_bounded(chunks: list[bytes], limit: int) -> None:
    """What is kept between chunks never exceeds one line."""
    framer = LineFramer(Complaints(Counters()), line_bytes_max=limit)
    for chunk in chunks:
        framer.feed(chunk)
        assert len(framer._tail) <= limit
