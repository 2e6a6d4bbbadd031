"""What a request's kinds and a lease's claims mean, Level 2 kinds among them."""

import pytest

from gateway.control.claims import (
    expand,
    is_pending,
    refusal_of,
    services_of,
    snapshot_batches,
    state_of,
    topics_of,
    usable,
)
from gateway.control.feed_commands import Standing
from gateway.model.messages import L2_KINDS
from gateway.policy.demand import Service

LIVE_LEVEL1 = Standing("A", "live", None, {"quote": 7})
DEPTH_STATES: dict[str, tuple[str, str | None]] = {
    "order": ("live", None),
    "depth": ("refused", "no_depth"),
    "book": ("recovering", "dtn_link_down"),
}
BOTH = Standing("A", "live", None, {"quote": 7, "order": 3}, DEPTH_STATES)
LEVEL2_ONLY = Standing("A", "closed", "not_subscribed", {}, DEPTH_STATES)


@pytest.mark.parametrize(
    ("kinds", "services"),
    [
        (expand(("l2",)), {Service.ORDERS, Service.LEVELS, Service.BOOK}),
        (("state",), {Service.LEVEL1}),
        (("book", "state"), {Service.BOOK}),
        (("book@250x5",), {Service.BOOK}),
        (("order@250",), set()),
        (("quote", "book"), {Service.LEVEL1, Service.BOOK}),
    ],
)
def test_state_beside_depth_alone_is_no_reason_to_watch_quotes(
    kinds: tuple[str, ...], services: set[Service]
) -> None:
    """A slot of Level 1 would be spent on a consumer of books."""
    assert set(services_of(kinds)) == services


@pytest.mark.parametrize(
    ("standing", "kind", "expected"),
    [
        (BOTH, "quote", ("live", None)),
        (BOTH, "state", ("live", None)),
        (BOTH, "order", ("live", None)),
        (BOTH, "depth", ("refused", "no_depth")),
        (BOTH, "book@250x5", ("recovering", "dtn_link_down")),
        (BOTH, "order@250", ("refused", "no_depth")),
        (BOTH, "bar", ("refused", "no_depth")),
        (LEVEL2_ONLY, "state", ("recovering", "dtn_link_down")),
        (LEVEL2_ONLY, "quote", ("closed", "not_subscribed")),
        (LIVE_LEVEL1, "book", ("closed", "not_subscribed")),
        (LIVE_LEVEL1, "order", ("closed", "not_subscribed")),
        (LIVE_LEVEL1, "state", ("live", None)),
    ],
)
def test_each_kind_has_its_own_state(
    standing: Standing, kind: str, expected: tuple[str, str | None]
) -> None:
    """That quotes are live says nothing of a book."""
    assert state_of(standing, kind) == expected


def test_a_symbol_of_which_something_can_be_had_is_not_rejected() -> None:
    """The refused kind says so on its own topic."""
    assert refusal_of(BOTH, ("order", "depth")) is None
    refused = refusal_of(BOTH, ("depth",))
    assert refused is not None
    assert (refused["symbol"], refused["code"]) == ("A", "no_depth")
    assert refused["hint"]
    assert refusal_of(BOTH, ("bar",)) is None
    failed = Standing("A", "closed", "not_subscribed", {}, error="quota_exceeded")
    named = refusal_of(failed, ("quote",))
    assert named is not None
    assert named["code"] == "quota_exceeded"


def test_a_request_waits_for_each_port() -> None:
    """Quotes come at once; a book that is awaited is still awaited."""
    pending = Standing("A", "live", None, {}, {"book": ("pending", None)})
    assert is_pending(pending, ("quote", "book@250"))
    assert not is_pending(pending, ("quote",))


def test_topics_tell_where_to_go_on() -> None:
    """A consumer compares the sequence with the first message it sees."""
    told = {each["topic"]: each["sequence"] for each in topics_of(BOTH, ("quote", "order"))}
    assert told == {"quote,A,": 7, "order,A,": 3}


def test_whole_books_are_read_one_at_a_time() -> None:
    """A hundred images in one command would hold up the feed."""
    topics = ("quote,A,", "quote,B,", "order,A,", "depth,A,", "book,A,")
    assert list(snapshot_batches(topics)) == [
        ("quote,A,", "quote,B,"),
        ("order,A,",),
        ("depth,A,",),
        ("book,A,",),
    ]


def test_kept_leases_of_depth_are_used_and_nonsense_is_not() -> None:
    """A file of another version must not reach the vendor's command line."""
    good = {
        "lease_id": "1",
        "claims": [("@ES", [*L2_KINDS, "book@250x5", "level3"]), ("a;b", ["book"])],
    }
    records = [good, good, {"lease_id": "2", "claims": [("@ES", ["level3"])]}]
    assert list(usable(records)) == [
        {"lease_id": "1", "claims": [("@ES", [*L2_KINDS, "book@250x5"])]}
    ]
