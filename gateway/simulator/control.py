"""The simulator's own port: faults as JSON lines, on this machine only."""

import asyncio
import errno
import json
from collections.abc import Mapping
from typing import Final

from gateway.errors import ConfigError, bounded
from gateway.simulator.counts import Counts
from gateway.simulator.faults import Faults

HOST: Final = "127.0.0.1"
"""Whoever may break things sits at this machine."""
CLIENTS_MAX: Final = 8
LINE_BYTES_MAX: Final = 256 * 1024
"""Room for the longest text that can be injected, escaped."""


def answer_of(error: ConfigError) -> dict[str, object]:
    """What a refusal looks like on the wire."""
    return {"ok": False, "error": str(error), "hint": error.hint}


def read_command(line: bytes) -> tuple[object, dict[str, object]]:
    """Take a line apart.

    Args:
        line: A JSON object with `do` and the parameters beside it.

    Returns:
        The fault's name and its parameters.

    Raises:
        ConfigError: The line is no such object.
    """
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or "do" not in values:
        raise ConfigError(
            "a command is a JSON object with `do`",
            hint='Write a line such as {"do": "close", "port": "level1"}.',
            line=line,
        )
    name = values.pop("do")
    return name, values


async def act(faults: Faults, name: object, params: Mapping[str, object]) -> dict[str, object]:
    """Let something go wrong; a refusal is an answer as well."""
    try:
        return {"ok": True, **await faults.act_on(name, params)}
    except ConfigError as error:
        return answer_of(error)


class ControlPort:
    """Takes commands, one JSON object a line, and answers each with one line.

    Args:
        faults: What runs them.
        counts: Where refused clients and lines are counted.
        number: Port number; 0 takes any free one.
    """

    def __init__(self, faults: Faults, counts: Counts, *, number: int) -> None:
        self._faults = faults
        self._counts = counts
        self.number = number
        """The port that is really listened on, once started."""
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: The port is taken.
        """
        try:
            self._server = await asyncio.start_server(
                self._accept, HOST, self.number, limit=LINE_BYTES_MAX
            )
        except OSError as problem:
            is_busy = problem.errno == errno.EADDRINUSE
            raise ConfigError(
                "the port is already in use" if is_busy else "cannot listen there",
                hint="Choose another control port, or 0 for any free one.",
                setting="control_port",
                port=self.number,
                problem=problem.strerror,
            ) from problem
        self.number = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and end every conversation."""
        if self._server is not None:
            self._server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a conversation needs a task")
        self._clients.add(task)
        try:
            if len(self._clients) > CLIENTS_MAX:
                self._counts.control_clients_refused += 1
                refusal = ConfigError(
                    "too many clients", hint="Close one of the others.", clients_max=CLIENTS_MAX
                )
                await _say(writer, answer_of(refusal))
            else:
                await self._talk(reader, writer)
        except ConnectionError:
            # The client did not wait for its answer; what it asked for is done.
            self._counts.control_clients_lost += 1
        finally:
            self._clients.discard(task)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                self._counts.control_lines_refused += 1
                refusal = ConfigError(
                    "this line is too long", hint="Inject less at once.", bytes_max=LINE_BYTES_MAX
                )
                await _say(writer, answer_of(refusal))
                return
            if not line:
                return
            try:
                name, params = read_command(line)
            except ConfigError as error:
                self._counts.control_lines_refused += 1
                await _say(writer, answer_of(error))
            else:
                await _say(writer, await act(self._faults, name, params))


async def _say(writer: asyncio.StreamWriter, answer: Mapping[str, object]) -> None:
    writer.write(json.dumps(answer, default=bounded).encode() + b"\n")
    await writer.drain()
