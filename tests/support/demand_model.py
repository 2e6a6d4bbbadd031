"""Everybody who wants something, as a plain model beside the real desks.

Leases and subscriptions come, repeat themselves, are given up, taken from others in vain, expire
and die; after every step the vendor must be watched for exactly what somebody living wants, and for
what lingers.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from gateway.errors import LeaseExpired, QuotaExceeded
from gateway.policy.demand import Service
from tests.unit.control.desk_bench import LINGER_S, Bench

SYMBOLS: Final = ("A", "AAPL", "@ES#", "BRK.B", "MSFT")
KINDS: Final = {
    "quote": Service.LEVEL1,
    "trade": Service.LEVEL1,
    "quote@250": Service.LEVEL1,
    "regional": Service.REGIONAL,
}
CLIENTS: Final = ("desk", "risk", "screen")
Key = tuple[str, Service]


@dataclass
class Held:
    """One lease as the model knows it."""

    client: str
    claims: dict[str, tuple[str, ...]]
    lease_s: int
    expires_s: float


@dataclass
class DemandModel:
    """Wishes of leases and subscriptions, and what lingers."""

    bench: Bench = field(default_factory=Bench)
    leases: dict[str, Held] = field(default_factory=dict)
    topics: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Subscriptions by kind and symbol, each connection's once."""
    lingering: dict[Key, float] = field(default_factory=dict)
    now_s: float = 0.0
    watched: set[str] = field(default_factory=set)
    """What the vendor was asked to watch, as it heard it."""
    steps: int = 0

    def wished(self) -> Counter[Key]:
        """How many want each service of each symbol: a lease once, a subscription once a kind."""
        counts: Counter[Key] = Counter()
        for held in self.leases.values():
            for symbol, kinds in held.claims.items():
                counts.update({(symbol, KINDS[kind]): 1 for kind in kinds})
        for (kind, symbol), count in self.topics.items():
            counts[symbol, KINDS[kind]] += count
        return counts

    def settle(self, before: Counter[Key]) -> None:
        """After a change: what nobody wants any more lingers, what somebody wants does not."""
        after = self.wished()
        for key, count in before.items():
            if count and not after[key]:
                self.lingering[key] = self.now_s + LINGER_S
        for key in [key for key in self.lingering if after[key]]:
            del self.lingering[key]
        self.check(after)

    def check(self, wished: Counter[Key]) -> None:
        """The set of upstream watches is the union of the living demands and what lingers."""
        self.steps += 1
        demand = self.bench.demand
        wanted = {key for key, count in wished.items() if count}
        assert set(demand.watched()) == wanted | set(self.lingering)
        assert all(demand.count(*key) == wished[key] for key in wanted | set(self.lingering))
        for asked in self.bench.upstream.take():
            verb, _, symbol = asked.rpartition(" ")
            if verb in ("watch", "regional on"):
                self.watched.add(symbol)
            elif verb == "unwatch":
                self.watched.discard(symbol)
        assert self.watched == {symbol for symbol, _ in wanted | set(self.lingering)}
        assert demand.symbol_count == len(self.watched)

    # What happens.

    def subscribe(self, client: str, claims: dict[str, tuple[str, ...]], lease_s: int) -> None:
        """A client takes a lease: the same kinds of some symbols."""
        before = self.wished()
        kinds = next(iter(claims.values()))
        try:
            answer = self.bench.ask(
                "subscribe",
                client=client,
                symbols=list(claims),
                kinds=list(kinds),
                lease_s=lease_s,
            )
        except QuotaExceeded:
            self.settle(before)
            return
        held = {symbol: tuple(dict.fromkeys(kinds)) for symbol in claims}
        self.leases[answer["lease_id"]] = Held(client, held, lease_s, self.now_s + lease_s)
        self.settle(before)

    def unsubscribe(
        self, client: str, lease_id: str | None, symbols: list[str], kinds: list[str]
    ) -> None:
        """A client gives something up, perhaps what it never had, or what is another's."""
        before = self.wished()
        params: dict[str, object] = {"client": client}
        if lease_id is not None:
            params["lease_id"] = lease_id
        if symbols:
            params["symbols"] = symbols
        if kinds:
            params["kinds"] = kinds
        is_foreign = lease_id is not None and (
            lease_id not in self.leases or self.leases[lease_id].client != client
        )
        try:
            self.bench.ask("unsubscribe", **params)
            assert not is_foreign, "another's lease was given up"
        except LeaseExpired:
            assert is_foreign
            self.settle(before)
            return
        for key, held in list(self.leases.items()):
            if held.client != client or (lease_id is not None and key != lease_id):
                continue
            for symbol in [s for s in held.claims if not symbols or s in symbols]:
                left = tuple(k for k in held.claims[symbol] if kinds and k not in kinds)
                if left:
                    held.claims[symbol] = left
                else:
                    del held.claims[symbol]
            if not held.claims:
                del self.leases[key]
        self.settle(before)

    def renew(self, client: str, lease_id: str) -> None:
        """A client keeps a lease, or tries to keep another's."""
        held = self.leases.get(lease_id)
        try:
            self.bench.ask("renew", client=client, lease_id=lease_id)
        except LeaseExpired:
            assert held is None or held.client != client
            return
        assert held is not None
        assert held.client == client
        held.expires_s = self.now_s + held.lease_s

    def gain(self, kind: str, symbol: str) -> None:
        """A connection subscribes to a topic."""
        before = self.wished()
        self.bench.gain(f"{kind},{symbol},".encode())
        self.topics[kind, symbol] += 1
        self.settle(before)

    def lose(self, kind: str, symbol: str) -> None:
        """A connection's subscription ends; once too often must harm nobody."""
        before = self.wished()
        self.bench.lose(f"{kind},{symbol},".encode())
        if self.topics[kind, symbol]:
            self.topics[kind, symbol] -= 1
        self.settle(before)

    def wait(self, seconds: int) -> None:
        """Time passes: dead clients' leases end, and so does what has lingered."""
        before = self.wished()
        self.now_s += seconds
        self.bench.clock.advance(seconds=seconds)
        self.bench.run(self.bench.requests.expire_leases())
        for lease_id in [i for i, held in self.leases.items() if held.expires_s <= self.now_s]:
            del self.leases[lease_id]
        self.settle(before)
        self.bench.desk.close_lingering()
        for key in [key for key, at_s in self.lingering.items() if at_s <= self.now_s]:
            del self.lingering[key]
        self.check(self.wished())

    def reconnect(self) -> None:
        """The vendor's connection is made anew and asked for everything."""
        self.watched.clear()
        self.bench.desk.ask_again()
        self.check(self.wished())

    def step(self, chance: random.Random) -> None:
        """Do something at random."""
        client = chance.choice(CLIENTS)
        lease_ids = [*self.leases, "0123456789abcdef"]
        kinds = tuple(chance.sample(list(KINDS), chance.randint(1, len(KINDS))))
        symbols = chance.sample(SYMBOLS, chance.randint(1, 3))
        kind, symbol = chance.choice(list(KINDS)), chance.choice(SYMBOLS)
        match chance.randrange(10):
            case 0 | 1:
                self.subscribe(client, dict.fromkeys(symbols, kinds), chance.randint(5, 40))
            case 2 | 3:
                self.unsubscribe(
                    client,
                    chance.choice([None, *lease_ids]),
                    symbols if chance.random() < 0.5 else [],
                    list(kinds) if chance.random() < 0.5 else [],
                )
            case 4:
                self.renew(client, chance.choice(lease_ids))
            case 5 | 6:
                self.gain(kind, symbol)
            case 7 | 8:
                self.lose(kind, symbol)
            case _ if chance.random() < 0.05:
                self.reconnect()
            case _:
                self.wait(chance.randint(0, LINGER_S // 2))

    def leave(self) -> None:
        """Everybody dies; in the end nothing is left."""
        for (kind, symbol), count in list(self.topics.items()):
            for _ in range(count):
                self.lose(kind, symbol)
        self.wait(86_401)
        self.wait(LINGER_S + 1)
        assert not self.watched
        assert self.bench.demand.watched() == []
        assert self.bench.leases.living() == []
