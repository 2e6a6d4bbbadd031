"""A minimal IQConnect with depth: when every symbol is asked for, it sends lines at full speed.

Usage: level2_feeder.py PORT_FILE LINES SEED KIND SYMBOLS
It writes its Level 1, admin and Level 2 ports to PORT_FILE. A process of its own, so that it shares
no interpreter with what is measured.
"""

import asyncio
import sys
from pathlib import Path

from feeder import CHUNK, STATS, TIME, agree, beat
from level2_lines import updates

SUMMARIES = {
    "orders": b"6,%b,1,,B,1.00,1,1,2,10:00:00.000000,2026-11-20,\r\n",
    "makers": b"6,%b,,NSDQ,B,1.00,100,,4,10:00:00.000000,2026-11-20,\r\n",
    "levels": b"7,%b,B,1.00,1,1,2,10:00:00.000000,2026-11-20,\r\n",
}
"""The one row that a symbol's book begins with."""
SETTLE_S = 1.5
"""Pause before the lines: books must be live, queues quiet. This is a benchmark, not a test."""


async def serve_level1(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Agree to everything and tell the time: Level 1 has to stand, and nothing more."""
    clock = asyncio.create_task(beat(writer, TIME))
    writer.write(b"S,SERVER CONNECTED\r\n")
    while line := (await reader.readline()).strip():
        writer.write(agree(line))
    clock.cancel()


async def serve_level2(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    data: bytes,
    kind: str,
    symbol_count: int,
) -> None:
    """Give each symbol one row when it is asked for, and when all are, send everything."""
    asked: set[bytes] = set()
    clock = asyncio.create_task(beat(writer, TIME))
    writer.write(b"S,SERVER CONNECTED\r\n")
    while line := (await reader.readline()).strip():
        if line.startswith(b"S,SET PROTOCOL,"):
            writer.write(b"S,CURRENT PROTOCOL," + line.split(b",")[2] + b"\r\n")
        elif line.startswith(b"WOR,") and kind == "levels":
            writer.write(b"q,%b,\r\n" % line.split(b",")[1])
        elif line[:4] in (b"WOR,", b"WPL,"):
            symbol = line.split(b",")[1]
            asked.add(symbol)
            writer.write(SUMMARIES[kind] % symbol)
            if len(asked) == symbol_count + 2:
                await asyncio.sleep(SETTLE_S)
                clock.cancel()
                for start in range(0, len(data), CHUNK):
                    writer.write(data[start : start + CHUNK])
                    await writer.drain()
                clock = asyncio.create_task(beat(writer, TIME))
    clock.cancel()


async def main() -> None:
    """Serve until killed."""
    port_file, count, seed, kind, symbol_count = sys.argv[1:6]
    data = updates(int(count), kind=kind, symbol_count=int(symbol_count), seed=int(seed))

    async def level2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_level2(reader, writer, data=data, kind=kind, symbol_count=int(symbol_count))

    async def admin(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await beat(writer, STATS)

    servers = [
        await asyncio.start_server(serve, "127.0.0.1", 0) for serve in (serve_level1, admin, level2)
    ]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    await asyncio.to_thread(Path(port_file).write_text, " ".join(map(str, ports)))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
