"""A minimal IQConnect that answers the handshake and then sends prepared lines at full speed.

Usage: feeder.py PORT_FILE LINES SEED TRADE_SHARE
It writes its Level 1 and admin ports to PORT_FILE, waits until every symbol has been watched, and
sends. A process of its own, so that it shares no interpreter with what is measured.
"""

import asyncio
import sys
from pathlib import Path

from lines import SENTINEL, SYMBOL_COUNT, snapshot, updates

CHUNK = 1 << 20
TIME = b"T,20261120 10:00:30\r\n"
STATS = (
    b"S,STATS,127.0.0.1,60003,500,1,8,0,0,0,Nov 20 9:00AM,Nov 20 10:00AM,Connected,"
    b"6.2.0.15,1,0,0,0,0,0,0,\r\n"
)


async def beat(writer: asyncio.StreamWriter, line: bytes) -> None:
    """Send a sign of life each second."""
    while True:
        writer.write(line)
        await asyncio.sleep(1)


def agree(line: bytes) -> bytes:
    """What Level 1 answers to a command of the handshake or a request for the time."""
    if line.startswith(b"S,SET PROTOCOL,"):
        return b"S,CURRENT PROTOCOL," + line.split(b",")[2] + b"\r\n"
    if line.startswith(b"S,SELECT UPDATE FIELDS,"):
        return b"S,CURRENT UPDATE FIELDNAMES,Symbol," + line.split(b",", 2)[2] + b"\r\n"
    return TIME if line == b"T" else b""


async def serve_level1(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes
) -> None:
    """Answer commands; when everything is watched, send everything."""
    watched: set[bytes] = set()
    clock = asyncio.create_task(beat(writer, TIME))
    writer.write(b"S,SERVER CONNECTED\r\n")
    while line := (await reader.readline()).strip():
        writer.write(agree(line))
        if line.startswith(b"w"):
            watched.add(line[1:])
            writer.write(snapshot(line[1:].decode()))
            if len(watched) == SYMBOL_COUNT + 1:
                await asyncio.sleep(0.5)  # Let the consumer's queues settle: this is a benchmark.
                clock.cancel()
                for start in range(0, len(data), CHUNK):
                    writer.write(data[start : start + CHUNK])
                    await writer.drain()
                clock = asyncio.create_task(beat(writer, TIME))
    clock.cancel()


async def main() -> None:
    """Serve until killed."""
    port_file, count, seed, share = sys.argv[1:5]
    data = updates(int(count), seed=int(seed), trade_share=float(share))
    assert SENTINEL.encode() in data[-400:]

    async def level1(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_level1(reader, writer, data)

    async def admin(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await beat(writer, STATS)

    level1_server = await asyncio.start_server(level1, "127.0.0.1", 0)
    admin_server = await asyncio.start_server(admin, "127.0.0.1", 0)
    ports = [s.sockets[0].getsockname()[1] for s in (level1_server, admin_server)]
    await asyncio.to_thread(Path(port_file).write_text, f"{ports[0]} {ports[1]}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
