"""Joining a topic by subscribing to it and to its private snapshot: no gap, no race, no RPC."""

import contextlib
import random
from collections.abc import Iterator

import pytest

from tests.support.consumer import (
    FUNDAMENTAL,
    QUOTE,
    SNAPSHOT,
    STALE,
    STATE,
    SUMMARY,
    TRADE,
    Consumer,
    private_topic,
)
from tests.support.one_join import catch_up, check_joins, join_often, reference_of
from tests.support.stage import Stage, simulated

pytestmark = pytest.mark.slow
SEED = 20_240_613
JOINS = 200
JOINS_AT_ONCE = 4
LINES_PER_SECOND = 4000.0
UNKNOWN = "NOSUCHSYM9"


@contextlib.contextmanager
def loaded_stage() -> Iterator[tuple[Stage, Consumer]]:
    """A stage under load and a reference consumer that has every topic from its beginning."""
    with simulated(rate=LINES_PER_SECOND, equity_count=12, trade_share=0.4) as stage:
        yield stage, reference_of(stage)


def test_two_hundred_joins_under_load_have_no_gap() -> None:
    """A consumer that applies the snapshot and then only greater sequences misses nothing."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    with loaded_stage() as (stage, reference):
        endpoint = stage.gateway.endpoints["data"]
        joins = join_often(endpoint, reference, chance, count=JOINS, at_once=JOINS_AT_ONCE)
        catch_up(reference, joins)
    check_joins(reference, joins)


def test_a_second_join_on_the_same_socket_heals_a_gap() -> None:
    """After a loss a consumer asks again with a new nonce instead of starting anew."""
    with loaded_stage() as (stage, _):
        consumer = stage.consumer("quote,AAPL,")
        consumer.wait_for_topic("quote,AAPL,")
        for _ in range(5):
            snapshot = consumer.ask("quote,AAPL,")
            last = consumer.on("quote,AAPL,")[-1]
            assert (snapshot.sequence, snapshot.values) == (last.sequence, last.values)
        consumer.history.check()


def test_a_snapshot_before_any_trade_has_sequence_zero_and_nil_values() -> None:
    """A joiner of a quiet symbol must know that nothing was printed, not wait for an answer."""
    with simulated(rate=0.0) as stage:
        consumer = stage.consumer("trade,AAPL,", "state,AAPL,")
        consumer.wait_for_state("AAPL", "live", None)
        answer = consumer.ask("trade,AAPL,")
        assert (answer.type, answer.sequence, answer.flags) == (TRADE, 0, SNAPSHOT)
        assert answer.values == [None] * 10
        assert answer.body[5] is None


def test_every_state_kind_of_a_live_symbol_answers_its_last_value() -> None:
    """A snapshot has the base kind's own layout, so one decoder serves both."""
    with simulated(rate=0.0) as stage:
        consumer = stage.consumer(*(f"{k},AAPL," for k in ("quote", "summary", "state")))
        consumer.wait_for_state("AAPL", "live", None)
        for kind, number in (("quote", QUOTE), ("summary", SUMMARY), ("state", STATE)):
            topic = f"{kind},AAPL,"
            answer = consumer.ask(topic)
            last = consumer.on(topic)[-1]
            assert answer.type == number
            assert answer.sequence == last.sequence
            assert answer.values == last.values
            assert answer.flags == last.flags | SNAPSHOT


def test_a_private_answer_says_why_there_is_no_value() -> None:
    """Pending, refused and unwatched symbols are three different things to a trader."""
    with simulated(rate=0.0) as stage:
        consumer = stage.consumer(f"state,{UNKNOWN},", f"quote,{UNKNOWN},")
        consumer.wait_for_state(UNKNOWN, "refused", "symbol_not_found")
        refused = consumer.ask(f"quote,{UNKNOWN},")
        closed = consumer.ask("quote,AAPL,")
        for answer, state, cause in (
            (refused, "refused", "symbol_not_found"),
            (closed, "closed", "not_subscribed"),
        ):
            assert (answer.type, answer.sequence, answer.flags) == (STATE, 0, 0)
            assert answer.values[:2] == [state, cause]


def test_a_private_answer_of_an_unheard_symbol_is_pending() -> None:
    """The demand of the subscription before it counts before the question is answered."""
    with simulated(rate=0.0) as stage:
        stage.call(stage.simulator.stall_level1, True)
        private = private_topic("quote,AAPL,")
        consumer = stage.consumer("quote,AAPL,", private)
        answer = consumer.wait_for_topic(private)
        assert (answer.type, answer.sequence, answer.flags) == (STATE, 0, 0)
        assert answer.values[0] == "pending"


