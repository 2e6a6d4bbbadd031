"""Random worlds with random troubles, after which everything must be well again."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.simulator.market_pump import MarketSource
from tests.support.world.clock import SECOND_NS
from tests.support.world.faults import KINDS, Fault, begin, draw_faults
from tests.support.world.truth import Truth
from tests.support.world.world import World, WorldOptions

SYMBOLS: Final = ("AAPL", "MSFT", "@ESZ26", "TSLA", "QCL#", "EURUSD.FXCM", "QNG#", "@YMZ26")
CALM_S: Final = 1.2
CONVERGED_S_MAX: Final = 2.0
"""How long after everything works again the last symbol may be live."""
CONNECTED_S_MAX: Final = 8.0
"""How long connections may wait for their next attempt: timeout, breaker, handshake."""
AWAY_S_MAX: Final = 5.0
"""How much longer after DTN was away: the admin port's word is needed, and it may be dead too."""
STEP_S: Final = 0.1
QUIET_S: Final = 0.7
COMPARISONS: Final = 3
SILENCING: Final = frozenset(
    {
        "silent_symbol", "stale_p", "delayed", "clock_skew", "duplicate_lines", "swap_lines",
        "cut_lines", "stall", "slow_reader", "half_open", "net_hold", "net_cut", "net_black",
        "net_latency", "net_end_in_backlog", "suspend",
    }
)  # fmt: skip
"""Faults under which a symbol may rightly be taken for silent."""
HALF: Final = 0.5
LOGIN_SHARE: Final = 0.15
LOGIN_S_MAX: Final = 62.0
"""How long a login may wait: there are two in a minute at most."""
QUESTIONS: Final = 12
QUESTIONS_MAX: Final = 100
ASKED: Final = ("quote", "summary", "trade", "state")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What one seed means."""

    options: WorldOptions
    symbols: tuple[str, ...]
    """Wanted all the time."""
    deep: tuple[str, ...]
    """Those of them whose books are wanted too."""
    passing: str
    """A symbol that is wanted for a while only."""
    faults: tuple[Fault, ...]

    @property
    def end_s(self) -> float:
        """When the last fault is over, seconds after the calm."""
        return max((f.at_s + f.length_s for f in self.faults), default=0.0)


def draw(seed: int, *, names: Sequence[str] = tuple(KINDS)) -> Scenario:
    """Draw a world and its troubles.

    Args:
        seed: Decides everything.
        names: Kinds of faults to draw from.
    """
    rng = random.Random(f"{seed}/scenario")
    symbols = rng.sample(SYMBOLS, rng.randint(1, 5))
    deep = [s for s in symbols if not s.startswith("EUR") and rng.random() < 0.5]
    passing = rng.choice(["NVDA", "META", "SPY"])
    # Swarm style: each run knows some kinds of faults only, so that rare ones meet often.
    some = rng.sample(list(names), min(len(names), rng.randint(1, 8)))
    faults = draw_faults(
        rng, deep or ["AAPL"], [n for n in some if deep or "depth" not in n] or some
    )
    for fault in faults:
        if fault.name in ("silent_symbol", "halt"):
            fault.params["symbol"] = rng.choice(symbols)
    credentials = ("user", "secret") if rng.random() < LOGIN_SHARE else None
    options = WorldOptions(
        seed=seed,
        credentials=credentials,
        level1_count=rng.choice([1, 1, 2, 3, 4]),
        level2_count=rng.choice([1, 1, 2]) if deep else 1,
        latency_ms=rng.choice([0.0, 0.2, 1.0, 5.0, 20.0]),
        cut_share=rng.choice([0.0, 0.0, 0.05, 0.3]),
        simulator={
            "rate": rng.choice([1.0, 5.0, 10.0, 30.0]),
            "trade_share": rng.choice([0.1, 0.3, 0.7]),
            "depth_rate": rng.choice([0.0, 5.0]),
            "batch_ms": rng.choice([50.0, 100.0, 200.0]),
            "late_update_share": rng.choice([0.0, 1.0]),
            "clears_depth_at_reconnect": rng.random() < 0.7,
            "is_fieldset_acknowledged_first": rng.random() < 0.2,
            "has_fieldnames_comma": rng.random() < 0.2,
            "news_interval_s": rng.choice([0, 1]),
            "credentials": credentials,
        },
        settings={
            "summary": {"interval_ms": rng.choice([0, 50, 250])},
            "book": {"interval_ms": rng.choice([1, 50, 200])},
            "upstream": {"read_bytes_max": rng.choice([4096, 262_144])},
            "connection": {"message_queue_size": rng.choice([1_000, 50_000])},
            "data": {"watch_linger_s": rng.choice([0, 1, 60])},
            "iqconnect": {"is_news_wanted": rng.random() < 0.5},
        },
    )
    return Scenario(options, tuple(symbols), tuple(deep), passing, tuple(faults))


class Run:
    """One scenario in its world.

    Args:
        scenario: As drawn.
        is_traced: Whether to keep the timeline.
    """

    def __init__(self, scenario: Scenario, *, is_traced: bool = False) -> None:
        self.scenario: Final = scenario
        self.world: Final = World(scenario.options)
        if is_traced:
            self.world.trace = []
        self.recovered_s = 0.0
        """How long it took until all was well again."""

    def run(self) -> list[str]:
        """Run it to its end.

        Returns:
            What did not hold.
        """
        world, scenario = self.world, self.scenario
        with world:
            try:
                self._begin()
                for fault in scenario.faults:
                    world.clock.after(fault.at_s, lambda fault=fault: begin(world, fault))  # type: ignore[misc]
                world.run(scenario.end_s + 0.001)
                self._converge()
                self._compare()
            except Exception as error:
                # Whatever it is, it belongs to the seed.
                world.checks.fail(f"{type(error).__name__}: {error}")
                if world.trace is not None:
                    raise
            return world.checks.violations

    def _begin(self) -> None:
        world, scenario = self.world, self.scenario
        world.consumer("")
        world.consumer("state,", "quote,", "sys,")
        world.consumer("quote,", "trade,", "book,", queue_max=40)
        world.checks.trades.symbols.update(scenario.symbols)
        shallow = [s for s in scenario.symbols if s not in scenario.deep]
        if shallow:
            world.lease(shallow, world.rng.choice([["l1"], ["l1", "regional", "correction"]]))
        if scenario.deep:
            world.lease([*scenario.deep], ["l1", "l2"])
        world.run(CALM_S)
        self._pass_by()
        self._ask_now_and_then()

    def _ask_now_and_then(self) -> None:
        """Somebody asks for snapshots all the time, in the middle of every trouble too."""
        world, symbols = self.world, self.scenario.symbols
        asker = world.consumer()
        world.data.consumers.insert(0, world.data.consumers.pop())

        numbers = iter(range(QUESTIONS_MAX))

        def ask(topic: str) -> None:
            number = next(numbers, None)
            if number is not None:
                world.data.subscribe(asker, f"~{number:020d}.{topic}")

        def ask_anything() -> None:
            ask(f"{world.rng.choice(ASKED)},{world.rng.choice(symbols)},")

        for _ in range(QUESTIONS):
            world.clock.after(world.rng.uniform(0.0, self.scenario.end_s + 2.0), ask_anything)
        # The moments at which a symbol moves are the shortest ones.
        world.checks.states.on_move = lambda symbol: ask(f"quote,{symbol},")

    def _pass_by(self) -> None:
        """A consumer comes for one more symbol, joins with a snapshot, and leaves again."""
        world, passing = self.world, self.scenario.passing
        consumer = world.consumer()
        # It is told apart from those who stay, who are named by their order.
        world.data.consumers.insert(0, world.data.consumers.pop())
        joined = f"quote,{self.scenario.symbols[0]},"
        for topic in (f"quote,{passing},", joined, f"~{'a' * 20}.{joined}"):
            world.data.subscribe(consumer, topic)
        if self.scenario.deep:
            world.data.subscribe(consumer, f"book@100x3,{self.scenario.deep[0]},")
        world.clock.after(world.rng.uniform(0.5, 5.0), lambda: world.data.leave(consumer))
        # A program that leases the same symbol, and one that stays, for a while only.
        both = [passing, self.scenario.symbols[-1]]
        held = world.lease(both, ["l1", "order"], lease_s=10)

        def give_back() -> None:
            if held.is_done and held.result is not None and world.rng.random() < HALF:
                world.release(held.result["lease_id"])

        world.clock.after(world.rng.uniform(0.0, 6.0), give_back)

    def _converge(self) -> None:
        """All faults are over: wait until all is well, and no longer than allowed."""
        world = self.world
        world.note("FAULTS ARE OVER")
        if any(KINDS[f.name].hides_truth for f in self.scenario.faults):
            self._nudge()
        over_ns = world.clock.now_ns
        connected_s_max = CONNECTED_S_MAX + 2 * self._latency_s
        if self.scenario.options.credentials is not None:
            connected_s_max += LOGIN_S_MAX
        if any(f.name in ("dtn", "login_replaced") for f in self.scenario.faults):
            connected_s_max += AWAY_S_MAX
        grace_s = max((KINDS[f.name].grace_s for f in self.scenario.faults), default=0.0)
        whole_ns: int | None = None
        while True:
            now_ns = world.clock.now_ns
            if self._is_connected():
                whole_ns = now_ns if whole_ns is None else whole_ns
            elif (now_ns - over_ns) / SECOND_NS > connected_s_max:
                world.checks.fail(f"not connected {connected_s_max:.1f} s after the last fault")
                return
            else:
                whole_ns = None
            missing = self._not_live()
            if whole_ns is not None and not missing:
                self.recovered_s = (now_ns - over_ns) / SECOND_NS
                return
            if whole_ns is not None:
                allowed_s = CONVERGED_S_MAX + 4 * self._latency_s + grace_s
                if (now_ns - whole_ns) / SECOND_NS > allowed_s:
                    world.checks.fail(f"not live {allowed_s:.1f} s after all works: {missing}")
                    return
            world.run(STEP_S)

    @property
    def _latency_s(self) -> float:
        return self.scenario.options.latency_ms / 1000

    @property
    def _is_spoiled(self) -> bool:
        """Whether the print that ends a halt may have been lost."""
        return any(fault.name.endswith("_lines") for fault in self.scenario.faults)

    def _is_connected(self) -> bool:
        world = self.world
        wanted = {"level1": self.scenario.options.level1_count, "admin": 1}
        if self.scenario.deep:
            wanted["level2"] = self.scenario.options.level2_count
        if not world.simulator.status.is_connected:
            return False
        for port, count in wanted.items():
            standing = world.standing(port)
            if len(standing) != count or any(w.is_cut or not w.connection for w in standing):
                return False
        return all(link.link.value == "streaming" for link in self._used_links())

    def _used_links(self) -> list[Any]:
        parts = self.world.gateway.parts
        return [*parts.level1.links, *(parts.level2.links if self.scenario.deep else ())]

    def _not_live(self) -> list[str]:
        world, missing = self.world, []
        for symbol in self.scenario.symbols:
            state = world.checks.states.states.get(symbol)
            is_halt_unknown = self._is_spoiled and state == ("live", "halted")
            if state != ("live", None) and not is_halt_unknown:
                missing.append(f"{symbol} {state}")
        for symbol in self.scenario.deep:
            body = world.checks.last.get(f"state,{symbol},")
            details = body[9] if body is not None else {}
            if isinstance(details, dict) and details.get("level2") not in ("live",):
                missing.append(f"{symbol} {details}")
        return missing

    def _nudge(self) -> None:
        """Let the vendor send one more update of every symbol."""
        world = self.world
        source = world.simulator.hub.source
        assert isinstance(source, MarketSource)
        for symbol in self.scenario.symbols:
            state = source.state(symbol)
            if state is None or not world.simulator.hub.watches_of(symbol):
                continue
            flags = source.late_quote(symbol)
            if flags:
                world.simulator.hub.publish([(state, flags)])
        world.simulator.flush()

    def _compare(self) -> None:
        """Hold the market and compare everything with the truth."""
        world, scenario = self.world, self.scenario
        if world.checks.violations:
            return
        is_whole = not any(KINDS[f.name].hides_truth for f in scenario.faults)
        if not is_whole:
            world.run(QUIET_S)
            self._nudge()
        world.simulator.hold_market(True)
        world.run(QUIET_S + 4 * self._latency_s)
        truth, found = Truth(world, scenario.symbols, scenario.deep, is_whole=is_whole), [""]
        for _ in range(COMPARISONS):
            # One more update may come behind the end of a watch, and be on its way just now.
            found = truth.differences()
            if not found:
                break
            world.run(QUIET_S)
        for text in found:
            world.checks.fail(text)
        if not any(KINDS[f.name].is_garbling for f in scenario.faults):
            world.checks.check_nothing_was_unreadable()
        if not any(f.name in SILENCING for f in scenario.faults):
            world.checks.check_no_symbol_was_doubted()
        for consumer in world.data.consumers:
            consumer.resume()
        world.checks.finish()
