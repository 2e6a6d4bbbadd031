"""The steps up to IQConnect: its host and ports, its login, its dialect."""

from typing import Final

from gateway.commands.doctor.findings import Finding, ok, problem, skipped
from gateway.commands.doctor.hosts import is_loopback, resolve
from gateway.commands.doctor.talk import Talk
from gateway.commands.doctor.visit import Visit, is_mute, saying
from gateway.errors import bounded
from gateway.iqfeed.admin import StatsSeen
from gateway.iqfeed.events import FieldsSelected, ProtocolSelected, VendorErrorSeen
from gateway.iqfeed.streaming import PROTOCOLS, StreamingSession
from gateway.iqfeed.system import (
    CurrentFields,
    KeyLine,
    ServerConnected,
    ServerDisconnected,
)

TITLES: Final = {"admin": "admin port", "level1": "Level 1 port", "level2": "Level 2 port"}
SETTINGS: Final = {
    "admin": "iqconnect.admin_port",
    "level1": "iqconnect.level1_port",
    "level2": "iqconnect.level2_port",
}
ATTEMPT_S: Final = 2.5
"""IQConnect tries a lost link again each second, and its statistics count that."""
NOT_CONNECTED: Final = "IQConnect says `Not Connected`"


def iqconnect(visit: Visit) -> Finding:
    """Is there an IQConnect: does its host have an address, does its admin port accept?"""
    settings = visit.known
    visit.host, reason = resolve(settings.iqconnect_host, seconds=visit.seconds)
    if visit.host is None:
        return problem(
            "iqconnect",
            "host_unknown",
            f"the host {bounded(settings.iqconnect_host)} has no address: {reason}",
            "Correct iqconnect.host (connection.host); IQConnect on this machine is 127.0.0.1.",
        )
    if visit.talk("admin") is not None:
        return ok("iqconnect", f"{visit.host}: admin port {visit.number_of('admin')} accepts")
    refusal = f"{visit.host}: {_refusal(visit, 'admin')}"
    others = [port for port in ("level1", "level2") if visit.talk(port) is not None]
    if others:
        named = " and ".join(f"{TITLES[port]} {visit.number_of(port)}" for port in others)
        return problem(
            "iqconnect",
            "admin_closed",
            f"{refusal}, while {named} accepts: something runs there, its admin port is another",
            "Set iqconnect.admin_port to IQConnect's AdminPort (9300 unless its registry says "
            "otherwise).",
        )
    if not is_loopback(visit.host):
        advice = "Check the host and firewalls: IQConnect itself serves its own machine only, so "
        return problem(
            "iqconnect", "iqconnect_absent", refusal, f"{advice}a proxy must run beside it there."
        )
    if settings.iqconnect.command:
        advice = "Start the gateway, which starts IQConnect (iqconnect.command), or start it."
    else:
        advice = "Start IQConnect, and log it in."
    return problem("iqconnect", "iqconnect_absent", f"{refusal}: IQConnect does not run", advice)


def login(visit: Visit) -> Finding:
    """What does the admin port's statistics line say of the login?"""
    talk = visit.talk("admin")
    if talk is None:
        return skipped("login", "no_admin_port", "the admin port cannot be asked")
    talk.run(lambda: talk.found(StatsSeen), seconds=visit.seconds)
    seen = talk.found(StatsSeen)
    if not isinstance(seen, StatsSeen):
        return _no_statistics(visit, talk)
    stats = seen.stats
    version = f"IQConnect {bounded(stats.version)}".replace("'", "") if stats.version else "it"
    if stats.is_connected:
        return _logged_in(version, (stats.client_count or 1) - 1)
    first = stats.reconnection_attempts or 0
    if talk.run(lambda: _attempts(talk) > first, seconds=ATTEMPT_S):
        return problem(
            "login",
            "dtn_unreachable",
            f"{NOT_CONNECTED} and tries again and again ({_attempts(talk)} attempts)",
            "Check this machine's way to the internet and DTN's service status: the login was "
            "good before, and IQConnect comes back by itself.",
        )
    if visit.credentials.is_complete:
        return problem(
            "login",
            "login_without_effect",
            f"{NOT_CONNECTED}, although IQFEED_LOGIN, IQFEED_PASSWORD and IQFEED_PRODUCT_ID are "
            "given",
            "A running gateway logs IQConnect in with them; IQConnect has no error for wrong ones. "
            "If a gateway runs, correct them, or end the program on another machine that uses "
            "the same login.",
        )
    return problem(
        "login",
        "not_logged_in",
        f"{NOT_CONNECTED}, and no credentials are given",
        "Log in by IQConnect's own window, or set IQFEED_LOGIN, IQFEED_PASSWORD and "
        "IQFEED_PRODUCT_ID for the gateway to do it.",
    )