def test_a_private_answer_of_a_stale_symbol_is_flagged() -> None:
    """An old price must not look fresh to somebody who joins during an outage."""
    with simulated(rate=0.0) as stage:
        consumer = stage.consumer("quote,AAPL,", "fundamental,AAPL,", "state,AAPL,")
        consumer.wait_for_state("AAPL", "live", None)
        stage.call(stage.simulator.set_server_connected, False)
        consumer.wait_for_state("AAPL", "stale", "dtn_link_down")
        for kind, number in (("quote", QUOTE), ("fundamental", FUNDAMENTAL), ("trade", TRADE)):
            answer = consumer.ask(f"{kind},AAPL,")
            assert answer.type == number
            assert answer.flags & (SNAPSHOT | STALE) == SNAPSHOT | STALE
            last = consumer.on(f"{kind},AAPL,")
            assert answer.sequence == (last[-1].sequence if last else 0)


INCOMPLETE = (
    "~",
    "~abc",
    "~0123456789abcdef",
    "~0123456789abcdef.",
    "~0123456789abcdef.quote",
    "~0123456789abcdef.quote,",
    "~0123456789abcdef.quote,AAPL",
    "~short.quote,AAPL,",
    "~0123456789abcdef.nokind,AAPL,",
    "~0123456789abcdef.quote,AAPL,AAPL,",
)


def test_nobody_hears_the_private_answers_of_others() -> None:
    """What a consumer asks for shows what it trades; prefixes must not open that."""
    with simulated(rate=0.0) as stage:
        spy = stage.consumer("sys,heartbeat,", "", *INCOMPLETE)
        consumer = stage.consumer("state,AAPL,")
        consumer.wait_for_state("AAPL", "live", None)
        for nonce in ("0123456789abcdef", "0123456789abcdefZZ", "abcabcabcabcabcabc"):
            private = f"~{nonce}.quote,AAPL,"
            consumer.subscribe(private)
            consumer.wait_for_topic(private)
        spy.wait_for_beats(2)
        assert not [m for m in spy.messages if m.topic.startswith("~")]


def test_the_empty_subscription_gets_every_public_kind() -> None:
    """A recorder or a bridge takes everything with one subscription, and nothing private."""
    with simulated(rate=2000.0, equity_count=12, correction_every=50, news_interval_s=1) as stage:
        recorder = stage.consumer("")
        consumer = stage.consumer(
            "quote,AAPL,", "regional,AAPL,", private_topic("quote,AAPL,"), f"state,{UNKNOWN},"
        )
        consumer.wait_for_topic("quote,AAPL,")
        wanted = {
            "quote", "trade", "summary", "fundamental", "news", "state", "regional", "correction",
            "sys",
        }  # fmt: skip
        kinds: set[str] = set()
        for message in recorder.stream(15.0):
            kinds.add(message.kind)
            if kinds >= wanted:
                break
        assert kinds == wanted
        recorder.history.check()


def test_a_symbol_never_matches_a_longer_one() -> None:
    """Topics end in a comma: a holder of A must not be fed AAPL's prices."""
    with simulated(rate=1000.0, equity_count=12) as stage:
        consumer = stage.consumer("quote,A,", "trade,A,", "quote,AAP,", "sys,heartbeat,")
        other = stage.consumer("quote,AAPL,", "trade,AAPL,")
        other.wait_for(lambda m: m.sequence > 100, what="load on AAPL")
        consumer.wait_for_beats(2)
        foreign = {m.symbol for m in consumer.messages} - {"A", "AAP", "heartbeat"}
        assert not foreign
        recorder = stage.consumer("trade,")
        recorder.wait_for_topic("trade,AAPL,")


def test_taking_everything_back_leaves_what_was_asked_for_by_name() -> None:
    """Each subscription stands for itself, as on a plain PUB socket."""
    with simulated(rate=1000.0, equity_count=12) as stage:
        consumer = stage.consumer("", "trade,", "quote,AAPL,", "sys,heartbeat,")
        stage.consumer("quote,AAPL,", "quote,MSFT,", "trade,MSFT,").wait_for_topic("quote,MSFT,")
        steps: list[tuple[str, set[str]]] = [
            ("", {"trade", "quote,AAPL", "sys,heartbeat"}),
            ("trade,", {"quote,AAPL", "sys,heartbeat"}),
        ]
        for topic, left in steps:
            consumer.unsubscribe(topic)
            consumer.wait_for_beats(1)
            start = len(consumer.messages)
            consumer.wait_for_beats(2)
            seen = {
                m.kind if m.kind == "trade" else m.topic[:-1] for m in consumer.messages[start:]
            }
            assert seen == left
