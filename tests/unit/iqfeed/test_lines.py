"""Line framing: what is a line, what is too long, what is forgotten."""

import pytest

from gateway.counters import Complaints, Counter, Counters
from gateway.iqfeed.lines import LineFramer


def test_crlf_and_lf_end_a_line(complaints: Complaints) -> None:
    """IQConnect ends lines with CRLF, but tools in between have been seen to drop CR."""
    framer = LineFramer(complaints)
    assert framer.feed(b"T,1\r\nn,X\nS,KEY,1\r\n") == ["T,1", "n,X", "S,KEY,1"]


def test_only_one_carriage_return_is_stripped(complaints: Complaints) -> None:
    """A stray CR is data: hiding it would hide a broken sender."""
    framer = LineFramer(complaints)
    assert framer.feed(b"a\r\r\nb\rc\n\r\n\r\r\n") == ["a\r", "b\rc", "\r"]


@pytest.mark.parametrize("odd", [b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x85", b"\r"])
def test_only_newlines_end_lines(complaints: Complaints, odd: bytes) -> None:
    """Python's own notion of a line end is wider; a headline with such a byte must stay whole."""
    framer = LineFramer(complaints)
    assert framer.feed(b"a" + odd + b"b\r\nc\r\n") == ["a" + odd.decode("latin-1") + "b", "c"]
    assert framer.feed(b"d\r\ne" + odd) == ["d"]
    assert framer.feed(b"f\r\n") == ["e" + odd.decode("latin-1") + "f"]


def test_empty_lines_are_dropped(complaints: Complaints) -> None:
    """They carry nothing, and every parser behind may rely on a first letter."""
    framer = LineFramer(complaints)
    assert framer.feed(b"\r\na\r\n\r\n\nb\r\n") == ["a", "b"]
    assert framer.feed(b"") == []


def test_incomplete_rest_waits_for_its_end(complaints: Complaints) -> None:
    """TCP cuts anywhere, between CR and LF included."""
    framer = LineFramer(complaints)
    assert framer.feed(b"a\r\nb") == ["a"]
    assert framer.feed(b"c\r") == []
    assert framer.feed(b"\nd") == ["bc"]
    assert framer.feed(b"\n") == ["d"]


def test_every_byte_is_a_character(complaints: Complaints) -> None:
    """A company name in Latin-1 or a NUL must not stop the feed."""
    framer = LineFramer(complaints)
    data = bytes(byte for byte in range(256) if byte not in b"\r\n")
    assert framer.feed(data + b"\n") == [data.decode("latin-1")]


def test_reset_forgets_half_a_line(complaints: Complaints) -> None:
    """After a reconnect the rest of the old line never comes; gluing would forge a price."""
    framer = LineFramer(complaints, line_bytes_max=8)
    framer.feed(b"Q,AAPL")
    framer.reset()
    assert framer.feed(b"T,1\n") == ["T,1"]
    framer.feed(b"0123456789")
    framer.reset()
    assert framer.feed(b"T,2\n") == ["T,2"]


def test_oversize_line_is_dropped_whole_and_counted_once(
    complaints: Complaints, counters: Counters
) -> None:
    """A line without an end must cost neither memory nor the line behind it."""
    framer = LineFramer(complaints, line_bytes_max=5)
    assert framer.feed(b"ab\n1234\r\n12345\n123456\n12345\r\ncd\n") == ["ab", "1234", "12345", "cd"]
    assert counters.value(Counter.LINES_OVERSIZE) == 2
    assert [sample.line for sample in complaints.samples] == ["'12345'", "'12345'"]


def test_oversize_line_in_many_chunks_is_counted_once(
    complaints: Complaints, counters: Counters
) -> None:
    """Counting each chunk would make the count depend on the network."""
    framer = LineFramer(complaints, line_bytes_max=5)
    for _ in range(1000):
        assert framer.feed(b"xxxx") == []
    assert framer.feed(b"x\r\nok\n") == ["ok"]
    assert counters.value(Counter.LINES_OVERSIZE) == 1


def test_memory_is_bounded_while_a_line_has_no_end(complaints: Complaints) -> None:
    """100 MB without a newline must not become 100 MB of memory."""
    framer = LineFramer(complaints, line_bytes_max=1024)
    for _ in range(100):
        framer.feed(b"x" * 4096)
        assert len(framer._tail) <= 1024


def test_limit_must_allow_a_line(complaints: Complaints) -> None:
    """A limit of nothing would silently drop the whole feed."""
    with pytest.raises(ValueError, match="line_bytes_max"):
        LineFramer(complaints, line_bytes_max=0)
