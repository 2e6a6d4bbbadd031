"""Whether a relay is well."""

from typing import Any

from gateway.clock import FakeClock
from gateway.relay.verdict import RelayFacts, RelayJudge

WELL: dict[str, Any] = {
    "level": "healthy",
    "is_healthy": True,
    "live": True,
    "ready": True,
    "issues": [],
    "upstream": {"level1": "streaming"},
    "error_message": None,
    "pipeline": None,
}
GATEWAY_ISSUE = {
    "code": "dtn_link_down",
    "level": "critical",
    "message": "no DTN",
    "since_us": 5,
    "hint": "wait",
}


def facts(**differences: Any) -> RelayFacts:
    """Facts of a relay that is well, but for some."""
    well: dict[str, Any] = {"silent_ns": 0, "gateway": WELL, "gateway_error": None, "refusal": None}
    return RelayFacts(**(well | differences))


def codes(verdict: dict[str, Any]) -> list[str]:
    """The codes of the issues, in order."""
    return [issue["code"] for issue in verdict["issues"]]


def test_a_relay_that_is_well_says_what_the_gateway_says() -> None:
    """A client asks for the health of its data, not of a process."""
    verdict = RelayJudge(FakeClock()).judge(facts())
    assert verdict == WELL | {"upstream": {"level1": "streaming", "gateway": "streaming"}}


def test_the_gateways_issues_pass_as_they_are() -> None:
    """Their times and hints are the gateway's."""
    sick = WELL | {"level": "critical", "is_healthy": False, "ready": False}
    verdict = RelayJudge(FakeClock()).judge(facts(gateway=sick | {"issues": [GATEWAY_ISSUE]}))
    assert verdict["issues"] == [GATEWAY_ISSUE]
    assert (verdict["level"], verdict["error_message"]) == ("critical", "no DTN")
    assert (verdict["live"], verdict["ready"]) == (True, False)


def test_silence_is_critical_and_nothing_is_ready() -> None:
    """Prices may be missing although the gateway's control socket answers."""
    verdict = RelayJudge(FakeClock()).judge(facts(silent_ns=3_000_000_000))
    assert codes(verdict) == ["gateway_silent"]
    assert "for 3 s" in verdict["error_message"]
    assert (verdict["ready"], verdict["upstream"]["gateway"]) == (False, "stale")


def test_a_gateway_that_does_not_answer_is_an_issue_with_its_reason() -> None:
    """Leases cannot be renewed, whatever the data does."""
    verdict = RelayJudge(FakeClock()).judge(facts(gateway=None, gateway_error="not answered"))
    assert codes(verdict) == ["gateway_control_silent"]
    assert "not answered" in verdict["error_message"]
    assert (verdict["level"], verdict["ready"]) == ("critical", False)


def test_a_stuck_thread_is_not_live() -> None:
    """A supervisor restarts what is not live."""
    verdict = RelayJudge(FakeClock()).judge(facts(silent_ns=None))
    assert codes(verdict) == ["relay_thread_stuck"]
    assert (verdict["live"], verdict["ready"]) == (False, False)


def test_a_refused_relay_works_and_warns() -> None:
    """Data flows, and the limits of one consumer may hold."""
    verdict = RelayJudge(FakeClock()).judge(facts(refusal="quota_exceeded: too many relays"))
    assert codes(verdict) == ["relay_refused"]
    assert (verdict["level"], verdict["ready"]) == ("warning", True)


def test_slow_consumers_are_named_as_this_relays() -> None:
    """The gateway has slow consumers of its own; nobody should look for these there."""
    slow = {"client": None, "peer": "tcp://127.0.0.1:5", "lag_us": 2_500_000}
    verdict = RelayJudge(FakeClock()).judge(facts(slow=(slow,)))
    assert codes(verdict) == ["slow_consumers"]
    assert "behind this relay" in verdict["error_message"]
    assert "tcp://127.0.0.1:5 (2.5 s)" in verdict["error_message"]


def test_an_issue_keeps_its_beginning_until_it_is_over() -> None:
    """How long it stands is half of what an operator wants to know."""
    clock = FakeClock()
    judge = RelayJudge(clock)
    silent = facts(silent_ns=4_000_000_000)
    began = judge.judge(silent)["issues"][0]["since_us"]
    clock.advance(seconds=5)
    assert judge.judge(silent)["issues"][0]["since_us"] == began
    judge.judge(facts())
    clock.advance(seconds=5)
    assert judge.judge(silent)["issues"][0]["since_us"] == began + 10_000_000
