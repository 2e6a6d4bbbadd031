"""Demand from the data socket: subscribing to a symbol's topic is asking for the symbol."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.consumer import Consumer, private_topic
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.requester import Requester
from tests.support.stage import Stage, scripted, wait_until

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def fake_stage(**data: object) -> Iterator[tuple[Stage, FakeIqconnect]]:
    """A gateway whose every command to IQConnect is seen, and whose watches do not linger."""
    fake = FakeIqconnect()
    with scripted(fake, settings={"data": {"watch_linger_s": 0.0, **data}}) as stage:
        fake.wait_for_command("S,NEWSON")
        yield stage, fake


def watch_of(requester: Requester, symbol: str) -> dict[str, Any] | None:
    """How one symbol's Level 1 watch stands; None when there is none."""
    watches = requester.result("subscriptions")["watches"]
    found = [w for w in watches if (w["symbol"], w["service"]) == (symbol, "level1")]
    return found[0] if found else None


def wishes(requester: Requester, symbol: str) -> int:
    """Number of wishes for a symbol; 0 when it is not watched."""
    watch = watch_of(requester, symbol)
    return 0 if watch is None else int(watch["wishes"])


def asked(fake: FakeIqconnect) -> list[str]:
    """Watch and unwatch commands so far."""
    return [c for c in fake.commands if c[0] in "rw"]


def test_each_connection_counts_once_for_a_topic() -> None:
    """Duplicate subscriptions are repeated by libzmq but taken back only once."""
    with fake_stage() as (stage, fake):
        requester = stage.requester()
        one = stage.consumer("quote,AAPL,", "quote,AAPL,", "quote,AAPL,", "state,AAPL,")
        one.wait_for_state("AAPL", "live", None)
        assert wishes(requester, "AAPL") == 2
        two = Consumer(stage.gateway.endpoints["data"], "quote,AAPL,", "quote,AAPL,")
        wait_until(lambda: wishes(requester, "AAPL") == 3, what="the second connection")
        demand = requester.result("subscriptions")["demand"]
        assert {"topic": "quote,AAPL,", "connections": 2} in demand["subscriptions"]
        assert demand["connections"] == 2
        two.close()
        wait_until(lambda: wishes(requester, "AAPL") == 2, what="its end")
        one.unsubscribe("quote,AAPL,", "quote,AAPL,", "quote,AAPL,")
        wait_until(lambda: wishes(requester, "AAPL") == 1, what="the unsubscription")
        assert asked(fake) == ["wAAPL"]
        one.unsubscribe("state,AAPL,")
        fake.wait_for_command("rAAPL")


def test_a_consumer_that_leaves_does_not_cut_another() -> None:
    """The symbol stays while one consumer of it is left."""
    with fake_stage() as (stage, fake):
        requester = stage.requester()
        staying = stage.consumer("quote,AAPL,")
        staying.wait_for_topic("quote,AAPL,")
        for _ in range(10):
            endpoint = stage.gateway.endpoints["data"]
            with Consumer(endpoint, "quote,AAPL,", "quote,MSFT,") as leaving:
                leaving.wait_for_topic("quote,MSFT,")
            wait_until(lambda: watch_of(requester, "MSFT") is None, what="its end")
            assert wishes(requester, "AAPL") == 1
        assert asked(fake)[0] == "wAAPL"
        assert "rAAPL" not in fake.commands


def test_prefixes_and_private_topics_open_no_watch() -> None:
    """A subscription to everything would otherwise ask the vendor for everything."""
    with fake_stage() as (stage, fake):
        consumer = stage.consumer("", "quote,", "quote", "quote,AA", "sys,", "news,ALL,")
        consumer.ask("quote,AAPL,")
        consumer.wait_for_beats(1)
        assert asked(fake) == []


def test_a_leases_demand_and_a_subscriptions_demand_are_one_watch() -> None:
    """The vendor is asked once, whoever asks, and released after the last."""
    with fake_stage() as (stage, fake):
        requester = stage.requester()
        consumer = stage.consumer("quote,AAPL,")
        consumer.wait_for_topic("quote,AAPL,")
        requester.result("subscribe", client="c", symbols=["AAPL"], kinds=["quote"])
        assert wishes(requester, "AAPL") == 2
        consumer.unsubscribe("quote,AAPL,")
        wait_until(lambda: wishes(requester, "AAPL") == 1, what="the unsubscription")
        requester.result("unsubscribe", client="c")
        fake.wait_for_command("rAAPL")
        assert asked(fake) == ["wAAPL", "rAAPL"]


def test_without_auto_watch_only_leases_ask_the_vendor() -> None:
    """Where strangers may subscribe, they must not spend the symbol limit."""
    with fake_stage(auto_watch=False) as (stage, fake):
        requester = stage.requester()
        consumer = stage.consumer("quote,AAPL,")
        answer = consumer.ask("quote,AAPL,")
        assert answer.values[:2] == ["closed", "not_subscribed"]
        assert asked(fake) == []
        requester.result("subscribe", client="c", symbols=["AAPL"], kinds=["quote"])
        consumer.wait_for_topic("quote,AAPL,")
        assert asked(fake) == ["wAAPL"]


HOSTILE = (
    "quote,AAPL\r\nS:DISCONNECT,",
    "quote,\r\nr,",
    "quote,aapl,",
    "quote, AAPL,",
    "quote,AAPL\x00,",
    "quote,\xe4\xf6\xfc,",
    "quote,;DROP,",
    "trade," + "A" * 60 + ",",
    "quote,~,",
)


def test_hostile_symbols_never_reach_the_vendor() -> None:
    """A topic is free text; what becomes a command line of IQConnect's is not."""
    with fake_stage() as (stage, fake):
        consumer = stage.consumer("quote,AAPL,", *HOSTILE, "quote,MSFT,")
        consumer.wait_for_topic("quote,MSFT,")
        assert asked(fake) == ["wAAPL", "wMSFT"]


def test_sequences_go_on_when_a_symbol_comes_back() -> None:
    """Within an epoch a sequence never goes back, however often a symbol is dropped."""
    with fake_stage() as (stage, fake):
        observer = stage.consumer("quote,", "state,", "summary,")
        for count in range(1, 4):
            endpoint = stage.gateway.endpoints["data"]
            with Consumer(endpoint, "quote,AAPL,", private_topic("quote,AAPL,")):
                observer.wait_for_state("AAPL", "live", None)
                quote = observer.wait_for_topic("quote,AAPL,")
            assert quote.sequence >= count
            observer.wait_for_state("AAPL", "closed", None)
            fake.wait_for_command("rAAPL", count=count)
        answer = observer.ask("quote,AAPL,")
        assert answer.values[:2] == ["closed", "not_subscribed"]
        observer.history.check()
