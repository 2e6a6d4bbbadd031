"""Any line, cut in any way: sessions and parsers answer, and a session reports the same."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.counters import Complaints, Counters
from gateway.iqfeed.admin import parse_client_stats, parse_reply, parse_stats
from gateway.iqfeed.events import Event, SystemLine
from gateway.iqfeed.level1 import parse_correction, parse_fundamental, parse_news, parse_regional
from gateway.iqfeed.lines import LineFramer
from gateway.iqfeed.system import parse_system
from tests.support.iqfeed_lines import LINES, STREAM
from tests.unit.iqfeed.session_bench import make


def hear(chunks: list[bytes]) -> tuple[list[Event], bytes]:
    """Everything a session reports and sends for these chunks."""
    session, framer = (
        make(commands_per_batch=2, commands_queued_max=5),
        LineFramer(Complaints(Counters())),
    )
    session.connection_made(0)
    for chunk in chunks:
        session.heard(0)
        for line in framer.feed(chunk):
            session.receive_line(line, now_ns=0)
    sent = session.data_to_send()
    return list(iter(session.next_event, None)), sent


@given(st.lists(st.integers(1, len(STREAM) - 1), unique=True).map(sorted))
def test_chunking_does_not_change_events(cuts: list[int]) -> None:
    """Any split of the same bytes, one byte at a time included, gives equal events."""
    chunks = [STREAM[start:end] for start, end in pairwise([0, *cuts, len(STREAM)])]
    whole = hear([STREAM])
    assert hear(chunks) == whole
    assert hear([bytes([byte]) for byte in STREAM]) == whole


@given(st.one_of(st.text(max_size=80), LINES))
def test_no_line_makes_a_parser_raise(line: str) -> None:
    """An upgrade of IQConnect, or garbage, costs a line and never the feed."""
    complaints = Complaints(Counters())
    parse_fundamental(line, complaints)
    parse_fundamental(line, complaints, protocol="5.2")
    parse_regional(line, complaints)
    parse_news(line, complaints)
    parse_correction(line, complaints)
    assert isinstance(parse_system(line), SystemLine)
    fields = line.split(",")
    parse_stats(fields)
    parse_client_stats(fields)
    parse_reply(fields[0], fields[1:])


@given(st.lists(st.text(max_size=12), min_size=8, max_size=70))
def test_no_columns_make_a_parser_raise(columns: list[str]) -> None:
    """Lines of the right shape with anything in them reach every reader."""
    complaints = Complaints(Counters())
    line = ",".join(columns) + ","
    for parse in (parse_fundamental, parse_regional, parse_news, parse_correction):
        parse("X," + line, complaints)
    parse_system("S,CUST," + line)
    parse_system("S,STATS," + line)
