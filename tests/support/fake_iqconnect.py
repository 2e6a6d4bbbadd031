"""A scripted streaming port: it greets, agrees on fields, and else says what the test says.

The simulator is a faithful IQConnect; this is an unfaithful one, for lines no faithful one sends.
"""

import asyncio
import contextlib
import threading
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

EASTERN: Final = ZoneInfo("America/New_York")
DEFAULT_NAMES: Final = ("Symbol", "Most Recent Trade", "Bid", "Ask")


class FakeIqconnect:
    """One listening port.

    Args:
        protocols: Versions that are accepted.
        refused_fields: Field names this IQConnect does not know.
        unknown_symbols: Answered by `n`.
        answers: Lines that a command is answered with, such as `WOR,@ESZ26`; they come first.
        port: 0 for any free one.
    """

    def __init__(
        self,
        *,
        protocols: Collection[str] = ("6.2",),
        refused_fields: Collection[str] = (),
        unknown_symbols: Collection[str] = (),
        answers: Mapping[str, Collection[str]] | None = None,
        port: int = 0,
    ) -> None:
        self._protocols = protocols
        self._refused_fields = refused_fields
        self._unknown_symbols = unknown_symbols
        self.answers = dict(answers or {})
        """May be changed while it runs."""
        self.port = port
        """Where it listens, once started."""
        self.names: tuple[str, ...] = DEFAULT_NAMES
        """The field set that was acknowledged last."""
        self.is_silent = False
        """Whether it hangs: connections stay, no time line is sent."""
        self.commands: list[str] = []
        """Every line received, oldest first."""
        self._is_within_a_line = False
        """Whether the test sends a line in pieces: nothing else may come between them."""
        self._changed = threading.Condition()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._clock: asyncio.Task[None] | None = None
        self._handlers: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen, and tell every client the time once a second."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._clock = asyncio.create_task(self._tell_time())

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._clock is not None:
            self._clock.cancel()
        if self._server is not None:
            self._server.close()
        for task in self._handlers:
            task.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    def send(self, data: bytes) -> None:
        """Send bytes to every client; call it in the loop."""
        self._is_within_a_line = not data.endswith(b"\n")
        for writer in self._writers:
            writer.write(data)

    def drop(self) -> None:
        """Cut every connection after what was sent; call it in the loop."""
        self._is_within_a_line = False
        for writer in self._writers:
            writer.close()

    def line(self, letter: str, symbol: str, **values: str) -> bytes:
        """A P or Q line in the agreed layout.

        Args:
            letter: `P` or `Q`.
            symbol: First column.
            values: Columns by the vendor's name, blanks as underscores; the others stay empty.
        """
        by_name: Mapping[str, str] = {k.replace("_", " "): v for k, v in values.items()}
        unknown = by_name.keys() - set(self.names)
        assert not unknown, f"not in the field set: {unknown}"
        columns = [symbol, *(by_name.get(name, "") for name in self.names[1:])]
        return f"{letter},{','.join(columns)},\r\n".encode("latin-1")

    def wait_for_command(self, command: str, *, count: int = 1, seconds: float = 5.0) -> None:
        """Wait, in the test's thread, until a command line has come `count` times."""
        with self._changed:
            is_come = self._changed.wait_for(
                lambda: self.commands.count(command) >= count, timeout=seconds
            )
        assert is_come, f"no {command!r}; came: {self.commands[-20:]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        task.add_done_callback(self._handlers.discard)
        writer.write(b"S,KEY,99999\r\nS,SERVER CONNECTED\r\nS,IP,192.0.2.1 60004\r\n")
        writer.write(b"S,CUST,real_time,192.0.2.1,60007,,6.2.0.25,0, NYSE ,,500,QT_API,,\r\n")
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                writer.write(self._answer(line.decode("latin-1").strip()))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _answer(self, command: str) -> bytes:
        with self._changed:
            self.commands.append(command)
            self._changed.notify_all()
        if command in self.answers:
            return "".join(f"{line}\r\n" for line in self.answers[command]).encode("latin-1")
        return _time_line() if command == "T" else self._answer_usual(command)

    def _answer_usual(self, command: str) -> bytes:
        if command.startswith("S,SET PROTOCOL,"):
            return self._set_protocol(command.removeprefix("S,SET PROTOCOL,"))
        if command.startswith("S,SELECT UPDATE FIELDS,"):
            return self._select(command.removeprefix("S,SELECT UPDATE FIELDS,").split(","))
        if command[0] == "w":
            symbol = command[1:]
            if symbol in self._unknown_symbols:
                return f"n,{symbol}\r\n".encode()
            return self.line("P", symbol, Bid="10", Ask="11")
        return b""

    def _set_protocol(self, version: str) -> bytes:
        if version not in self._protocols:
            return f"E,{version} is not a valid protocol.,\r\n".encode()
        self.names = DEFAULT_NAMES
        return f"S,CURRENT PROTOCOL,{version}\r\n".encode() + self._current_names()

    def _select(self, names: list[str]) -> bytes:
        for name in names:
            if name in self._refused_fields:
                return f"E,{name} is not a valid fieldset field,\r\n".encode()
        self.names = ("Symbol", *names)
        return self._current_names()

    def _current_names(self) -> bytes:
        return f"S,CURRENT UPDATE FIELDNAMES,{','.join(self.names)}\r\n".encode()

    async def _tell_time(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            if not (self.is_silent or self._is_within_a_line):
                self.send(_time_line())


def _time_line() -> bytes:
    return f"T,{datetime.now(EASTERN):%Y%m%d %H:%M:%S}\r\n".encode()
