"""Orders, levels and books over real sockets: what a bare SUB and a bare DEALER see."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.support.consumer import Consumer, Message
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.stage import Stage, scripted, wait_until

pytestmark = pytest.mark.slow
SNAPSHOT, CONFLATED, STALE, SUSPECT = 1, 8, 16, 32
ES, AAPL, QNG, UNKNOWN = "@ESZ26", "AAPL", "QNGF27", "NOPE"
AT = "10:00:00.000001,2026-11-20"


def order(letter: str, number: int, side: str, price: str, size: int) -> str:
    """An order of the future, as the vendor writes it."""
    return f"{letter},{ES},{number},,{side},{price},{size},{number},2,{AT},"


def lines(*texts: str) -> bytes:
    """Lines as they travel."""
    return "".join(f"{text}\r\n" for text in texts).encode()


@pytest.fixture
def depth() -> FakeIqconnect:
    """A Level 2 port that knows one future with orders, one with levels, and one share."""
    return FakeIqconnect(
        answers={
            f"WOR,{ES}": [order("6", 1, "B", "100.25", 5), order("6", 2, "A", "100.50", 7)],
            f"WPL,{ES}": [f"7,{ES},B,100.25,5,1,2,{AT},", f"7,{ES},A,100.50,7,1,2,{AT},"],
            f"WOR,{QNG}": [f"q,{QNG},"],
            f"WPL,{QNG}": [f"7,{QNG},B,3.001,9,4,3,{AT},"],
            f"WOR,{AAPL}": [f"6,{AAPL},,NSDQ,B,238.4400,300,,4,{AT},"],
            f"WPL,{AAPL}": [f"q,{AAPL},"],
            "WOR,EURUSD.FXCM": ["q,EURUSD.FXCM,"],
            "WPL,EURUSD.FXCM": ["q,EURUSD.FXCM,"],
            f"WOR,{UNKNOWN}": [f"n,{UNKNOWN}"],
        }
    )


@pytest.fixture
def stage(depth: FakeIqconnect) -> Iterator[Stage]:
    """A gateway between a calm Level 1 port and that Level 2 port."""
    with scripted(FakeIqconnect(), level2=depth, settings={"data": {"watch_linger_s": 0.2}}) as one:
        yield one


def wait_for_book(consumer: Consumer, symbol: str) -> Message:
    """The next book that can be trusted."""
    return consumer.wait_for(
        lambda m: m.topic == f"book,{symbol}," and not m.flags & STALE, what="book"
    )


def test_a_bare_subscription_gets_rows_and_a_book(stage: Stage) -> None:
    """Nothing but a SUB socket is needed: the subscription is the request for depth."""
    consumer = stage.consumer(f"order,{ES},", f"book,{ES},", f"state,{ES},")
    book = wait_for_book(consumer, ES)
    assert book.values[:2] == [[[100.25, 5, 1]], [[100.5, 7, 1]]]
    rows = [m.values for m in consumer.on(f"order,{ES},")]
    assert rows == [
        ["add", "B", 1, None, 100.25, 5, 1, 2],
        ["add", "A", 2, None, 100.5, 7, 2, 2],
    ]
    assert all(m.flags & SNAPSHOT for m in consumer.on(f"order,{ES},"))
    consumer.history.check()


def test_nobody_connects_before_depth_is_wanted(stage: Stage, depth: FakeIqconnect) -> None:
    """An account without depth is not troubled by a port it does not have."""
    consumer = stage.consumer("sys,heartbeat,", "quote,AAPL,")
    consumer.wait_for_topic("quote,AAPL,")
    beat = consumer.wait_for_topic("sys,heartbeat,")
    assert beat.values[0]["upstream"]["level2"] == "closed"
    assert not [r for r in beat.values[0]["degraded"] if r.startswith("level2")]
    assert depth.commands == []
    consumer.subscribe(f"book,{ES},")
    depth.wait_for_command(f"WOR,{ES}")


def test_updates_keep_image_and_book_in_step(stage: Stage, depth: FakeIqconnect) -> None:
    """An image is the sum of all rows before it, in the order of price, priority and number."""
    consumer = stage.consumer(f"order,{ES},", f"book,{ES},")
    wait_for_book(consumer, ES)
    depth_lines = lines(
        order("3", 3, "B", "100.25", 4),
        order("4", 1, "B", "100.00", 6),
        f"5,{ES},2,,A,,2026-11-20,",
        order("4", 9, "A", "101.00", 2),
        f"5,{ES},77,,A,,2026-11-20,",
    )
    stage.call(depth.send, depth_lines)
    consumer.wait_for(lambda m: m.values[:3] == ["add", "A", 9], what="the last row")
    image = consumer.ask(f"order,{ES},")
    assert image.type == 13
    assert image.sequence == consumer.on(f"order,{ES},")[-1].sequence
    assert image.values == [
        [
            ["add", "B", 3, None, 100.25, 4, 3, 2],
            ["add", "B", 1, None, 100.0, 6, 1, 2],
            ["add", "A", 9, None, 101.0, 2, 9, 2],
        ]
    ]
    actions = [(m.values[0], m.values[2]) for m in consumer.on(f"order,{ES},")[2:]]
    assert actions == [("add", 3), ("update", 1), ("delete", 2), ("add", 9)]
    deleted = consumer.on(f"order,{ES},")[4]
    assert deleted.body[5] is None, "the vendor gave no time"
    book = consumer.wait_for_topic(f"book,{ES},")
    assert book.values == [[[100.25, 4, 1], [100.0, 6, 1]], [[101.0, 2, 1]], 4]
    assert book.flags & CONFLATED
    consumer.history.check()


def test_the_same_image_comes_by_request(stage: Stage) -> None:
    """Who prefers requests gets the bytes that a private topic gets."""
    consumer = stage.consumer(f"order,{ES},", f"book,{ES},")
    wait_for_book(consumer, ES)
    by_topic = consumer.ask(f"order,{ES},")
    reply = stage.requester().result("snapshot", topics=[f"order,{ES},", f"book,{ES},"])
    assert [entry["topic"] for entry in reply] == [f"order,{ES},", f"book,{ES},"]
    assert reply[0]["body"] == by_topic.body
    assert reply[1]["body"][6:8] == [[[100.25, 5, 1]], [[100.5, 7, 1]]]


def test_levels_are_asked_for_where_there_are_no_orders(stage: Stage, depth: FakeIqconnect) -> None:
    """The gateway finds the source by itself, and says which it is."""
    consumer = stage.consumer(f"book,{QNG},", f"state,{QNG},", f"order,{QNG},")
    book = wait_for_book(consumer, QNG)
    assert book.values[:2] == [[[3.001, 9, 4]], []]
    assert [c for c in depth.commands if QNG in c] == [f"WOR,{QNG}", f"WPL,{QNG}"]
    state = consumer.ask(f"state,{QNG},")
    assert state.values[3]["level2"] == "live"
    assert state.values[3]["level2_source"] == "price_levels"
    answer = consumer.ask(f"order,{QNG},")
    assert answer.type == 9
    assert answer.values[:2] == ["refused", "no_depth"]


def test_a_share_has_market_makers_and_no_levels(stage: Stage) -> None:
    """Both kinds of rows may be wanted; the one that exists is delivered."""
    consumer = stage.consumer("order,AAPL,", "depth,AAPL,", "book,AAPL,", "state,AAPL,")
    assert wait_for_book(consumer, AAPL).values[:2] == [[[238.44, 300, 1]], []]
    assert consumer.on("order,AAPL,")[0].values == [
        *["add", "B", None, "NSDQ", 238.44, 300, None, 4]
    ]
    answer = consumer.ask("depth,AAPL,")
    assert answer.values[:2] == ["refused", "no_depth"]
    assert consumer.ask("state,AAPL,").values[3]["level2_source"] == "market_makers"


@pytest.mark.parametrize(
    ("symbol", "cause"), [("EURUSD.FXCM", "no_depth"), (UNKNOWN, "symbol_not_found")]
)
def test_a_symbol_without_depth_is_refused_with_the_cause(
    stage: Stage, symbol: str, cause: str
) -> None:
    """Silence would look like an empty book."""
    reply = stage.requester().result(
        "subscribe", client="desk", symbols=[symbol, ES], kinds=["l2"], lease_s=60, wait_ms=2000
    )
    assert [(entry["symbol"], entry["code"]) for entry in reply["rejected"]] == [(symbol, cause)]
    topics = {entry["topic"]: entry["state"] for entry in reply["topics"]}
    assert topics[f"book,{ES},"] in ("live", "recovering")
    consumer = stage.consumer(f"book,{symbol},", f"state,{symbol},")
    state = consumer.wait_for(
        lambda m: m.kind == "state" and m.values[3].get("level2") == "refused", what="refusal"
    )
    assert state.values[3]["level2_cause"] == cause
    assert consumer.ask(f"book,{symbol},").values[:2] == ["refused", cause]


def test_a_refused_book_leaves_quotes_alone(stage: Stage) -> None:
    """Who trades on quotes is not stopped by who asked for a book that does not exist."""
    symbol = "EURUSD.FXCM"
    consumer = stage.consumer(f"quote,{symbol},", f"state,{symbol},", f"book,{symbol},")
    state = consumer.wait_for(
        lambda m: m.kind == "state" and m.values[3].get("level2") == "refused", what="refusal"
    )
    assert state.values[:2] == ["live", None]


def test_variants_have_their_own_pace_and_depth(stage: Stage, depth: FakeIqconnect) -> None:
    """A slow screen takes one book a while, a few levels deep, and the others lose nothing."""
    consumer = stage.consumer(f"book,{ES},", f"book@300x1,{ES},")
    wait_for_book(consumer, ES)
    first = consumer.wait_for(lambda m: m.kind == "book@300x1", what="variant")
    for number in range(10, 40):
        stage.call(depth.send, lines(order("3", number, "B", f"{99 - number}.00", 1)))
        stage.call(depth.send, lines(order("4", 1, "B", "100.25", number)))
        consumer.receive(0.02)
    last = consumer.wait_for(
        lambda m: m.kind == "book@300x1" and m.values[0] == [[100.25, 39, 1]], what="last value"
    )
    variants = [m for m in consumer.messages if m.kind == "book@300x1"]
    assert [m.sequence for m in variants] == [*range(first.sequence, last.sequence + 1)]
    assert all(len(m.values[0]) <= 1 for m in variants)
    gaps = [b.at_s - a.at_s for a, b in pairwise(variants)]
    assert min(gaps) > 0.2, "an interval of 300 ms, less what reading may bunch"
    assert len(consumer.on(f"book,{ES},")) > len(variants)
    assert consumer.ask(f"book@300x1,{ES},").values[0] == [[100.25, 39, 1]]
    consumer.history.check()


def test_a_dropped_variant_never_goes_back(stage: Stage) -> None:
    """Its topic begins anew behind every sequence that was discarded."""
    topic = f"book@200,{ES},"
    keeper = stage.consumer(f"book,{ES},")
    wait_for_book(keeper, ES)
    first = stage.consumer(topic).wait_for_topic(topic)
    leaver = stage.consumer(topic)
    leaver.close()
    again = stage.consumer()
    again.subscribe(topic)
    assert again.ask(topic).sequence >= first.sequence
    assert stage.consumer(f"~{'0' * 20}.book@200,AAPL,").wait_for_topic(
        f"~{'0' * 20}.book@200,AAPL,"
    ).values[:2] == ["closed", "not_subscribed"]


def test_a_crossed_book_is_flagged_and_asked_for_anew(depth: FakeIqconnect) -> None:
    """It is published as it is, never repaired by guessing; the vendor is asked for the truth."""
    settings = {"book": {"crossed_ms_max": 300}}
    with scripted(FakeIqconnect(), level2=depth, settings=settings) as stage:
        consumer = stage.consumer(f"book,{ES},", f"order,{ES},", f"state,{ES},")
        wait_for_book(consumer, ES)
        stage.call(depth.send, lines(order("3", 5, "B", "100.75", 1)))
        crossed = consumer.wait_for(
            lambda m: m.kind == "book" and m.flags & SUSPECT, what="SUSPECT"
        )
        assert crossed.values[0][0] == [100.75, 1, 1]
        state = consumer.wait_for(
            lambda m: m.kind == "state" and m.values[3].get("reason") == "crossed", what="reason"
        )
        assert state.values[3]["level2"] == "live"
        depth.wait_for_command(f"WOR,{ES}", count=2)
        consumer.wait_for(
            lambda m: m.kind == "book" and not m.flags & (STALE | SUSPECT), what="a sound book"
        )
        clears = [m.values[1] for m in consumer.on(f"order,{ES},") if m.values[0] == "clear"]
        assert clears == ["B", "A"]
        rows = consumer.ask(f"order,{ES},").values[0]
        assert [row[2] for row in rows] == [1, 2], "the order that crossed is gone with the clear"
        counters = stage.requester().result("metrics")["client_metrics"]["counters"]
        assert counters["book_images_asked"] == 1
        assert counters["books_suspect"] >= 1
        consumer.history.check()


def test_the_last_wish_ends_the_watch(stage: Stage, depth: FakeIqconnect) -> None:
    """The vendor's slots are few: a book nobody reads is given up after its linger."""
    consumer = stage.consumer(f"order,{ES},", f"depth,{ES},", f"book,{ES},")
    wait_for_book(consumer, ES)
    depth.wait_for_command(f"WPL,{ES}")
    consumer.unsubscribe(f"depth,{ES},")
    depth.wait_for_command(f"RPL,{ES}")
    assert f"ROR,{ES}" not in depth.commands
    consumer.close()
    depth.wait_for_command(f"ROR,{ES}")
    answer = stage.consumer().ask(f"book,{ES},")
    assert answer.values[:2] == ["closed", "not_subscribed"]


