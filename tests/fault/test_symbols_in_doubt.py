"""The link is well and one symbol is not: silent, halted, implausible, or with a hole."""

import time

import pytest

from tests.support import fault_table
from tests.support.consumer import STALE, SUSPECT
from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.fault_table import BESIDE, fault_row
from tests.support.incident import Incident, equities
from tests.support.stage import scripted, simulated, wait_until

pytestmark = pytest.mark.slow
BUSY = "AAPL"
SILENT_S_MAX = 3.0
"""The symbol's own pace decides: here it has some eight updates a second."""


@fault_row(BESIDE)
@pytest.mark.parametrize("revive", ["refresh", "watch", "deaf"])
def test_one_symbol_that_stops_is_found_and_asked_for_again(revive: str) -> None:
    """All others go on, so no heartbeat and no other symbol tells."""
    with simulated(rate=80.0, record_trades=True, equity_count=20) as stage:
        incident = Incident(stage, [BUSY, *equities(stage.simulator, 6)])
        list(incident.consumer.stream(4.0))
        incident.strike("silent_symbol", symbol=BUSY, on=True, revive=revive)
        incident.states = {f"state,{BUSY},"}
        stale = incident.await_stale("symbol_silent", seconds=SILENT_S_MAX)
        if revive == "deaf":
            incident.end("silent_symbol", symbol=BUSY, on=False)
        else:
            incident.end()
        incident.await_live(seconds=4.5 if revive == "deaf" else 2.0)
        incident.assert_nothing_stale_looked_fresh(stale)
        incident.consumer.wait_for(
            lambda m: m.topic == f"quote,{BUSY}," and not m.flags & (STALE | 1),
            what="an update of its own",
        )
        others = [
            m
            for m in incident.consumer.messages
            if m.kind == "state" and m.symbol != BUSY and m.at_s > incident.struck_s
        ]
        assert others == [], "only the symbol that stopped is in doubt"
        incident.note(BESIDE, f"one symbol silent, {revive}")


@pytest.mark.long
def test_quiet_symbols_cost_an_audit_and_nothing_else() -> None:
    """At the close everything falls silent at once: no state changes, no new connection."""
    with simulated(rate=400.0, equity_count=30) as stage:
        incident = Incident(stage, equities(stage.simulator, 20))
        list(incident.consumer.stream(4.0))
        accepted = stage.simulator.counts.clients_accepted
        seen = len(incident.consumer.messages)
        stage.call(stage.simulator.hold_market, True)
        list(incident.consumer.stream(6.0))
        counters = stage.gateway._feed._parts.counters.as_map()
        assert counters["symbols_audited"] >= 5, "nothing was proved otherwise"
        assert counters["symbols_silent"] == 0
        assert stage.simulator.counts.clients_accepted == accepted
        late = [m for m in incident.consumer.messages[seen:] if m.at_s > time.monotonic() - 5.0]
        assert [m.topic for m in late if m.topic != "sys,feed,"] == [], "an audit publishes nothing"


def print_of(fake: FakeIqconnect, letter: str, symbol: str, **values: str) -> bytes:
    """A line whose last trade is told."""
    usual = {
        "Bid": "10", "Ask": "11", "Most_Recent_Trade": "10.5", "Most_Recent_Trade_Size": "100",
        "Most_Recent_Trade_Time": "10:00:00.000000", "Most_Recent_Trade_Date": "09/16/2026",
        "Most_Recent_Trade_Market_Center": "5", "Most_Recent_Trade_Conditions": "01",
        "TickID": "7", "Total_Volume": "5000",
    }  # fmt: skip
    return fake.line(letter, symbol, **(usual | values))


@fault_row(15)
def test_each_symbol_that_missed_trades_is_told_how_much() -> None:
    """One marker a symbol, with times and volume; none where nothing was traded."""
    fake = FakeIqconnect()
    with scripted(fake) as stage:
        names = ("AAPL", "MSFT", "SPY")
        topics = [f"{kind},{name}," for name in names for kind in ("state", "trade", "quote")]
        consumer = stage.consumer(*topics)
        states = {f"state,{name}," for name in names}
        consumer.wait_for_all(states, lambda m: m.values[0] == "live", what="live", seconds=5.0)
        for name in names:
            stage.call(fake.send, print_of(fake, "Q", name, Message_Contents="C"))
            consumer.wait_for_topic(f"trade,{name},")
        after = {
            "AAPL": {"TickID": "12", "Total_Volume": "6300", "Most_Recent_Trade": "10.75"},
            "MSFT": {},
            "SPY": {"Most_Recent_Trade_Date": "09/17/2026", "Total_Volume": "100", "TickID": "1"},
        }
        for name, values in after.items():
            answer = print_of(fake, "P", name, Message_Contents="Cbav", **values)
            fake.answers[f"w{name}"] = [answer.decode("latin-1").strip()]
        cut_us = time.time_ns() // 1000
        seen = len(consumer.messages)
        stage.call(fake.drop)
        live: dict[str, float] = {}
        for message in consumer.stream(4.0):
            if message.kind == "state" and message.values[0] == "live":
                live[message.symbol] = message.at_s
            if len(live) == len(names):
                break
        markers = {
            m.symbol: m
            for m in consumer.messages[seen:]
            if m.kind == "state" and m.values[1] == "gap"
        }
        assert set(markers) == {"AAPL", "SPY"}, "none where nothing was traded"
        told = markers["AAPL"].values[3]
        assert told["gap_volume"] == 1300
        assert told["gap_from_us"] < cut_us < told["gap_to_us"]
        assert "gap_volume" not in markers["SPY"].values[3], "another day's volume says nothing"
        assert len([m for m in consumer.messages if m.kind == "trade"]) == len(names)
        consumer.history.check()
        counters = stage.gateway._feed._parts.counters
        wait_until(
            lambda: counters.as_map()["gaps_told"] == len(markers), what="each marker is counted"
        )
        more = f"{len(markers)} markers, volume told"
        fault_table.note(15, "3 symbols, 2 of them traded during an outage", more=more)


