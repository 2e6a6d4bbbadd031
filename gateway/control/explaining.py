"""A symbol's lineage in plain words: who wants it, what was asked, what came, and what is wrong."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from gateway.control.lineage import Lineage, PortLineage, Wish
from gateway.health.facts import LinkReport
from gateway.model.enums import Cause, SymbolState
from gateway.policy.leases import Lease

CLIENTS_NAMED_MAX: Final = 10
MESSAGES_NAMED_MAX: Final = 20
MEANINGS: Final[dict[str | None, tuple[str, str]]] = {
    Cause.IQCONNECT_DOWN.value: (
        "there is no working connection to IQConnect on this port",
        "the gateway connects again by itself and asks for everything anew",
    ),
    Cause.DTN_LINK_DOWN.value: (
        "IQConnect says that it has no connection to DTN",
        "IQConnect connects again by itself, and values are then asked for anew",
    ),
    Cause.LINK_SILENT.value: (
        "IQConnect sends nothing on this connection, not even its clock",
        "the gateway makes the connection anew if the silence lasts",
    ),
    Cause.SYMBOL_SILENT.value: (
        "this symbol alone stopped, while its connection goes on",
        "the gateway asks for it anew",
    ),
    Cause.LOGIN_LOST.value: (
        "IQConnect is not logged in to DTN and does not try",
        "the gateway logs in again if it has credentials; one login works on one machine",
    ),
    Cause.HALTED.value: ("the exchange halted trading", "it goes on when the exchange says so"),
    Cause.GAP.value: (
        "trades were missed during an interruption",
        "values are current again; what was missed is named in the details of `state`",
    ),
    Cause.OVERLOAD.value: (
        "the gateway itself did not run for a while, so what it reads is old",
        "it is live again once the backlog is read",
    ),
    Cause.NO_DEPTH.value: (
        "the vendor has no order book of this symbol",
        "nothing happens until a new connection asks once more; quotes and trades go on",
    ),
    Cause.SYMBOL_NOT_FOUND.value: (
        "the vendor does not know this symbol",
        "nothing happens until a new connection asks once more; check the spelling",
    ),
    Cause.SYMBOL_LIMIT.value: (
        "the login's limit of symbols is used up",
        "the symbol gets the next slot that becomes free",
    ),
    Cause.NOT_ENTITLED.value: (
        "the account may not see this",
        "nothing happens until a new connection asks once more; ask DTN for the entitlement",
    ),
    Cause.NOT_SUBSCRIBED.value: (
        "nobody wants it",
        "it is asked for as soon as somebody subscribes or takes a lease",
    ),
    Cause.RATE_LIMITED.value: (
        "the gateway spares the vendor",
        "it is asked for as soon as the budget allows",
    ),
}
"""What each cause means, and what happens next."""


def explain(
    lineage: Lineage, leases: Iterable[Lease], *, admin: LinkReport | None, login: str | None
) -> dict[str, Any]:
    """Put a lineage into words.

    Args:
        lineage: What the feed thread knows.
        leases: Living leases that hold the symbol.
        admin: The admin connection; None when it is not known.
        login: What is known of IQConnect's login; None when it is not known.

    Returns:
        symbol, state, cause (None when there is none), and lines: demand, watch, last line, last
        messages, link and cause, one sentence each; for both ports where both are wanted.
    """
    spoken = lineage.level1 or lineage.level2
    is_closed = spoken is None or (spoken.state == SymbolState.CLOSED and spoken.cause is None)
    state = SymbolState.CLOSED.value if spoken is None else spoken.state
    cause = Cause.NOT_SUBSCRIBED.value if is_closed or spoken is None else spoken.cause
    lines = [_demand(lineage, list(leases))]
    for name, port in (("Level 1", lineage.level1), ("Level 2", lineage.level2)):
        if port is not None and port.state != SymbolState.CLOSED:
            lines += _port_lines(name, port, lineage)
    lines.append(_messages(lineage))
    if admin is not None:
        lines.append(f"Admin port: {admin.state}; IQConnect's login: {login or 'unknown'}.")
    if is_closed:
        lines.append(_meaning("State", SymbolState.CLOSED.value, cause))
    return {"symbol": lineage.symbol, "state": state, "cause": cause, "lines": lines}


def _port_lines(name: str, port: PortLineage, lineage: Lineage) -> Iterator[str]:
    now_us = lineage.now_us
    yield f"{name} watch: {_asked(port, now_us)}."
    last_us = port.last_line_us
    if last_us is None:
        yield f"{name} last line: none has come yet."
    else:
        yield f"{name} last line: {_ago(now_us - last_us)}."
    yield f"{name} link: {_link(port.link, lineage.now_ns)}."
    since = f"{port.state} for {_span(now_us - port.since_us)}"
    yield _meaning(f"{name} state", since, port.cause)


def _demand(lineage: Lineage, leases: Sequence[Lease]) -> str:
    parts = []
    if leases:
        named = [
            f"{lease.client} until {_clock_text(lease.expires_us)}"
            for lease in leases[:CLIENTS_NAMED_MAX]
        ]
        more = len(leases) - len(named)
        named += [f"{more} more"] if more else []
        parts.append(f"{_plural(len(leases), 'lease')} ({', '.join(named)})")
    if lineage.subscription_count:
        parts.append(_plural(lineage.subscription_count, "subscription") + " on the data socket")
    lingering = [wish for wish in lineage.wishes if wish.lingers_ns is not None]
    if lingering and not parts:
        return f"Demand: nobody wants it any more; {_lingering(lingering)}."
    if not parts:
        return "Demand: nobody wants it."
    wanted = ", ".join(wish.service.value for wish in lineage.wishes if wish.count)
    text = f"Demand: {' and '.join(parts)}; wanted of the vendor: {wanted or 'nothing'}"
    return f"{text}; {_lingering(lingering)}." if lingering else f"{text}."


def _lingering(wishes: Sequence[Wish]) -> str:
    longest_ns = max(wish.lingers_ns or 0 for wish in wishes)
    names = ", ".join(wish.service.value for wish in wishes)
    return f"{names} is kept for another {_span(longest_ns // 1000)}"


def _asked(port: PortLineage, now_us: int) -> str:
    on = f"on connection {port.link.port}"
    if port.asked_us is None:
        return f"not asked for yet {on}"
    return f"asked for {on} at {_clock_text(port.asked_us)}, {_ago(now_us - port.asked_us)}"


def _messages(lineage: Lineage) -> str:
    if not lineage.messages:
        return "Last messages: none."
    told = [
        f"{m.topic} number {m.sequence} ({_ago(lineage.now_us - m.recv_us)})"
        for m in lineage.messages[:MESSAGES_NAMED_MAX]
    ]
    return f"Last messages: {', '.join(told)}."


def _link(link: LinkReport, now_ns: int) -> str:
    parts = [f"{link.port} to {link.address} is {link.state}"]
    breaker = str(link.breaker.get("state"))
    wait_ms = link.breaker.get("retry_in_ms")
    parts.append(f"breaker {breaker}" + (f" (next attempt in {wait_ms} ms)" if wait_ms else ""))
    if link.heard_ns is not None:
        parts.append(f"last sign of life {_ago((now_ns - link.heard_ns) // 1000)}")
    elif link.due_ns is not None:
        wait_us = max(0, (link.due_ns - now_ns) // 1000)
        parts.append(f"attempt {link.attempts + 1} in {_span(wait_us)}")
    else:
        parts.append("no sign of life on this connection yet")
    if link.held_lines:
        parts.append(f"{_plural(link.held_lines, 'line')} read and not published yet")
    return ", ".join(parts)


def _meaning(subject: str, state: str, cause: str | None) -> str:
    if cause is None:
        told = {
            SymbolState.PENDING.value: "the vendor has not answered yet",
            SymbolState.RECOVERING.value: "values are being asked for anew",
        }.get(state.partition(" ")[0], "nothing is wrong")
        return f"{subject}: {state}; {told}."
    meaning, next_step = MEANINGS.get(cause, (cause, "read the log"))
    return f"{subject}: {state}, cause {cause}: {meaning}; {next_step}."


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _ago(age_us: int) -> str:
    return f"{_span(age_us)} ago"


def _span(span_us: int) -> str:
    """A duration as people say it; a clock that was set back makes none negative."""
    seconds = max(0, span_us) / 1e6
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"


def _clock_text(at_us: int) -> str:
    at = datetime.fromtimestamp(at_us // 1_000_000, UTC)
    return f"{at:%H:%M:%S} UTC"


def holds_of(leases: Iterable[Lease], symbol: str) -> list[Lease]:
    """The leases that hold a symbol."""
    return [lease for lease in leases if symbol in lease.claims]
