"""Every way in which the way to DTN breaks: detected, named, published, repaired, nothing lost."""

import logging
import time

import psutil
import pytest

from tests.support.fault_table import fault_row
from tests.support.incident import RECOVER_S_MAX, Incident, equities
from tests.support.slack import SLACK
from tests.support.stage import simulated, wait_until

pytestmark = pytest.mark.slow
SYMBOL_COUNT = 40
AT_ONCE_S_MAX = 0.3 * SLACK
"""Where the peer says so itself nobody waits for a silence."""
POOLS = pytest.mark.parametrize("connections", [1, 3], ids=["one", "pool"])


def incident_of(stage: object, count: int = SYMBOL_COUNT) -> Incident:
    """Symbols that are live, about to be struck."""
    return Incident(stage, equities(stage.simulator, count))  # type: ignore[arg-type, attr-defined]


def market(connections: int = 1, **options: object) -> dict[str, object]:
    """A lively market whose trades are recorded, and a gateway with so many connections."""
    settings = {"connection": {"max_connections": connections + 1}}
    return {"rate": 800.0, "record_trades": True, "settings": settings, **options}


@fault_row(1)
@POOLS
def test_a_port_that_stalls_is_noticed_by_its_silence(connections: int) -> None:
    """A hung IQConnect looks like a quiet market, and its clock is what tells them apart."""
    with simulated(**market(connections)) as stage:  # type: ignore[arg-type]
        incident = incident_of(stage)
        incident.strike("stall", port="level1", on=True)
        stale = incident.await_stale("link_silent")
        list(incident.consumer.stream(3.0))
        incident.end("stall", port="level1", on=False)
        incident.await_live()
        incident.assert_nothing_stale_looked_fresh(stale)
        incident.note(1, f"port stalls, {connections} connections")


@fault_row(2)
def test_a_half_open_connection_is_noticed_by_its_silence() -> None:
    """The peer is gone and nobody said so: no packet will ever come to tell."""
    with simulated(**market()) as stage:  # type: ignore[arg-type]
        incident = incident_of(stage)
        incident.strike("half_open", port="all", on=True)
        stale = incident.await_stale("link_silent")
        list(incident.consumer.stream(3.0))
        incident.end("half_open", port="all", on=False)
        incident.await_live()
        incident.assert_nothing_stale_looked_fresh(stale)
        incident.note(2, "half-open, all ports")


@fault_row(3)
@POOLS
def test_a_closed_connection_brings_back_five_hundred_symbols(connections: int) -> None:
    """Everything is asked for again, paced, and confirmed before it counts as live."""
    options = market(connections, equity_count=550, symbol_limit=600)
    with simulated(**options) as stage:  # type: ignore[arg-type]
        incident = incident_of(stage, 500)
        incident.strike("close", port="level1")
        incident.end()
        stale = incident.await_stale("iqconnect_down", seconds=AT_ONCE_S_MAX * 3)
        incident.await_live()
        incident.assert_nothing_stale_looked_fresh(stale)
        assert stage.simulator.statistics()["watches"] == 500
        assert {m.epoch for m in incident.consumer.messages} == {stage.gateway.epoch}
        incident.note(3, f"closed (FIN), 500 symbols, {connections} connections")


@fault_row(4)
@pytest.mark.parametrize("rst", [False, True], ids=["fin", "rst"])
def test_half_a_line_before_the_end_is_no_line(*, rst: bool) -> None:
    """A number that was cut is another number, and nobody could tell."""
    with simulated(**market()) as stage:  # type: ignore[arg-type]
        incident = incident_of(stage)
        incident.strike("close_mid_line", port="level1", rst=rst)
        incident.end()
        incident.await_stale("iqconnect_down", seconds=AT_ONCE_S_MAX)
        incident.await_live()
        counters = stage.gateway._feed._parts.counters.as_map()
        bad = ("lines_truncated", "lines_invalid", "lines_unknown", "lines_unmapped")
        assert {label: counters[label] for label in bad} == dict.fromkeys(bad, 0)
        incident.note(4, f"{'RST' if rst else 'FIN'} mid-line", more="0 half lines published")


