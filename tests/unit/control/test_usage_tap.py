"""Who hears what, as the feed thread sees it."""

import pytest

from gateway.clock import FakeClock
from gateway.control import usage_tap
from gateway.control.usage_tap import UsageTap
from gateway.counters import Counter, Counters
from gateway.wire.topics import parse_topic


def tap(*, is_on: bool = True) -> tuple[UsageTap, Counters]:
    """A tap and what it counts with."""
    counters = Counters()
    return UsageTap(FakeClock(), counters, is_on=is_on), counters


def begin(usage: UsageTap, topic: bytes, user: str = "bob") -> None:
    """A connection subscribes."""
    usage.begin(1, user, topic, parse_topic(topic))


@pytest.mark.parametrize(
    ("topic", "kind", "symbol"),
    [
        (b"quote,AAPL,", "quote", "AAPL"),
        (b"quote@250,AAPL,", "quote", "AAPL"),
        (b"quote,", "quote", "*"),
        (b"quote@250,AA", "quote", "AA*"),
        (b"q", "q*", "*"),
        (b"", "*", "*"),
        (b"quote,AAPL,\x99", "quote", "AAPL"),
    ],
)
def test_a_subscription_has_a_beginning_and_an_end(topic: bytes, kind: str, symbol: str) -> None:
    """A prefix is one row with a pattern, not thousands."""
    usage, _ = tap()
    begin(usage, topic)
    usage.end(1, topic)
    fact = usage.take()
    assert fact is not None
    assert [(u.user, u.kind, u.symbol, u.change) for u in fact.uses] == [
        ("bob", kind, symbol, 1),
        ("bob", kind, symbol, -1),
    ]
    assert usage.take() is None


def test_system_and_private_topics_are_no_market_data() -> None:
    """A heartbeat is nobody's licence."""
    usage, _ = tap()
    begin(usage, b"sys,heartbeat,")
    begin(usage, b"quote,A,")
    usage.end(1, b"~12345678901234.quote,A,")
    usage.end(2, b"quote,A,")
    usage.forget(1)
    usage.end(1, b"quote,A,")
    fact = usage.take()
    assert fact is not None
    assert [u.change for u in fact.uses] == [1]


def test_nobody_is_reported_without_keys() -> None:
    """There are no users."""
    usage, _ = tap(is_on=False)
    begin(usage, b"quote,A,")
    name = parse_topic(b"quote,A,")
    assert name is not None
    usage.touch("bob", name)
    assert usage.take() is None
    usage, _ = tap()
    usage.touch("", name)
    usage.touch("bob", name)
    fact = usage.take()
    assert fact is not None
    assert [(u.user, u.change) for u in fact.uses] == [("bob", 0)]


def test_what_nobody_takes_is_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report with a hole says that it has one."""
    monkeypatch.setattr(usage_tap, "USES_MAX", 2)
    usage, counters = tap()
    for _ in range(5):
        begin(usage, b"quote,A,")
    assert counters.value(Counter.USAGE_DROPPED) == 3
