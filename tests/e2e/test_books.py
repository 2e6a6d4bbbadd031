"""The simulator's true book = the gateway's book = a client's mirror, over real sockets.

The market is held at random instants, in calm and in every kind of trouble, and all three are
compared row by row. `BOOK_MESSAGES` sets how many Level 2 messages must have come; a million takes
some minutes.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from gateway_client import Book, BookMirror, Depth, GatewayClient, Image, Order, SequenceGap

from gateway.simulator import SimulatorOptions
from tests.support.processes import GatewayProcess
from tests.support.stage import Stage, open_stage

pytestmark = pytest.mark.slow
MESSAGES: Final = int(os.environ.get("BOOK_MESSAGES", "60000"))
SEED: Final = int(os.environ.get("BOOK_SEED", "20261124"))
INSTANTS: Final = max(12, MESSAGES // 25_000)
ORDERS: Final = ("@ES#", "@NQ#", "QCL#")
LEVELS: Final = ("@ES#", "QNG#")
MAKERS: Final = ("AAPL", "MSFT", "NVDA")
EQUAL_S_MAX: Final = 15.0
LEVELS_SHOWN: Final = 10

Row = tuple[object, ...]


class Follower:
    """A client that mirrors every book and remembers the last conflated one."""

    def __init__(self, process: GatewayProcess) -> None:
        self.client = GatewayClient(process.data, process.control, client_name="follower")
        assert self.client.connect()
        self.mirrors = {("order", symbol): BookMirror("order", symbol) for symbol in ORDERS}
        self.mirrors |= {("order", symbol): BookMirror("order", symbol) for symbol in MAKERS}
        self.mirrors |= {("depth", symbol): BookMirror("depth", symbol) for symbol in LEVELS}
        self.books: dict[str, Book] = {}
        self.count = 0
        """Rows received."""
        for kind, symbols in (("order", ORDERS + MAKERS), ("depth", LEVELS)):
            self.client.subscribe_symbols(symbols, [kind, "state"])
        self.client.subscribe_symbols(ORDERS + MAKERS + LEVELS, ["book"])

    def read(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> None:
        """Take what comes for a while."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0 and not until():
            item = self.client.next_message(timeout_s=left_s)
            if isinstance(item, Book):
                self.books[item.symbol] = item
            if isinstance(item, Order | Depth | Image):
                self.count += 1
            for mirror in self.mirrors.values():
                try:
                    mirror.apply(item)
                except SequenceGap as gap:
                    raise AssertionError(f"the client passed a hole on: {gap}") from gap

    def read_until(self, count: int) -> None:
        """Take what comes until so many rows have come."""
        self.read(300.0, until=lambda: self.count >= count)


def rows_of(mirror: BookMirror) -> list[Row]:
    """A mirror's rows, as far as the truth knows them."""
    rows = [tuple(row) for row in mirror.rows()]
    if mirror.kind == "depth":
        return [row[1:4] for row in rows]
    return [row[1:7] for row in rows]


def truth_of(stage: Stage, kind: str, symbol: str) -> list[Row]:
    """The simulator's own rows, in the contract's values and order."""
    simulator = stage.simulator
    if kind == "depth":
        bids, asks = stage.call(simulator.true_levels, symbol)
        return [
            *[("B", float(price), size) for price, size, _ in bids],
            *[("A", float(price), size) for price, size, _ in asks],
        ]
    if symbol in MAKERS:
        rows = stage.call(simulator.true_makers, symbol)
        return sorted_rows(
            [(r.side, None, r.market_maker, float(r.price), r.size, None) for r in rows]
        )
    orders = stage.call(simulator.true_orders, symbol)
    return [(r.side, r.order_id, None, float(r.price), r.size, r.priority) for r in orders]


def sorted_rows(rows: list[tuple[str, None, str, float, int, None]]) -> list[Row]:
    """Market makers' rows, bids best first, then asks, names in order at equal prices."""
    bids = sorted((r for r in rows if r[0] == "B"), key=lambda r: (-r[3], r[2]))
    asks = sorted((r for r in rows if r[0] == "A"), key=lambda r: (r[3], r[2]))
    return [*bids, *asks]


def top_of(rows: list[Row], side: str) -> list[tuple[object, int]]:
    """The best levels of a side, added up from rows that are best first."""
    sums: dict[object, int] = {}
    for row in rows:
        price, size = (row[1], row[2]) if len(row) == 3 else (row[3], row[4])
        if row[0] == side:
            sums[price] = sums.get(price, 0) + int(str(size))
    return list(sums.items())[:LEVELS_SHOWN]


def differences(stage: Stage, follower: Follower, process: GatewayProcess) -> list[str]:
    """What is not equal at this moment; nothing when all is."""
    found: list[str] = []
    topics = [f"{kind},{symbol}," for kind, symbol in follower.mirrors]
    with process.requester() as requester:
        images = {e["topic"]: e["body"] for e in requester.result("snapshot", topics=topics)}
    for (kind, symbol), mirror in follower.mirrors.items():
        truth = truth_of(stage, kind, symbol)
        image: Any = images[mirror.topic]
        if not mirror.is_current or mirror.is_stale:
            found.append(f"{mirror.topic} mirror: {mirror.reason} stale {mirror.is_stale}")
        if rows_of(mirror) != truth:
            found.append(f"{mirror.topic} mirror has other rows than the market")
        if image[0] != 13 or [row[1:] for row in image[6]] != [list(r[1:]) for r in mirror.rows()]:
            found.append(f"{mirror.topic} gateway's image has other rows than the mirror")
        if symbol not in MAKERS + ORDERS or kind == "order":
            book = follower.books.get(symbol)
            for side, levels in (("B", book and book.bids), ("A", book and book.asks)):
                shown = [(level.price, level.size) for level in levels or ()]
                if shown != top_of(truth, side):
                    found.append(f"book,{symbol}, side {side} is not the best of the market")
    return found