def _logged_in(version: str, others: int) -> Finding:
    told = f"{version} is connected to DTN"
    if others:
        return ok("login", f"{told}, beside us it has {others} connections")
    # It counts its clients, and leaving is what ends it: better said than found out.
    return ok(
        "login",
        f"{told}; it has no other client",
        fix="IQConnect ends by itself some seconds after its last client, and that was this "
        "command: start the gateway now, or else IQConnect again.",
    )


def ports(visit: Visit) -> Finding:
    """Do the streaming ports accept?"""
    if visit.host is None:
        return skipped("ports", "no_host", "IQConnect's address is not known")
    wanted = ["level1", *(["level2"] if visit.is_level2_wanted else [])]
    closed = [port for port in wanted if visit.talk(port) is None]
    if not closed:
        named = ", ".join(f"{TITLES[port]} {visit.number_of(port)}" for port in wanted)
        return ok("ports", f"{named}: accepted")
    if "admin" in visit.refusals and len(closed) == len(wanted):
        return skipped("ports", "iqconnect_absent", "nothing accepts on any of IQConnect's ports")
    told = ", ".join(_refusal(visit, port) for port in closed)
    settings = " and ".join(SETTINGS[port] for port in closed)
    return problem(
        "ports",
        f"{closed[0]}_closed",
        f"{told}, though IQConnect runs",
        f"Set {settings} to IQConnect's own (registry values Level1Port, Level2Port); right after "
        "its start, or without a login, it may not serve them yet.",
    )


def protocol(visit: Visit, *, is_logged_in: bool) -> Finding:
    """Does IQConnect answer there, and in the newest dialect?"""
    level1 = visit.talk("level1")
    if level1 is None:
        return skipped("protocol", "no_level1_port", "the Level 1 port cannot be asked")
    if not is_logged_in:
        return skipped("protocol", "not_logged_in", "IQConnect is not logged in")
    asked = {"level1": level1}
    level2 = visit.talk("level2") if visit.is_level2_wanted else None
    if level2 is not None:
        asked["level2"] = level2
    for port, talk in asked.items():
        found = _handshake(visit, port, talk)
        if found is not None:
            return found
    versions = {port: _dialect(talk) for port, talk in asked.items()}
    oldest = min(versions.values())
    if oldest < PROTOCOLS[0]:
        return problem(
            "protocol",
            "iqconnect_old",
            f"IQConnect knows protocol {oldest} at most, not {PROTOCOLS[0]}",
            "Update IQConnect. The gateway works with it, without what the newer protocol adds: "
            "orders and price levels on Level 2, trade corrections.",
        )
    return ok("protocol", f"{oldest} on {' and '.join(TITLES[port][:7] for port in asked)}")


def _no_statistics(visit: Visit, talk: Talk) -> Finding:
    number = visit.number_of("admin")
    if talk.found(KeyLine) is not None or talk.found(ServerConnected) is not None:
        return problem(
            "login",
            "admin_is_streaming",
            f"{number} is a streaming port of IQConnect's, not the admin port",
            "Set iqconnect.admin_port to IQConnect's AdminPort (9300), and check level1_port and "
            "level2_port: they may be interchanged.",
        )
    if is_mute(talk):
        return _mute("login", "admin", number)
    return problem(
        "login",
        "admin_foreign",
        f"what listens on admin port {number} is no IQConnect: {saying(talk)}",
        "Find out which program has taken the port and end it, or correct iqconnect.admin_port.",
    )


