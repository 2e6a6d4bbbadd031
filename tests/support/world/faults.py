"""Everything that can go wrong in a world, by name: what begins it and what ends it."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gateway.simulator.fields import PROTOCOLS
from tests.support.world.trade_check import Window

if TYPE_CHECKING:
    from tests.support.world.world import World

DATA_PORTS: Final = ("level1", "level2")
ALL_PORTS: Final = ("admin", "level1", "level2", "all")
BACKLOG_RATE: Final = 1500.0
"""Events a second that make more than one read of a backlog."""


@dataclass(slots=True)
class Fault:
    """One fault of one run."""

    name: str
    """Which one."""
    at_s: float
    """When it begins, seconds after the calm beginning."""
    length_s: float
    """How long it lasts; an instant's is 0."""
    params: dict[str, Any] = field(default_factory=dict)
    """What was drawn for it."""

    def __str__(self) -> str:
        drawn = " ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.name} {drawn} at {self.at_s:.3f} s for {self.length_s:.3f} s"


Begin = Callable[["World", dict[str, Any]], Callable[[], object] | None]
"""Begins a fault; what it returns ends it."""
Draw = Callable[[random.Random, list[str]], dict[str, Any]]


def _port(*ports: str) -> Draw:
    return lambda rng, _: {"port": rng.choice(ports)}


def _symbol(rng: random.Random, symbols: list[str]) -> dict[str, Any]:
    return {"symbol": rng.choice(symbols)}


def _nothing(*_: object) -> dict[str, Any]:
    return {}


def _at_once(verb: str, **fixed: Any) -> Begin:
    def begin(world: "World", params: dict[str, Any]) -> None:
        world.simulator.faults.apply(verb, **params, **fixed)

    return begin


def _lasting(verb: str) -> Begin:
    def begin(world: "World", params: dict[str, Any]) -> Callable[[], object]:
        apply = world.simulator.faults.apply
        apply(verb, **params, on=True)
        return lambda: apply(verb, **params, on=False)

    return begin


def _level(verb: str, name: str, rest: Any) -> Begin:
    def begin(world: "World", params: dict[str, Any]) -> Callable[[], object]:
        apply = world.simulator.faults.apply
        apply(verb, **params)
        return lambda: apply(verb, **(params | {name: rest}))

    return begin


def _ports_of(port: str) -> tuple[str, ...]:
    return ("admin", "level1", "level2") if port == "all" else (port,)


def _hold(verb: str, on: Callable[[dict[str, Any]], dict[str, Any]], off: dict[str, Any]) -> Begin:
    """A fault under which lines wait in the simulator: prints of it may be lost with them."""

    def begin(world: "World", params: dict[str, Any]) -> Callable[[], object]:
        ports = _ports_of(params["port"])
        for port in ports:
            world.rules.hold(port, now_ns=world.clock.now_ns)
        world.simulator.faults.apply(verb, **on(params))

        def end() -> None:
            world.simulator.faults.apply(verb, **(on(params) | off))
            for port in ports:
                world.rules.let_go(port)

        return end

    return begin


def _half_open(world: "World", params: dict[str, Any]) -> Callable[[], object]:
    """IQConnect plays dead, what it would have said is lost; such a connection never comes back."""
    world.simulator.faults.apply("half_open", **params, on=True)

    def end() -> None:
        world.simulator.faults.apply("reset", **params)
        world.simulator.faults.apply("half_open", **params, on=False)

    return end


def _dtn(world: "World", params: dict[str, Any]) -> Callable[[], object]:
    world.simulator.faults.apply("dtn", up=False, **params)
    return lambda: world.simulator.faults.apply("dtn", up=True)


def _login_replaced(world: "World", params: dict[str, Any]) -> Callable[[], object]:
    world.simulator.faults.apply("login_replaced", **params)
    return lambda: world.simulator.faults.apply("dtn", up=True)


def _halt(world: "World", params: dict[str, Any]) -> Callable[[], object]:
    world.simulator.faults.apply("halt", **params)
    return lambda: world.simulator.faults.apply("resume", **params)


def _spoil(verb: str, *, is_disordered: bool) -> Begin:
    """Lines are spoiled: what was printed meanwhile cannot be compared exactly."""

    def begin(world: "World", params: dict[str, Any]) -> Callable[[], object]:
        from_ns = world.clock.now_ns
        world.simulator.faults.apply(verb, **params)

        def end() -> None:
            world.simulator.faults.apply(verb, share=0.0)
            window = Window(None, from_ns, world.clock.now_ns, is_disordered)
            world.checks.trades.windows.append(window)

        return end

    return begin


def _net(act: str, undo: str | None = None) -> Begin:
    def begin(world: "World", params: dict[str, Any]) -> Callable[[], object] | None:
        wires = world.standing(params["port"])
        for wire in wires:
            getattr(wire, act)()
        if undo is None:
            return None
        back = undo
        return lambda: [getattr(wire, back)() for wire in wires]

    return begin


