"""A client that knows nothing but lines: no gateway code, so that it cannot share a mistake."""

import asyncio
import socket
from collections.abc import Callable
from typing import Self

ANSWER_S = 10


class RawClient:
    """One TCP connection, read line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int, *, receive_bytes: int | None = None) -> Self:
        """Connect to a port of this machine, perhaps with a small receive buffer."""
        peer = socket.socket()
        peer.setblocking(False)
        if receive_bytes is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        try:
            await asyncio.get_running_loop().sock_connect(peer, ("127.0.0.1", port))
        except OSError:
            peer.close()
            raise
        return cls(*await asyncio.open_connection(sock=peer))

    def send(self, *commands: str) -> None:
        """Send commands."""
        self.writer.write("".join(f"{command}\r\n" for command in commands).encode("latin-1"))

    async def line(self) -> str:
        """The next line without its end; empty at the end of the connection."""
        async with asyncio.timeout(ANSWER_S):
            data = await self.reader.readline()
        assert not data or data.endswith(b"\r\n"), data
        return data[:-2].decode("latin-1")

    async def lines(self, count: int) -> list[str]:
        """The next lines."""
        return [await self.line() for _ in range(count)]

    async def until(self, is_wanted: Callable[[str], bool]) -> list[str]:
        """Lines up to and with the first that is wanted."""
        lines = [await self.line()]
        while not is_wanted(lines[-1]):
            assert lines[-1], "the connection ended"
            lines.append(await self.line())
        return lines

    async def until_prefix(self, prefix: str) -> str:
        """The first line that begins so; the others are passed over."""
        return (await self.until(lambda line: line.startswith(prefix)))[-1]

    async def set_protocol(self, protocol: str = "6.2") -> None:
        """Agree on a protocol and read its acknowledgements."""
        self.send(f"S,SET PROTOCOL,{protocol}")
        await self.until_prefix("S,CURRENT PROTOCOL")
        await self.until_prefix("S,CURRENT UPDATE FIELDNAMES")

    async def is_closed(self) -> bool:
        """Read to the end of the connection."""
        try:
            async with asyncio.timeout(ANSWER_S):
                while await self.reader.read(65_536):
                    pass
        except ConnectionResetError:
            return True
        return True

    async def close(self) -> None:
        """Leave."""
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionResetError:
            return