def assert_all_equal(stage: Stage, follower: Follower, process: GatewayProcess) -> None:
    """Hold the market, and see all three agree once what is on the way has arrived."""
    stage.call(stage.simulator.hold_market, True)
    end_s = time.monotonic() + EQUAL_S_MAX
    follower.read(0.2)
    while found := differences(stage, follower, process):
        assert time.monotonic() < end_s, found[:6]
        follower.read(0.2)
    stage.call(stage.simulator.hold_market, False)


def faults(stage: Stage, chance: random.Random) -> list[Callable[[], object]]:
    """What may happen upstream."""
    simulator = stage.simulator

    def lose_dtn() -> None:
        stage.call(simulator.set_server_connected, False)
        stage.call(simulator.set_server_connected, True)

    return [
        lambda: stage.run(simulator.drop_level2_clients()),
        lambda: stage.run(simulator.drop_level1_clients()),
        lose_dtn,
        lambda: stage.call(simulator.reset_depth, chance.choice(ORDERS + LEVELS + MAKERS)),
        lambda: None,
    ]


@contextmanager
def market(folder: Path, **options: object) -> Iterator[tuple[Stage, GatewayProcess]]:
    """A busy market here, and a gateway in a process of its own."""
    values: dict[str, Any] = {
        "admin_port": 0,
        "level1_port": 0,
        "level2_port": 0,
        "seed": SEED,
        "rate": 2000.0,
        "depth_rate": 20_000.0,
        "equity_count": 60,
    }
    with open_stage() as stage:
        simulator = stage.start_simulator(SimulatorOptions(**(values | options)))
        with GatewayProcess(
            folder,
            level1_port=simulator.level1_port,
            admin_port=simulator.admin_port,
            settings={"iqconnect": {"level2_port": simulator.level2_port}},
        ) as process:
            process.start()
            yield stage, process


@pytest.mark.parametrize("clears", [True, False], ids=["vendor clears", "vendor forgets to clear"])
@pytest.mark.long
def test_market_gateway_and_mirror_hold_the_same_book(tmp_path: Path, clears: bool) -> None:
    """Strategies act on these rows: at no instant may one be missing, stale or a ghost."""
    chance = random.Random(SEED + clears)
    print(f"seed {SEED}, {MESSAGES} messages, {INSTANTS} instants")
    with market(tmp_path, clears_depth_at_reconnect=clears) as (stage, process):
        follower = Follower(process)
        trouble = faults(stage, chance)
        with follower.client:
            assert_all_equal(stage, follower, process)
            started_s = time.monotonic()
            for instant in range(1, INSTANTS + 1):
                early = chance.randrange(MESSAGES // INSTANTS // 2) if instant < INSTANTS else 0
                if instant > 1:
                    chance.choice(trouble)()
                follower.read_until(MESSAGES * instant // INSTANTS - early)
                assert_all_equal(stage, follower, process)
            elapsed_s = time.monotonic() - started_s
            counters = process_counters(process)
            print(
                f"{follower.count} messages in {elapsed_s:.1f} s, equal at all instants;", counters
            )
            assert follower.count >= MESSAGES
            assert counters["processing_faults"] == counters["lines_invalid"] == 0


@pytest.mark.long
def test_a_gateway_that_is_killed_comes_back_with_the_same_book(tmp_path: Path) -> None:
    """Mirrors know that they are not current meanwhile, and are equal again by themselves."""
    with market(tmp_path) as (stage, process):
        follower = Follower(process)
        with follower.client:
            assert_all_equal(stage, follower, process)
            process.kill()
            follower.read(
                10.0, until=lambda: not any(m.is_current for m in follower.mirrors.values())
            )
            assert not any(mirror.is_current for mirror in follower.mirrors.values())
            process.start()
            follower.read(15.0, until=lambda: all(m.is_current for m in follower.mirrors.values()))
            assert_all_equal(stage, follower, process)


@pytest.mark.long
def test_level1_and_level2_agree_when_both_are_quiet(tmp_path: Path) -> None:
    """Best bid and ask of the quote are the top of the book."""
    symbols = (*ORDERS, *MAKERS)
    with market(tmp_path) as (stage, process), process.consumer() as consumer:
        for symbol in symbols:
            consumer.subscribe(f"quote,{symbol},", f"book,{symbol},")
        for _ in range(5):
            stage.call(stage.simulator.hold_market, False)
            for _ in consumer.stream(0.5):
                continue
            stage.call(stage.simulator.hold_market, True)
            for _ in consumer.stream(0.5):
                continue
            for symbol in symbols:
                quote = consumer.ask(f"quote,{symbol},").values
                bids, asks = consumer.ask(f"book,{symbol},").values[:2]
                assert [quote[0], quote[1]] == bids[0][:2], symbol
                assert [quote[2], quote[3]] == asks[0][:2], symbol


def process_counters(process: GatewayProcess) -> dict[str, int]:
    """The feed's counters of a gateway process."""
    with process.requester() as requester:
        counters = requester.result("metrics")["client_metrics"]["counters"]
    names = (
        "orders_published",
        "depths_published",
        "books_published",
        "book_rows_unknown",
        "book_images_asked",
        "processing_faults",
        "lines_invalid",
    )
    return {name: counters[name] for name in names}
