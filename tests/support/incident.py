"""One fault from its beginning to its end, as consumers see it, with its figures."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Final

from gateway.simulator import Simulator
from tests.support import fault_table
from tests.support.consumer import STALE, Consumer, Message
from tests.support.slack import SLACK
from tests.support.stage import Stage

KINDS: Final = ("quote", "trade", "summary", "state")
DETECT_S_MAX: Final = 3.0 * SLACK
"""From the last sign of life to the first consumer that is told."""
RECOVER_S_MAX: Final = 2.0 * SLACK
"""From the end of the fault to the last symbol that is live."""
IN_FLIGHT_S: Final = 0.25
"""What was sent so shortly before a connection was reset may not have arrived."""
QUIET_S: Final = 0.6
"""Long enough for everything that was sent to have been received."""
TradeKey = tuple[str, int, str]


def equities(simulator: Simulator, count: int) -> list[str]:
    """Symbols of the seeded market that trade."""
    instruments = simulator._source.market.instruments.values()  # type: ignore[union-attr]
    return [i.symbol for i in instruments if i.weight and i.security_type == 1][:count]


class Incident:
    """Follows symbols through a fault.

    Args:
        stage: With a simulator that records its trades, and a gateway.
        symbols: What to follow; all of them are live when this returns.
    """

    def __init__(self, stage: Stage, symbols: Iterable[str]) -> None:
        self.stage = stage
        self.symbols = list(symbols)
        self.states = {f"state,{symbol}," for symbol in self.symbols}
        topics = [f"{kind},{symbol}," for symbol in self.symbols for kind in KINDS]
        self.consumer: Consumer = stage.consumer("sys,feed,", *topics)
        self.consumer.wait_for_all(
            {f"summary,{symbol}," for symbol in self.symbols},
            lambda _: True,
            what="summaries",
            seconds=10.0,
        )
        self._listening_ns = time.monotonic_ns()
        self.struck_s = self.ended_s = self.live_s = 0.0
        self.detect_s: float | None = None
        self.recover_s: float | None = None
        self.cause = ""

    def strike(self, name: str, **params: object) -> None:
        """Let the simulator fail in a way that ends the link's use."""
        self.struck_s = time.monotonic()
        self.act(name, **params)

    def act(self, name: str, **params: object) -> dict[str, object]:
        """Let the simulator do something."""
        return self.stage.run(self.stage.simulator.faults.act(name, **params))

    def end(self, name: str = "", **params: object) -> None:
        """End the fault; without a name it ends by itself, now."""
        self.ended_s = time.monotonic()
        if name:
            self.act(name, **params)

    def await_stale(self, *causes: str, seconds: float = DETECT_S_MAX) -> list[Message]:
        """Wait until every symbol is stale for one of some causes."""
        stale = self.consumer.wait_for_all(
            self.states,
            lambda m: m.values[0] == "stale" and m.values[1] in causes,
            what=f"stale with {causes}",
            seconds=max(0.1, self.struck_s + seconds - time.monotonic()),
        )
        self.detect_s = stale[-1].at_s - self.struck_s
        self.cause = "/".join(dict.fromkeys(str(m.values[1]) for m in stale))
        return stale

    def await_live(self, *, seconds: float = RECOVER_S_MAX) -> None:
        """Wait until every symbol is live again."""
        live = self.consumer.wait_for_all(
            self.states,
            lambda m: m.values[:2] == ["live", None] and m.at_s > self.struck_s,
            what="live again",
            seconds=max(0.1, self.ended_s + seconds - time.monotonic()),
        )
        self.live_s = max(m.at_s for m in live)
        self.recover_s = self.live_s - self.ended_s

    def assert_nothing_stale_looked_fresh(self, stale: Iterable[Message]) -> None:
        """While a symbol was stale, no quote, summary or trade of it looked fresh."""
        since = {m.symbol: m.at_s for m in stale}
        until: dict[str, float] = {}
        for message in self.consumer.messages:
            begin = since.get(message.symbol)
            if begin is None or message.at_s < begin:
                continue
            if message.kind == "state" and message.values[0] == "live":
                until.setdefault(message.symbol, message.at_s)
            elif message.symbol not in until and message.kind in ("quote", "summary", "trade"):
                assert message.flags & STALE, message

    def finish(self) -> tuple[int, int]:
        """Let the market rest, and compare the trades sent with those received.

        Returns:
            How many that were sent while the link was up are missing, and how many came twice.
        """
        self.stage.call(self.stage.simulator.hold_market, True)
        list(self.consumer.stream(QUIET_S))
        seen = Counter(
            (m.symbol, m.values[2], str(m.values[3]))
            for m in self.consumer.messages
            if m.kind == "trade"
        )
        sent: dict[TradeKey, int] = {
            (t.symbol, int(t.tick_id), t.market_center): t.sent_ns
            for t in self.stage.simulator.expected_trades
            if t.symbol in self.symbols
        }
        assert seen.keys() <= sent.keys(), "a trade that was never sent"
        lost = [key for key, ns in sent.items() if key not in seen and self._was_up(ns)]
        assert self.stage.gateway.failure is None
        counters = self.stage.gateway._feed._parts.counters.as_map()
        assert counters["processing_faults"] == 0
        self.consumer.history.check()
        return len(lost), sum(count - 1 for count in seen.values())

    def _was_up(self, sent_ns: int) -> bool:
        """Whether the link was up when something was sent, for long enough to deliver it."""
        sent_s = sent_ns / 1e9
        is_before = self._listening_ns / 1e9 < sent_s < self.struck_s - IN_FLIGHT_S
        return is_before or (self.live_s > 0 and sent_s > self.live_s)

    def note(self, number: int, fault: str, *, more: str = "") -> None:
        """Check what holds for every fault, and put its figures into the table."""
        lost, repeated = self.finish()
        fault_table.note(
            number,
            fault,
            detect_s=self.detect_s,
            recover_s=self.recover_s,
            lost=lost,
            repeated=repeated,
            cause=self.cause,
            more=more,
        )
        assert (lost, repeated) == (0, 0)
