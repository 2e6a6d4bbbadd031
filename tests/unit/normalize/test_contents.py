"""Message Contents to a plan."""

from itertools import permutations

import pytest

from gateway.counters import Complaints, Counter, Counters
from gateway.normalize import contents as contents_module
from gateway.normalize.contents import Plan, PlanCache


@pytest.fixture
def counters() -> Counters:
    """What the cache's complaints are counted with."""
    return Counters()


@pytest.fixture
def plans(counters: Counters) -> PlanCache:
    """An empty cache."""
    return PlanCache(Complaints(counters))


NOTHING = Plan(
    basis=None,
    has_quote=False,
    has_bid=False,
    has_ask=False,
    is_summary_due=False,
    is_quote_only=False,
)


@pytest.mark.parametrize(
    ("letters", "basis", "has_bid", "has_ask", "is_summary_due"),
    [
        ("", None, False, False, False),
        ("C", "C", False, False, False),
        ("E", "E", False, False, False),
        ("O", "O", False, False, False),
        ("Cv", "C", False, False, False),
        ("b", None, True, False, False),
        ("a", None, False, True, False),
        ("ba", None, True, True, False),
        ("o", None, False, False, True),
        ("h", None, False, False, True),
        ("l", None, False, False, True),
        ("c", None, False, False, True),
        ("s", None, False, False, True),
        ("v", None, False, False, True),
        ("bav", None, True, True, True),
        ("Cbav", "C", True, True, False),
        ("Cbaohlc", "C", True, True, True),
        ("Cbacv", "C", True, True, True),
        ("Ohv", "O", False, False, True),
    ],
)
def test_letters_say_what_to_publish(
    plans: PlanCache, counters: Counters, *, letters: str, basis: str | None,
    has_bid: bool, has_ask: bool, is_summary_due: bool,
) -> None:  # fmt: skip
    """A trade too many or too few is the worst this gateway could do."""
    plan = plans[letters]
    assert plan.basis == basis
    assert (plan.has_bid, plan.has_ask) == (has_bid, has_ask)
    assert plan.has_quote == (has_bid or has_ask)
    assert plan.is_summary_due == is_summary_due
    is_quote_only = plan.has_quote and basis is None and not is_summary_due
    assert plan.is_quote_only == is_quote_only
    assert counters.value(Counter.VALUES_INVALID) == 0


def test_order_of_letters_means_nothing(plans: PlanCache) -> None:
    """The vendor writes them in any order."""
    assert {plans["".join(letters)] for letters in permutations("Cbav")} == {plans["Cbav"]}


def test_known_letters_are_remembered(plans: PlanCache) -> None:
    """The busiest look-up of all must be one step in C."""
    assert plans["ba"] is plans["ba"]
    assert list(plans) == ["ba"]


@pytest.mark.parametrize("letters", ["z", "bz", "Cbavz", "B", "1", "b a", "\xff"])
def test_unknown_letters_are_counted_each_time_and_the_known_ones_obeyed(
    plans: PlanCache, counters: Counters, letters: str
) -> None:
    """A letter of a later version must not cost the quote or the trade beside it."""
    first, second, plan = plans[letters], plans[letters], plans[letters]
    assert first == second == plan
    assert plan.has_bid == ("b" in letters)
    assert plan.basis == ("C" if "C" in letters else None)
    assert counters.value(Counter.VALUES_INVALID) == 3
    assert not plans


@pytest.mark.parametrize(("letters", "basis"), [("CE", "C"), ("OC", "C"), ("OE", "E")])
def test_two_trade_letters_are_one_trade_and_counted(
    plans: PlanCache, counters: Counters, letters: str, basis: str
) -> None:
    """A line has one trade's columns, so it can never be two prints."""
    assert plans[letters].basis == basis
    assert counters.value(Counter.VALUES_INVALID) == 1
    assert not plans


def test_nothing_known_is_nothing_to_publish(plans: PlanCache) -> None:
    """Unknown news about a symbol is no quote and no trade."""
    assert plans["zzz"] == NOTHING
    assert plans[""] == NOTHING


def test_memory_is_bounded(plans: PlanCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeated letters make endless texts of known letters; neither length nor number may grow."""
    monkeypatch.setattr(contents_module, "ENTRIES_MAX", 10)
    assert plans["ba" * 100].is_quote_only
    assert not plans
    for letters in permutations("Cbavohl", 5):
        assert plans["".join(letters)].has_bid == ("b" in letters)
    assert len(plans) == 10
