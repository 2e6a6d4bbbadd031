"""What subscriptions cost: a hundred thousand topics, then ten thousand changes a second.

Peers of twenty thousand topics each, the default cap, over ten kinds, variants among them. Then
other peers subscribe and unsubscribe at a steady pace; at last everybody leaves.
"""

import time
from typing import Final

from tests.bench import lines
from tests.bench.gateway import Peers, standing, wait_until_held
from tests.bench.machine import cpu_seconds, rss_bytes
from tests.bench.plan import Cell, Figures, Options, Suite

KINDS: Final = (
    "quote", "trade", "summary", "fundamental", "state", "correction",
    "quote@250", "quote@1000", "summary@250", "summary@1000",
)  # fmt: skip
PEERS: Final = 5
TOPICS_PER_PEER: Final = 20_000
CHURNERS: Final = 5
PACE: Final = 10_000
"""Changes a second."""
CHURN_S: Final = 10.0
SETTLE_S: Final = 3.0
"""Until what the vendor was asked for is there."""


def churn(peers: Peers, names: list[str], seconds: float) -> int:
    """Subscribe and unsubscribe at a pace; how many changes were made."""
    changes = 0
    started_s = time.monotonic()
    while (elapsed_s := time.monotonic() - started_s) < seconds:
        while changes < elapsed_s * PACE:
            sub = peers.sockets[changes // 2 % len(peers.sockets)]
            topic = f"quote,{names[changes // 2 % len(names)]},"
            sub.subscribe(topic)
            sub.unsubscribe(topic)
            changes += 2
        peers.read()
        time.sleep(0.001)
    return changes


def measure(topics_per_peer: int, churn_s: float) -> Figures:
    """Everybody comes, some churn, everybody goes."""
    symbol_count = PEERS * topics_per_peer // len(KINDS)
    names = lines.symbols(symbol_count)
    topics = [f"{kind},{name}," for kind in KINDS for name in names]
    with standing(symbol_count) as gateway:
        gateway.until_answered()
        pid = gateway.process.pid
        base, cpu_s, started_s = rss_bytes(pid), cpu_seconds(pid), time.monotonic()
        peers = Peers(gateway.data, PEERS)
        for number, sub in enumerate(peers.sockets):
            for topic in topics[number * topics_per_peer : (number + 1) * topics_per_peer]:
                sub.subscribe(topic)
        wait_until_held(gateway, len(topics))
        held_s = time.monotonic() - started_s
        time.sleep(SETTLE_S)
        figures = {
            "held_s": held_s,
            "bytes_per_topic": (rss_bytes(pid) - base) / len(topics),
            "cpu_us_per_topic": (cpu_seconds(pid) - cpu_s) / len(topics) * 1e6,
        }
        churners = Peers(gateway.data, CHURNERS)
        cpu_s, held, started_s = cpu_seconds(pid), rss_bytes(pid), time.monotonic()
        changes = churn(churners, names, churn_s)
        elapsed_s = time.monotonic() - started_s
        figures |= {
            "changes_per_s": changes / elapsed_s,
            "churn_cpu": (cpu_seconds(pid) - cpu_s) / elapsed_s,
            "churn_grown_mb": (rss_bytes(pid) - held) / 1e6,
        }
        peers.read()
        churners.close()
        peers.close()
        figures["gone_s"] = wait_until_held(gateway, 0)
    return figures


def make(options: Options) -> Suite:
    """The suite."""
    topics, churn_s = (40, 0.5) if options.is_quick else (TOPICS_PER_PEER, CHURN_S)
    return Suite(
        name="subscriptions",
        title="Subscriptions: many topics, and many changes",
        figures=(
            "held_s", "bytes_per_topic", "cpu_us_per_topic", "changes_per_s", "churn_cpu",
            "churn_grown_mb", "gone_s",
        ),
        cells=[
            Cell(
                f"{PEERS} x {topics:,} topics",
                lambda: measure(topics, churn_s),
                f"{PACE:,} changes a second for {churn_s:g} s by {CHURNERS} others",
            )
        ],
    )  # fmt: skip
