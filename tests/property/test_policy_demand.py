"""Whoever wants what, for how long: watches are the wishes that stand and those that linger."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.clock import FakeClock
from gateway.policy.demand import Demand, Service

LINGER_S = 3
KEYS = st.tuples(st.sampled_from(["A", "AAPL", "@ES#"]), st.sampled_from(list(Service)))
HOLDERS = st.sampled_from(["lease 1", "lease 2", "subscription"])


class DemandMachine(RuleBasedStateMachine):
    """Holders that come and go, against a set of wishes and a list of what lingers."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.demand = Demand(self.clock, linger_ns=LINGER_S * 1_000_000_000)
        self.wishes: list[tuple[str, tuple[str, Service]]] = []
        self.lingering: dict[tuple[str, Service], int] = {}

    def is_wished(self, key: tuple[str, Service]) -> bool:
        """Whether any holder wants it."""
        return any(wanted == key for _, wanted in self.wishes)

    @rule(holder=HOLDERS, key=KEYS)
    def want(self, holder: str, key: tuple[str, Service]) -> None:
        """Somebody wants something, perhaps once more."""
        is_open = self.is_wished(key) or key in self.lingering
        assert self.demand.want(*key) is not is_open
        self.wishes.append((holder, key))
        self.lingering.pop(key, None)

    @precondition(lambda self: self.wishes)
    @rule(data=st.data())
    def unwant(self, data: st.DataObject) -> None:
        """One wish that stands is taken back."""
        wish = data.draw(st.sampled_from(self.wishes))
        self.wishes.remove(wish)
        self.demand.unwant(*wish[1])
        if not self.is_wished(wish[1]):
            self.lingering[wish[1]] = self.clock.monotonic_ns() + LINGER_S * 1_000_000_000

    @rule(seconds=st.integers(0, LINGER_S + 1))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.clock.advance(seconds=seconds)

    @rule(seconds=st.integers(-100, 100))
    def set_the_clock(self, seconds: int) -> None:
        """The host's clock is set, which must not matter."""
        self.clock.step_wall(seconds=seconds)

    @rule()
    def end(self) -> None:
        """Watches end whose linger is over, oldest first, each once."""
        now_ns = self.clock.monotonic_ns()
        due = [key for key, at_ns in self.lingering.items() if at_ns <= now_ns]
        assert self.demand.ended() == due
        for key in due:
            del self.lingering[key]

    @rule(key=KEYS)
    def forget(self, key: tuple[str, Service]) -> None:
        """The vendor refused a symbol: what only lingers is dropped."""
        self.demand.forget(key[0])
        for service in Service:
            self.lingering.pop((key[0], service), None)

    @rule()
    def give_up(self) -> None:
        """A place is needed: the symbol goes that nobody has wanted for longest."""
        free = [s for s, _ in self.lingering if not any(self.is_wished((s, x)) for x in Service)]
        over = self.demand.give_up_lingering()
        assert set(over) == {key for key in self.lingering if free and key[0] == free[0]}
        assert len(over) == len(set(over))
        for key in over:
            del self.lingering[key]

    @invariant()
    def symbols_are_counted_once(self) -> None:
        """The vendor's limit counts symbols, whatever is asked of each."""
        symbols = {symbol for symbol, _ in self.demand.watched()}
        assert self.demand.symbol_count == len(symbols)
        assert all(self.demand.is_open(s) is (s in symbols) for s in ("A", "AAPL", "@ES#"))

    @invariant()
    def watches_are_wishes_and_what_lingers(self) -> None:
        """Less would cut somebody off; more would waste the vendor's limit."""
        wished = {key for _, key in self.wishes}
        assert not wished & set(self.lingering)
        watched = self.demand.watched()
        assert len(watched) == len(set(watched))
        assert set(watched) == wished | set(self.lingering)
        for symbol in ("A", "AAPL", "@ES#"):
            for service in Service:
                key = (symbol, service)
                count = sum(wanted == key for _, wanted in self.wishes)
                assert self.demand.count(*key) == count
                assert self.demand.is_lingering(*key) is (key in self.lingering)
                assert self.demand.is_watched(*key) is (count > 0 or key in self.lingering)


DemandMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestDemandMachine = pytest.mark.slow(DemandMachine.TestCase)
