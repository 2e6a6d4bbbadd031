"""Everything that an HTTP server may be done to at one time, by one process.

Usage: http_flood.py PORT SECONDS
A hundred clients ask for `/metrics` in a loop, some with a connection for each request; others
never read, read drop by drop, or never finish their request, and begin anew when they are cut off.
At the end it prints what became of them, as JSON.
"""

import asyncio
import json
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

GET: Final = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
SMALL_BUFFER_BYTES: Final = 2_048
CONNECT_S_MAX: Final = 20.0
AGAIN_S: Final = 0.005
"""Between two attempts where the server has cut us off."""
Client = Callable[[int, "Counter[str]"], Awaitable[None]]


async def opened(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect with room for next to nothing."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
    sock.setblocking(False)
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    except BaseException:
        sock.close()
        raise
    return await asyncio.open_connection(sock=sock, limit=SMALL_BUFFER_BYTES)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, bool]:
    """Ask once and read the answer; its status, and whether the connection goes on."""
    writer.write(GET)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head[9:12]), b"connection: close" not in head


async def patient(port: int, counts: "Counter[str]") -> None:
    """Ask on one connection as long as it lasts."""
    reader, writer = await opened(port)
    try:
        goes_on = True
        while goes_on:
            status, goes_on = await ask(reader, writer)
            counts[f"answered {status}"] += 1
    finally:
        writer.close()


async def hasty(port: int, counts: "Counter[str]") -> None:
    """Ask once."""
    reader, writer = await opened(port)
    try:
        status, _ = await ask(reader, writer)
        counts[f"answered {status}"] += 1
    finally:
        writer.close()


async def hanging(port: int, counts: "Counter[str]") -> None:
    """Ask, many times over, and never read."""
    _, writer = await opened(port)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    try:
        while True:
            writer.write(GET)
            await writer.drain()
            await asyncio.sleep(0.05)
    finally:
        counts["hung ones cut off"] += 1
        writer.transport.abort()


async def half_open(port: int, counts: "Counter[str]") -> None:
    """Begin to ask, drop by drop, and never end."""
    reader, writer = await opened(port)
    try:
        writer.write(GET[:40])
        while not reader.at_eof():
            writer.write(b"X: y\r\n")
            await writer.drain()
            try:
                async with asyncio.timeout(0.3):
                    await reader.read(100)
            except TimeoutError:
                continue
    finally:
        counts["half-open ones cut off"] += 1
        writer.close()


async def slow(port: int, counts: "Counter[str]") -> None:
    """Ask, and read a little at a time."""
    reader, writer = await opened(port)
    try:
        writer.write(GET)
        while await reader.read(50):  # noqa: ASYNC110 - being slow is the point
            await asyncio.sleep(0.1)
    finally:
        counts["slow ones cut off"] += 1
        writer.close()


async def again(client: Client, port: int, counts: "Counter[str]") -> None:
    """Play a client's part over and over."""
    while True:
        try:
            await client(port, counts)
        except (OSError, EOFError, TimeoutError):
            counts["connections broken"] += 1
            await asyncio.sleep(AGAIN_S)


async def main(port: int, seconds: float) -> None:
    """Run all of them for a while."""
    counts: Counter[str] = Counter()
    crowd: dict[Client, int] = {patient: 50, hasty: 50, hanging: 20, half_open: 20, slow: 20}
    tasks = [
        asyncio.create_task(again(client, port, counts))
        for client, count in crowd.items()
        for _ in range(count)
    ]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(counts))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
