"""Symbols that begin with one another: a consumer gets its own, and never another's."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import fault_table
from tests.support.consumer import Consumer
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.fault_table import fault_row
from tests.support.stage import Stage, scripted

pytestmark = pytest.mark.slow
STEMS: Final = (
    "A",
    "AA",
    "AAP",
    "AAPL",
    "AAPL.A",
    "AAPL2",
    "AAPLE",
    "B",
    "BA",
    "B.A",
    "@ES",
    "@ES#",
)
SYMBOLS: Final = tuple(
    sorted({*STEMS, *(f"{stem}X" for stem in STEMS), "@ESZ26", "$A", "A$", "A A"})
)
KINDS: Final = ("quote", "trade", "state", "fundamental", "summary")
LAST: Final = "ZZ"
"""Follows every line of the others, so that nothing can still be on its way."""
_prices: Final = itertools.count(1)
_counts: Final = {"examples": 0, "messages": 0}


@pytest.fixture(scope="module")
def bench() -> Iterator[tuple[Stage, FakeIqconnect]]:
    """A gateway at which somebody wants everything, so that everything is published."""
    fake = FakeIqconnect()
    with contextlib.ExitStack() as stack:
        stage = stack.enter_context(scripted(fake))
        fake.wait_for_command("S,NEWSON")
        everything = [f"{kind},{symbol}," for symbol in (*SYMBOLS, LAST) for kind in KINDS]
        stage.consumer(*everything)
        for symbol in (*SYMBOLS, LAST):
            fake.wait_for_command(f"w{symbol}")
        yield stage, fake
    if _counts["examples"]:
        fault_table.note(
            43,
            "symbols that begin with one another",
            lost=0,
            repeated=0,
            more=f"{_counts['examples']} sets of symbols, {_counts['messages']:,} messages, "
            "0 foreign",
        )


def quote_all(stage: Stage, fake: FakeIqconnect) -> float:
    """Change the price of every symbol, the last one's last."""
    price = next(_prices) / 100
    lines = [
        fake.line("Q", symbol, Bid=f"{price:.2f}", Ask=f"{price + 1:.2f}", Message_Contents="ba")
        for symbol in (*SYMBOLS, LAST)
    ]
    stage.call(fake.send, b"".join(lines))
    return price


@fault_row(43)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.sampled_from(SYMBOLS), max_size=len(SYMBOLS)))
def test_only_the_exact_symbol_is_delivered(
    bench: tuple[Stage, FakeIqconnect], wanted: set[str]
) -> None:
    """A price of AAPL taken for one of A is a wrong trade."""
    stage, fake = bench
    topics = {f"quote,{symbol}," for symbol in (*wanted, LAST)}
    with Consumer(stage.gateway.endpoints["data"], *sorted(topics)) as consumer:
        # A private answer of the last one proves that all subscriptions are in force.
        consumer.ask(f"quote,{LAST},")
        begun = len(consumer.messages)
        price = quote_all(stage, fake)
        consumer.wait_for(
            lambda m: m.symbol == LAST and m.values and m.values[0] == price, what="the last"
        )
        public = [m for m in consumer.messages[begun:] if not m.topic.startswith("~")]
        assert {m.topic for m in public} == topics
        assert {m.symbol for m in public if m.values[0] == price} == {*wanted, LAST}
        assert not {m.topic for m in consumer.messages if m.topic[0] != "~"} - topics
        consumer.history.check()
        _counts["examples"] += 1
        _counts["messages"] += len(public)