def _black(world: "World", params: dict[str, Any]) -> Callable[[], object]:
    """The network swallows everything: connections are cut, and new ones get no answer."""
    ports = set(_ports_of(params["port"]))
    world.is_black |= ports
    for wire in world.standing(params["port"]):
        wire.cut()

    def end() -> None:
        world.is_black -= ports

    return end


def _end_in_backlog(world: "World", params: dict[str, Any]) -> Callable[[], object]:
    """Much is held up, and with it comes the end of the connection."""
    wires = world.standing(params["port"])
    for wire in wires:
        wire.hold()
    factor = min(1000.0, BACKLOG_RATE / world.simulator.options.rate)
    world.simulator.faults.apply("burst", factor=factor, seconds=1.0)

    def end() -> None:
        world.simulator.faults.apply("close", port=params["port"])

        def release() -> None:
            for wire in wires:
                wire.release()

        # Behind the end itself, which is held up as well.
        world.clock.after(2 * world.rules.latency_ns / 1e9 + 0.001, release)

    return end


def _latency(world: "World", params: dict[str, Any]) -> Callable[[], object]:
    rules, before_ns = world.rules, world.rules.latency_ns
    rules.latency_ns = round(params["ms"] * 1_000_000)

    def end() -> None:
        rules.latency_ns = before_ns

    return end


def _pieces(world: "World", params: dict[str, Any]) -> Callable[[], object]:
    rules, before = world.rules, world.rules.cut_share
    rules.cut_share = params["share"]

    def end() -> None:
        rules.cut_share = before

    return end


def _renegotiate(verb: str, usual: Callable[[], dict[str, Any]]) -> Begin:
    """What a new connection agrees on is other for a while, and connections are made anew."""

    def begin(world: "World", params: dict[str, Any]) -> Callable[[], object]:
        apply = world.simulator.faults.apply
        apply(verb, **params)
        apply("reset", port="all")

        def end() -> None:
            apply(verb, **usual())
            apply("reset", port="all")

        return end

    return begin


def _suspend(world: "World", params: dict[str, Any]) -> None:
    world.suspend(params["seconds"])


def _step_wall(world: "World", params: dict[str, Any]) -> None:
    world.checks.states.is_wall_steady = False
    world.clock.step_wall(seconds=params["seconds"])


def _pause_consumer(world: "World", params: dict[str, Any]) -> Callable[[], object]:
    del params
    consumer = world.data.consumers[-1]
    consumer.pause()
    return consumer.resume


def _share(low: float, high: float) -> Draw:
    return lambda rng, _: {"share": round(rng.uniform(low, high), 3)}


