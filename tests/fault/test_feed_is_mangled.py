"""The connection stands and what comes is damaged: split, doubled, swapped, cut, or noise."""

import time
from typing import Any

import psutil
import pytest

from tests.support import fault_table
from tests.support.consumer import SUSPECT
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.fault_table import fault_row
from tests.support.incident import Incident, equities
from tests.support.slack import FREED_MB
from tests.support.stage import Stage, scripted, simulated, wait_until

pytestmark = pytest.mark.slow
SECONDS = 3.0
SYMBOL_COUNT = 20
RSS_MB_MAX = 10 + FREED_MB
"""The sender, its socket and asyncio's buffers of a megabyte live in this process too."""


def market(**options: Any) -> dict[str, Any]:
    """A lively market whose trades are recorded."""
    return {"rate": 600.0, "record_trades": True, **options}


def begin(stage: Stage) -> Incident:
    """Some symbols, all live; from here on the link is never down."""
    incident = Incident(stage, equities(stage.simulator, SYMBOL_COUNT))
    incident.struck_s = float("inf")
    return incident


def counter(stage: Stage, label: str) -> int:
    """What the feed thread has counted."""
    return stage.gateway._feed._parts.counters.as_map()[label]


def stale_messages(incident: Incident) -> int:
    """How often a symbol was said to be live no longer."""
    return sum(m.kind == "state" and m.values[0] == "stale" for m in incident.consumer.messages)


@fault_row(7)
def test_lines_cut_into_single_bytes_are_the_same_lines() -> None:
    """TCP promises the order of bytes and nothing else."""
    with simulated(**market(rate=150.0)) as stage:
        incident = begin(stage)
        incident.act("slice", port="all", bytes_max=1)
        list(incident.consumer.stream(SECONDS))
        incident.act("slice", port="all", bytes_max=0)
        bad = {label: counter(stage, label) for label in ("lines_invalid", "lines_truncated")}
        assert set(bad.values()) == {0}
        incident.note(7, "every byte a segment", more="output identical")


@fault_row(9)
def test_a_line_without_an_end_takes_no_memory() -> None:
    """Ten thousand times the limit: dropped as it comes, and the line behind it is read."""
    fake = FakeIqconnect()
    # Only the end of a line is a sign of life, and this one takes its time.
    with scripted(fake, settings={"upstream": {"silence_ms_max": 60_000}}) as stage:
        consumer = stage.consumer("quote,AAPL,")
        consumer.wait_for_topic("quote,AAPL,")
        process, piece = psutil.Process(), b"x" * 1_000_000
        highest = rss = process.memory_info().rss
        for number in range(1, 101):
            before = counter(stage, "feed_bytes")
            stage.call(fake.send, piece)
            wait_until(
                lambda b=before: counter(stage, "feed_bytes") >= b + len(piece),  # type: ignore[misc]
                what=f"{number} MB read",
            )
            highest = max(highest, process.memory_info().rss)
        line = fake.line("Q", "AAPL", Message_Contents="b", Bid="10.5", Ask="11")
        stage.call(fake.send, b"\r\n" + line)
        consumer.wait_for(lambda m: m.values[:1] == [10.5], what="the next good line")
        assert counter(stage, "lines_oversize") == 1
        grown_mb = (process.memory_info().rss - rss) / 1e6
        most_mb = (highest - rss) / 1e6
        fault_table.note(
            9,
            "a line of 100 MB",
            more=f"RSS {grown_mb:+.1f} MB, {most_mb:+.1f} MB at most, sender's buffers included",
        )
        assert most_mb < RSS_MB_MAX


@fault_row(10)
def test_garbage_between_lines_is_counted_and_dropped() -> None:
    """Random bytes are never fatal and never published."""
    with simulated(**market()) as stage:
        incident = begin(stage)
        before = stage.gateway._feed._parts.counters.as_map()
        for seed in range(20):
            incident.act("garbage", port="level1", bytes=4096, seed=seed)
            incident.act("unknown_letters", port="level1")
            incident.consumer.receive(0.05)
        list(incident.consumer.stream(1.0))
        after = stage.gateway._feed._parts.counters.as_map()
        bad = sum(
            after[label] - before[label]
            for label in ("lines_unknown", "lines_invalid", "lines_truncated", "lines_unwatched")
        )
        assert bad > 20
        incident.note(10, "80 kB of garbage, 20 seeds", more=f"{bad} lines dropped, 0 published")


