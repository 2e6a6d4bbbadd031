"""The gateway gets a fifth of a processor, less than it needs: it says so, and lives on."""

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support import records
from tests.support.fault_table import fault_row, note
from tests.support.market import Market, Subscriber, topics_of
from tests.support.pipelines import NAMES, PYTHON, require
from tests.support.records import percentiles_of
from tests.support.slack import SLACK
from tests.support.stage import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(180)]
CGROUPS: Final = Path("/sys/fs/cgroup/cpu")
PERIOD_US: Final = 100_000
SHARE: Final = 0.2
RATE: Final = 1_500.0
FACTOR: Final = 8
"""So many times the usual events, while the processor is short."""
STARVED_S: Final = 8.0
KEPT_S: Final = 5.0
"""So long nobody who reads may be sent away."""
QUEUE_LINES: Final = 2_000
CURRENT_MS_MAX: Final = 250.0 * SLACK
Limit = Callable[[float], None]


@contextlib.contextmanager
def processor_of(pid: int) -> Iterator[Limit]:
    """Limits the processor time of a process; a share of 0 lifts the limit."""
    group = CGROUPS / f"gateway-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no processor cgroup can be made here: {error}")
    quota = group / "cpu.cfs_quota_us"

    def limit(share: float) -> None:
        quota.write_text(str(round(share * PERIOD_US)) if share else "-1")

    try:
        (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (group / "cgroup.procs").write_text(str(pid))
        yield limit
    finally:
        limit(0)
        with contextlib.suppress(OSError):
            (CGROUPS / "cgroup.procs").write_text(str(pid))
        wait_until(lambda: not (group / "cgroup.procs").read_text(), what="the cgroup is empty")
        group.rmdir()


def figures_of(market: Market) -> dict[str, Any]:
    """What `metrics` says of the feed."""
    with market.gateway.requester() as requester:
        return dict(requester.result("metrics", seconds=20.0)["client_metrics"])


def starve(market: Market, limit: Limit) -> list[dict[str, Any]]:
    """Let more come than can be done, and look at the figures meanwhile."""
    limit(SHARE)
    market.act("burst", factor=FACTOR, seconds=STARVED_S)
    looks = []
    end_s = time.monotonic() + STARVED_S
    while time.monotonic() < end_s:
        looks.append(figures_of(market))
        time.sleep(0.5)
    limit(0)
    return looks


def told(consumer: Subscriber, since_us: int) -> list[tuple[float, str]]:
    """What a consumer was told of itself or noticed, and how long after a moment, seconds."""
    consumer.log.read()
    found = [
        ((at_us - since_us) / 1e6, "silence")
        for at_us, _ in consumer.log.events_of(records.SILENT, since_us=since_us)
    ]
    for at_us, (topic, about) in consumer.log.events_of(records.NOTICE, since_us=since_us):
        if topic == "sys,client,":
            found.append(((at_us - since_us) / 1e6, str(about)))
    return sorted(found)


@fault_row(82)
@pytest.mark.parametrize("pipeline", NAMES)
def test_a_starved_gateway_says_so_and_sends_nobody_away(tmp_path: Path, pipeline: str) -> None:
    """A busy neighbour must not cost consumers their connection, nor the gateway its life.

    The Python pipeline falls behind there; what the compiled one is left with may be enough for it.
    """
    require(pipeline)
    settings = {"connection": {"message_queue_size": QUEUE_LINES}, "pipeline": pipeline}
    topics = topics_of()
    with Market(tmp_path, rate=RATE, seed=82, settings=settings) as market:
        reference = market.subscriber(*topics, token=secrets.token_hex(8))
        client = market.subscriber(*topics, program="client")
        before = figures_of(market)
        with processor_of(market.gateway.pid) as limit:
            began_us = time.time_ns() // 1000
            looks = starve(market, limit)
            ended_us = time.time_ns() // 1000
            after = figures_of(market)
        unread_ms = max(float(look["oldest_unread_ms"]) for look in looks)
        merged = sum(
            int(after["counters"][name]) - int(before["counters"][name])
            for name in ("quotes_merged", "summaries_merged")
        )
        events = told(reference, began_us) + told(client, began_us)
        recover_s = wait_until(
            lambda: is_current(reference), what="prices are current", seconds=10.0
        )
        ages = [age for at, age in reference.log.latencies if began_us <= at <= ended_us]
        p50_ms, p99_ms = percentiles_of(ages, 0.5, 0.99)
        note(
            82,
            f"{SHARE:.0%} of a processor, {RATE * FACTOR:,.0f} events a second, {pipeline}",
            recover_s=recover_s,
            more=f"unread {unread_ms:.0f} ms, {merged:,} merged, age p50 {p50_ms:.0f} ms, p99 "
            f"{p99_ms:.0f} ms; told: {'; '.join(text for _, text in events)[:120] or 'nothing'}",
        )
        if pipeline == PYTHON:
            assert unread_ms > float(before["oldest_unread_ms"])
            assert unread_ms >= 50.0, "the lag shows in the figures"
        assert merged > 0, "what cannot be sent in time is merged"
        assert [event for event in events if event[0] < KEPT_S] == []
        assert reference.check_against(reference).published
        client.wait_until_level(reference, seconds=20.0)
        client.log.history.check()


def is_current(consumer: Subscriber) -> bool:
    """Whether what was read in the last second was fresh."""
    since_us = time.time_ns() // 1000 - 1_000_000
    consumer.log.read()
    recent = [age for at_us, age in consumer.log.latencies[-5_000:] if at_us >= since_us]
    return len(recent) > 100 and percentiles_of(recent, 0.99)[0] < CURRENT_MS_MAX
