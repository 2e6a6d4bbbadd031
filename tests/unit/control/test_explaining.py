"""`why`: a symbol's lineage in plain words, whatever is wrong with it."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.control.explaining import MEANINGS, explain
from gateway.control.lineage import AskLog, LastMessage, Lineage, PortLineage, Wish
from gateway.errors import SymbolInvalid
from gateway.model.enums import Cause
from gateway.policy.demand import Service
from tests.unit.control.desk_bench import LEVEL1_LINK, LINGER_S, Bench

NOW_US = 1_700_000_100_000_000
PORT = PortLineage(
    state="live",
    cause=None,
    since_us=NOW_US - 60_000_000,
    asked_us=NOW_US - 61_000_000,
    last_line_us=NOW_US - 200_000,
    link=replace(LEVEL1_LINK, heard_ns=99_500_000_000),
)
HEARD = "last sign of life 0.5 s ago"
LINEAGE = Lineage(
    symbol="AAPL",
    now_us=NOW_US,
    now_ns=100_000_000_000,
    is_known=True,
    wishes=(Wish(Service.LEVEL1, 1, None),),
    subscription_count=2,
    messages=(LastMessage("quote", 7, NOW_US - 300_000),),
    level1=PORT,
    level2=None,
)


def told(lineage: Lineage) -> dict[str, Any]:
    """The answer, without leases and an admin port."""
    return explain(lineage, [], admin=None, login=None)


def line(answer: dict[str, Any], start: str) -> str:
    """The one line that begins so."""
    (found,) = [text for text in answer["lines"] if text.startswith(start)]
    return str(found)


def test_a_live_symbol_is_told_step_by_step() -> None:
    """From demand to the last message, each sentence is one step of the way."""
    answer = told(LINEAGE)
    assert (answer["symbol"], answer["state"], answer["cause"]) == ("AAPL", "live", None)
    assert answer["lines"] == [
        "Demand: 2 subscriptions on the data socket; wanted of the vendor: level1.",
        "Level 1 watch: asked for on connection level1 at 22:13:59 UTC, 61.0 s ago.",
        "Level 1 last line: 0.2 s ago.",
        f"Level 1 link: level1 to 127.0.0.1:5009 is streaming, breaker closed, {HEARD}.",
        "Level 1 state: live for 60.0 s; nothing is wrong.",
        "Last messages: quote number 7 (0.3 s ago).",
    ]


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_a_meaning_and_a_next_step(cause: Cause) -> None:
    """A cause without words is a code that somebody has to look up at night."""
    assert cause.value in MEANINGS
    stale = replace(LINEAGE, level1=replace(PORT, state="stale", cause=cause.value))
    text = line(told(stale), "Level 1 state")
    meaning, next_step = MEANINGS[cause.value]
    assert meaning in text
    assert next_step in text


def test_an_open_breaker_is_told_with_its_wait() -> None:
    """That nothing is tried, and for how long, explains a silence."""
    link = replace(
        LEVEL1_LINK,
        state="closed",
        breaker={"state": "open", "retry_in_ms": 700},
        attempts=5,
        heard_ns=None,
        due_ns=100_700_000_000,
    )
    lineage = replace(LINEAGE, level1=replace(PORT, link=link))
    text = line(told(lineage), "Level 1 link")
    assert "is closed, breaker open (next attempt in 700 ms), attempt 6 in 0.7 s" in text


def test_a_connection_that_was_never_tried_is_told() -> None:
    """The data ports wait for the admin port's first word, and Level 2 for the first wish."""
    link = replace(LEVEL1_LINK, state="closed", heard_ns=None, due_ns=None)
    lineage = replace(LINEAGE, level1=replace(PORT, link=link))
    assert "no sign of life on this connection yet" in line(told(lineage), "Level 1 link")


def test_what_was_never_asked_and_never_came_is_told() -> None:
    """Nothing is known, and that is said instead of a zero."""
    new = replace(PORT, state="pending", asked_us=None, last_line_us=None)
    answer = told(replace(LINEAGE, level1=new, messages=()))
    assert "not asked for yet" in line(answer, "Level 1 watch")
    assert "none has come yet" in line(answer, "Level 1 last line")
    assert "has not answered yet" in line(answer, "Level 1 state")
    assert line(answer, "Last messages") == "Last messages: none."


def test_lines_held_back_are_told() -> None:
    """Prices that wait inside the gateway are late, and nothing upstream explains it."""
    lineage = replace(LINEAGE, level1=replace(PORT, link=replace(PORT.link, held_lines=1)))
    assert "1 line read and not published yet" in line(told(lineage), "Level 1 link")


def test_a_clock_that_was_set_back_gives_no_negative_ages() -> None:
    """Wall clocks step; an age of minus a second helps nobody."""
    lineage = replace(LINEAGE, now_us=NOW_US - 3_600_000_000)
    assert "-" not in line(told(lineage), "Level 1 last line")


