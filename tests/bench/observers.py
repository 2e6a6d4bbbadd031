"""Everybody who watches a gateway at one time: health at 10 Hz, a scrape a second, an open page.

Usage: python -m tests.bench.observers CONTROL_ENDPOINT HTTP_PORT
It runs until it is terminated and then prints what it waited for each, as JSON. A process of its
own, so that it shares no interpreter with what is measured.
"""

import asyncio
import itertools
import json
import signal
import sys
import time

import msgpack
import zmq
import zmq.asyncio

HEALTH_S = 0.1
SCRAPE_S = 1.0
REPLY_S_MAX = 10.0


async def ask_health(endpoint: str, waits_ms: list[float]) -> None:
    """Ask for health ten times a second."""
    with zmq.asyncio.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.connect(endpoint)
        for number in itertools.count():
            began_s = time.perf_counter()
            request = {"v": 1, "id": number, "method": "health"}
            await dealer.send(msgpack.packb(request))
            reply = msgpack.unpackb(await asyncio.wait_for(dealer.recv(), REPLY_S_MAX))
            assert reply["ok"], reply
            waits_ms.append(1000 * (time.perf_counter() - began_s))
            await asyncio.sleep(max(0.0, began_s + HEALTH_S - time.perf_counter()))


async def get(port: int, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for a path; the headers are read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), REPLY_S_MAX)
    assert head.startswith(b"HTTP/1.1 200"), head
    return reader, writer


async def scrape(port: int, waits_ms: list[float]) -> None:
    """Scrape once a second, as Prometheus does, each time on a connection of its own."""
    while True:
        began_s = time.perf_counter()
        reader, writer = await get(port, "/metrics")
        while b"iqgw_build_info" not in await asyncio.wait_for(reader.read(65_536), REPLY_S_MAX):
            pass
        waits_ms.append(1000 * (time.perf_counter() - began_s))
        writer.close()
        await asyncio.sleep(max(0.0, began_s + SCRAPE_S - time.perf_counter()))


async def read_page(port: int, events: list[int]) -> None:
    """Keep the page's stream open."""
    reader, _ = await get(port, "/events")
    while data := await reader.read(65_536):
        events[0] += data.count(b"\nevent:") + data.startswith(b"event:")


def quantiles(waits_ms: list[float]) -> dict[str, float]:
    """Count, p50, p99 and the longest."""
    ordered = sorted(waits_ms) or [float("nan")]
    return {
        "count": len(waits_ms),
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))],
        "max": ordered[-1],
    }


async def main() -> None:
    """Watch until terminated, then print."""
    endpoint, port = sys.argv[1], int(sys.argv[2])
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    health_ms: list[float] = []
    scrape_ms: list[float] = []
    events = [0]
    watchers = [
        asyncio.create_task(ask_health(endpoint, health_ms)),
        asyncio.create_task(scrape(port, scrape_ms)),
        asyncio.create_task(read_page(port, events)),
    ]
    stop = asyncio.create_task(stopped.wait())
    done, _ = await asyncio.wait({stop, *watchers}, return_when=asyncio.FIRST_COMPLETED)
    for watcher in done - {stop}:
        watcher.result()
        raise SystemExit("a watcher ended before it was told to")
    for watcher in watchers:
        watcher.cancel()
    await asyncio.gather(*watchers, return_exceptions=True)
    figures = {
        "health_ms": health_ms,
        "scrape_ms": scrape_ms,
        "events": events[0],
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
