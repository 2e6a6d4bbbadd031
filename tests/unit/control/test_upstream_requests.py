"""Requests about the way to DTN: history, fresh values within a budget, and admins' deeds."""

from typing import Any

import pytest

from gateway.control.feed_commands import ReconnectPort, ResetBreakers, Resync
from gateway.control.methods import answer
from gateway.control.upstream_requests import (
    ADMIN_NS,
    CALLER_BURST_MAX,
    RESYNCS_MAX,
    RESYNCS_NS,
    SYMBOL_NS,
    Caller,
)
from gateway.errors import (
    InvalidParams,
    NotEntitled,
    RateLimited,
    SecurityValidationError,
    SymbolInvalid,
    SymbolNotFound,
    Unauthorized,
    UnknownMethod,
    UpstreamDown,
    WatchLimitReached,
)
from gateway.model.enums import Cause
from gateway.policy.error_history import ErrorFact
from tests.unit.control.desk_bench import Bench

PORT = {"port": "level1", "reason": "a test"}


def ask(bench: Bench, method: str, caller: Caller, **params: Any) -> Any:
    """Send a request as one of several callers."""
    steps = answer(bench.requests, method, params, caller=caller)
    assert not isinstance(steps, dict)
    return bench.run(steps)


def resync(bench: Bench, topic: str, caller: str = "me") -> Any:
    """Ask for fresh values."""
    return ask(bench, "resync", Caller(caller), topic=topic)


@pytest.fixture
def bench() -> Bench:
    """A gateway where `S0` to `S39` are live on Level 1."""
    bench = Bench()
    names = [f"S{number}" for number in range(40)]
    bench.subscribe(*names)
    bench.hear(*names)
    bench.upstream.take()
    return bench


def test_errors_are_listed_newest_first_up_to_the_limit() -> None:
    """An operator reads the last ones first, and few of them."""
    bench = Bench()
    for number in range(5):
        fact = ErrorFact(number, "level1", "feed_closed", "error", f"error {number}", "Wait.")
        bench.requests.upstream.history.add(fact)
    rows = bench.ask("errors", limit=2)["errors"]
    assert [row["message"] for row in rows] == ["error 4", "error 3"]
    assert len(bench.ask("errors")["errors"]) == 5


def test_a_symbol_that_must_not_be_sent_is_in_the_history() -> None:
    """Somebody who tries to inject commands must be seen, not only refused."""
    bench = Bench()
    bench.subscribe("INVALID;SYMBOL", "A\r\nS,DISCONNECT", "GOOD")
    (row,) = bench.ask("errors")["errors"]
    assert (row["port"], row["code"], row["count"]) == ("control", "symbol_invalid", 2)
    assert row["details"]["symbol"] == "INVALID;SYMBOL"


def test_fresh_values_of_level1_are_a_refresh(bench: Bench) -> None:
    """The vendor sends what it has, and the watch stands."""
    assert resync(bench, "quote,S0,") == {"requested": True}
    assert bench.upstream.take() == ["refresh S0"]


@pytest.mark.parametrize("topic", ["order,@ESZ26,", "depth,@ESZ26,", "book,@ESZ26,", "book@250,X,"])
def test_fresh_values_of_a_book_are_a_repeated_watch(topic: str) -> None:
    """A repeated watch brings the summary again, and no row is missed in between."""
    bench = Bench()
    symbol = topic.split(",")[1]
    bench.subscribe(symbol, kinds=("order",))
    bench.depth.upstream.take()
    assert resync(bench, topic) == {"requested": True}
    assert bench.depth.upstream.take() == [f"WOR,{symbol}"]


@pytest.mark.parametrize(
    "topic", ["quote,AAPL", "nonsense", "~0123456789abcdef.quote,S0,", "quote,\u20ac,"]
)
def test_what_is_no_public_topic_is_refused(bench: Bench, topic: str) -> None:
    """A typing mistake must read as one."""
    with pytest.raises(InvalidParams):
        resync(bench, topic)
    assert bench.upstream.take() == []


@pytest.mark.parametrize("topic", ["quote,aapl,", "quote,INVALID;SYMBOL,", "quote,A\r\nB,"])
def test_what_is_no_symbol_never_reaches_the_feed_thread(bench: Bench, topic: str) -> None:
    """A command line of the vendor's must not be built of it, not even by a slip elsewhere."""
    bench.commands.clear()
    with pytest.raises((SymbolInvalid, InvalidParams)):
        resync(bench, topic)
    assert bench.commands == []


