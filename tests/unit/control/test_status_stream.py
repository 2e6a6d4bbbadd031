"""What the status page is told, from a bench without sockets."""

import json
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

from gateway.control.feed_commands import FeedCommand, PeersReport, ReadPeers
from gateway.control.status_stream import (
    ALERTS_MAX,
    CONSUMERS_MAX,
    ERRORS_MAX,
    ROWS_PER_EVENT_MAX,
    Row,
    StatusComposer,
    SymbolChanges,
    symbol_events,
    table_events,
)
from gateway.errors import SymbolInvalid
from gateway.policy.error_history import fact_of
from tests.unit.control.desk_bench import EPOCH, LEVEL1_LINK, Bench
from tests.unit.health.feed_reports import GOOD, counted


def read(told: bytes) -> tuple[str, Any]:
    """Name and value of an event."""
    name, data = told.decode("ascii").removesuffix("\n\n").split("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def finish(steps: Generator[FeedCommand | None, Any, Any], *answers: object) -> tuple[Any, int]:
    """Drive slices to their end; their result, and how many there were."""
    left = list(answers)
    slices = 1
    try:
        asked = steps.send(None)
        while True:
            slices += 1
            asked = steps.send(None if asked is None else left.pop(0))
    except StopIteration as finished:
        return finished.value, slices


@pytest.fixture
def bench() -> Bench:
    """A gateway that has reported twice."""
    bench = Bench()
    bench.history.add(GOOD)
    later = counted(GOOD, messages_published=50, feed_lines=20)
    bench.history.add(replace(later, at_ns=10_000_000_000, links=(LEVEL1_LINK,)))
    return bench


def composer_of(bench: Bench) -> StatusComposer:
    """Tells how a bench is."""
    return StatusComposer(bench.requests, clock=bench.clock)


def test_a_status_says_how_the_gateway_is(bench: Bench) -> None:
    """Everything above the tables comes in one event."""
    composer = composer_of(bench)
    bench.clock.advance(seconds=90)
    told, _ = finish(composer.status(3))
    name, status = read(told)
    assert name == "status"
    assert status["gateway"]["id"] == "bench"
    assert status["gateway"]["epoch"] == EPOCH
    assert status["gateway"]["uptime_s"] == 90.0
    assert status["health"] == json.loads(json.dumps(bench.ask("health")))
    assert [link["port"] for link in status["links"]] == ["admin", "level1"]
    assert status["links"][1]["breaker"]["state"] == "closed"
    assert status["rates"]["messages_per_sec"] == 5.0
    assert status["rates"]["lines_per_sec"] == 2.0
    assert status["rates"]["messages"] == 50
    assert status["totals"] == {"login": "connected", "consumers": 2, "symbols": {"live": 3}}
    assert status["alerts"] == {"active": [], "recent": []}
    assert status["process"] == {"threads": 2}
    assert status["pages"] == 3


def test_a_status_before_the_first_report_says_so() -> None:
    """A page that is opened while the gateway starts is told what is known."""
    status = read(finish(composer_of(Bench()).status(1))[0])[1]
    assert status["health"]["level"] == "critical"
    assert [link["port"] for link in status["links"]] == ["admin"]
    assert status["rates"]["p99_us"] is None


def test_lists_are_bounded_and_written_in_slices(bench: Bench) -> None:
    """Ten thousand errors must not make the loop stand still, or the page grow without end."""
    history = bench.requests.upstream.history
    for number in range(ERRORS_MAX + 20):
        error = SymbolInvalid(f"kind {number}", symbol="</script>\n")
        history.add(fact_of(error, port="control", at_us=number))
    told, slices = finish(composer_of(bench).status(1))
    status = read(told)[1]
    assert len(status["errors"]) == ERRORS_MAX
    assert status["errors"][0]["message"] == f"kind {ERRORS_MAX + 19}"
    assert slices >= 8
    assert ALERTS_MAX <= 100


def test_process_figures_are_read_every_few_seconds(bench: Bench) -> None:
    """With thousands of consumers their descriptors alone take milliseconds to count."""
    composer = composer_of(bench)
    reads: list[int] = []

    def process() -> dict[str, int]:
        reads.append(1)
        return {"threads": len(reads)}

    inside = bench.requests.inside
    inside.inside = replace(inside.inside, process=process)  # type: ignore[misc]
    for _ in range(5):
        finish(composer.status(1))
        bench.clock.advance(seconds=1)
    assert len(reads) == 1
    status = read(finish(composer.status(1))[0])[1]
    assert status["process"] == {"threads": 2}


def test_consumers_are_asked_of_the_feed_thread_with_a_bound(bench: Bench) -> None:
    """Of a thousand consumers those that are worst off are shown, and how many there are."""
    peers = [{"peer": f"tcp://127.0.0.1:{n}", "client": "\n\n<b>", "lag_us": n} for n in range(60)]
    steps = composer_of(bench).consumers()
    assert steps.send(None) == ReadPeers(CONSUMERS_MAX)
    told, slices = finish(composer_of(bench).consumers(), PeersReport(peers, 1_000, 3))
    name, consumers = read(told)
    assert (name, consumers["total"], consumers["slow"]) == ("consumers", 1_000, 3)
    assert consumers["rows"] == peers
    assert slices > 3


def test_trends_begin_with_what_the_gateway_remembers(bench: Bench) -> None:
    """A page that is opened after the trouble shows its beginning."""
    for _ in range(400):
        bench.clock.advance(seconds=1)
        bench.requests.inside.monitor.check()
    name, trends = read(finish(composer_of(bench).trends())[0])
    assert name == "trends"
    assert set(trends["series"]) == {"messages", "lines", "latency", "lag"}
    lines = trends["series"]["lines"]
    assert len(lines) in (300, 301)
    assert lines[-1] == [0.0, 2.0]
    assert lines[0][0] == pytest.approx(300.0, abs=1.0)
    assert trends["series"]["latency"] == [], "nothing was measured"


def row(number: int) -> Row:
    """A row of the table."""
    return (f"S{number}", "live", None, number, None, None, None)


@pytest.mark.parametrize(
    ("count", "pieces"),
    [(0, 1), (1, 1), (ROWS_PER_EVENT_MAX, 2), (ROWS_PER_EVENT_MAX + 1, 2), (1_000, 11)],
)
def test_a_table_comes_in_pieces_with_a_beginning_and_an_end(count: int, pieces: int) -> None:
    """A page keeps the old table until the new one is whole."""
    rows = {f"S{number}": row(number) for number in range(count)}
    told = [read(one)[1] for one in table_events(list(rows), rows.get, is_whole=True)]
    assert len(told) == pieces
    assert [one["begin"] for one in told] == [True] + [False] * (pieces - 1)
    assert [one["complete"] for one in told] == [False] * (pieces - 1) + [True]
    assert max(len(one["rows"]) for one in told) <= ROWS_PER_EVENT_MAX
    assert [name for one in told for name, *_ in one["rows"]] == list(rows)


def test_a_table_that_is_being_read_has_no_end_yet() -> None:
    """Its rest comes with everybody's changes."""
    told = [read(one)[1] for one in table_events(["S1"], {"S1": row(1)}.get, is_whole=False)]
    assert [one["complete"] for one in told] == [False]


def test_symbols_that_go_while_a_table_is_told_are_left_out() -> None:
    """Their end was told already."""
    told = [read(one)[1] for one in table_events(["S1", "S2"], {"S2": row(2)}.get, is_whole=True)]
    assert [one["rows"] for one in told] == [[list(row(2))]]


def test_changes_are_told_in_pieces() -> None:
    """Thousands of symbols become stale at the same moment."""
    rows = [row(number) for number in range(250)]
    lines = [("S1", 7)]
    told = [read(one) for one in symbol_events(SymbolChanges(rows, ["GONE"], lines))]
    assert [name for name, _ in told] == ["symbols"] * 4 + ["lines"]
    assert [len(value.get("rows", [])) for _, value in told] == [100, 100, 50, 0, 1]
    assert told[3][1] == {"gone": ["GONE"]}
    assert told[4][1] == {"rows": [["S1", 7]]}
    assert list(symbol_events(SymbolChanges())) == []
