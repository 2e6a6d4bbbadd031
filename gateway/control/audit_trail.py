"""What the audit log says of requests: who was granted what, who was denied, who did what.

What comes by the thousand is one line with a count and a digest of the sorted names. Denials repeat
themselves as fast as somebody asks: the first is written at once, the others are counted and told
once a minute, so that a flood of them pushes nothing out of the log. Leases are lines of their own
as long as their user takes and gives up no more than somebody does who uses them.
"""

import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, Final

from gateway.clock import Clock
from gateway.control.feed_commands import FeedCommand
from gateway.control.upstream_requests import Audit, Caller
from gateway.errors import GatewayError, InvalidParams, bounded
from gateway.logs.chain import digest_of
from gateway.model.error_codes import ErrorCode
from gateway.model.methods import METHODS, Request, Role
from gateway.policy.folds import Folds
from gateway.policy.leases import Lease
from gateway.policy.quotas import UserBuckets

LEASE_LINES_MAX: Final = 120
"""Lines about leases of one user: of each event so many at once, and in a minute after that; more
are counted and told once a minute."""
NAMES_MAX: Final = 10
"""So many names are spelled out; more are a count and a digest."""
ID_CHARACTERS: Final = 8
"""Of a lease's id: enough to find its lines, and not enough to end it."""
REFUSED: Final = "admin request refused"
GRANTED: Final = "lease granted"
RELEASED: Final = "lease released"
EXPIRED: Final = "lease expired"
_LEASE_EVENTS: Final = (GRANTED, RELEASED, EXPIRED)
_MINUTE_NS: Final = 60_000_000_000
DENIALS: Final = frozenset(
    {
        ErrorCode.UNAUTHORIZED,
        ErrorCode.NOT_ENTITLED,
        ErrorCode.QUOTA_EXCEEDED,
        ErrorCode.RATE_LIMITED,
        ErrorCode.SYMBOL_LIMIT,
        ErrorCode.BUSY,
    }
)
"""Errors that say no to somebody, not that he has asked wrongly."""
TOLD_OF_USERS: Final = frozenset(
    {ErrorCode.UNAUTHORIZED, ErrorCode.NOT_ENTITLED, ErrorCode.RATE_LIMITED}
)
"""Of those, what is written down, for somebody with a key, where it is judged."""
Steps = Generator[FeedCommand | None, Any, Any]
_Denial = tuple[tuple[str, str], ...]
_LeaseEvent = tuple[str, str]
"""Event and user."""


