"""Faults of the connections: how they end, and what becomes of what is sent on them."""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import ConfigError
from gateway.simulator.mangling import Mangler

if TYPE_CHECKING:
    from gateway.simulator.simulator import Simulator

SECOND_NS: Final = 1_000_000_000
RELEASE_NS: Final = 10_000_000
"""Between two deliveries to a slow reader."""
UNKNOWN_LINES: Final = "\r\n".join(
    (
        "X,AAPL,1,2,3,", "V,AAPL,,,", "J,1,2,3,4,5,6,7,8,9,10,", "!,AAPL,", "#,1,", "y,AAPL",
        "?,", "~", "U,AAPL,100.00,100,T,", "BX,AAPL,1,",
    )
)  # fmt: skip
Result = dict[str, object]


class PortFaults:
    """What can happen to connections.

    Args:
        simulator: Whose connections.
        rng: Draws pieces, cuts and shares.
    """

    def __init__(self, simulator: "Simulator", rng: random.Random) -> None:
        self._simulator = simulator
        self._rng = rng
        self._refused: set[str] = set()
        self._down_until_ns: int | None = None
        self.listening = asyncio.Lock()
        """Held while listening sockets change: a restart may come up beside a refusal."""
        self._reopening: asyncio.Task[None] | None = None
        self._mangler = Mangler(rng, simulator.counts)
        self.actions: dict[str, Callable[..., Result]] = {
            "close": self._close,
            "reset": self._reset,
            "close_mid_line": self._close_mid_line,
            "half_open": self._half_open,
            "stall": self._stall,
            "garbage": self._garbage,
            "oversized_line": self._oversized_line,
            "unknown_letters": self._unknown_letters,
            "inject": self._inject,
            "slice": self._slice,
            "slow_reader": self._slow_reader,
            "duplicate_lines": self._duplicate_lines,
            "swap_lines": self._swap_lines,
            "cut_lines": self._cut_lines,
            "refuse": self._refuse,
            "restart": self._restart,
        }

    def _close(self, port: str) -> Result:
        clients = self._simulator.ports.clients(port)
        for client in clients:
            client.close()
        return {"connections": len(clients)}

    def _reset(self, port: str) -> Result:
        clients = self._simulator.ports.clients(port)
        for client in clients:
            client.abort(is_reset=True)
        return {"connections": len(clients)}

    def _close_mid_line(self, port: str, rst: bool) -> Result:
        clients = self._simulator.ports.clients(port)
        for client in clients:
            line = client.sample_line().encode("latin-1")
            client.send_raw(line[: self._rng.randint(1, max(len(line) - 3, 1))])
            if rst:
                client.abort(is_reset=True)
            else:
                client.close()
        return {"connections": len(clients)}

    def _half_open(self, port: str, on: bool) -> Result:
        ports = self._simulator.ports
        for client in ports.clients(port):
            client.flush()
        for one in ports.named(port):
            one.set_half_open(is_half_open=on)
        self._simulator.review()
        return {"connections": len(ports.clients(port))}

    def _stall(self, port: str, on: bool) -> Result:
        self._simulator.stall(port, is_stalled=on)
        return {"connections": len(self._simulator.ports.clients(port))}

    def _send(self, port: str, data: bytes) -> Result:
        clients = self._simulator.ports.clients(port)
        for client in clients:
            client.send_raw(data)
        return {"connections": len(clients), "bytes": len(data)}

    def _garbage(self, port: str, bytes: int, seed: int) -> Result:  # noqa: A002 - the verb's word.
        # Closed by a line end, so that the genuine line behind it stays whole.
        return self._send(port, _noise(bytes, seed) + b"\r\n")

    def _oversized_line(self, port: str, bytes: int) -> Result:  # noqa: A002 - the verb's word.
        return self._send(port, b"Q,OVERSIZED,".ljust(bytes, b"9")[:bytes] + b"\r\n")

    def _unknown_letters(self, port: str) -> Result:
        return self._send(port, f"{UNKNOWN_LINES}\r\n".encode())

    def _inject(self, port: str, text: str) -> Result:
        try:
            data = text.encode("latin-1").decode("unicode_escape").encode("latin-1")
        except UnicodeError as problem:
            raise ConfigError(
                "this text cannot be sent",
                hint=r"Write Latin-1 characters and escapes such as \r\n and \x00.",
                given=text,
            ) from problem
        return self._send(port, data)

    def _slice(self, port: str, bytes_max: int) -> Result:
        for one in self._simulator.ports.named(port):
            one.slice(bytes_max, self._rng)
        return {}

    def _slow_reader(self, port: str, bytes_per_s: int) -> Result:
        now_ns = self._simulator.clock.monotonic_ns()
        for one in self._simulator.ports.named(port):
            one.pace(bytes_per_s, now_ns=now_ns)
        self._release()
        return {}

    def _release(self) -> None:
        """Deliver to slow readers, again and again while there are such ports."""
        now_ns = self._simulator.clock.monotonic_ns()
        slow = [port for port in self._simulator.ports if port.is_paced]
        for port in slow:
            for client in port.clients:
                client.delivery.release(now_ns=now_ns)
        if slow:
            self._simulator.agenda.set("slow readers", now_ns + RELEASE_NS, self._release)

    def _refuse(self, port: str, on: bool) -> Result:
        names = {one.name for one in self._simulator.ports.named(port)}
        self._refused = self._refused | names if on else self._refused - names
        self._refuse_or_mark()
        return {"refused": sorted(self._refused)}

    def _restart(self, down_s: float) -> Result:
        simulator = self._simulator
        until_ns = simulator.clock.monotonic_ns() + round(down_s * SECOND_NS)
        self._down_until_ns = max(until_ns, self._down_until_ns or 0)
        self._refuse_or_mark()
        clients = simulator.ports.clients()
        for client in clients:
            client.abort()
        simulator.begin_anew()
        simulator.agenda.set("restart", self._down_until_ns, self._come_up)
        return {"connections": len(clients), "down_s": down_s}

    def _come_up(self) -> None:
        self._down_until_ns = None
        if not self._simulator.is_started:
            self._refuse_or_mark()
        else:
            loop = asyncio.get_running_loop()
            self._reopening = loop.create_task(self._reopen(), name="simulator-restart")

    async def _reopen(self) -> None:
        try:
            await self.listen()
        except ConfigError as problem:
            self._simulator.fail(problem, "the restart")

    @property
    def _is_down(self) -> bool:
        return self._down_until_ns is not None

    @property
    def is_refusing(self) -> bool:
        """Whether any port refuses connections."""
        return self._is_down or bool(self._refused)

    def _refuse_or_mark(self) -> None:
        for port in self._simulator.ports:
            is_refused = self._is_down or port.name in self._refused
            if is_refused and port.is_listening:
                port.refuse()
            elif not port.is_listening:
                # Without sockets this mark is all there is to see.
                port.is_refused = is_refused

    async def stop_accepting(self, name: str, values: Mapping[str, Any]) -> None:
        """Prepare ports for a fault that closes them."""
        closed = {"restart": "all", "refuse": values["port"] if values.get("on") else None}
        if (port := closed.get(name)) is not None:
            for one in self._simulator.ports.named(port):
                await one.stop_accepting()

    async def listen(self) -> None:
        """Listen again where nothing forbids it.

        Raises:
            ConfigError: A port is taken.
        """
        async with self.listening:
            for port in self._simulator.ports:
                is_refused = self._is_down or port.name in self._refused
                if not is_refused and not port.is_listening:
                    await port.listen()

    async def drop_restarted(self) -> None:
        """Wait until those are gone who were cut by a restart."""
        for client in self._simulator.ports.clients():
            await client.closed.wait()

    def _duplicate_lines(self, share: float) -> Result:
        self._mangler.duplicate_share = share
        return self._mangle()

    def _swap_lines(self, share: float) -> Result:
        self._mangler.swap_share = share
        return self._mangle()

    def _cut_lines(self, share: float) -> Result:
        self._mangler.cut_share = share
        return self._mangle()

    def _mangle(self) -> Result:
        """Spoil Level 1's lines from now on, or no more."""
        spoil = self._mangler if self._mangler.is_needed else None
        self._simulator.ports["level1"].spoil(spoil)
        return {}

    def clear(self) -> None:
        """End everything that lasts; `listen` does the rest for ports that refuse."""
        now_ns = self._simulator.clock.monotonic_ns()
        for port in self._simulator.ports:
            port.slice(0, self._rng)
            port.pace(0, now_ns=now_ns)
            port.set_half_open(is_half_open=False)
        self._simulator.stall("all", is_stalled=False)
        self._mangler.rest()
        self._mangle()
        self._refused.clear()
        self._simulator.agenda.drop("restart")
        self._down_until_ns = None
        self._refuse_or_mark()

    async def stop(self) -> None:
        """Give up a restart that is under way."""
        if self._reopening is not None:
            self._reopening.cancel()
            await asyncio.gather(self._reopening, return_exceptions=True)
            self._reopening = None


def _noise(count: int, seed: int) -> bytes:
    """Random bytes, some of each troublesome kind among them however few they are."""
    noise = bytearray(random.Random(f"{seed}/garbage").randbytes(count))
    for place, byte in enumerate(b"\x00\n\xff\xc3\r\n"[: count // 2]):
        noise[place * 2] = byte
    return bytes(noise)
