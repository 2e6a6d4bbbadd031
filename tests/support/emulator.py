"""The emulator's process: carries packets between two namespaces, as well or badly as it is told.

`python -m tests.support.emulator OWNER_PID SEED` makes both namespaces, prints their names, and
reads one order a line from its standard input, each answered with one line; it ends, and removes
the namespaces, when that input ends. So nothing outlives the test run, not even a killed one.
"""

import contextlib
import heapq
import itertools
import json
import os
import random
import select
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from tests.support import namespaces

ADDRESSES: Final = ("127.77.0.1", "127.77.0.2")
"""The near end, where the gateway is, and the far end."""
DIRECTIONS: Final = ("to_far", "to_near")
PACKETS_AT_ONCE: Final = 64
PACKETS_ON_THE_WAY_MAX: Final = 20_000


@dataclass(frozen=True, slots=True)
class Conditions:
    """How one direction of a link is."""

    delay_ms: float = 0.0
    """Time every packet takes."""
    jitter_ms: float = 0.0
    """The time differs by up to so much, evenly; packets stay in order."""
    loss: float = 0.0
    """Share of packets that are lost. 0 to 1."""
    duplicate: float = 0.0
    """Share that arrives twice."""
    reorder: float = 0.0
    """Share that overtakes those before it, by taking no time at all."""
    rate_bps: float = 0.0
    """Bits a second that fit through; 0 for any number."""
    queue_bytes: int = 65_536
    """Bytes that wait in front of a link with a rate; more are lost."""
    is_cut: bool = False
    """Whether nothing arrives any more, what is on the way included."""


class Direction:
    """One way of the link.

    Args:
        chance: Decides each packet's fate.
        target: Where packets arrive.
    """

    def __init__(self, chance: random.Random, target: int) -> None:
        self._chance = chance
        self._target = target
        self.conditions = Conditions()
        self.figures: Counter[str] = Counter()
        self._waiting: list[tuple[float, int, bytes]] = []
        self._numbers = itertools.count()
        self._free_s = 0.0
        self._latest_s = 0.0

    @property
    def due_s(self) -> float | None:
        """When the next packet arrives, monotonic; None when none is on its way."""
        return self._waiting[0][0] if self._waiting else None

    def send(self, packet: bytes, now_s: float) -> None:
        """Take a packet at one end and decide when it arrives at the other, if ever."""
        figures, conditions, chance = self.figures, self.conditions, self._chance
        figures["sent"] += 1
        if conditions.is_cut:
            figures["cut"] += 1
            return
        if conditions.loss and chance.random() < conditions.loss:
            figures["lost"] += 1
            return
        through_s = now_s
        if conditions.rate_bps:
            bytes_a_second = conditions.rate_bps / 8
            free_s = max(self._free_s, now_s)
            if (free_s - now_s) * bytes_a_second > conditions.queue_bytes:
                figures["overflowed"] += 1
                return
            through_s = self._free_s = free_s + len(packet) / bytes_a_second
        copies = 2 if conditions.duplicate and chance.random() < conditions.duplicate else 1
        figures["duplicated"] += copies - 1
        for _ in range(copies):
            self._schedule(packet, through_s)

    def _schedule(self, packet: bytes, through_s: float) -> None:
        conditions, chance = self.conditions, self._chance
        if len(self._waiting) >= PACKETS_ON_THE_WAY_MAX:
            self.figures["overflowed"] += 1
            return
        if conditions.reorder and chance.random() < conditions.reorder:
            self.figures["reordered"] += 1
            arrival_s = through_s
        else:
            swing_ms = chance.uniform(-1, 1) * conditions.jitter_ms if conditions.jitter_ms else 0
            arrival_s = through_s + max(0.0, conditions.delay_ms + swing_ms) / 1000
            self._latest_s = arrival_s = max(arrival_s, self._latest_s)
        heapq.heappush(self._waiting, (arrival_s, next(self._numbers), packet))

    def deliver(self, now_s: float) -> None:
        """Hand over what has arrived."""
        while self._waiting and self._waiting[0][0] <= now_s:
            packet = heapq.heappop(self._waiting)[2]
            if self.conditions.is_cut:
                self.figures["cut"] += 1
                continue
            try:
                os.write(self._target, packet)
            except OSError:
                # The device's own queue is full: the network loses it, and TCP sends it again.
                self.figures["overflowed"] += 1
            else:
                self.figures["delivered"] += 1


class Emulator:
    """Both directions and the orders that change them.

    Args:
        owner_pid: The process the namespaces are named for.
        seed: Decides every packet's fate.
    """

    def __init__(self, owner_pid: int, seed: int) -> None:
        self._opened = contextlib.ExitStack()
        with self._opened:
            self.names = [self._make(owner_pid) for _ in ADDRESSES]
            self._ends = [
                self._open(name, address)
                for name, address in zip(self.names, ADDRESSES, strict=True)
            ]
            self._opened = self._opened.pop_all()
        near, far = self._ends
        self._directions = {
            "to_far": Direction(random.Random(f"{seed} to_far"), far),
            "to_near": Direction(random.Random(f"{seed} to_near"), near),
        }
        self._sources = {near: self._directions["to_far"], far: self._directions["to_near"]}
        self._orders = b""

    def _make(self, owner_pid: int) -> str:
        name = namespaces.make(owner_pid)
        self._opened.callback(namespaces.remove, name)
        return name

    def _open(self, name: str, address: str) -> int:
        end = namespaces.open_tun(name, f"{address}/24")
        self._opened.callback(os.close, end)
        return end

    def close(self) -> None:
        """Remove everything."""
        self._opened.close()

    def run(self) -> None:
        """Carry packets until the orders end."""
        orders = sys.stdin.fileno()
        while True:
            dues = [d.due_s for d in self._directions.values() if d.due_s is not None]
            wait_s = max(0.0, min(dues) - time.monotonic()) if dues else None
            ready, _, _ = select.select([*self._ends, orders], [], [], wait_s)
            for end in ready:
                if end == orders:
                    if not self._take_orders(os.read(orders, 65_536)):
                        return
                else:
                    self._carry(end)
            now_s = time.monotonic()
            for direction in self._directions.values():
                direction.deliver(now_s)

    def _carry(self, end: int) -> None:
        direction = self._sources[end]
        now_s = time.monotonic()
        with contextlib.suppress(BlockingIOError):
            for _ in range(PACKETS_AT_ONCE):
                direction.send(os.read(end, 65_536), now_s)

    def _take_orders(self, data: bytes) -> bool:
        """Obey whole lines; False when there are no more."""
        *lines, self._orders = (self._orders + data).split(b"\n")
        for line in lines:
            order: dict[str, dict[str, Any]] = json.loads(line)
            for name, changes in order.items():
                direction = self._directions[name]
                direction.conditions = replace(direction.conditions, **changes)
            answer = {
                name: {"conditions": asdict(one.conditions), "figures": dict(one.figures)}
                for name, one in self._directions.items()
            }
            print(json.dumps(answer), flush=True)
        return bool(data)


def main() -> None:
    """Run from the command line."""
    owner_pid, seed = (int(text) for text in sys.argv[1:])
    with contextlib.suppress(PermissionError):
        # Busy tests must not delay packets more than they are told to be delayed.
        os.nice(-10)
    namespaces.remove_stale()
    emulator = Emulator(owner_pid, seed)
    try:
        print(json.dumps(emulator.names), flush=True)
        emulator.run()
    finally:
        emulator.close()


if __name__ == "__main__":
    main()