@fault_row(12)
def test_lines_that_come_twice_are_published_once() -> None:
    """A print that is counted twice is a position that is wrong."""
    with simulated(**market()) as stage:
        incident = begin(stage)
        incident.act("duplicate_lines", share=0.3)
        list(incident.consumer.stream(SECONDS))
        incident.act("duplicate_lines", share=0.0)
        lost, repeated = incident.finish()
        injected = stage.simulator.statistics()["lines_duplicated"]
        dropped = counter(stage, "lines_duplicate")
        fault_table.note(
            12,
            "30 % of lines twice",
            lost=lost,
            repeated=repeated,
            more=f"{injected} injected, {dropped} dropped",
        )
        assert injected > 100
        assert (dropped, lost, repeated) == (injected, 0, 0)


@fault_row(13)
def test_lines_out_of_order_never_become_the_last_value() -> None:
    """They are published as they come, flagged, and the snapshot stays the newest."""
    with simulated(**market(rate=2_000.0)) as stage:
        incident = begin(stage)
        incident.act("swap_lines", share=0.2)
        list(incident.consumer.stream(SECONDS))
        incident.act("swap_lines", share=0.0)
        incident.finish()
        late = counter(stage, "lines_out_of_order")
        newest: dict[str, int] = {}
        flagged = 0
        for message in incident.consumer.messages:
            if message.kind not in ("quote", "trade") or message.body[5] is None:
                continue
            if message.body[5] < newest.get(message.topic, 0):
                assert message.flags & SUSPECT, message
                flagged += 1
            else:
                newest[message.topic] = message.body[5]
        assert flagged > 10
        for topic in list(newest)[:40]:
            assert incident.consumer.ask(topic).body[5] == newest[topic]
        fault_table.note(
            13,
            "20 % of lines swapped",
            lost=0,
            repeated=0,
            more=f"{flagged} older than their predecessor, all flagged ({late} counted)",
        )


@fault_row(14)
def test_lines_that_lost_their_end_are_rejected_whole() -> None:
    """The last column of a cut line may be half a number."""
    with simulated(**market()) as stage:
        incident = begin(stage)
        rejected = counter(stage, "lines_truncated")
        incident.act("cut_lines", share=0.2)
        list(incident.consumer.stream(SECONDS))
        incident.act("cut_lines", share=0.0)
        stage.call(stage.simulator.hold_market, True)
        list(incident.consumer.stream(0.5))
        cut = stage.simulator.statistics()["lines_cut"]
        rejected = counter(stage, "lines_truncated") - rejected
        others = counter(stage, "lines_unknown") + counter(stage, "lines_unwatched")
        sent = {
            (t.symbol, int(t.tick_id), t.market_center, float(t.price), t.size)
            for t in stage.simulator.expected_trades
        }
        for m in incident.consumer.messages:
            if m.kind == "trade":
                price, size, trade_id, center, *_ = m.values
                assert (m.symbol, trade_id, str(center), price, size) in sent
        incident.consumer.history.check()
        fault_table.note(14, "20 % of lines cut", more=f"{cut} cut, {rejected + others} rejected")
        assert cut > 100
        assert rejected + others == cut


@fault_row(20)
def test_another_protocol_or_field_set_is_never_guessed() -> None:
    """After an upgrade of IQConnect columns may mean something else: they are agreed on anew."""
    with simulated(**market()) as stage:
        incident = Incident(stage, equities(stage.simulator, SYMBOL_COUNT))
        incident.act("protocols", versions=["6.1", "6.0"])
        incident.act("fields", refused=["VWAP", "Settle"])
        incident.strike("restart", down_s=0.5)
        incident.await_stale("iqconnect_down", seconds=0.5)
        incident.ended_s = incident.struck_s + 0.5
        incident.await_live()
        after = [m for m in incident.consumer.messages if m.kind == "summary" and not m.flags & 16]
        list(incident.consumer.stream(1.0))
        fresh = [
            m
            for m in incident.consumer.messages
            if m.kind == "summary" and m.at_s > incident.live_s
        ]
        assert after
        assert fresh
        assert all(m.values[9] is None for m in fresh), (
            "VWAP is not there, and nothing is in its place"
        )
        incident.note(20, "restart with protocol 6.1, two fields refused", more="0 mis-mapped")


def test_a_mangled_feed_is_no_reason_to_be_stale() -> None:
    """Damage is counted; the link lives all the same."""
    with simulated(**market()) as stage:
        incident = begin(stage)
        accepted = stage.simulator.counts.clients_accepted
        for name in ("duplicate_lines", "swap_lines", "cut_lines"):
            incident.act(name, share=0.1)
        incident.act("extra_columns", count=3)
        began_s = time.monotonic()
        list(incident.consumer.stream(SECONDS))
        assert time.monotonic() - began_s >= SECONDS
        assert stale_messages(incident) == 0
        assert stage.simulator.counts.clients_accepted == accepted
