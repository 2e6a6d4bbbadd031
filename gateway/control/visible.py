"""What a caller may see of answers that are about everybody.

Others' clients are not a consumer's business, and a symbol is there for those who may hear it.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.control.desk import RequestDesk
from gateway.control.lease_requests import Steps
from gateway.control.public_topics import public_topic
from gateway.control.upstream_requests import Caller
from gateway.model import methods as m

ERRORS_MAX: Final = 1_000
"""Longest history that may be asked for."""
_OTHERS: Final = ("peer", "client", "user")
"""Facts that say whom something is about."""
_CONSUMERS_PORTS: Final = ("consumers", "control")
"""Parts of the error history that are about clients and what they asked for."""


_SPOKEN_OF: Final[Mapping[str, str]] = {
    "slow_consumers": "consumers fall behind",
    "connections_flooding": "connections sent more than can be read and were cut off",
    "client_files_refused": "files of clients cannot be used",
    "keys_untrusted": "the files of keys cannot be relied on",
}
"""Issues that name clients, files of keys or addresses; and what is left to say to others."""


def health(desk: RequestDesk, caller: Caller, params: m.HealthParams) -> dict[str, Any]:
    """Judge the last seconds, for a consumer without the names of others."""
    told = desk.inside.health(params)
    return told if desk.access.rights_of(caller).sees_others else without_names(told)


def without_names(told: Mapping[str, Any]) -> dict[str, Any]:
    """An answer to `health` without the names of clients.

    Args:
        told: The whole answer.
    """
    hidden = {i["message"]: _SPOKEN_OF[i["code"]] for i in told["issues"] if _names_others(i)}
    issues = [
        issue | {"message": hidden[issue["message"]], "hint": "The gateway's operator sees which."}
        if _names_others(issue)
        else issue
        for issue in told["issues"]
    ]
    worst = told["error_message"]
    return {**told, "issues": issues, "error_message": hidden.get(worst, worst)}


def _names_others(told: Mapping[str, Any]) -> bool:
    return told.get("code") in _SPOKEN_OF


def why(desk: RequestDesk, caller: Caller, params: m.WhyParams) -> Steps:
    """Say why a symbol is as it is, without who else holds it.

    Raises:
        NotEntitled: The caller may not see it.
        SymbolInvalid: Not a symbol.
    """
    desk.access.check_symbol(caller, params.symbol, "why")
    rights = desk.access.rights_of(caller)
    return desk.upstream.why(params, is_seen=lambda user: rights.sees_others or user == caller.user)


def resync(desk: RequestDesk, caller: Caller, params: m.ResyncParams) -> Steps:
    """Ask the vendor for fresh values of what the caller may hear.

    Raises:
        NotEntitled: It may not hear it.
    """
    desk.access.check(caller, public_topic(params.topic), "resync")
    return desk.upstream.resync(caller, params)


def symbols(desk: RequestDesk, caller: Caller, params: m.SymbolsParams) -> Steps:
    """List the symbols that the caller may see."""
    rights = desk.access.rights_of(caller)
    return desk.inside.symbols(params, None if rights.hears_everything else rights.may_see)


def alerts(desk: RequestDesk, caller: Caller, params: m.AlertsParams) -> dict[str, Any]:
    """List alerts, a consumer without those about others."""
    told = desk.inside.alerts(params)
    return told if desk.access.rights_of(caller).sees_others else without_others_alerts(told)


def without_others_alerts(told: Mapping[str, Any]) -> dict[str, Any]:
    """An answer to `alerts` without those about clients."""
    return {name: [a for a in found if not _is_about_others(a)] for name, found in told.items()}


def errors(desk: RequestDesk, caller: Caller, params: m.ErrorsParams) -> dict[str, Any]:
    """List what went wrong, a consumer without what happened to others."""
    if desk.access.rights_of(caller).sees_others:
        return desk.upstream.errors(params)
    all_of_them = desk.upstream.errors(params.model_copy(update={"limit": ERRORS_MAX}))
    return without_others_errors(all_of_them, params.limit)


def without_others_errors(told: Mapping[str, Any], limit: int) -> dict[str, Any]:
    """An answer to `errors` without those about clients.

    Args:
        told: The longest answer there is.
        limit: How many are wanted.
    """
    return {"errors": [e for e in told["errors"] if e["port"] not in _CONSUMERS_PORTS][:limit]}


def diagnostics(desk: RequestDesk, caller: Caller, params: m.DiagnosticsParams) -> Steps:
    """Gather what an operator needs to see, for a consumer with its own connections only."""
    told: dict[str, Any] = yield from desk.inside.diagnostics(params)
    if not desk.access.rights_of(caller).sees_others:
        told["clients"] = [peer for peer in told["clients"] if peer["user"] == caller.user]
    return told


def _is_about_others(alert: Mapping[str, Any]) -> bool:
    return _names_others(alert) or any(alert.get(fact) is not None for fact in _OTHERS)
