"""Leases: a named client's claims, from `subscribe` to the release of the watch upstream."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest

from tests.support.fake_iqconnect import FakeIqconnect
from tests.support.requester import Requester
from tests.support.stage import Stage, scripted, simulated, wait_until

pytestmark = pytest.mark.slow
UNKNOWN = "NOSUCHSYM9"
LINGER_S = 0.3
LEASE_S = 5


@contextlib.contextmanager
def fake_stage() -> Iterator[tuple[Stage, FakeIqconnect]]:
    """A gateway whose every command to IQConnect is seen, and whose watches linger shortly."""
    fake = FakeIqconnect(unknown_symbols=(UNKNOWN,))
    with scripted(fake, settings={"data": {"watch_linger_s": LINGER_S}}) as stage:
        fake.wait_for_command("S,NEWSON")
        yield stage, fake


def watches_of(requester: Requester) -> dict[tuple[str, str], dict[str, Any]]:
    """Watches by symbol and service, as `subscriptions` lists them."""
    report = requester.result("subscriptions")
    assert report["complete"]
    return {(w["symbol"], w["service"]): w for w in report["watches"]}


def wishes(requester: Requester, symbol: str) -> int | None:
    """Number of wishes for a symbol's Level 1 watch; None when there is no watch."""
    watch = watches_of(requester).get((symbol, "level1"))
    return None if watch is None else int(watch["wishes"])


def test_one_bad_symbol_never_spoils_the_others() -> None:
    """A list of a thousand symbols always has one that was misspelled."""
    with fake_stage() as (stage, fake):
        requester = stage.requester()
        symbols = ["AAPL", "bad;x", "MSFT", "aapl", "", "A" * 49, "A\r\nS,NEWSOFF", "A,B"]
        result = requester.result("subscribe", client="c", symbols=symbols, kinds=["quote"])
        assert [t["topic"] for t in result["topics"]] == ["quote,AAPL,", "quote,MSFT,"]
        assert {t["state"] for t in result["topics"]} <= {"pending", "live"}
        bad = [symbol for symbol in symbols if symbol not in ("AAPL", "MSFT")]
        assert [r["symbol"] for r in result["rejected"]] == bad, "as they were sent"
        assert {r["code"] for r in result["rejected"]} == {"symbol_invalid"}
        assert all(r["hint"] for r in result["rejected"])
        fake.wait_for_command("wMSFT")
        assert fake.commands.count("S,NEWSOFF") == 0
        assert [c for c in fake.commands if c[0] == "w"] == ["wAAPL", "wMSFT"]


def test_only_bad_symbols_give_no_lease() -> None:
    """A lease on nothing would count against the client and expire for nothing."""
    with fake_stage() as (stage, _):
        requester = stage.requester()
        result = requester.result("subscribe", client="c", symbols=["bad;x"], kinds=["quote"])
        assert (result["lease_id"], result["expires_us"], result["topics"]) == (None, None, [])
        assert requester.result("subscriptions")["leases"] == []


def test_a_request_may_wait_for_the_vendors_first_word() -> None:
    """A script that asks once gets an answer it can use, not `pending`."""
    with fake_stage() as (stage, _):
        requester = stage.requester()
        at_once = requester.result("subscribe", client="c", symbols=["AAPL"], kinds=["quote"])
        assert at_once["topics"][0].keys() >= {"topic", "state", "sequence"}
        result = requester.result(
            "subscribe",
            client="c",
            symbols=["MSFT", UNKNOWN],
            kinds=["l1", "bar"],
            wait_ms=2000,
        )
        topics = {t["topic"]: t for t in result["topics"]}
        assert topics["quote,MSFT,"]["state"] == "live"
        assert topics["quote,MSFT,"]["sequence"] == 1
        assert topics["trade,MSFT,"]["sequence"] == 0
        assert topics["bar,MSFT,"]["state"] == "refused"
        (rejected,) = result["rejected"]
        assert (rejected["symbol"], rejected["code"]) == (UNKNOWN, "symbol_not_found")
        leases = requester.result("subscriptions", client="c")["leases"]
        assert [lease["symbols"] for lease in leases] == [["AAPL"], ["MSFT"]]


def test_renewing_extends_and_a_foreign_lease_is_none() -> None:
    """A client keeps what it has by renewing, and nobody can touch it by guessing."""
    with fake_stage() as (stage, _):
        requester = stage.requester()
        params: dict[str, Any] = {"symbols": ["AAPL"], "kinds": ["quote"], "lease_s": 5}
        lease = requester.result("subscribe", client="mine", **params)
        renewed = requester.result("renew", client="mine", lease_id=lease["lease_id"])
        assert renewed["expires_us"] > lease["expires_us"]
        assert renewed["missing_subscriptions"] == []
        for client, lease_id in (("other", lease["lease_id"]), ("mine", "0" * 24)):
            error = requester.error("renew", client=client, lease_id=lease_id)
            assert error["code"] == "lease_expired"
            error = requester.error("unsubscribe", client=client, lease_id=lease_id)
            assert error["code"] == "lease_expired"
        assert wishes(requester, "AAPL") == 1