def test_classic_lines_close_groups(stage: Stage) -> None:
    """An older IQConnect speaks of market makers, and says which rows belong together."""
    depth = FakeIqconnect(
        protocols=("6.1",),
        answers={"w@ES#": [f"Z,@ES#,MD01,2982.25,2982.5,99,238,{AT},52,10:00:00.000001,T,T,F,"]},
    )
    with scripted(FakeIqconnect(), level2=depth) as older:
        consumer = older.consumer("order,@ES#,", "book,@ES#,", "depth,@ES#,")
        book = wait_for_book(consumer, "@ES#")
        assert book.values[:2] == [[[2982.25, 99, 1]], [[2982.5, 238, 1]]]
        update = f"2,@ES#,MD01,2982.25,2982.5,100,240,{AT},52,10:00:00.000001,T,T,T,"
        older.call(depth.send, lines(update))
        last = consumer.wait_for(lambda m: m.kind == "order" and m.flags & 64, what="LAST")
        assert last.values == ["update", "A", None, "MD01", 2982.5, 240, None, None]
        gone = f"2,@ES#,MD01,2982.25,2982.5,100,240,{AT},52,10:00:00.000001,F,T,T,"
        older.call(depth.send, lines(gone))
        consumer.wait_for(lambda m: m.values[:2] == ["delete", "B"], what="a side that is gone")
        assert consumer.ask("depth,@ES#,").values[:2] == ["refused", "no_depth"]
        consumer.history.check()


