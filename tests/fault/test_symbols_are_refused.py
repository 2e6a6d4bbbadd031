"""The vendor refuses symbols: unknown ones, and those beyond the login's limit."""

import time

import pytest

from tests.support import fault_table
from tests.support.consumer import STATE
from tests.support.fault_table import fault_row
from tests.support.requester import Requester
from tests.support.slack import SLACK
from tests.support.stage import simulated, wait_until

pytestmark = pytest.mark.slow
UNKNOWN = "NOSUCHSYM9"
SYMBOLS = ("AAPL", "MSFT", "GOOGL", "AMZN", "TSLA")
LIMIT = 3
REUSE_S_MAX = 1.0 * SLACK
REFUSE_S_MAX = 0.5 * SLACK


def watched(requester: Requester) -> set[str]:
    """Symbols that are watched, lingering ones included."""
    return {watch["symbol"] for watch in requester.result("subscriptions")["watches"]}


@fault_row(16)
def test_the_symbol_limit_refuses_the_extra_symbols_only() -> None:
    """One symbol too many must not cost a client the others, nor be retried in a loop."""
    with simulated(symbol_limit=LIMIT, settings={"data": {"watch_linger_s": 0.0}}) as stage:
        states = [f"state,{symbol}," for symbol in SYMBOLS]
        consumer = stage.consumer("sys,heartbeat,", "quote,")
        requester = stage.requester()
        asked_s = time.monotonic()
        result = requester.result(
            "subscribe", client="c", symbols=SYMBOLS, kinds=["l1"], wait_ms=2000
        )
        refused_s = time.monotonic() - asked_s
        assert refused_s < REFUSE_S_MAX
        assert {r["symbol"]: r["code"] for r in result["rejected"]} == dict.fromkeys(
            SYMBOLS[LIMIT:], "symbol_limit"
        )
        assert all(r["hint"] for r in result["rejected"])
        consumer.subscribe(*states)
        for symbol in SYMBOLS[:LIMIT]:
            assert consumer.ask(f"state,{symbol},").values[0] == "live"
        for symbol in SYMBOLS[LIMIT:]:
            answer = consumer.ask(f"quote,{symbol},")
            assert answer.type == STATE
            assert answer.values[:2] == ["refused", "symbol_limit"]
        consumer.wait_for_beats(3)
        assert stage.simulator.statistics()["watches_refused"] == len(SYMBOLS) - LIMIT
        reused_s = []
        for freed, waiting in (("AAPL", "AMZN"), ("MSFT", "TSLA")):
            # The state topics are demand of their own: only without them is a slot free.
            freed_s = time.monotonic()
            consumer.unsubscribe(f"state,{freed},")
            requester.result("unsubscribe", client="c", symbols=[freed])
            live = consumer.wait_for_state(waiting, "live", None, seconds=REUSE_S_MAX)
            reused_s.append(live.at_s - freed_s)
        assert stage.simulator.statistics()["watches"] == LIMIT
        consumer.history.check()
        fault_table.note(
            16,
            "2 symbols beyond the limit",
            detect_s=refused_s,
            recover_s=max(reused_s),
            cause="symbol_limit",
            more="0 retries; recover: a freed slot is used",
        )


