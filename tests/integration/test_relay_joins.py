"""Joining a topic behind a relay: as free of gaps and races as at the gateway itself."""

import contextlib
import random
import time
from collections.abc import Iterator

import msgpack
import pytest

from gateway.wire.topics import grants_of
from tests.support.consumer import SNAPSHOT, Consumer, private_topic
from tests.support.one_join import SYMBOLS, catch_up, check_joins, join_often, reference_of
from tests.support.relays import RelayStage, before_fake, relayed
from tests.support.stage import Stage, simulated, wait_until

pytestmark = pytest.mark.slow
SEED = 20_261_126
JOINS = 480
JOINS_AT_ONCE = 8
HEARTBEAT = b"sys,heartbeat," + msgpack.packb([20, 1, 1, 0, 1, None, {}])
LINES_PER_SECOND = 4000.0
INCOMPLETE = ("~", "~abc", "~0123456789abcdef", "~0123456789abcdef.quote,", "~x.quote,AAPL,")


@contextlib.contextmanager
def loaded() -> Iterator[tuple[Stage, RelayStage, Consumer]]:
    """A stage under load, a relay, and a reference consumer at the gateway from the beginning."""
    with simulated(rate=LINES_PER_SECOND, equity_count=12, trade_share=0.4) as stage:
        reference = reference_of(stage)
        with relayed(stage) as relay:
            yield stage, relay, reference


def test_hundreds_of_joins_under_load_have_no_gap() -> None:
    """What a consumer applies by the contract is complete, whoever else holds the topic.

    Some topics are held by another behind the relay all the time: only the private one goes up. The
    others are joined and left again and again, so that some are just being taken back.
    """
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    with loaded() as (_, relay, reference):
        holder = relay.consumer(*(f"quote,{symbol}," for symbol in SYMBOLS[:4]), "sys,heartbeat,")
        holder.wait_for_topic("quote,AAPL,")
        joins = join_often(relay.data, reference, chance, count=JOINS, at_once=JOINS_AT_ONCE)
        while holder.receive(0) is not None:
            continue
        catch_up(reference, joins)
        holder.history.check()
    check_joins(reference, joins)


def test_the_data_topic_goes_up_before_its_private_one() -> None:
    """The gateway answers what it has read: in the other order a message could be missed."""
    with before_fake() as (relay, upstream):
        private = private_topic("quote,AAPL,")
        relay.consumer("quote,AAPL,", private)
        frames = upstream.read_until(b"\x01" + private.encode())
        assert frames[0] == b"\x01sys,heartbeat,"
        assert frames[-2] == b"\x01quote,AAPL,"


def test_a_topic_goes_up_once_and_comes_back_with_its_last_consumer() -> None:
    """The gateway's demand must follow the relay's consumers, not their number."""
    with before_fake() as (relay, upstream):
        first = relay.consumer("quote,AAPL,")
        upstream.read_until(b"\x01quote,AAPL,")
        second = relay.consumer("quote,AAPL,", "quote,MSFT,")
        assert upstream.read_until(b"\x01quote,MSFT,") == [b"\x01quote,MSFT,"]
        first.unsubscribe("quote,AAPL,")
        first.subscribe("trade,AAPL,")
        assert upstream.read_until(b"\x01trade,AAPL,") == [b"\x01trade,AAPL,"]
        second.close()
        gone = upstream.read_until(b"\x00quote,AAPL,", b"\x00quote,MSFT,")
        assert len(gone) == 2


CHURN_SEEDS = (1, 2, 3)
CHURN_STEPS = 400
CHURNED = (
    "", "quote,", "quote@", "trade,", "quote,AAPL,", "quote,MSFT,", "quote@250,AAPL,",
    "~0123456789abcdef.quote,AAPL,", "~abcdefabcdefabcd.sys,client,", "~incomplete", "no topic",
    "sys,heartbeat,",
)  # fmt: skip