def test_bad_lines_disturb_nothing_else(stage: Stage, depth: FakeIqconnect) -> None:
    """Half a row is no row, and the next one is read."""
    consumer = stage.consumer(f"order,{ES},", f"book,{ES},")
    wait_for_book(consumer, ES)
    bad = (
        f"3,{ES},11,,B,99.00,1,1,2,10:00:00",
        f"3,{ES},12,,X,99.00,1,1,2,{AT},",
        f"3,{ES},13,,B,nan,1,1,2,{AT},",
        f"3,{ES},99999999999999999999999,,B,99.00,1,1,2,{AT},",
        f"3,{ES},,,B,99.00,1,1,2,{AT},",
        "S,CLEAR DEPTH,@ESZ26,X,",
        "!,what is this",
    )
    stage.call(depth.send, lines(*bad, order("3", 20, "B", "99.00", 1)))
    consumer.wait_for(lambda m: m.values[:3] == ["add", "B", 20], what="the good row")
    assert [m.values[2] for m in consumer.on(f"order,{ES},")] == [1, 2, 20]
    wait_until(
        lambda: counters(stage)["lines_truncated"] == 1 and counters(stage)["lines_invalid"] == 5,
        what="all bad lines counted",
    )
    assert counters(stage)["lines_unknown"] == 1
    assert counters(stage)["processing_faults"] == 0


def counters(stage: Stage) -> dict[str, int]:
    """The feed's counters."""
    reply = stage.requester().result("metrics")
    found: dict[str, int] = reply["client_metrics"]["counters"]
    return found