class AuditTrail:
    """Writes the audit log's lines about requests and leases; the control loop's own.

    Args:
        audit: Writes one line of level info: words, and facts by name.
        warn: The same, of level warning.
        clock: For the minute.
    """

    def __init__(self, *, audit: Audit, warn: Audit, clock: Clock) -> None:
        self._audit = audit
        self._warn = warn
        self._denials: Folds[_Denial] = Folds(clock)
        self._leases: Folds[_LeaseEvent] = Folds(clock)
        self._lease_paces = {event: UserBuckets(clock) for event in _LEASE_EVENTS}

    def configured(self, config: Mapping[str, Any], *, source: str = "start") -> None:
        """A configuration takes effect.

        Args:
            config: Every setting, secrets masked.
            source: Why it was read.
        """
        self._audit("configuration loaded", digest=config_digest(config), source=source)

    def configuration_refused(self, reason: str, *, source: str) -> None:
        """A configuration was read and cannot be used; the old one stays.

        Args:
            reason: What is wrong with it, and where.
            source: Why it was read.
        """
        self._warn("configuration refused", reason=reason, source=source)

    def started(self, **facts: object) -> None:
        """The gateway serves."""
        self._audit("gateway started", **facts)

    def stopped(self, reason: str) -> None:
        """The gateway has ended in order; whatever was counted is told."""
        self.tell_denials(is_last=True)
        self._audit("gateway stopped", reason=reason)

    def deed(self, event: str, **facts: Any) -> None:
        """An administrator's deed, or an attempt at one, which is folded."""
        if event == REFUSED:
            self._deny({"event": event, **facts, "caller": ""})
        else:
            self._warn(event, **facts)

    def follow(self, request: Request, caller: Caller, begin: Callable[[], Any]) -> Steps:
        """Let a request be answered, and write down what was granted or denied.

        Args:
            request: What is asked.
            caller: Who asks.
            begin: Makes the handler, or the result itself.
        """
        try:
            steps = begin()
            result = (yield from steps) if isinstance(steps, Generator) else steps
        except GatewayError as error:
            self.refused(caller, request.method, error)
            raise
        self.answered(caller, request.method, request.params or {}, result)
        return result

    def answered(
        self, caller: Caller, method: str, params: Mapping[str, Any], result: object
    ) -> None:
        """A request was answered: a lease may have been granted or given up."""
        if not isinstance(result, Mapping):
            return
        if method == "subscribe":
            self._note_subscribe(caller, params, result)
        elif method == "unsubscribe" and result.get("removed"):
            symbols = params.get("symbols") or ()
            self._note_lease(
                RELEASED,
                caller.user,
                client=params.get("client"),
                lease=_short(params.get("lease_id")),
                topics=result["removed"],
                **names_of(symbols),
                **caller.facts,
            )

    def refused(self, caller: Caller, method: str, error: GatewayError) -> None:
        """A request was answered with an error."""
        is_admin = method in METHODS and METHODS[method].role is Role.ADMIN
        if is_admin and type(error) is InvalidParams and "method" in error.facts:
            # Its handler, which writes down what it does, never saw it.
            facts = {"method": method, "outcome": error.code, "why": error.text}
            self._warn("admin request", **facts, **caller.facts)
        elif error.code in _denials_of(caller) and not is_admin:
            facts = {"method": method, "outcome": error.code, "why": error.text}
            known = {n: str(error.facts[n]) for n in ("client", "limit") if n in error.facts}
            self._deny({"event": "request denied"} | facts | known | _who(caller))

    def lease_expired(self, lease: Lease) -> None:
        """A lease was not renewed in time."""
        self._note_lease(EXPIRED, lease.user, **_facts_of(lease))

    def lease_restored(self, lease: Lease) -> None:
        """A lease of an earlier run lives again."""
        self._audit("lease restored", **_facts_of(lease))

    def tell_denials(self, *, is_last: bool = False) -> None:
        """Tell how often denials were repeated, and what of leases; call it once in a while.

        Args:
            is_last: Tell of the running minute as well, because the log ends.
        """
        for denial, count in self._denials.due() if not is_last else self._denials.take_all():
            self._tell(denial, count)
        self._tell_leases(self._leases.due() if not is_last else self._leases.take_all())

    def _note_subscribe(
        self, caller: Caller, params: Mapping[str, Any], result: Mapping[str, Any]
    ) -> None:
        rejected = {str(entry["symbol"]): entry["code"] for entry in result["rejected"]}
        if result["lease_id"] is not None:
            granted = {str(symbol) for symbol in params["symbols"]} - rejected.keys()
            self._note_lease(
                GRANTED,
                caller.user,
                client=params["client"],
                lease=_short(result["lease_id"]),
                expires_us=result["expires_us"],
                kinds=list(params["kinds"]),
                **names_of(granted),
                **caller.facts,
            )
        for code in sorted({str(code) for code in rejected.values()} & _denials_of(caller)):
            names = names_of(symbol for symbol, other in rejected.items() if other == code)
            facts = {"method": "subscribe", "outcome": code, "client": str(params["client"])}
            told = {name: str(value) for name, value in names.items()}
            self._deny({"event": "request denied", **facts, **told, **_who(caller)})

    def _note_lease(self, event: str, user: str, /, **facts: Any) -> None:
        """Something became of a lease: a line, or one more of those that are counted."""
        pace = self._lease_paces[event].of(
            user, tokens_max=LEASE_LINES_MAX, token_ns=_MINUTE_NS // LEASE_LINES_MAX
        )
        if not pace.wait_ns():
            pace.take()
            self._audit(event, **facts)
            return
        told = self._leases.note((event, user))
        if told and told[0] == ((event, user), 1):
            self._audit(event, **facts)
            told = told[1:]
        self._tell_leases(told)

    def _tell_leases(self, folded: Iterable[tuple[_LeaseEvent, int]]) -> None:
        for (event, user), count in folded:
            self._audit(event, **({"user": user} if user else {}), count=count)

    def _deny(self, facts: Mapping[str, object]) -> None:
        denial = tuple((name, str(value)) for name, value in facts.items() if value != "")
        for other, count in self._denials.note(denial):
            self._tell(other, count)

    def _tell(self, denial: _Denial, count: int) -> None:
        facts: dict[str, Any] = dict(denial)
        event = facts.pop("event")
        self._warn(event, **facts, **({"count": count} if count > 1 else {}))


def names_of(names: Iterable[str]) -> dict[str, Any]:
    """Say which symbols something is about: a few by name, many by count and digest."""
    known = sorted(set(names))
    if len(known) <= NAMES_MAX:
        spelled = ",".join(name if name.isprintable() else bounded(name) for name in known)
        return {"symbols": len(known), "names": spelled} if known else {}
    return {"symbols": len(known), "digest": digest_of(known)}


def config_digest(config: Mapping[str, Any]) -> str:
    """The SHA-256 of a configuration as JSON with sorted names and without blanks.

    Args:
        config: Every setting, secrets masked: two that differ in a secret alone are equal.
    """
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _facts_of(lease: Lease) -> dict[str, Any]:
    kinds = sorted({kind for claim in lease.claims.values() for kind in claim.kinds})
    facts = {"client": lease.client, "lease": _short(lease.lease_id), "kinds": kinds}
    return facts | {"expires_us": lease.expires_us} | names_of(lease.claims)


def _denials_of(caller: Caller) -> frozenset[str]:
    return DENIALS - TOLD_OF_USERS if caller.user else DENIALS


def _short(lease_id: object) -> str | None:
    return None if lease_id is None else str(lease_id)[:ID_CHARACTERS]


def _who(caller: Caller) -> dict[str, str]:
    """Who was denied, as far as that stays the same: a routing id is another one each time."""
    return {name: value for name, value in caller.facts.items() if name != "caller"}