@fault_row(22)
def test_a_halted_symbol_keeps_its_last_price_marked() -> None:
    """Nothing moves and nothing is wrong: traders must know why, and when it is over."""
    with simulated(rate=80.0, record_trades=True, equity_count=20) as stage:
        incident = Incident(stage, [BUSY, *equities(stage.simulator, 4)])
        incident.strike("halt", symbol=BUSY)
        halted = incident.consumer.wait_for_state(BUSY, "live", "halted", seconds=1.0)
        incident.detect_s = halted.at_s - incident.struck_s
        marked = incident.consumer.wait_for_topic(f"quote,{BUSY},", seconds=1.0)
        assert marked.flags & SUSPECT
        before = [m for m in incident.consumer.on(f"quote,{BUSY},") if m.sequence < marked.sequence]
        assert marked.values == before[-1].values
        list(incident.consumer.stream(3.0))
        assert incident.consumer.on(f"state,{BUSY},")[-1].values[1] == "halted", "no false alarm"
        incident.end("resume", symbol=BUSY)
        back = incident.consumer.wait_for_state(BUSY, "live", None, seconds=1.0)
        incident.recover_s = back.at_s - incident.ended_s
        incident.live_s = back.at_s
        prints = [m for m in incident.consumer.on(f"trade,{BUSY},") if m.at_s > incident.struck_s]
        halt_print = next(m for m in prints if "21" in str(m.values[4]))
        assert halt_print.at_s <= halted.at_s, "the print that says so comes first"
        incident.cause = "halted"
        incident.note(22, "one symbol halted and reopened")


@fault_row(23)
def test_implausible_values_are_passed_on_flagged() -> None:
    """What the vendor sends is not mended, and not hidden either."""
    fake = FakeIqconnect()
    cases = {
        "crossed": {"Bid": "12", "Ask": "11"},
        "locked": {"Bid": "11", "Ask": "11"},
        "price_not_positive": {"Bid": "-1", "Ask": "11"},
        "price_out_of_range": {"Bid": "10000001", "Ask": "10000002"},
        "value_unreadable": {"Bid": "10.25", "Ask": "NaN"},
    }
    with scripted(fake) as stage:
        consumer = stage.consumer("state,AAPL,", "quote,AAPL,", "trade,AAPL,")
        consumer.wait_for_state("AAPL", "live", None)
        for reason, values in cases.items():
            stage.call(fake.send, print_of(fake, "Q", "AAPL", Message_Contents="ba", **values))
            quote = consumer.wait_for_topic("quote,AAPL,")
            while quote.values[0] != float(values["Bid"]):
                quote = consumer.wait_for_topic("quote,AAPL,")
            assert quote.flags & SUSPECT, reason
        told = consumer.on("state,AAPL,")[-1]
        assert (told.values[0], told.values[3]["level1_reason"]) == ("live", "crossed")
        stage.call(fake.send, print_of(fake, "Q", "AAPL", Message_Contents="C", TickID="8"))
        assert not consumer.wait_for_topic("trade,AAPL,").flags & SUSPECT
        for number, values in enumerate(
            ({"Most_Recent_Trade_Size": "0"}, {"Most_Recent_Trade": "-0.5"}), 9
        ):
            more = {"TickID": str(number), **values}
            stage.call(fake.send, print_of(fake, "Q", "AAPL", Message_Contents="C", **more))
            trade = consumer.wait_for_topic("trade,AAPL,")
            assert trade.values[2] == number
            assert trade.flags & SUSPECT
        stage.call(
            fake.send,
            print_of(fake, "Q", "AAPL", Message_Contents="ba", Bid="10.5", Ask="11", TickID="10"),
        )
        assert not consumer.wait_for_topic("quote,AAPL,").flags & SUSPECT
        consumer.wait_for(
            lambda m: m.kind == "state" and "level1_reason" not in m.values[3],
            what="trust again",
            seconds=9.0,
        )
        fault_table.note(23, "crossed, locked, negative, size 0", more="all flagged, none dropped")
