"""Whether a relay is well: the gateway's verdict, and what the relay knows beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.clock import Clock
from gateway.health.verdict import Issue, consumer_issues
from gateway.relay.upstream import SILENCE_NS_MAX

ORDER: Final = {"healthy": 0, "warning": 1, "critical": 2}


@dataclass(frozen=True, slots=True)
class RelayFacts:
    """What a verdict is made of."""

    silent_ns: int | None
    """How long no heartbeat has come; None when the relay thread does not answer."""
    gateway: Mapping[str, Any] | None
    """The gateway's own verdict; None when it does not answer."""
    gateway_error: str | None
    """Why it does not."""
    refusal: str | None
    """Why the gateway does not take this relay as one; None while it does."""
    slow: tuple[Mapping[str, Any], ...] = ()
    """Its consumers that fall behind, as `subscriptions` describes them."""
    sockets: tuple[Issue, ...] = ()
    """What is wrong at its own sockets: with keys, handshakes, and what connections send."""


class RelayJudge:
    """Judges, and remembers since when each issue of the relay's own stands.

    Args:
        clock: Stamps issues.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_us: dict[str, int] = {}

    def judge(self, facts: RelayFacts) -> dict[str, Any]:
        """Answer `health`.

        Returns:
            What the gateway answers, the relay's issues before the gateway's own; `ready` only
            while heartbeats come, and `upstream` names the gateway, too.
        """
        issues = issues_of(facts)
        now_us = self._clock.utc_us()
        self._since_us = {i.code: self._since_us.get(i.code, now_us) for i in issues}
        told: list[dict[str, Any]] = [
            {
                "code": issue.code,
                "level": issue.level,
                "message": issue.message,
                "since_us": issue.since_us or self._since_us[issue.code],
                "hint": issue.hint,
            }
            for issue in issues
        ]
        gateway = facts.gateway if facts.gateway is not None else {}
        told += gateway.get("issues", [])
        level = max(
            (*(issue["level"] for issue in told), gateway.get("level", "healthy")),
            key=lambda one: ORDER.get(one, 0),
        )
        worst = next((issue["message"] for issue in told if issue["level"] == level), None)
        is_heard = facts.silent_ns is not None and facts.silent_ns < SILENCE_NS_MAX
        return {
            "level": level,
            "is_healthy": level == "healthy",
            "live": facts.silent_ns is not None,
            "ready": is_heard and bool(gateway.get("ready")),
            "issues": told,
            "upstream": {
                **gateway.get("upstream", {}),
                "gateway": "streaming" if is_heard else "stale",
            },
            "error_message": worst,
            "pipeline": None,
        }


def issues_of(facts: RelayFacts) -> list[Issue]:
    """What is wrong with the relay itself and its way to the gateway."""
    issues = []
    if facts.silent_ns is None:
        issues.append(
            Issue(
                "relay_thread_stuck",
                "critical",
                "the relay thread does not answer",
                "Restart the relay and report it.",
            )
        )
    elif facts.silent_ns >= SILENCE_NS_MAX:
        issues.append(
            Issue(
                "gateway_silent",
                "critical",
                f"no heartbeat from the gateway for {facts.silent_ns // 1_000_000_000} s",
                "Check that the gateway runs and that --data names its data socket; the relay "
                "connects anew by itself.",
            )
        )
    if facts.gateway is None:
        issues.append(
            Issue(
                "gateway_control_silent",
                "critical",
                f"the gateway does not answer requests: {facts.gateway_error}",
                "Check that the gateway runs and that --control names its control socket; the "
                "relay connects anew by itself.",
            )
        )
    if facts.refusal is not None:
        issues.append(
            Issue(
                "relay_refused",
                "warning",
                f"the gateway does not take this relay as one: {facts.refusal}",
                "The limits of a single consumer hold for it meanwhile: stop relays that nobody "
                "needs.",
            )
        )
    issues += (
        replace(issue, message=f"behind this relay, {issue.message}")
        for issue in consumer_issues(facts.slow)
    )
    return [*issues, *facts.sockets]