def test_an_expired_lease_is_released_upstream() -> None:
    """A crashed client must not use up the vendor's symbol limit until somebody restarts us."""
    with fake_stage() as (stage, fake):
        consumer = stage.consumer("state,", "sys,heartbeat,")
        consumer.wait_for_beats(1)
        requester = stage.requester()
        asked_s = time.monotonic()
        lease = requester.result(
            "subscribe", client="c", symbols=["AAPL"], kinds=["quote"], lease_s=LEASE_S
        )
        consumer.wait_for_state("AAPL", "live", None)
        closed = consumer.wait_for_state("AAPL", "closed", None, seconds=LEASE_S + 5.0)
        took_s = closed.at_s - asked_s
        print(f"released {took_s:.2f} s after a lease of {LEASE_S} s began")
        assert LEASE_S + LINGER_S <= took_s < LEASE_S + LINGER_S + 2.0
        fake.wait_for_command("rAAPL")
        report = requester.result("subscriptions")
        assert (report["leases"], report["watches"]) == ([], [])
        error = requester.error("renew", client="c", lease_id=lease["lease_id"])
        assert error["code"] == "lease_expired"


def test_a_client_that_returns_in_time_finds_its_watch_warm() -> None:
    """A restart of a strategy must not cost it the symbol's place within the limit."""
    fake = FakeIqconnect()
    with scripted(fake, settings={"data": {"watch_linger_s": 60.0}}) as stage:
        fake.wait_for_command("S,NEWSON")
        requester = stage.requester()
        params: dict[str, Any] = {"client": "c", "symbols": ["AAPL"], "kinds": ["quote"]}
        requester.result("subscribe", wait_ms=2000, **params)
        assert requester.result("unsubscribe", client="c") == {"removed": 1}
        watch = watches_of(requester)["AAPL", "level1"]
        assert (watch["wishes"], watch["lingering"], watch["state"]) == (0, True, "live")
        requester.result("subscribe", **params)
        assert wishes(requester, "AAPL") == 1
        assert [c for c in fake.commands if c[0] in "rw"] == ["wAAPL"]


def test_unsubscribing_one_client_does_not_cut_another() -> None:
    """Two strategies on one symbol are the normal case."""
    with fake_stage() as (stage, fake):
        requester = stage.requester()
        for client in ("one", "two"):
            requester.result(
                "subscribe", client=client, symbols=["AAPL", "MSFT"], kinds=["l1"], wait_ms=2000
            )
        assert wishes(requester, "AAPL") == 2
        requester.result("unsubscribe", client="one", symbols=["AAPL"])
        requester.result("unsubscribe", client="one", symbols=["AAPL"])
        assert wishes(requester, "AAPL") == 1
        requester.result("unsubscribe", client="one")
        assert (wishes(requester, "AAPL"), wishes(requester, "MSFT")) == (1, 1)
        requester.result("unsubscribe", client="two", symbols=["MSFT"])
        fake.wait_for_command("rMSFT")
        assert "rAAPL" not in fake.commands
        assert watches_of(requester)["AAPL", "level1"]["state"] == "live"


def test_kinds_are_given_up_one_by_one() -> None:
    """The watch ends with the last kind, not with the first."""
    with fake_stage() as (stage, fake):
        requester = stage.requester()
        requester.result(
            "subscribe", client="c", symbols=["AAPL"], kinds=["quote", "trade", "regional"]
        )
        assert set(watches_of(requester)) == {("AAPL", "level1"), ("AAPL", "regional")}
        requester.result("unsubscribe", client="c", kinds=["quote", "regional"])
        assert wishes(requester, "AAPL") == 1
        fake.wait_for_command("S,REGOFF,AAPL")
        assert "rAAPL" not in fake.commands
        requester.result("unsubscribe", client="c", kinds=["trade"])
        fake.wait_for_command("rAAPL")


def test_a_request_that_timed_out_takes_nothing_from_others() -> None:
    """Giving up a lease of which only a part was counted must not end others' watches."""
    symbols = [f"S{number}" for number in range(4_000)]
    last = symbols[-1]
    with fake_stage() as (stage, _):
        requester = stage.requester()
        requester.result("subscribe", client="other", symbols=[last], kinds=["quote"])
        params = {"client": "hasty", "symbols": symbols, "kinds": ["quote"]}
        hasty = {"v": 1, "id": 1, "method": "subscribe", "params": params, "deadline_ms": 1}
        assert requester.exchange(hasty)["error"]["code"] == "timeout"
        requester.result("unsubscribe", client="hasty", seconds=10.0)
        wait_until(lambda: set(watches_of_all(requester)) == {last}, what="only the other's watch")
        assert wishes(requester, last) == 1


def test_giving_up_with_a_short_deadline_leaks_no_watch() -> None:
    """What a client gave up must be released even when it did not wait for the answer."""
    symbols = [f"S{number}" for number in range(4_000)]
    with fake_stage() as (stage, _):
        requester = stage.requester()
        requester.result("subscribe", client="c", symbols=symbols, kinds=["quote"], seconds=10.0)
        params = {"client": "c"}
        hasty = {"v": 1, "id": 1, "method": "unsubscribe", "params": params, "deadline_ms": 1}
        requester.send(msgpack.packb(hasty))
        requester.receive()
        wait_until(lambda: not watches_of_all(requester), what="every watch released")


def watches_of_all(requester: Requester) -> list[str]:
    """Symbols watched, lingering ones included, complete or not."""
    return [w["symbol"] for w in requester.result("subscriptions")["watches"]]


def test_an_unwatch_reaches_a_faithful_iqconnect() -> None:
    """The simulator counts its watches: what we release is really released there."""
    with simulated(settings={"data": {"watch_linger_s": 0.0}}) as stage:
        requester = stage.requester()
        symbols = ["AAPL", "MSFT", "SPY"]
        requester.result("subscribe", client="c", symbols=symbols, kinds=["l1"], wait_ms=2000)
        assert stage.simulator.statistics()["watches"] == 3
        requester.result("unsubscribe", client="c", symbols=["MSFT", "SPY"])
        took_s = wait_until(
            lambda: stage.simulator.statistics()["watches"] == 1, what="the release"
        )
        assert took_s < 1.0