@pytest.mark.parametrize(
    ("age_us", "text"), [(90_000_000, "90.0 s"), (600_000_000, "10 min"), (9_000_000_000, "2 h")]
)
def test_long_times_are_told_as_people_say_them(age_us: int, text: str) -> None:
    """Nobody divides by sixty at night."""
    lineage = replace(LINEAGE, level1=replace(PORT, last_line_us=NOW_US - age_us))
    assert text in line(told(lineage), "Level 1 last line")


def test_a_leased_symbol_names_its_clients() -> None:
    """Who keeps a symbol watched is whom to ask whether it is needed."""
    bench = Bench()
    bench.subscribe("A")
    bench.hear("A")
    bench.publish("A")
    answer = bench.ask("why", symbol="A")
    assert (answer["state"], answer["cause"]) == ("live", None)
    assert "1 lease (desk until " in line(answer, "Demand")
    assert "asked for on connection level1" in line(answer, "Level 1 watch")
    assert "quote number 1" in line(answer, "Last messages")
    assert line(answer, "Admin port") == "Admin port: streaming; IQConnect's login: connected."


def test_subscriptions_of_variants_are_counted() -> None:
    """A consumer of a variant is a consumer like any other."""
    bench = Bench()
    for topic in (b"quote,A,", b"book@250,A,", b"quote@250,A,", b"summary@1000,A,"):
        bench.subscriptions.add("peer", topic)
        bench.gain(topic)
    bench.subscribe("A", kinds=("book",))
    assert "4 subscriptions" in line(bench.ask("why", symbol="A"), "Demand")


def test_last_messages_are_named_by_variant_and_once_each() -> None:
    """Two of one name would read as a repetition."""
    bench = Bench()
    for topic in (b"quote,A,", b"quote@250,A,"):
        bench.gain(topic)
    bench.hear("A")
    bench.publish("A")
    bench.clock.advance(seconds=1)
    bench.board.variants.flush(bench.clock.monotonic_ns() // 1000)
    text = line(bench.ask("why", symbol="A"), "Last messages")
    assert text.count("quote number") == text.count("quote@250 number") == 1


def test_a_lingering_symbol_says_how_long_it_is_kept() -> None:
    """Nobody wants it, and still it costs a slot of the vendor's limit: for how long?"""
    bench = Bench()
    granted = bench.subscribe("A")
    bench.ask("unsubscribe", client="desk", lease_id=granted["lease_id"])
    bench.clock.advance(seconds=10)
    text = line(bench.ask("why", symbol="A"), "Demand")
    assert (
        text == f"Demand: nobody wants it any more; level1 is kept for another {LINGER_S - 10}.0 s."
    )


def test_both_ports_are_told_where_both_are_wanted() -> None:
    """A book may be missing while quotes are live: each port has its own story."""
    bench = Bench()
    bench.subscribe("A", kinds=("quote", "order"))
    bench.hear("A")
    answer = bench.ask("why", symbol="A")
    assert answer["state"] == "live", "the state speaks for Level 1 where that is wanted"
    assert "pending" in line(answer, "Level 2 state")
    assert "to 127.0.0.1:9200" in line(answer, "Level 2 link")


def test_a_symbol_wanted_for_its_book_alone_speaks_of_level2() -> None:
    """The same rule as on the `state` topic."""
    bench = Bench()
    bench.subscribe("A", kinds=("order",))
    answer = bench.ask("why", symbol="A")
    assert answer["state"] == "pending"
    assert not [text for text in answer["lines"] if text.startswith("Level 1")]


@pytest.mark.parametrize("is_known", [False, True])
def test_a_symbol_that_nobody_wants_is_closed(is_known: bool) -> None:
    """Known from before or never heard of: either way the way out is to subscribe."""
    bench = Bench()
    if is_known:
        granted = bench.subscribe("A")
        bench.ask("unsubscribe", client="desk", lease_id=granted["lease_id"])
        bench.linger()
    answer = bench.ask("why", symbol="A")
    assert (answer["state"], answer["cause"]) == ("closed", "not_subscribed")
    assert line(answer, "Demand") == "Demand: nobody wants it."
    assert "as soon as somebody subscribes" in line(answer, "State")


def test_what_is_no_symbol_is_refused() -> None:
    """The question must not become a command, a topic or a log line."""
    with pytest.raises(SymbolInvalid):
        Bench().ask("why", symbol="A,B")


def test_the_log_of_requests_to_the_vendor_is_bounded() -> None:
    """Endless bogus symbols must not be endless memory."""
    bench = Bench()
    asked = AskLog(bench.clock, symbol_count_max=2)
    for symbol in ("A", "B", "A", "C"):
        asked.note(symbol)
    assert asked.asked_us("B") is None
    assert asked.asked_us("A") == bench.clock.utc_us()
    asked.forget("A")
    asked.forget("never asked")
    assert asked.asked_us("A") is None