def _revive(rng: random.Random, symbols: list[str]) -> dict[str, Any]:
    return _symbol(rng, symbols) | {"revive": rng.choice(["refresh", "watch", "deaf"])}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault."""

    begin: Begin
    draw: Draw = _nothing
    length_s: tuple[float, float] = (0.0, 0.0)
    """Shortest and longest."""
    hides_truth: bool = False
    """Whether values may be wrong behind it until the vendor sends the next update."""
    is_garbling: bool = False
    """Whether it makes lines that cannot be read; without one there is none."""
    grace_s: float = 0.0
    """How much longer recovery may take, being asked for in waits that grow."""


SHORT: Final = (0.2, 6.0)
KINDS: Final[dict[str, Kind]] = {
    "close": Kind(_at_once("close"), _port(*ALL_PORTS)),
    "reset": Kind(_at_once("reset"), _port(*ALL_PORTS)),
    "close_mid_line": Kind(
        _at_once("close_mid_line"),
        lambda rng, _: {"port": rng.choice(ALL_PORTS), "rst": rng.random() < 0.5},
    ),
    "refuse": Kind(_lasting("refuse"), _port(*ALL_PORTS), SHORT),
    "half_open": Kind(_half_open, _port(*ALL_PORTS), SHORT),
    "stall": Kind(
        _hold("stall", lambda p: p | {"on": True}, {"on": False}), _port(*ALL_PORTS), SHORT
    ),
    "dtn": Kind(_dtn, _nothing, SHORT),
    "restart": Kind(
        _at_once("restart"), lambda rng, _: {"down_s": round(rng.uniform(0.1, 4.0), 2)}, (4.0, 4.0)
    ),
    "silent_symbol": Kind(
        _lasting("silent_symbol"), _revive, SHORT, hides_truth=True, grace_s=40.0
    ),
    "silent_depth": Kind(_lasting("silent_depth"), _symbol, SHORT, hides_truth=True),
    "reset_depth": Kind(_at_once("reset_depth"), _symbol),
    "garbage": Kind(
        _at_once("garbage"),
        lambda rng, _: {
            "port": rng.choice(ALL_PORTS),
            "bytes": rng.randint(1, 3000),
            "seed": rng.randint(0, 1 << 32),
        },
        is_garbling=True,
    ),
    "oversized_line": Kind(
        _at_once("oversized_line"),
        lambda rng, _: {"port": rng.choice(ALL_PORTS), "bytes": rng.randint(1000, 200_000)},
        is_garbling=True,
    ),
    "slice": Kind(
        _level("slice", "bytes_max", 0),
        lambda rng, _: {"port": rng.choice(ALL_PORTS), "bytes_max": rng.randint(40, 400)},
        (0.2, 2.0),
    ),
    "unknown_letters": Kind(_at_once("unknown_letters"), _port(*ALL_PORTS), is_garbling=True),
    "extra_columns": Kind(
        _level("extra_columns", "count", 0), lambda rng, _: {"count": rng.randint(1, 5)}, SHORT
    ),
    "login_replaced": Kind(_login_replaced, _nothing, SHORT),
    "clock_skew": Kind(
        _level("clock_skew", "seconds", 0),
        lambda rng, _: {"seconds": round(rng.uniform(-5, 5), 2)},
        SHORT,
        hides_truth=True,
    ),
    "stale_p": Kind(_lasting("stale_p"), _nothing, SHORT, hides_truth=True),
    "burst": Kind(
        _at_once("burst"),
        lambda rng, _: {"factor": rng.uniform(5, 30), "seconds": round(rng.uniform(0.2, 1.0), 2)},
        (1.0, 1.0),
    ),
    "slow_reader": Kind(
        _hold("slow_reader", lambda p: p, {"bytes_per_s": 0}),
        lambda rng, _: {"port": rng.choice(DATA_PORTS), "bytes_per_s": rng.randint(300, 20_000)},
        SHORT,
    ),
    "halt": Kind(_halt, _symbol, SHORT),
    "duplicate_lines": Kind(
        _spoil("duplicate_lines", is_disordered=True), _share(0.05, 0.5), SHORT, hides_truth=True
    ),
    "swap_lines": Kind(
        _spoil("swap_lines", is_disordered=True), _share(0.05, 0.5), SHORT, hides_truth=True
    ),
    "cut_lines": Kind(
        _spoil("cut_lines", is_disordered=False),
        _share(0.05, 0.3),
        SHORT,
        hides_truth=True,
        is_garbling=True,
    ),
    "delayed": Kind(_lasting("delayed"), _nothing, SHORT, hides_truth=True),
    "protocols": Kind(
        _renegotiate("protocols", lambda: {"versions": list(PROTOCOLS)}),
        lambda rng, _: {"versions": [rng.choice(["6.1", "6.0", "5.2"])]},
        SHORT,
    ),
    "fields": Kind(
        _renegotiate("fields", lambda: {"refused": []}),
        lambda rng, _: {"refused": [rng.choice(["VWAP", "Open Interest", "Settle", "Bid Time"])]},
        SHORT,
    ),
    "net_reset": Kind(_net("reset"), _port(*ALL_PORTS)),
    "net_cut": Kind(_net("cut"), _port(*ALL_PORTS), SHORT),
    "net_hold": Kind(_net("hold", "release"), _port(*ALL_PORTS), SHORT),
    "net_black": Kind(_black, _port(*ALL_PORTS), SHORT),
    "net_end_in_backlog": Kind(_end_in_backlog, _port(*DATA_PORTS), (0.3, 2.0)),
    "net_latency": Kind(_latency, lambda rng, _: {"ms": round(rng.uniform(1, 300), 1)}, SHORT),
    "net_pieces": Kind(_pieces, _share(0.2, 1.0), (0.2, 2.0)),
    "suspend": Kind(
        _suspend, lambda rng, _: {"seconds": round(rng.uniform(0.3, 6.0), 2)}, (6.0, 6.0)
    ),
    "step_wall": Kind(
        _step_wall, lambda rng, _: {"seconds": rng.choice([-3600.0, 86_400.0, 1.5, -0.7])}
    ),
    "pause_consumer": Kind(_pause_consumer, _nothing, SHORT),
}
"""Every kind of fault by its name."""


def draw_faults(rng: random.Random, symbols: list[str], names: list[str]) -> list[Fault]:
    """Draw a few faults that may overlap."""
    faults = []
    for _ in range(rng.choice([1, 1, 2, 2, 2, 3, 3, 4, 4, 8])):
        name = rng.choice(names)
        kind = KINDS[name]
        length_s = round(rng.uniform(*kind.length_s), 3)
        faults.append(
            Fault(name, round(rng.uniform(0.0, 4.0), 3), length_s, kind.draw(rng, symbols))
        )
    return faults


def begin(world: "World", fault: Fault) -> None:
    """Begin a fault now and let it end in its time."""
    world.note(f"FAULT {fault}")
    end = KINDS[fault.name].begin(world, fault.params)
    if end is not None:

        def finish() -> None:
            world.note(f"END {fault.name}")
            end()

        world.clock.after(fault.length_s, finish)
