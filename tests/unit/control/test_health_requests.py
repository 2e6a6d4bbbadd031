"""Requests about how the gateway is: shapes that the operations guide reads."""

import random
from dataclasses import replace
from typing import Any

import msgpack
import pytest

from gateway.control.feed_commands import ReadSymbols, SymbolRows
from gateway.control.health_requests import breaker_of
from gateway.errors import InvalidParams, SecurityValidationError, Unauthorized
from gateway.health.facts import LinkReport
from gateway.model.methods import SymbolsParams
from tests.unit.control.desk_bench import LEVEL1_LINK, Bench
from tests.unit.health.feed_reports import GOOD


@pytest.fixture
def bench() -> Bench:
    """A gateway whose every local program is an administrator."""
    bench = Bench(is_admin_allowed=True)
    bench.history.add(replace(GOOD, links=(replace(LEVEL1_LINK, held_lines=5, held_lines_max=50),)))
    return bench


def check(bench: Bench, seconds: int = 1) -> None:
    """Let the monitor look once a second."""
    for _ in range(seconds):
        bench.clock.advance(seconds=1)
        newest = bench.history.newest
        assert newest is not None
        bench.history.add(replace(newest, at_ns=bench.clock.monotonic_ns()))
        bench.told += bench.requests.inside.monitor.check()


def down(bench: Bench) -> None:
    """IQConnect is gone for ten seconds."""
    bench.history.add(replace(GOOD, cause="iqconnect_down"))
    check(bench, 10)


def test_alerts_are_listed_while_they_stand_and_after(bench: Bench) -> None:
    """With everything `sys,alert,` told of them."""
    down(bench)
    (alert,) = bench.ask("alerts")["active"]
    assert (alert["id"], alert["level"], alert["count"]) == ("iqconnect_down", "critical", 1)
    bench.history.add(GOOD)
    check(bench, 10)
    alerts = bench.ask("alerts")
    assert alerts["active"] == []
    assert [one["id"] for one in alerts["recent"]] == ["iqconnect_down"]
    assert [told["event"] for told in bench.told] == ["raised", "cleared"]


def test_trends_tell_each_figure_of_the_window(bench: Bench) -> None:
    """Figures without a value are left out, not zero."""
    check(bench, 90)
    trends = bench.ask("trends", window_minutes=1)
    assert trends["window_minutes"] == 1
    lines = trends["metrics"]["lines_per_sec"]
    assert set(lines) == {"mean", "max", "min", "p95", "slope", "samples", "last"}
    assert lines["samples"] == 61
    assert "latency_ms" not in trends["metrics"]


def test_diagnostics_put_a_capacity_beside_every_size(bench: Bench) -> None:
    """The guide's loop over queues divides one by the other."""
    bench.history.add(
        replace(GOOD, links=(replace(LEVEL1_LINK, held_lines=45, held_lines_max=50),))
    )
    told = bench.ask("diagnostics")
    queues = told["queue_status"]
    for name in queues:
        if "size" in name:
            assert queues[name.replace("size", "capacity")] >= queues[name]
    assert (queues["size"], queues["capacity"]) == (45, 50)
    assert queues["commands_capacity"] == 10
    assert told["client_status"]["connected"] is True
    assert told["client_status"]["gateway_id"] == "bench"
    assert told["thread_status"] == {"feed": {"alive": True}}
    assert told["breaker"]["state"] == "closed"
    assert set(told["breaker"]["ports"]) == {"admin", "level1"}
    assert told["config"] == {"gateway_id": "bench"}
    assert told["thresholds"]["latency_warning_ms"] == 100
    assert msgpack.packb(told)


def test_a_gateway_that_serves_stale_prices_is_not_connected(bench: Bench) -> None:
    """What a program needs to know of `connected`."""
    bench.history.add(replace(GOOD, cause="dtn_link_down"))
    assert bench.ask("diagnostics")["client_status"]["connected"] is False


@pytest.mark.parametrize(
    ("states", "worst"),
    [(["closed", "half_open"], "half_open"), (["open", "half_open"], "open"), ([], "closed")],
)
def test_the_worst_breaker_stands_for_all(states: list[str], worst: str) -> None:
    """One open breaker among many is what to look at."""
    links: list[LinkReport] = [
        replace(LEVEL1_LINK, port=f"p{number}", breaker={"state": state})
        for number, state in enumerate(states)
    ]
    assert breaker_of(links)["state"] == worst


def watched(bench: Bench, *names: str) -> None:
    """Let somebody want these."""
    bench.subscribe(*names)


def names(answer: dict[str, Any]) -> list[str]:
    """The symbols of an answer."""
    return [row["symbol"] for row in answer["symbols"]]


def test_symbols_are_listed_by_name_with_state_and_cause(bench: Bench) -> None:
    """The page's table, and an operator's first question."""
    watched(bench, "MSFT", "AAPL", "IBM")
    bench.hear("IBM")
    bench.desk.note_not_found("MSFT")
    answer = bench.ask("symbols")
    assert names(answer) == ["AAPL", "IBM", "MSFT"]
    assert (answer["complete"], answer["total"]) == (True, 3)
    assert [row["state"] for row in answer["symbols"]] == ["pending", "live", "refused"]
    assert answer["symbols"][2]["cause"] == "symbol_not_found"
    assert answer["symbols"][0]["level2"] is None


