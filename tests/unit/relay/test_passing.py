"""What a relay with keys lets its own clients ask of the gateway."""

from typing import Any

import pytest

from gateway.clock import FakeClock
from gateway.control.upstream_requests import Caller
from gateway.errors import GatewayError, InvalidParams, NotEntitled, RateLimited
from gateway.model.methods import Request, Role
from gateway.policy.client_record import ClientRecord, Quotas, Rule
from gateway.policy.entitlements import Entitlements
from gateway.policy.key_book import Grant, KeyBook
from gateway.relay.passing import PassingRules, name_of
from tests.support.open_access import open_access

BOB = Caller("01", "10.0.0.1", "bob")
NO_QUOTAS = Quotas()


def rules(quotas: Quotas = NO_QUOTAS) -> PassingRules:
    """Bob may have quotes of AAPL."""
    allow = (Rule(("quote",), ("AAPL",)),)
    book = KeyBook([Grant(1, ClientRecord("bob", "k" * 40, Role.CONSUMER, allow, quotas=quotas))])
    return PassingRules(open_access(FakeClock(), Entitlements(lambda: book)))


def passed(method: str, one: PassingRules | None = None, **params: Any) -> dict[str, Any]:
    """What is sent on of a request."""
    request = Request(v=1, id=1, method=method, params=params)
    raw = {"v": 1, "id": 1, "method": method, "params": params, "more": "kept"}
    return (one or rules()).passable(request, raw, BOB)


HELD: dict[str, Any] = {"client": "c", "lease_id": "0" * 24}


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("snapshot", {"topics": ["quote,AAPL,", "trade,AAPL,"]}),
        ("resync", {"topic": "quote,MSFT,"}),
        ("why", {"symbol": "MSFT"}),
    ],
)
def test_what_may_not_be_had_is_not_passed_on(method: str, params: dict[str, Any]) -> None:
    """The gateway would do it: it knows the relay only."""
    with pytest.raises(NotEntitled):
        passed(method, **params)


def test_what_may_be_had_is_passed_on_under_a_name_of_the_users_own() -> None:
    """Two users call their clients the same."""
    told = passed("renew", **HELD)
    own = told["params"]["client"]
    assert own.startswith("bob.c.")
    assert told["params"] == {**HELD, "client": own}
    assert told["more"] == "kept"
    assert passed("snapshot", topics=["quote,AAPL,"])["params"] == {"topics": ["quote,AAPL,"]}
    assert passed("why", symbol="AAPL")["params"] == {"symbol": "AAPL"}
    assert passed("unsubscribe", client="c")["params"] == {"client": own}
    assert passed("health")["params"] == {}
    assert passed("no such method")["method"] == "no such method"


def test_parameters_that_do_not_fit_are_refused_here() -> None:
    """What is not understood cannot be judged."""
    with pytest.raises(InvalidParams):
        passed("snapshot", topics="quote,AAPL,")
    with pytest.raises(GatewayError):
        passed("snapshot", topics=["quote,AAPL"])


def test_snapshots_and_replays_have_their_users_pace() -> None:
    """To the gateway all of a relay's users are one, which may have what is enough for all."""
    one = rules(Quotas(snapshots_per_second_max=10, replay_bytes_per_minute_max=1_000))
    passed("snapshot", one, topics=["quote,AAPL,"] * 30)
    passed("snapshot", one, topics=[f"quote@{ms},AAPL," for ms in range(100, 120)])
    with pytest.raises(RateLimited):
        passed("snapshot", one, topics=["quote,AAPL,"])
    reserved = one.reserve_replay(replay(1, 5_000), BOB)
    with pytest.raises(RateLimited):
        one.reserve_replay(replay(1, 1), BOB)
    reserved.settle(900)
    # Nonsense takes nothing, and gives nothing back.
    one.reserve_replay(replay(2**40, 1), BOB).settle(0)
    one.reserve_replay(replay(1, 1), BOB).settle(100)
    with pytest.raises(RateLimited):
        one.reserve_replay(replay(1, 1), BOB)
    # Without keys the gateway judges whatever it is.
    PassingRules(open_access(FakeClock())).reserve_replay(
        Request(v=1, id=1, method="replay", params={"topic": 7}), BOB
    ).settle(9)


def replay(first: int, last: int) -> Request:
    """A request for a topic's events."""
    span = {"epoch": 1, "from_sequence": first, "to_sequence": last}
    return Request(v=1, id=1, method="replay", params={"topic": "quote,AAPL,", **span})


def test_without_keys_all_is_passed_on_as_it_came() -> None:
    """The gateway judges it."""
    one = PassingRules(open_access(FakeClock()))
    assert passed("snapshot", one, topics=7)["params"] == {"topics": 7}


def test_names_never_meet() -> None:
    """However long they are; and they fit the contract's grammar."""
    names = {
        name_of(user, client)
        for user in ("a", "a.b", "u" * 64, "u" * 63)
        for client in ("b.c", "c", "c" * 64, "c" * 63)
    }
    # `a` with `b.c` and `a.b` with `c` are spelled alike.
    assert len(names) == 16
    assert all(len(name) <= 64 for name in names)


def test_symbols_that_may_not_be_seen_are_left_out() -> None:
    """Of a list that the gateway made for the relay."""
    told = rules().keep_seen({"symbols": [{"symbol": "AAPL"}, {"symbol": "MSFT"}], "total": 2}, BOB)
    assert told["symbols"] == [{"symbol": "AAPL"}]