def test_symbols_that_only_linger_make_room() -> None:
    """What nobody wants any more must not keep out what somebody wants: the oldest goes first."""
    with simulated(symbol_limit=LIMIT, settings={"data": {"watch_linger_s": 600.0}}) as stage:
        consumer = stage.consumer("sys,heartbeat,")
        requester = stage.requester()
        for symbol in SYMBOLS[:LIMIT]:
            consumer.subscribe(f"state,{symbol},")
            consumer.wait_for_state(symbol, "live", None)
        for symbol in (SYMBOLS[1], SYMBOLS[0]):
            consumer.unsubscribe(f"state,{symbol},")
            wait_until(
                lambda s=symbol: any(  # type: ignore[misc]
                    w["symbol"] == s and w["lingering"]
                    for w in requester.result("subscriptions")["watches"]
                ),
                what=f"{symbol} lingering",
            )
        for new, gone in ((SYMBOLS[3], SYMBOLS[1]), (SYMBOLS[4], SYMBOLS[0])):
            consumer.subscribe(f"state,{new},")
            consumer.wait_for_state(new, "live", None, seconds=REUSE_S_MAX)
            assert gone not in watched(requester)
        assert watched(requester) == {SYMBOLS[2], SYMBOLS[3], SYMBOLS[4]}
        # The limit was known: the vendor was not asked in vain.
        assert stage.simulator.statistics()["watches_refused"] == 0
        consumer.subscribe("state,SPY,")
        consumer.wait_for_state("SPY", "refused", "symbol_limit")
        assert stage.simulator.statistics()["watches"] == LIMIT
        consumer.history.check()


def test_a_symbol_that_waits_for_a_slot_is_forgotten_with_its_last_client() -> None:
    """A freed slot must not go to a symbol that nobody wants any more."""
    with simulated(symbol_limit=1, settings={"data": {"watch_linger_s": 0.0}}) as stage:
        consumer = stage.consumer("quote,AAPL,", "state,AAPL,")
        consumer.wait_for_state("AAPL", "live", None)
        consumer.subscribe("state,MSFT,")
        consumer.wait_for_state("MSFT", "refused", "symbol_limit")
        consumer.subscribe("state,TSLA,")
        consumer.wait_for_state("TSLA", "refused", "symbol_limit")
        requester = stage.requester()
        consumer.unsubscribe("state,MSFT,")
        wait_until(
            lambda: (
                "MSFT" not in {w["symbol"] for w in requester.result("subscriptions")["watches"]}
            ),
            what="MSFT given up",
        )
        consumer.unsubscribe("quote,AAPL,", "state,AAPL,")
        consumer.wait_for_state("TSLA", "live", None, seconds=REUSE_S_MAX)
        assert stage.simulator.statistics()["watches"] == 1


@fault_row(17)
def test_an_unknown_symbol_is_refused_at_once_and_asked_once() -> None:
    """A misspelled symbol gets an answer, not a silence that looks like a quiet market."""
    with simulated() as stage:
        consumer = stage.consumer("sys,heartbeat,")
        consumer.wait_for_beats(1)
        asked_s = time.monotonic()
        consumer.subscribe(f"quote,{UNKNOWN},", f"state,{UNKNOWN},")
        refused = consumer.wait_for_state(
            UNKNOWN, "refused", "symbol_not_found", seconds=REFUSE_S_MAX
        )
        told_s = refused.at_s - asked_s
        other = stage.consumer(f"trade,{UNKNOWN},")
        assert other.ask(f"trade,{UNKNOWN},").values[:2] == ["refused", "symbol_not_found"]
        result = stage.requester().result(
            "subscribe", client="c", symbols=[UNKNOWN], kinds=["l1"], wait_ms=2000
        )
        assert result["lease_id"] is None
        assert result["rejected"][0]["code"] == "symbol_not_found"
        consumer.wait_for_beats(2)
        assert stage.simulator.statistics()["symbols_unknown"] == 1
        consumer.history.check()
        fault_table.note(
            17, "unknown symbol", detect_s=told_s, cause="symbol_not_found", more="asked once"
        )


def test_an_unknown_symbol_is_asked_again_by_a_new_consumer() -> None:
    """A symbol that is listed tomorrow must not stay refused until a restart."""
    with simulated() as stage:
        for count in (1, 2):
            consumer = stage.consumer(f"state,{UNKNOWN},")
            consumer.wait_for_state(UNKNOWN, "refused", "symbol_not_found")
            assert stage.simulator.statistics()["symbols_unknown"] == count
            consumer.unsubscribe(f"state,{UNKNOWN},")
            requester = stage.requester()
            wait_until(
                lambda r=requester: not watched(r),  # type: ignore[misc]
                what="the watch forgotten",
            )
