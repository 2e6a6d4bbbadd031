"""The steps about the account: what it may have, and whether a symbol answers."""

from gateway.commands.doctor.findings import Finding, ok, problem, skipped
from gateway.commands.doctor.talk import Talk
from gateway.commands.doctor.visit import Visit
from gateway.errors import NotEntitled, SymbolInvalid, bounded
from gateway.iqfeed.commands import check_symbol
from gateway.iqfeed.events import FieldsSelected, VendorErrorSeen
from gateway.iqfeed.level2_session import Level2Session
from gateway.iqfeed.session import Level1Session
from gateway.iqfeed.system import CustomerKnown, NoDepth, SymbolLimitReached, SymbolNotFound
from gateway.iqfeed.vendor_errors import error_of


def entitlement(visit: Visit) -> Finding:
    """What may the account have, by the vendor's own lines?"""
    level1 = visit.ready("level1")
    if level1 is None:
        return skipped("entitlement", "no_protocol", "IQConnect cannot be asked")
    level1.run(lambda: level1.found(CustomerKnown), seconds=visit.seconds)
    known = level1.found(CustomerKnown)
    if not isinstance(known, CustomerKnown):
        told = "IQConnect does not say what the account may have"
    else:
        account = known.customer
        if account.is_delayed:
            return problem(
                "entitlement",
                "account_delayed",
                "the account's prices are delayed",
                "Ask DTN for a real-time service; every message carries the flag DELAYED until "
                "then.",
            )
        exchanges = bounded(" ".join(account.exchanges), characters_max=60).strip("'")
        told = f"real time, {account.max_symbols} symbols, {exchanges}"
        if account.expires is not None:
            told += f", until {bounded(account.expires, characters_max=20)}"
    depth = visit.ready("level2") if visit.is_level2_wanted else None
    return ok("entitlement", told) if depth is None else _depth(visit, depth, told)


def symbol(visit: Visit) -> Finding:
    """Does the symbol answer? It is watched for a moment and released."""
    try:
        name = check_symbol(visit.symbol)
    except SymbolInvalid as error:
        return problem("symbol", "symbol_invalid", str(error), error.hint)
    talk = visit.ready("level1")
    if talk is None:
        return skipped("symbol", "no_protocol", "IQConnect cannot be asked")
    session = talk.session
    if isinstance(session, Level1Session):
        session.request_watch(name)
        talk.run(lambda: _values(talk, name) or _refused(talk, name), seconds=visit.seconds)
        session.request_unwatch(name)
        talk.send()
    if values := _values(talk, name):
        return ok("symbol", f"{name}: {values}")
    return _unanswered(visit, name, _refused(talk, name))


def _unanswered(visit: Visit, name: str, refusal: object | None) -> Finding:
    """Why a symbol has no values."""
    if isinstance(refusal, SymbolNotFound):
        return problem(
            "symbol",
            "symbol_not_found",
            f"DTN does not know {name}",
            "Look the spelling up in DTN's symbol guide: BRK.B, @ESZ26, EURUSD.FXCM, VIX.XO.",
        )
    if isinstance(refusal, SymbolLimitReached):
        return problem(
            "symbol",
            "symbol_limit",
            f"{name} was refused: the login's symbol limit is used up",
            "Watch fewer symbols (`iqfeed-gateway rpc subscriptions` lists them), end another "
            "program that uses this login, or ask DTN for a higher limit.",
        )
    if isinstance(refusal, VendorErrorSeen):
        meant = error_of(refusal.text)
        return problem("symbol", f"symbol_{meant.code}", f"{name}: {meant}", meant.hint)
    return problem(
        "symbol",
        "symbol_silent",
        f"no word about {name} within {visit.seconds:g} s, neither a value nor a refusal",
        "Try a symbol that certainly trades; if it is silent too, restart IQConnect.",
    )


def _depth(visit: Visit, talk: Talk, told: str) -> Finding:
    """Ask for one symbol's depth: the vendor tells of no entitlement before."""
    session = talk.session
    try:
        name = check_symbol(visit.symbol)
    except SymbolInvalid:
        return ok("entitlement", told)
    if not isinstance(session, Level2Session):
        return ok("entitlement", told)

    def is_answered() -> bool:
        kinds = (NoDepth, SymbolNotFound, SymbolLimitReached, VendorErrorSeen)
        return bool(talk.data_lines) or any(talk.found(kind) is not None for kind in kinds)

    session.request_orders(name)
    talk.run(is_answered, seconds=visit.seconds)
    session.release_orders(name)
    talk.send()
    errors = [event for event in talk.events if isinstance(event, VendorErrorSeen)]
    if any(isinstance(error_of(event.text), NotEntitled) for event in errors):
        return problem(
            "entitlement",
            "level2_not_entitled",
            f"the account may not have the depth of {name}",
            "Ask DTN for it; prices of Level 1 work without. `--no-level2` leaves this out.",
        )
    if talk.data_lines:
        return ok("entitlement", f"{told}; depth of {name} comes")
    return ok("entitlement", f"{told}; no depth of {name}", code="no_depth")


def _values(talk: Talk, name: str) -> str:
    """The symbol's values in a few words; empty while there are none."""
    for line in reversed(talk.data_lines):
        letter, symbol_, *columns = line.split(",")
        if symbol_ == name and letter in ("P", "Q"):
            agreed = talk.found(FieldsSelected)
            names = agreed.names[1:] if isinstance(agreed, FieldsSelected) else ()
            by_name = dict(zip(names, columns, strict=False))
            shown = [
                f"{word} {bounded(by_name[field], characters_max=20)[1:-1]}"
                for word, field in (("bid", "Bid"), ("ask", "Ask"), ("last", "Most Recent Trade"))
                if by_name.get(field)
            ]
            return ", ".join(shown) or "known, without a price so far"
    return ""


def _refused(talk: Talk, name: str) -> object | None:
    """The vendor's refusal of a symbol; an error names none, so any since the handshake counts."""
    for event in talk.events:
        if isinstance(event, SymbolNotFound | SymbolLimitReached) and event.symbol == name:
            return event
        if isinstance(event, VendorErrorSeen) and not _is_of_handshake(event):
            return event
    return None


def _is_of_handshake(event: VendorErrorSeen) -> bool:
    return "protocol" in event.text or "fieldset" in event.text