@pytest.mark.parametrize("seed", CHURN_SEEDS)
def test_whatever_consumers_do_the_gateway_is_asked_for_the_union(seed: int) -> None:
    """A topic that is left behind costs for ever; one that is taken back too early is a loss."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    with before_fake() as (relay, upstream):
        own = {(upstream.read(5.0) or b"")[1:] for _ in range(2)}
        held: list[tuple[Consumer, set[str]]] = [(Consumer(relay.data), set()) for _ in range(4)]
        seen: list[bytes] = []
        for step in range(CHURN_STEPS):
            place = chance.randrange(len(held))
            consumer, topics = held[place]
            topic = chance.choice(CHURNED)
            if topic in topics:
                consumer.unsubscribe(topic)
                topics.remove(topic)
            elif chance.random() < 0.9:
                consumer.subscribe(topic)
                topics.add(topic)
            else:
                # All of it is read while it lives: a descriptor that is used again tells nothing.
                consumer.subscribe(f"last,{step},")
                upstream.read_until(f"\x01last,{step},".encode(), into=seen)
                consumer.close()
                held[place] = (Consumer(relay.data), set())
        wanted = set(own)
        for _, topics in held:
            wanted.update(*(grants_of(topic.encode()) for topic in topics))
        asked: set[bytes] = set(own)
        for frame in seen:
            (asked.add if frame[:1] == b"\x01" else asked.discard)(frame[1:])
        # Until it is as it must be, and has stayed so through two sweeps for the dead.
        began_s = right_s = time.monotonic()
        while time.monotonic() - right_s < 2.5:
            upstream.send(HEARTBEAT)
            if (latest := upstream.read(0.1)) is not None:
                (asked.add if latest[:1] == b"\x01" else asked.discard)(latest[1:])
            if asked != wanted:
                right_s = time.monotonic()
                assert right_s - began_s < 15.0, (asked - wanted, wanted - asked)
        for consumer, _ in held:
            consumer.close()


def test_a_killed_consumers_topics_are_taken_back_at_the_gateway() -> None:
    """A watch that nobody wants any more costs one of the login's symbols."""
    with simulated(rate=0.0) as stage, relayed(stage) as relay:
        consumer = relay.consumer("quote,AAPL,", "quote,MSFT,")
        stayer = relay.consumer("state,AAPL,", "quote,AAPL,")
        stayer.wait_for_state("AAPL", "live", None)
        requester = stage.requester()

        def demand() -> set[str]:
            listed = requester.result("subscriptions")["demand"]["subscriptions"]
            return {entry["topic"] for entry in listed if entry["topic"].startswith("quote,")}

        wait_until(lambda: demand() == {"quote,AAPL,", "quote,MSFT,"}, what="both topics")
        consumer.close()
        wait_until(lambda: demand() == {"quote,AAPL,"}, what="the dead consumer's topic gone")
        assert stayer.ask("quote,AAPL,").flags & SNAPSHOT


def test_a_repeated_private_topic_is_answered_again() -> None:
    """A consumer that reconnects repeats it before its old connection is known to be dead."""
    with simulated(rate=0.0) as stage, relayed(stage) as relay:
        private = private_topic("quote,AAPL,")
        first = relay.consumer("state,AAPL,", "quote,AAPL,")
        first.wait_for_state("AAPL", "live", None)
        first.subscribe(private)
        first.wait_for_topic(private)
        again = relay.consumer("quote,AAPL,", private)
        assert again.wait_for_topic(private).flags & SNAPSHOT
        first.close()
        again.unsubscribe(private)
        assert again.ask("quote,AAPL,").flags & SNAPSHOT


def test_nobody_hears_the_private_answers_of_others() -> None:
    """What a consumer asks for shows what it trades, behind a relay as before it."""
    with simulated(rate=0.0) as stage, relayed(stage) as relay:
        spy = relay.consumer("sys,heartbeat,", "", *INCOMPLETE)
        consumer = relay.consumer("state,AAPL,")
        consumer.wait_for_state("AAPL", "live", None)
        for nonce in ("0123456789abcdef", "0123456789abcdefZZ", "abcabcabcabcabcabc"):
            private = f"~{nonce}.quote,AAPL,"
            consumer.subscribe(private)
            consumer.wait_for_topic(private)
        spy.wait_for_beats(2)
        assert not [m for m in spy.messages if m.topic.startswith("~")]
