"""Whatever consumers do, the vendor is watched for the union of what they want, and no more."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.support.demand_model import CLIENTS, KINDS, SYMBOLS, DemandModel

SYMBOL_SETS = st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=3, unique=True)
KIND_SETS = st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=3, unique=True)
CLIENT = st.sampled_from(CLIENTS)


class DemandMachine(RuleBasedStateMachine):
    """Leases, subscriptions and time in any order; the model checks after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.model = DemandModel()

    @rule(client=CLIENT, symbols=SYMBOL_SETS, kinds=KIND_SETS, lease_s=st.integers(5, 90))
    def subscribe(self, client: str, symbols: list[str], kinds: list[str], lease_s: int) -> None:
        """A client takes a lease."""
        self.model.subscribe(client, dict.fromkeys(symbols, tuple(kinds)), lease_s)

    @rule(
        client=CLIENT,
        data=st.data(),
        symbols=st.one_of(st.just([]), SYMBOL_SETS),
        kinds=st.one_of(st.just([]), KIND_SETS),
    )
    def unsubscribe(
        self, client: str, data: st.DataObject, symbols: list[str], kinds: list[str]
    ) -> None:
        """A client gives up what it holds, or what it does not."""
        lease_id = data.draw(st.sampled_from([None, "unknown", *self.model.leases]))
        self.model.unsubscribe(client, lease_id, symbols, kinds)

    @rule(client=CLIENT, data=st.data())
    def renew(self, client: str, data: st.DataObject) -> None:
        """A client keeps a lease, or tries another's."""
        self.model.renew(client, data.draw(st.sampled_from(["unknown", *self.model.leases])))

    @rule(kind=st.sampled_from(list(KINDS)), symbol=st.sampled_from(SYMBOLS))
    def gain(self, kind: str, symbol: str) -> None:
        """A subscription comes."""
        self.model.gain(kind, symbol)

    @rule(kind=st.sampled_from(list(KINDS)), symbol=st.sampled_from(SYMBOLS))
    def lose(self, kind: str, symbol: str) -> None:
        """A subscription goes, perhaps one that never came."""
        self.model.lose(kind, symbol)

    @rule(seconds=st.integers(0, 100))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.model.wait(seconds)

    @rule()
    def reconnect(self) -> None:
        """IQConnect is connected to anew."""
        self.model.reconnect()

    def teardown(self) -> None:
        """When all are gone, nothing is watched."""
        self.model.leave()


DemandMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestDemand = pytest.mark.slow(DemandMachine.TestCase)
