"""The listening ports, who is connected to them, and what all clients of a port suffer."""

import asyncio
import contextlib
import errno
import os
import random
import socket
from collections.abc import Callable, Iterator
from typing import Final

from gateway.errors import ConfigError
from gateway.simulator.connection import ConnectionFactory, LineConnection

PORT_NAMES: Final = ("admin", "level1", "level2")
"""In the order they begin to listen."""
ALL: Final = "all"


class Port:
    """One port: listening or refusing, and its clients.

    Args:
        name: One of `PORT_NAMES`.
        host: Address to listen on.
        number: Port number; 0 takes any free one.
        factory: Makes a connection for each client.
    """

    def __init__(self, name: str, *, host: str, number: int, factory: ConnectionFactory) -> None:
        self.name = name
        self.number = number
        """The port that is really listened on, once it is."""
        self.new_connection = factory
        self._host = host
        self.clients: dict[LineConnection, int] = {}
        """Connections and their numbers."""
        self.is_refused = False
        """Whether connections are refused."""
        self.is_stalled = False
        self.is_half_open = False
        self._slicer: tuple[int, random.Random] | None = None
        self._bytes_per_s = 0
        self._mangle: Callable[[list[str]], None] | None = None
        self._servers: list[asyncio.Server] = []
        self._reserved: list[socket.socket] = []

    @property
    def is_listening(self) -> bool:
        """Whether connections are accepted on a socket."""
        return bool(self._servers)

    async def listen(self) -> None:
        """Begin to accept connections, again perhaps.

        Raises:
            ConfigError: The port is taken or the address is not of this machine.
        """
        loop = asyncio.get_running_loop()
        self.is_refused = False
        try:
            while self._reserved:
                server = await loop.create_server(self.new_connection, sock=self._reserved[0])
                self._reserved.pop(0)
                self._servers.append(server)
            if not self._servers:
                server = await loop.create_server(self.new_connection, self._host, self.number)
                self._servers.append(server)
        except OSError as problem:
            is_busy = problem.errno == errno.EADDRINUSE
            raise ConfigError(
                "the port is already in use" if is_busy else "cannot listen there",
                hint="Stop the other program, a running IQConnect perhaps, or choose other ports.",
                setting=f"{self.name}_port",
                host=self._host,
                port=self.number,
                problem=problem.strerror,
            ) from problem
        self.number = self._servers[0].sockets[0].getsockname()[1]

    async def stop_accepting(self) -> None:
        """Let no more clients in before the sockets close.

        A client that asyncio has accepted gets its connection in the next turn of the loop; were
        its server closed by then, the socket would be left open and nobody's.
        """
        loop = asyncio.get_running_loop()
        for server in self._servers:
            for one in server.sockets:
                # Loops without readers have no such turn.
                with contextlib.suppress(NotImplementedError):
                    loop.remove_reader(one.fileno())
        for _ in range(2):
            await asyncio.sleep(0)

    def refuse(self) -> None:
        """Refuse connections from now on; those that there are stay."""
        self.is_refused = True
        places = [(one.family, one.getsockname()) for s in self._servers for one in s.sockets]
        self._stop_listening()
        for family, address in places:
            # Bound but not listening, a socket keeps the number for us, and peers are refused.
            reserved = socket.socket(family, socket.SOCK_STREAM)
            reserved.setblocking(False)
            if os.name == "posix":
                reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.bind(address)
            self._reserved.append(reserved)

    def _stop_listening(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()

    async def drop(self) -> None:
        """Cut every connection at once; returns when all are gone."""
        connections = [*self.clients]
        for connection in connections:
            connection.abort()
        for connection in connections:
            await connection.closed.wait()

    async def close(self) -> None:
        """Stop listening and cut every connection; may be called again."""
        await self.stop_accepting()
        servers = [*self._servers]
        self._stop_listening()
        for reserved in self._reserved:
            reserved.close()
        self._reserved.clear()
        await self.drop()
        for server in servers:
            await server.wait_closed()

    def add(self, connection: LineConnection, number: int, *, now_ns: int) -> None:
        """Take a new client; it suffers what the port suffers."""
        self.clients[connection] = number
        if self.is_refused:
            # The system had let it in before the port closed.
            connection.abort()
            return
        if self._slicer is not None:
            connection.delivery.slice(*self._slicer)
        if self._bytes_per_s:
            connection.delivery.pace(self._bytes_per_s, now_ns=now_ns)
        connection.mangle = self._mangle
        if self.is_stalled:
            connection.hold(is_held=True)
        if self.is_half_open:
            connection.set_half_open(is_half_open=True)
        self._begin(connection)

    def _begin(self, connection: LineConnection) -> None:
        """Open a conversation, unless nothing may be said on this port now."""
        if not connection.is_begun and not self.is_stalled and not self.is_half_open:
            connection.begin()

    def stall(self, *, is_stalled: bool) -> None:
        """Hang or revive: connections stay, nothing is read or sent, lines wait."""
        if is_stalled == self.is_stalled:
            return
        self.is_stalled = is_stalled
        for connection in [*self.clients]:
            connection.hold(is_held=is_stalled)
            self._begin(connection)

    def set_half_open(self, *, is_half_open: bool) -> None:
        """Play dead or revive: connections stay, nothing is read, lines are lost."""
        if is_half_open == self.is_half_open:
            return
        self.is_half_open = is_half_open
        for connection in [*self.clients]:
            connection.set_half_open(is_half_open=is_half_open)
            self._begin(connection)

    def slice(self, bytes_max: int, rng: random.Random) -> None:
        """Write in pieces of random length, on connections to come too; 0 ends it."""
        self._slicer = (bytes_max, rng) if bytes_max else None
        for connection in self.clients:
            connection.delivery.slice(bytes_max, rng)

    def pace(self, bytes_per_s: int, *, now_ns: int) -> None:
        """Deliver at most so fast to each client, to those to come too; 0 ends it."""
        self._bytes_per_s = bytes_per_s
        for connection in self.clients:
            connection.delivery.pace(bytes_per_s, now_ns=now_ns)

    def spoil(self, mangle: Callable[[list[str]], None] | None) -> None:
        """Spoil the lines of every flush, on connections to come too; None ends it."""
        self._mangle = mangle
        for connection in self.clients:
            connection.mangle = mangle

    @property
    def is_paced(self) -> bool:
        """Whether readers of this port are slow."""
        return self._bytes_per_s > 0


class Ports:
    """All ports of one simulator."""

    def __init__(self, ports: list[Port]) -> None:
        self._ports = {port.name: port for port in ports}

    def __getitem__(self, name: str) -> Port:
        return self._ports[name]

    def __iter__(self) -> Iterator[Port]:
        return iter(self._ports.values())

    def named(self, name: str) -> list[Port]:
        """One port, or `all` of them."""
        return [*self] if name == ALL else [self._ports[name]]

    def clients(self, name: str = ALL) -> list[LineConnection]:
        """Who is connected to a port, or to any."""
        return [connection for port in self.named(name) for connection in port.clients]

    def data_clients(self) -> list[LineConnection]:
        """Who is connected to a port with prices."""
        return [*self._ports["level1"].clients, *self._ports["level2"].clients]
