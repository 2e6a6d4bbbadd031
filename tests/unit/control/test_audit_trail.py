"""The audit log's lines about requests: complete, bounded, and never a flood."""

from typing import Any

import pytest

from gateway.clock import FakeClock
from gateway.control.audit_trail import (
    LEASE_LINES_MAX,
    REFUSED,
    AuditTrail,
    config_digest,
    names_of,
)
from gateway.control.upstream_requests import Caller
from gateway.errors import GatewayError, InvalidParams, QuotaExceeded, RateLimited, Unauthorized
from gateway.logs.chain import digest_of
from gateway.model.methods import Request
from gateway.policy.leases import Claim, Leases

ALICE = Caller("aa01", "127.0.0.1", "alice")
ANYBODY = Caller("aa02", "127.0.0.1")


class Written:
    """A trail, and what it wrote."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.clock = FakeClock()
        self.trail = AuditTrail(audit=self._write("info"), warn=self._write("w"), clock=self.clock)

    def _write(self, level: str) -> Any:
        return lambda event, **facts: self.lines.append({"event": event, "level": level} | facts)

    def ask(self, method: str, outcome: object, *, by: Caller = ANYBODY, **params: Any) -> Any:
        """Let a request have an outcome."""
        request = Request.model_validate({"v": 1, "id": 1, "method": method, "params": params})

        def begin() -> object:
            if isinstance(outcome, GatewayError):
                raise outcome
            return outcome

        steps = self.trail.follow(request, by, begin)
        try:
            while True:
                next(steps)
        except StopIteration as end:
            return end.value


@pytest.fixture
def written() -> Written:
    """A fresh one."""
    return Written()


def test_a_lease_of_five_thousand_symbols_is_one_line(written: Written) -> None:
    """With a count and a digest that anybody can work out from the list."""
    symbols = [f"S{number}" for number in range(5_000)]
    result = {"lease_id": "0123456789abcdef", "expires_us": 7, "topics": [], "rejected": []}
    answer = written.ask(
        "subscribe", result, by=ALICE, client="desk", symbols=symbols, kinds=["l1"]
    )
    assert answer is result
    (line,) = written.lines
    assert line["event"] == "lease granted"
    assert (line["symbols"], line["digest"]) == (5_000, digest_of(symbols))
    assert (line["client"], line["lease"], line["user"]) == ("desk", "01234567", "alice")
    assert len(str(line)) < 500


def test_what_was_rejected_is_not_granted(written: Written) -> None:
    """Refusals by right or limit are denials; a misspelling is none."""
    rejected = [
        {"symbol": "B", "code": "not_entitled", "hint": ""},
        {"symbol": "?", "code": "symbol_invalid", "hint": ""},
    ]
    result = {"lease_id": "01", "expires_us": 7, "topics": [], "rejected": rejected}
    written.ask("subscribe", result, client="desk", symbols=["A", "B", "?"], kinds=["quote"])
    granted, denied = written.lines
    assert (granted["symbols"], granted["names"]) == (1, "A")
    assert (denied["event"], denied["outcome"], denied["names"]) == (
        "request denied",
        "not_entitled",
        "B",
    )
    nothing: dict[str, Any] = {"lease_id": None, "expires_us": None, "topics": [], "rejected": []}
    written.ask("subscribe", nothing, client="desk", symbols=["A"], kinds=["news"])
    assert len(written.lines) == 2


def test_what_is_written_where_it_is_judged_is_not_written_twice(written: Written) -> None:
    """Of somebody with a key: what he may not, and that he asks too often."""
    for error in (RateLimited("too often"), Unauthorized("not his")):
        with pytest.raises(type(error)):
            written.ask("resync", error, by=ALICE)
    assert written.lines == []
    with pytest.raises(QuotaExceeded):
        written.ask("subscribe", QuotaExceeded("too many symbols"), by=ALICE)
    assert [line["user"] for line in written.lines] == ["alice"]


def test_the_end_of_a_lease_is_written_whoever_ends_it(written: Written) -> None:
    """Given up, not renewed, or brought back by a restart."""
    leases = Leases(
        written.clock, leases_per_client_max=9, symbols_per_client_max=9, client_count_max=9
    )
    leases.on_expired, leases.on_restored = (
        written.trail.lease_expired,
        written.trail.lease_restored,
    )
    leases.grant("desk", [Claim("A", ("quote",))], lease_s=30)
    leases.restore(leases.as_records())
    written.clock.advance(seconds=31)
    leases.expire()
    written.ask("unsubscribe", {"removed": 2}, client="desk", symbols=["A", "B"])
    written.ask("unsubscribe", {"removed": 0}, client="desk", symbols=["A"])
    events = [line["event"] for line in written.lines]
    assert events == ["lease restored", "lease expired", "lease released"]
    assert written.lines[1]["names"] == "A"
    assert written.lines[2]["topics"] == 2


def test_a_user_that_takes_and_gives_up_leases_without_end_fills_no_log(written: Written) -> None:
    """200 requests a second are allowed; what is not a line of its own is counted exactly."""
    bob = Caller("bb01", "127.0.0.1", "bob")
    seconds, a_second = 300, 100
    for _ in range(seconds):
        for number in range(a_second):
            result = {"lease_id": f"{number:024}", "expires_us": 7, "topics": [], "rejected": []}
            written.ask("subscribe", result, by=ALICE, client="c", symbols=["A"], kinds=["l1"])
            written.ask("unsubscribe", {"removed": 1}, by=ALICE, client="c", symbols=["A"])
        written.clock.advance(seconds=1)
        written.trail.tell_denials()
    # Nobody else's lines are folded for it.
    result = {"lease_id": "0" * 24, "expires_us": 7, "topics": [], "rejected": []}
    written.ask("subscribe", result, by=bob, client="c", symbols=["A"], kinds=["l1"])
    assert (written.lines[-1]["user"], written.lines[-1]["lease"]) == ("bob", "0" * 8)
    written.trail.stopped("signal")
    for event in ("lease granted", "lease released"):
        lines = [
            line for line in written.lines if (line["event"], line.get("user")) == (event, "alice")
        ]
        minutes = seconds // 60
        assert len(lines) <= LEASE_LINES_MAX * (minutes + 1) + minutes + 1
        folds = [line for line in lines if "count" in line]
        assert minutes <= len(folds) <= minutes + 1
        assert {line["level"] for line in folds} == {"info"}
        assert sum(line.get("count", 1) for line in lines) == seconds * a_second


def test_leases_that_run_out_without_end_are_counted_too(written: Written) -> None:
    """Without keys all of them are nobody's."""
    leases = Leases(
        written.clock, leases_per_client_max=999, symbols_per_client_max=999, client_count_max=9
    )
    leases.on_expired = written.trail.lease_expired
    for _ in range(LEASE_LINES_MAX + 30):
        leases.grant("desk", [Claim("A", ("quote",))], lease_s=30)
    written.clock.advance(seconds=31)
    leases.expire()
    assert len(written.lines) == LEASE_LINES_MAX + 1
    written.trail.stopped("signal")
    assert written.lines[-2] == {"event": "lease expired", "level": "info", "count": 29}


