"""What a symbol, a topic and a subscriber take of a gateway's memory."""

import time
from typing import Final

from tests.bench import lines
from tests.bench.gateway import WAIT_S_MAX, Peers, Standing, standing, wait_until_held
from tests.bench.machine import rss_bytes
from tests.bench.plan import Cell, Figures, Options, Suite

KINDS: Final = ("trade", "summary", "fundamental", "state", "correction")
VARIANTS: Final = ("quote@250", "quote@1000", "summary@250", "summary@1000")
SETTLE_S: Final = 1.0
"""How long what was asked for may take to be all there."""


def await_end(peers: Peers) -> None:
    """Read until the last line's message has come."""
    end = f"quote,{lines.END},".encode()
    seen, deadline_s = 0, time.monotonic() + WAIT_S_MAX
    while seen < 2:  # The watch's snapshot is the first.
        if time.monotonic() > deadline_s:
            raise SystemExit("the last line does not come")
        if peers.sockets[0].poll(100):
            seen += peers.sockets[0].recv().startswith(end)


def memory_with(symbol_count: int, line_count: int) -> int:
    """Memory of a gateway that has so many symbols, each watched and updated, bytes."""
    with standing(symbol_count, line_count=line_count) as gateway:
        gateway.until_answered()
        peers = Peers(gateway.data, 1)
        for name in [*lines.symbols(symbol_count), lines.START, lines.END]:
            peers.sockets[0].subscribe(f"quote,{name},")
        await_end(peers)
        time.sleep(SETTLE_S)
        taken = rss_bytes(gateway.process.pid)
        peers.close()
    return taken


def symbol(few: int, many: int) -> Figures:
    """What one more watched symbol takes: two gateways are fed as many lines."""
    line_count = 4 * many
    difference = memory_with(many, line_count) - memory_with(few, line_count)
    return {"bytes": difference / (many - few)}


def grown(gateway: Standing, peers: Peers, topics: list[str], held: int) -> float:
    """What memory grows by when topics are subscribed to, bytes for each."""
    before = rss_bytes(gateway.process.pid)
    for topic in topics:
        peers.sockets[0].subscribe(topic)
    wait_until_held(gateway, held + len(topics))
    peers.read()
    time.sleep(SETTLE_S)
    return (rss_bytes(gateway.process.pid) - before) / len(topics)


def topic(count: int, kinds: tuple[str, ...]) -> Figures:
    """What one more subscription to a topic of a watched symbol takes, the topic included."""
    with standing(count) as gateway:
        gateway.until_answered()
        peers = Peers(gateway.data, 1)
        names = lines.symbols(count)
        grown(gateway, peers, [f"quote,{name}," for name in names], 0)
        wanted = [f"{kind},{name}," for kind in kinds for name in names]
        taken = grown(gateway, peers, wanted, count)
        peers.close()
    return {"bytes": taken}


def subscriber(count: int) -> Figures:
    """What one more subscriber of one topic takes."""
    with standing(10) as gateway:
        gateway.until_answered()
        first = Peers(gateway.data, 1)
        grown(gateway, first, ["quote,BN0,"], 0)
        before = rss_bytes(gateway.process.pid)
        peers = Peers(gateway.data, count)
        for sub in peers.sockets:
            sub.subscribe("quote,BN0,")
        wait_until_held(gateway, 1 + count)
        time.sleep(SETTLE_S)
        taken = (rss_bytes(gateway.process.pid) - before) / count
        peers.close()
        first.close()
    return {"bytes": taken}


def make(options: Options) -> Suite:
    """The suite."""
    few, many, count, peers = (20, 60, 20, 5) if options.is_quick else (500, 5_000, 2_000, 200)
    cells = [
        Cell("level1 symbol", lambda: symbol(few, many), f"{many} symbols against {few}, <= 4096"),
        Cell("topic", lambda: topic(count, KINDS), f"{count * len(KINDS)} subscriptions more"),
        Cell(
            "conflated topic",
            lambda: topic(count, VARIANTS),
            f"{count * len(VARIANTS)} subscriptions more",
        ),
        Cell("subscriber", lambda: subscriber(peers), f"{peers} connections more, a topic each"),
    ]
    return Suite(
        name="memory",
        title="Memory of the gateway, resident bytes for one more of each",
        figures=("bytes",),
        cells=cells,
    )
