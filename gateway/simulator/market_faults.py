"""Faults of the data: symbols that fall silent, and lines that say something else."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from gateway.errors import ConfigError
from gateway.simulator.level1 import Level1Connection
from gateway.simulator.market import Market
from gateway.simulator.market_pump import MarketPump, MarketSource
from gateway.simulator.stale import StaleColumns
from gateway.simulator.watching import Revival

if TYPE_CHECKING:
    from gateway.simulator.simulator import Simulator

SECOND_NS: Final = 1_000_000_000
SECOND_US: Final = 1_000_000
Result = dict[str, object]


class MarketFaults:
    """What can happen to symbols and their lines.

    Args:
        simulator: Whose symbols.
    """

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator
        self._silent_depths: set[str] = set()
        self.actions: dict[str, Callable[..., Result]] = {
            "silent_symbol": self._silent_symbol,
            "silent_depth": self._silent_depth,
            "reset_depth": self._reset_depth,
            "extra_columns": self._extra_columns,
            "stale_p": self._stale_p,
            "delayed": self._delayed,
            "clock_skew": self._clock_skew,
            "burst": self._burst,
            "halt": self._halt,
            "resume": self._resume,
        }

    def _level1(self) -> list[Level1Connection]:
        clients = self._simulator.ports.clients("level1")
        return [client for client in clients if isinstance(client, Level1Connection)]

    def _silent_symbol(self, symbol: str, on: bool, revive: str) -> Result:
        if on:
            way = Revival(revive)
            count = sum(client.silence(symbol, way) for client in self._level1())
            hint = "no connection watches this symbol now: check its spelling, or watch it first"
        else:
            count = sum(client.end_silence(symbol) for client in self._level1())
            hint = "this symbol was silent on no connection: check its spelling"
        return {"sockets": count} if count else {"sockets": 0, "hint": hint}

    def _silent_depth(self, symbol: str, on: bool) -> Result:
        self._require_depth(symbol)
        self._simulator.set_depth_silent(symbol, on)
        if on:
            self._silent_depths.add(symbol)
        else:
            self._silent_depths.discard(symbol)
        return {}

    def _reset_depth(self, symbol: str) -> Result:
        self._require_depth(symbol)
        self._simulator.reset_depth(symbol)
        return {}

    def _require_depth(self, symbol: str) -> None:
        if self._simulator.depth.find(symbol) is None:
            raise ConfigError(
                "this symbol has no depth", hint="Name an equity or a future.", symbol=symbol
            )

    def _extra_columns(self, count: int) -> Result:
        more = "".join(f"{place}," for place in range(1, count + 1))
        self._simulator.hub.line_end = f"{more}\r\n"
        return {}

    def _stale_p(self, on: bool) -> Result:
        hub = self._simulator.hub
        hub.stale_columns = StaleColumns(hub.source.clock_second) if on else None
        return {}

    def _pump(self) -> MarketPump:
        pump = self._simulator.pump
        if not isinstance(pump, MarketPump):
            raise ConfigError(
                "a tape is replayed as it is",
                hint="This fault needs the seeded market: leave the tape out.",
                tape=self._simulator.options.tape,
            )
        return pump

    def _market_with(self, symbol: str) -> Market:
        self._pump()
        source = self._simulator.hub.source
        if not isinstance(source, MarketSource) or source.state(symbol) is None:
            raise ConfigError(
                "unknown symbol", hint="Name one of the seeded market.", symbol=symbol
            )
        return source.market

    def _delayed(self, on: bool) -> Result:
        pump, status = self._pump(), self._simulator.status
        if on != status.is_delayed:
            status.is_delayed = on
            pump.set_delayed(is_delayed=on)
            for client in self._level1():
                client.tell_account()
        return {}

    def _clock_skew(self, seconds: float) -> Result:
        self._pump().skew(round(seconds * SECOND_US))
        return {}

    def _burst(self, factor: float, seconds: float) -> Result:
        self._pump().extra_factor = factor
        due_ns = self._simulator.clock.monotonic_ns() + round(seconds * SECOND_NS)
        self._simulator.agenda.set("end of burst", due_ns, self._end_burst)
        return {}

    def _end_burst(self) -> None:
        self._simulator.agenda.drop("end of burst")
        self._pump().extra_factor = 1.0

    def _halt(self, symbol: str) -> Result:
        market = self._market_with(symbol)
        if symbol not in market.halted:
            self._simulator.hub.publish([market.halt(symbol)])
        return {"halted": market.halted}

    def _resume(self, symbol: str) -> Result:
        market = self._market_with(symbol)
        if symbol in market.halted:
            self._simulator.hub.publish([market.resume(symbol)])
        return {"halted": market.halted}

    def clear(self) -> None:
        """End everything that lasts."""
        for client in self._level1():
            for symbol in client.silent_symbols:
                client.end_silence(symbol)
        for symbol in sorted(self._silent_depths):
            self._silent_depth(symbol, on=False)
        self._extra_columns(0)
        self._stale_p(on=False)
        source = self._simulator.hub.source
        if isinstance(source, MarketSource):
            self._end_burst()
            self._clock_skew(0)
            self._delayed(on=self._simulator.options.is_delayed)
            for symbol in source.market.halted:
                self._resume(symbol)
