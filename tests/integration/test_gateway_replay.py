"""Lost events are fetched again: byte for byte what was sent, marked as sent again."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.consumer import Consumer, Message
from tests.support.requester import Requester
from tests.support.stage import Stage, simulated

pytestmark = pytest.mark.slow
REPLAY = 2
TOPIC = "trade,AAPL,"
TRADES = 400
RING_MESSAGES = 300


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A busy small market, and a gateway that keeps three hundred trades of a symbol."""
    settings = {"replay": {"messages_per_topic_max": RING_MESSAGES}}
    with simulated(
        rate=4000.0, equity_count=12, trade_share=0.5, news_interval_s=1, settings=settings
    ) as stage:
        yield stage


@pytest.fixture(scope="module")
def heard(stage: Stage) -> list[Message]:
    """What a consumer that lost nothing received; the market is held when it is over."""
    consumer: Consumer = stage.consumer(TOPIC, "quote,AAPL,", "news,")
    consumer.wait_for(lambda m: m.topic == TOPIC and m.sequence >= TRADES, what="trades")
    consumer.wait_for(lambda m: m.kind == "news", what="news")
    stage.call(stage.simulator.hold_market, True)
    consumer.read_until_silent(0.6)
    consumer.history.check()
    return consumer.messages


@pytest.fixture
def requester(stage: Stage, heard: list[Message]) -> Iterator[Requester]:
    """A control client, once there is something to replay."""
    del heard
    with Requester(stage.gateway.endpoints["control"]) as requester:
        yield requester


def on(heard: list[Message], topic: str) -> list[Message]:
    """What was heard on one topic."""
    return [message for message in heard if message.topic == topic]


def ask(requester: Requester, topic: str, first: int, last: int, epoch: int) -> dict[str, Any]:
    """Ask for a range."""
    return dict(
        requester.result("replay", topic=topic, from_sequence=first, to_sequence=last, epoch=epoch)
    )


def test_a_range_is_what_was_sent_with_one_flag_more(
    requester: Requester, heard: list[Message]
) -> None:
    """A strategy that lost trades must not get others, nor the same ones with other values."""
    trades = on(heard, TOPIC)
    last = trades[-1].sequence
    first = last - 270
    result = ask(requester, TOPIC, first, last, trades[-1].epoch)
    sent = [[*m.body[:3], m.body[3] | REPLAY, *m.body[4:]] for m in trades if m.sequence >= first]
    assert result["bodies"] == sent
    assert result["complete"] is True
    assert result["oldest"] == last - RING_MESSAGES + 1


def test_what_is_not_there_any_more_is_said(requester: Requester, heard: list[Message]) -> None:
    """A part that cannot be had must not look like one that was empty."""
    last = on(heard, TOPIC)[-1].sequence
    epoch = on(heard, TOPIC)[-1].epoch
    oldest = last - RING_MESSAGES + 1
    result = ask(requester, TOPIC, oldest - 5, oldest + 4, epoch)
    assert [body[2] for body in result["bodies"]] == list(range(oldest, oldest + 5))
    assert (result["complete"], result["oldest"]) == (False, oldest)
    ahead = ask(requester, TOPIC, last, last + 3, epoch)
    assert [body[2] for body in ahead["bodies"]] == [last]
    assert ahead["complete"] is False
    gone = ask(requester, TOPIC, 1, 3, epoch)
    assert (gone["bodies"], gone["complete"], gone["oldest"]) == ([], False, oldest)


def test_another_run_has_nothing(requester: Requester, heard: list[Message]) -> None:
    """The sequences of another epoch are other messages."""
    epoch = heard[-1].epoch
    for other in (epoch - 1, epoch + 1):
        result = ask(requester, TOPIC, 1, 3, other)
        assert result == {"bodies": [], "complete": False, "oldest": None}


def test_news_come_again(requester: Requester, heard: list[Message]) -> None:
    """A headline is an event as a trade is."""
    (first, *_) = [message for message in heard if message.kind == "news"]
    result = ask(requester, first.topic, first.sequence, first.sequence, first.epoch)
    assert result["bodies"] == [[*first.body[:3], first.body[3] | REPLAY, *first.body[4:]]]


def test_a_topic_that_never_was_has_nothing(requester: Requester, heard: list[Message]) -> None:
    """Asking about a symbol nobody has wanted is no mistake."""
    for topic in ("trade,NEVERWAS,", "correction,NEVERWAS,", "news,NOBODY,"):
        result = ask(requester, topic, 1, 3, heard[-1].epoch)
        assert result == {"bodies": [], "complete": False, "oldest": None}


@pytest.mark.parametrize(
    ("params", "code", "words"),
    [
        ({"topic": "quote,AAPL,"}, "bad_request", "correction, news, trade"),
        ({"topic": "order,@ESZ26,"}, "bad_request", "join a topic"),
        ({"topic": "trade@250,AAPL,"}, "bad_request", "join a topic"),
        ({"topic": "trade,AAPL"}, "bad_request", "both commas"),
        ({"topic": "~0123456789abcdef.trade,AAPL,"}, "bad_request", "both commas"),
        ({"topic": "trade,AA\tPL,"}, "symbol_invalid", ""),
        ({"from_sequence": 5, "to_sequence": 4}, "bad_request", "JSON Schema"),
        ({"from_sequence": 0}, "bad_request", ""),
        ({"from_sequence": 1, "to_sequence": 5001}, "out_of_range", "5000 sequences at a time"),
    ],
)
def test_what_cannot_be_replayed_is_refused(
    requester: Requester, params: dict[str, Any], code: str, words: str
) -> None:
    """The answer says what to ask instead."""
    usual: dict[str, Any] = {"topic": TOPIC, "from_sequence": 1, "to_sequence": 2, "epoch": 1}
    error = requester.error("replay", **(usual | params))
    assert error["code"] == code
    assert words in error["hint"]


def test_the_most_that_may_be_asked_is_answered(requester: Requester, heard: list[Message]) -> None:
    """Five thousand sequences in one answer, of which the ring holds some."""
    result = ask(requester, TOPIC, 1, 5000, heard[-1].epoch)
    assert len(result["bodies"]) == RING_MESSAGES
    assert result["complete"] is False
