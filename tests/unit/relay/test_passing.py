"""What a relay with keys lets its own clients ask of the gateway."""

from typing import Any

import pytest

from gateway.clock import FakeClock
from gateway.control.upstream_requests import Caller
from gateway.errors import GatewayError, InvalidParams, NotEntitled
from gateway.model.methods import Request, Role
from gateway.policy.client_record import ClientRecord, Rule
from gateway.policy.entitlements import Entitlements
from gateway.policy.key_book import Grant, KeyBook
from gateway.relay.passing import PassingRules, name_of
from tests.support.open_access import open_access

BOB = Caller("01", "10.0.0.1", "bob")


def rules() -> PassingRules:
    """Bob may have quotes of AAPL."""
    allow = (Rule(("quote",), ("AAPL",)),)
    book = KeyBook([Grant(1, ClientRecord("bob", "k" * 40, Role.CONSUMER, allow))])
    return PassingRules(open_access(FakeClock(), Entitlements(lambda: book)))


def passed(method: str, one: PassingRules | None = None, **params: Any) -> dict[str, Any]:
    """What is sent on of a request."""
    request = Request(v=1, id=1, method=method, params=params)
    raw = {"v": 1, "id": 1, "method": method, "params": params, "more": "kept"}
    return (one or rules()).passable(request, raw, BOB)


WANTED: dict[str, Any] = {"client": "c", "symbols": ["AAPL"], "kinds": ["quote@250"]}


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("subscribe", {**WANTED, "symbols": ["AAPL", "MSFT"]}),
        ("subscribe", {**WANTED, "kinds": ["l1"]}),
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
    told = passed("subscribe", **WANTED)
    own = told["params"]["client"]
    assert own.startswith("bob.c.")
    assert told["params"] == {**WANTED, "client": own}
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