def test_symbols_can_be_searched_filtered_and_paged(bench: Bench) -> None:
    """Thousands do not fit on a screen."""
    watched(bench, *(f"S{number:04}" for number in range(600)))
    bench.hear("S0007", "S0599")
    assert names(bench.ask("symbols", state="live")) == ["S0007", "S0599"]
    assert names(bench.ask("symbols", search="s059", limit=3)) == ["S0590", "S0591", "S0592"]
    seen: list[str] = []
    page = bench.ask("symbols", limit=250)
    while True:
        seen += names(page)
        if page["complete"]:
            break
        page = bench.ask("symbols", limit=250, after=seen[-1])
    assert seen == [f"S{number:04}" for number in range(600)]


def test_rows_behind_the_page_are_not_made(bench: Bench) -> None:
    """Of tens of thousands of symbols a page costs the feed thread little more than the page."""
    made = 0
    symbols = [f"S{number:05}" for number in range(1, 5_001)]
    watched(bench, *random.Random(1).sample(symbols, len(symbols)))
    read = bench.symbol_list.read

    def counting(command: ReadSymbols) -> SymbolRows:
        nonlocal made
        slice_ = read(command)
        made += len(slice_.rows)
        return slice_

    bench.symbol_list.read = counting  # type: ignore[method-assign]
    answer = bench.ask("symbols", limit=20)
    assert names(answer) == symbols[:20]
    assert not answer["complete"]
    assert made < 1_000


def test_a_page_begins_with_the_first_by_name_however_many_there_are(bench: Bench) -> None:
    """They are read in no order, the first of them last; only what is wanted is kept."""
    count, piece = 60_000, 250
    steps = bench.requests.inside.symbols(SymbolsParams(limit=2))
    place: int | None = 0
    next(steps)
    with pytest.raises(StopIteration) as finished:  # noqa: PT012 - the last of many sends
        while place is not None:
            numbers = range(count - place, count - place - piece, -1)
            rows = [{"symbol": f"S{number:05}"} for number in numbers]
            place = place + piece if place + piece < count else None
            steps.send(SymbolRows(rows, place, count))
    answer = finished.value.value
    assert names(answer) == ["S00001", "S00002"]
    assert (answer["complete"], answer["total"]) == (False, count)


def test_a_symbols_book_is_told_beside_its_prices(bench: Bench) -> None:
    """Each level has a state of its own."""
    bench.subscribe("@ES#", kinds=("l1", "l2"))
    (row,) = bench.ask("symbols")["symbols"]
    assert row["level2"] == "pending"
    assert names(bench.ask("symbols", state="pending")) == ["@ES#"]


def test_an_alert_is_acknowledged_with_who_and_why(bench: Bench) -> None:
    """Told to everybody, and written to the audit log."""
    down(bench)
    answer = bench.ask("admin.acknowledge", alert="iqconnect_down", reason="on it")
    assert answer["alert"]["acknowledged_reason"] == "on it"
    assert bench.told[-1]["event"] == "acknowledged"
    assert bench.audited[-1]["method"] == "admin.acknowledge"
    assert bench.audited[-1]["outcome"] == "done"


def test_an_alert_that_does_not_stand_cannot_be_acknowledged(bench: Bench) -> None:
    """The try is written down all the same."""
    with pytest.raises(InvalidParams):
        bench.ask("admin.acknowledge", alert="nothing", reason="x")
    assert bench.audited[-1]["outcome"] == "invalid_params"
    with pytest.raises(SecurityValidationError):
        bench.ask("admin.acknowledge", alert="nothing", reason="a\nb")


def test_thresholds_are_changed_until_the_next_start(bench: Bench) -> None:
    """All that were named, with a line in the audit log."""
    answer = bench.ask(
        "admin.set_thresholds", thresholds={"latency_warning_ms": 50}, reason="a tighter ship"
    )
    assert answer["thresholds"]["latency_warning_ms"] == 50
    assert bench.requests.inside.monitor.limits.latency_warning_ms == 50
    assert bench.audited[-1]["changed"] == {"latency_warning_ms": 50}


@pytest.mark.parametrize("wrong", [{"nonsense": 1}, {"latency_warning_ms": "x"}])
def test_thresholds_that_make_no_sense_change_nothing(
    bench: Bench, wrong: dict[str, object]
) -> None:
    """The error names what was wrong."""
    limits = bench.requests.inside.monitor.limits
    with pytest.raises(InvalidParams, match=r"nonsense|latency_warning_ms"):
        bench.ask("admin.set_thresholds", thresholds=wrong, reason="x")
    assert bench.requests.inside.monitor.limits is limits


def test_only_administrators_change_anything() -> None:
    """Health is everybody's to read, and nobody's to silence."""
    bench = Bench()
    for method in ("admin.acknowledge", "admin.set_thresholds"):
        with pytest.raises(Unauthorized):
            bench.ask(method, reason="x", alert="a", thresholds={})


def test_diagnostics_of_a_thread_that_hangs_do_not_wait_for_it(bench: Bench) -> None:
    """That is when they are needed most."""
    bench.clock.advance(seconds=60)
    begun = len(bench.commands)
    told = bench.ask("diagnostics")
    assert bench.commands[begun:] == []
    assert (told["clients"], told["client_status"]["connected"]) == ([], False)