def _mute(step: str, port: str, number: int) -> Finding:
    """A port that accepts and says nothing: a hanging IQConnect does, and some other programs."""
    return problem(
        step,
        f"{port}_mute",
        f"{TITLES[port]} {number} accepts and says nothing: IQConnect hangs, or this is none",
        f"Restart IQConnect. If it stays so, another program has the port: end it, or correct "
        f"{SETTINGS[port]}.",
    )


def _handshake(visit: Visit, port: str, talk: Talk) -> Finding | None:
    """Agree on a dialect; None when that is done, whichever it is."""
    session = talk.session
    if not isinstance(session, StreamingSession):
        return None
    is_done = talk.run(
        lambda: session.is_ready or talk.found(StatsSeen) or _is_mistaken(port, talk),
        seconds=visit.seconds,
    )
    number, title = visit.number_of(port), TITLES[port]
    correct = f"Correct {SETTINGS[port]}"
    if talk.found(StatsSeen) is not None:
        text = f"{number} is IQConnect's admin port, not the {title}"
        return problem("protocol", f"{port}_is_admin", text, f"{correct}.")
    if _is_mistaken(port, talk):
        other = "Level 2 (or lookup)" if port == "level1" else "Level 1"
        text = f"{number} is IQConnect's {other} port, not the {title}"
        return problem("protocol", f"{port}_is_other_port", text, f"{correct}.")
    return None if is_done else _not_agreed(visit, port, talk)


def _not_agreed(visit: Visit, port: str, talk: Talk) -> Finding:
    """Why no dialect could be agreed on."""
    number, title = visit.number_of(port), TITLES[port]
    if talk.found(VendorErrorSeen) is not None and talk.found(ProtocolSelected) is None:
        return problem(
            "protocol",
            "protocol_refused",
            f"{title} {number} knows none of the protocols {', '.join(PROTOCOLS)}",
            "Update IQConnect.",
        )
    if any(talk.found(kind) is not None for kind in (KeyLine, ServerConnected, ServerDisconnected)):
        return problem(
            "protocol",
            f"{port}_not_serving",
            f"IQConnect greets on {title} {number} and answers nothing: it is not ready",
            "Wait until it is logged in; restart it if it stays so.",
        )
    if is_mute(talk):
        return _mute("protocol", port, number)
    return problem(
        "protocol",
        f"{port}_foreign",
        f"what listens on {title} {number} is no IQConnect: {saying(talk)}",
        f"Find out which program has taken the port and end it, or correct {SETTINGS[port]}.",
    )


def _is_mistaken(port: str, talk: Talk) -> bool:
    """Whether it is IQConnect and another of its ports: only Level 1 has field sets."""
    if port == "level2":
        return talk.found(CurrentFields) is not None
    errors = [event.text for event in talk.events if isinstance(event, VendorErrorSeen)]
    is_agreed = talk.found(ProtocolSelected) is not None
    return is_agreed and talk.found(FieldsSelected) is None and "!SYNTAX_ERROR!" in errors


def _dialect(talk: Talk) -> str:
    return talk.session.protocol if isinstance(talk.session, StreamingSession) else PROTOCOLS[0]


def _attempts(talk: Talk) -> int:
    seen = talk.found(StatsSeen)
    return (seen.stats.reconnection_attempts or 0) if isinstance(seen, StatsSeen) else 0


def _refusal(visit: Visit, port: str) -> str:
    return f"{TITLES[port]} {visit.number_of(port)} {_verb(visit.refusals[port])}"


def _verb(reason: str) -> str:
    return "refuses" if "refused" in reason else f"cannot be reached ({bounded(reason)[1:-1]})"