DENIALS: list[tuple[str, GatewayError]] = [
    ("subscribe", QuotaExceeded("too many symbols", client="desk", limit=5)),
    ("resync", RateLimited("too often", retry_ms=3)),
]


@pytest.mark.parametrize(("method", "error"), DENIALS, ids=("quota", "rate"))
def test_a_flood_of_denials_is_two_lines_a_minute(
    written: Written, method: str, error: GatewayError
) -> None:
    """The first at once, then how many there were; otherwise it would push the log out."""
    for _ in range(5_000):
        with pytest.raises(type(error)):
            written.ask(method, error)
    assert [line["outcome"] for line in written.lines] == [error.code]
    written.clock.advance(seconds=61)
    written.trail.tell_denials()
    assert written.lines[1]["count"] == 4_999
    with pytest.raises(type(error)):
        written.ask(method, error)
    written.trail.stopped("signal")
    assert [line["event"] for line in written.lines[2:]] == ["request denied", "gateway stopped"]


def test_refused_administrators_are_folded_too(written: Written) -> None:
    """A routing id is a new one with each connection: it does not make another denial of it."""
    for number in range(50):
        written.trail.deed(
            REFUSED, method="admin.evict", caller=f"{number}", address="127.0.0.1", outcome="no"
        )
        with pytest.raises(Unauthorized):
            written.ask("admin.evict", Unauthorized("admin methods are off", method="admin.evict"))
    assert len(written.lines) == 1


def test_an_admin_request_that_no_handler_saw_is_written(written: Written) -> None:
    """Without a reason, say: it was tried all the same. What a handler wrote is not repeated."""
    with pytest.raises(InvalidParams):
        written.ask("admin.evict", InvalidParams("reason: missing", method="admin.evict"))
    with pytest.raises(RateLimited):
        written.ask("admin.reconnect", RateLimited("a moment ago", method="admin.reconnect"))
    with pytest.raises(InvalidParams):
        written.ask("renew", InvalidParams("client: missing", method="renew"))
    (line,) = written.lines
    assert (line["event"], line["method"], line["outcome"]) == (
        "admin request",
        "admin.evict",
        "bad_request",
    )


def test_few_names_are_spelled_out_and_hostile_ones_escaped() -> None:
    """A line is one line."""
    assert names_of(["B", "A", "A"]) == {"symbols": 2, "names": "A,B"}
    assert names_of([]) == {}
    assert "\n" not in names_of(["A\nB"])["names"]


def test_a_configuration_has_one_digest(written: Written) -> None:
    """Whatever the order of its names; another value is another digest."""
    assert config_digest({"a": 1, "b": {"c": 2}}) == config_digest({"b": {"c": 2}, "a": 1})
    assert config_digest({"a": 1}) != config_digest({"a": 2})
    written.trail.configured({"a": 1})
    assert written.lines[0]["digest"] == config_digest({"a": 1})