@pytest.mark.parametrize("topic", ["news,DTN,", "sys,heartbeat,", "bar,S0,"])
def test_a_kind_without_values_of_a_symbol_is_refused(bench: Bench, topic: str) -> None:
    """There is nothing that the vendor could be asked for."""
    with pytest.raises((InvalidParams, SymbolInvalid)):
        resync(bench, topic)


@pytest.mark.parametrize("topic", ["quote,NOBODY,", "order,S0,"])
def test_a_symbol_that_nobody_wants_is_refused_and_costs_no_budget(
    bench: Bench, topic: str
) -> None:
    """The vendor refreshes watched symbols only; the hint says to subscribe first."""
    with pytest.raises(InvalidParams) as caught:
        resync(bench, topic)
    assert "first" in caught.value.hint
    assert bench.upstream.take() == []
    bench.subscribe("NOBODY", "S0", kinds=("quote", "order"))
    bench.upstream.take()
    assert resync(bench, topic) == {"requested": True}


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        (Cause.SYMBOL_NOT_FOUND, SymbolNotFound),
        (Cause.SYMBOL_LIMIT, WatchLimitReached),
        (Cause.NOT_ENTITLED, NotEntitled),
        (Cause.NO_DEPTH, InvalidParams),
    ],
)
def test_a_refused_symbol_is_refused_for_the_vendors_reason(
    bench: Bench, cause: Cause, error: type[Exception]
) -> None:
    """Asking again would bring the same answer, so the caller gets it at once."""
    bench.board.refuse("S0", cause)
    with pytest.raises(error):
        resync(bench, "quote,S0,")


def test_a_book_that_the_vendor_has_not_is_refused_for_that_reason() -> None:
    """The way out is in `state` and in `why`, not in asking again."""
    bench = Bench()
    bench.subscribe("A", kinds=("order",))
    bench.depth.depths.refuse(bench.depth.depths.depths["A"], Cause.NO_DEPTH)
    with pytest.raises(InvalidParams) as caught:
        resync(bench, "order,A,")
    assert caught.value.facts["cause"] == "no_depth"


def test_while_the_upstream_is_down_nothing_can_be_asked(bench: Bench) -> None:
    """The caller learns when to try again; everything is asked for anew by then anyway."""
    bench.board.lose_upstream(Cause.DTN_LINK_DOWN)
    with pytest.raises(UpstreamDown) as caught:
        resync(bench, "quote,S0,")
    assert caught.value.facts["retry_ms"] == 1_000
    bench.board.recover_upstream()
    assert resync(bench, "quote,S0,") == {"requested": True}, "what failed used no budget"


def test_one_symbol_is_asked_for_once_in_five_seconds(bench: Bench) -> None:
    """A loop around one symbol must not load the vendor."""
    resync(bench, "quote,S0,")
    with pytest.raises(RateLimited) as caught:
        resync(bench, "trade,S0,", caller="another")
    assert caught.value.facts["retry_ms"] == SYMBOL_NS // 1_000_000
    bench.clock.advance(seconds=5)
    assert resync(bench, "trade,S0,", caller="another") == {"requested": True}


def test_one_requester_gets_a_burst_and_then_one_a_second(bench: Bench) -> None:
    """One greedy program must leave something for the others."""
    for number in range(CALLER_BURST_MAX):
        resync(bench, f"quote,S{number},")
    with pytest.raises(RateLimited) as caught:
        resync(bench, "quote,S30,")
    assert caught.value.facts["retry_ms"] == 1_000
    assert resync(bench, "quote,S30,", caller="another") == {"requested": True}
    bench.clock.advance(seconds=1)
    assert resync(bench, "quote,S31,") == {"requested": True}


def test_all_requesters_together_have_a_budget(bench: Bench) -> None:
    """Many polite programs are as heavy for the vendor as one greedy one."""
    for number in range(RESYNCS_MAX):
        resync(bench, f"quote,S{number},", caller=f"caller {number}")
    with pytest.raises(RateLimited) as caught:
        resync(bench, "quote,S30,", caller="one more")
    assert caught.value.facts["retry_ms"] == RESYNCS_NS // 1_000_000
    assert len(bench.upstream.take()) == RESYNCS_MAX
    bench.clock.advance(seconds=10)
    assert resync(bench, "quote,S30,", caller="one more") == {"requested": True}