@fault_row(5)
def test_a_refusing_port_costs_little_and_is_tried_for_ever() -> None:
    """Last values go on to be served as stale, requests are answered, the log stays readable."""
    with simulated(**market()) as stage:  # type: ignore[arg-type]
        incident = incident_of(stage)
        requester = stage.requester()
        rss = psutil.Process().memory_info().rss
        retry = stage.gateway._feed._parts.level1.links[0].retry
        incident.act("refuse", port="level1", on=True)
        incident.strike("reset", port="level1")
        incident.await_stale("iqconnect_down", seconds=AT_ONCE_S_MAX)
        waits_ms = []
        for _ in range(300):
            began_ns = time.monotonic_ns()
            requester.result("health")
            waits_ms.append((time.monotonic_ns() - began_ns) / 1e6)
            incident.consumer.receive(0.02)
        attempts = retry.attempt_count
        answer = incident.consumer.ask(f"quote,{incident.symbols[0]},")
        assert answer.flags & 16, "the last value, and what it is worth"
        incident.end("refuse", port="level1", on=False)
        incident.await_live()
        p99_ms = sorted(waits_ms)[int(len(waits_ms) * 0.99)]
        grown_mb = (psutil.Process().memory_info().rss - rss) / 1e6
        figures = f"{attempts} attempts, rpc p99 {p99_ms:.1f} ms, RSS {grown_mb:+.1f} MB"
        logging.getLogger(__name__).info(figures)
        assert 5 <= attempts <= 12
        incident.note(5, "refused for 6 s", more=figures)


@fault_row(19)
@POOLS
def test_the_vendors_word_that_dtn_is_away_is_enough(connections: int) -> None:
    """The socket is up, and what it will say next is old."""
    with simulated(**market(connections)) as stage:  # type: ignore[arg-type]
        incident = incident_of(stage)
        incident.strike("dtn", up=False)
        stale = incident.await_stale("dtn_link_down", seconds=AT_ONCE_S_MAX)
        list(incident.consumer.stream(1.0))
        incident.end("dtn", up=True)
        incident.await_live()
        incident.assert_nothing_stale_looked_fresh(stale)
        incident.note(19, f"DTN link down, {connections} connections")


@fault_row(18)
def test_a_login_that_another_machine_took_is_named() -> None:
    """Nobody can repair it but a person, who must be told what it is."""
    with simulated(**market()) as stage:  # type: ignore[arg-type]
        incident = incident_of(stage)
        incident.strike("login_replaced")
        incident.await_stale("dtn_link_down", "login_lost", seconds=AT_ONCE_S_MAX)
        incident.consumer.wait_for_state(incident.symbols[0], "stale", "login_lost", seconds=9.0)
        named_s = time.monotonic() - incident.struck_s
        requester = stage.requester()
        wait_until(
            lambda: "login_lost" in {i["code"] for i in requester.result("health")["issues"]},
            what="health says so",
        )
        incident.cause += " → login_lost"
        incident.end("dtn", up=True)
        incident.await_live()
        incident.note(18, "login replaced", more=f"named login_lost after {named_s:.1f} s")


@fault_row(20)
def test_iqconnect_that_restarts_is_followed() -> None:
    """All ports go and come; watches, protocol and field set are agreed on anew."""
    with simulated(**market()) as stage:  # type: ignore[arg-type]
        incident = incident_of(stage)
        incident.strike("restart", down_s=2.0)
        incident.await_stale("iqconnect_down", seconds=AT_ONCE_S_MAX)
        incident.ended_s = incident.struck_s + 2.0
        incident.await_live()
        assert incident.recover_s is not None
        assert incident.recover_s <= RECOVER_S_MAX
        incident.note(20, "IQConnect restarts, all ports down 2 s")
