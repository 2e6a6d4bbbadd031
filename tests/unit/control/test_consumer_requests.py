"""Requests about the way to consumers, driven by hand."""

from collections.abc import Generator
from typing import Any

import pytest

from gateway.clock import FakeClock
from gateway.control.consumer_requests import ConsumerRequests
from gateway.control.feed_commands import ReadRing
from gateway.control.upstream_requests import Caller
from gateway.counters import Counters
from gateway.errors import FeedThreadFailed, RateLimited
from gateway.model import methods as m
from gateway.model.methods import Role
from gateway.policy.client_record import ClientRecord, Quotas, Rule
from gateway.policy.entitlements import Entitlements
from gateway.policy.key_book import Grant, KeyBook
from gateway.policy.leases import Leases
from gateway.wire.rings import Kept
from tests.support.open_access import open_access

BOB = Caller("01", "10.0.0.1", "bob")
EPOCH = 7
ALL = m.ReplayParams(topic="trade,AAPL,", epoch=EPOCH, from_sequence=1, to_sequence=5_000)


def requests() -> ConsumerRequests:
    """Bob may have everything, and a megabyte of it a minute."""
    clock = FakeClock()
    record = ClientRecord(
        "bob",
        "k" * 40,
        Role.CONSUMER,
        allow=(Rule(("*",), ("*",)),),
        quotas=Quotas(replay_bytes_per_minute_max=1_000_000),
    )
    book = KeyBook([Grant(1, record)])
    return ConsumerRequests(
        leases=Leases(clock, leases_per_client_max=1, symbols_per_client_max=1, client_count_max=1),
        epoch=EPOCH,
        clock=clock,
        counters=Counters(),
        access=open_access(clock, Entitlements(lambda: book)),
        audit=lambda *_, **__: None,
    )


def finish(steps: Generator[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """Answer what a handler asks of the feed thread: it has kept nothing."""
    try:
        while True:
            steps.send(Kept((), 0, None))
    except StopIteration as end:
        answer: dict[str, Any] = end.value
        return answer


def test_replays_that_are_asked_for_at_one_time_are_counted_at_once() -> None:
    """The feed thread has read nothing yet when the last of them is judged."""
    desk = requests()
    begun = []
    for _ in range(256):
        steps = desk.replay(ALL, BOB)
        try:
            assert isinstance(next(steps), ReadRing)
        except RateLimited:
            continue
        begun.append(steps)
    assert len(begun) == 2
    for steps in begun:
        assert finish(steps)["complete"] is False
    # Nothing was sent, so nothing is owed.
    assert isinstance(next(desk.replay(ALL, BOB)), ReadRing)


@pytest.mark.parametrize("way", ["closed", "failed"])
def test_a_replay_that_ends_early_gives_back_what_was_counted_for_it(way: str) -> None:
    """Its caller's time is over, or the feed thread's."""
    desk = requests()
    for _ in range(100):
        steps = desk.replay(ALL, BOB)
        next(steps)
        if way == "closed":
            steps.close()
        else:
            with pytest.raises(FeedThreadFailed):
                steps.throw(FeedThreadFailed("gone"))
