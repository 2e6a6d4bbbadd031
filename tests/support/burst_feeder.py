"""An IQConnect that is calm, then sends far more than can be read, then is calm again.

Usage: python -m tests.support.burst_feeder PORT_FILE DONE_FILE LINES RATE
It answers a handshake as `tests/bench/feeder.py` does; once every symbol is watched it sends so
many prepared lines at so many a second, and writes to DONE_FILE when the last one was handed over
(monotonic seconds).
"""

import asyncio
import sys
import time
from pathlib import Path

from tests.bench.feeder import STATS, TIME, agree
from tests.bench.lines import MIXED, snapshot, updates

SYMBOL_COUNT = 300
BATCH_S = 0.01


async def beat(writer: asyncio.StreamWriter, line: bytes) -> None:
    """Send a sign of life each second."""
    while True:
        writer.write(line)
        await asyncio.sleep(1)


async def send_paced(writer: asyncio.StreamWriter, data: bytes, *, rate: int) -> None:
    """Send lines at a rate; what the reader does not take waits here, as IQConnect's queue does."""
    lines = data.splitlines(keepends=True)
    step = max(1, round(rate * BATCH_S))
    started_s = time.monotonic()
    for number, start in enumerate(range(0, len(lines), step)):
        writer.write(b"".join(lines[start : start + step]))
        if number % 100 == 0:
            writer.write(TIME)
        await asyncio.sleep(max(0.0, started_s + (number + 1) * BATCH_S - time.monotonic()))
    # With a limit of nothing, drained means that all of it was handed over.
    writer.transport.set_write_buffer_limits(0)
    await writer.drain()


async def main() -> None:
    """Serve until killed."""
    port_file, done_file, count, rate = sys.argv[1:5]
    data = updates(int(count), mix=MIXED, symbol_count=SYMBOL_COUNT, seed=1)

    async def level1(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        watched: set[bytes] = set()
        clock = asyncio.create_task(beat(writer, TIME))
        writer.write(b"S,SERVER CONNECTED\r\n")
        while line := (await reader.readline()).strip():
            writer.write(agree(line))
            if line.startswith(b"w"):
                watched.add(line[1:])
                writer.write(snapshot(line[1:].decode()))
                if len(watched) == SYMBOL_COUNT + 2:
                    await asyncio.sleep(0.5)
                    await send_paced(writer, data, rate=int(rate))
                    await asyncio.to_thread(Path(done_file).write_text, str(time.monotonic()))
        clock.cancel()

    async def admin(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await beat(writer, STATS)

    servers = [await asyncio.start_server(port, "127.0.0.1", 0) for port in (level1, admin)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    await asyncio.to_thread(Path(port_file).write_text, f"{ports[0]} {ports[1]}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