def test_without_permission_nobody_is_an_administrator() -> None:
    """Any local program can connect; the attempt is written down."""
    bench = Bench()
    with pytest.raises(Unauthorized):
        answer(bench.requests, "admin.reconnect", PORT, caller=Caller("01", "127.0.0.1"))
    assert bench.admin.deeds == []
    assert bench.audited == [
        {
            "event": "admin request refused",
            "method": "admin.reconnect",
            "caller": "01",
            "address": "127.0.0.1",
            "outcome": "unauthorized",
        }
    ]


@pytest.mark.parametrize(
    ("method", "command"),
    [
        ("admin.breaker_reset", ResetBreakers("level2")),
        ("admin.reconnect", ReconnectPort("level2")),
    ],
)
def test_an_administrator_steers_a_streaming_port(method: str, command: object) -> None:
    """The feed thread owns those connections; who asked and why is in the audit log."""
    bench = Bench(is_admin_allowed=True)
    caller = Caller("0a1b", "127.0.0.1")
    result = ask(bench, method, caller, port="level2", reason="after the repair")
    assert result == {"connections": 2}
    assert bench.commands[-1] == command
    assert bench.audited == [
        {
            "event": "admin request",
            "method": method,
            "port": "level2",
            "reason": "after the repair",
            "caller": "0a1b",
            "address": "127.0.0.1",
            "outcome": "done",
        }
    ]


@pytest.mark.parametrize(
    ("method", "deed"), [("admin.breaker_reset", "reset_breaker"), ("admin.reconnect", "reconnect")]
)
def test_an_administrator_steers_the_admin_port(method: str, deed: str) -> None:
    """That connection is the control loop's own: the feed thread is not asked."""
    bench = Bench(is_admin_allowed=True)
    assert bench.ask(method, port="admin", reason="x") == {"connections": 1}
    assert bench.admin.deeds == [deed]
    assert bench.commands == []


def test_a_deed_is_done_to_a_port_once_in_five_seconds() -> None:
    """A script that reconnects in a loop would keep prices away for ever."""
    bench = Bench(is_admin_allowed=True)
    bench.ask("admin.reconnect", **PORT)
    with pytest.raises(RateLimited) as caught:
        bench.ask("admin.reconnect", **PORT)
    assert caught.value.facts["retry_ms"] == ADMIN_NS // 1_000_000
    assert bench.audited[-1]["outcome"] == "rate_limited"
    bench.ask("admin.reconnect", port="level2", reason="another port")
    bench.ask("admin.breaker_reset", **PORT)
    bench.clock.advance(seconds=5)
    bench.ask("admin.reconnect", **PORT)


def test_a_port_that_is_not_served_is_said_to_be() -> None:
    """The contract names the lookup port; this version has no connection to it."""
    bench = Bench(is_admin_allowed=True)
    with pytest.raises(InvalidParams) as caught:
        bench.ask("admin.reconnect", port="lookup", reason="x")
    assert "not served" in str(caught.value)
    assert bench.audited[-1]["outcome"] == "bad_request"


@pytest.mark.parametrize("reason", ["two\nlines", "\x1b[2J", "\u2028"])
def test_a_reason_cannot_forge_a_line_of_the_audit_log(reason: str) -> None:
    """Who reads the log later must be able to trust its lines."""
    bench = Bench(is_admin_allowed=True)
    with pytest.raises(SecurityValidationError):
        bench.ask("admin.reconnect", port="level1", reason=reason)
    assert bench.commands == []


@pytest.mark.parametrize("reason", ["", "x" * 201])
def test_a_reason_must_be_given_and_short(reason: str) -> None:
    """An audit line without a why is half a line."""
    with pytest.raises(InvalidParams):
        Bench(is_admin_allowed=True).ask("admin.reconnect", port="level1", reason=reason)


@pytest.mark.parametrize("method", ["admin.shutdown", "admin.drain"])
def test_an_admin_method_of_a_later_version_is_unknown_to_administrators(method: str) -> None:
    """Allowed is not the same as there."""
    with pytest.raises(UnknownMethod):
        Bench(is_admin_allowed=True).ask(method, reason="x", peer="p")


def test_a_resync_is_one_command(bench: Bench) -> None:
    """Control must never hold up data: one small command, whatever is asked."""
    bench.commands.clear()
    resync(bench, "quote,S0,")
    (command,) = bench.commands
    assert isinstance(command, Resync)
