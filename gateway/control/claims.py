"""What a request's kinds and a lease's claims mean: services to ask for, topics to tell of."""

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Any, Final

from gateway.control.feed_commands import SYMBOLS_PER_COMMAND_MAX, Standing
from gateway.control.public_topics import check_symbols
from gateway.control.variant_desk import SERVED_KINDS
from gateway.control.watch_desk import SERVICES
from gateway.model.enums import Cause, SymbolState
from gateway.model.error_codes import HINTS, ErrorCode
from gateway.model.messages import KIND_TYPES, L1_KINDS, L2_KINDS, Kind
from gateway.normalize.symbols import BOOK_KINDS
from gateway.policy.demand import LEVEL2_SERVICES, Service
from gateway.policy.leases import Claim

Wishes = tuple[tuple[str, tuple[Service, ...]], ...]
"""Symbols, each with its services."""

_GROUPS: Final = {"l1": L1_KINDS, "l2": L2_KINDS}


def services_of(kinds: Iterable[str]) -> tuple[Service, ...]:
    """The vendor services that deliver some kinds, each once.

    `state` tells of whatever else is wanted: beside Level 2 kinds alone it is no reason to watch
    the symbol on Level 1 too.
    """
    found = {kind: _service_of(kind) for kind in kinds}
    others = {service for kind, service in found.items() if kind != Kind.STATE}
    if others & set(LEVEL2_SERVICES):
        found.pop(Kind.STATE.value, None)
    return tuple(dict.fromkeys(service for service in found.values() if service is not None))


def _service_of(kind: str) -> Service | None:
    """The service that delivers one kind; None for what is not delivered yet."""
    base, _, variant = kind.partition("@")
    is_delivered = not variant or base in SERVED_KINDS
    return SERVICES.get(Kind(base)) if is_delivered else None


def usable(records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Leave out of kept leases what was not written by us, or by another version of us.

    A symbol outside the vendor's grammar would only be refused when it is sent, in the feed thread,
    where it could not be answered for any more.
    """
    seen: set[str] = set()
    for record in records:
        good = frozenset(check_symbols(symbol for symbol, _ in record["claims"])[0])
        claims = [
            (symbol, known)
            for symbol, kinds in record["claims"]
            if symbol in good and (known := [kind for kind in kinds if _is_known(kind)])
        ]
        if claims and record["lease_id"] not in seen:
            seen.add(record["lease_id"])
            yield {**record, "claims": claims}


def _is_known(kind: str) -> bool:
    return kind.partition("@")[0] in KIND_TYPES


def wishes_of(claims: Iterable[Claim]) -> Wishes:
    """A lease's claims as wishes for the watch desk."""
    wishes = ((claim.symbol, services_of(claim.kinds)) for claim in claims)
    return tuple(wish for wish in wishes if wish[1])


def expand(kinds: Iterable[str]) -> tuple[str, ...]:
    """Spell out `l1` and `l2`, each kind once, in order."""
    return tuple(dict.fromkeys(k for kind in kinds for k in _GROUPS.get(kind, (kind,))))


def state_of(standing: Standing, kind: str) -> tuple[str, str | None]:
    """How one kind of a symbol stands: its state and cause."""
    if _service_of(kind) is None:
        return SymbolState.REFUSED.value, Cause.NO_DEPTH.value
    base = kind.partition("@")[0]
    known = standing.depth_states.get(base)
    if base == Kind.STATE and standing.state == SymbolState.CLOSED:
        # Nobody wants it on Level 1: its state is that of its book.
        known = standing.depth_states.get(Kind.BOOK.value)
    if known is None and base in BOOK_KINDS:
        # Nobody wants its depth: how Level 1 stands says nothing of it.
        return SymbolState.CLOSED.value, Cause.NOT_SUBSCRIBED.value
    return known if known is not None else (standing.state, standing.cause)


def refusal_of(standing: Standing, kinds: tuple[str, ...]) -> dict[str, object] | None:
    """How a symbol that cannot be delivered is reported in `rejected`; None for the others.

    Args:
        standing: How it stands.
        kinds: What was asked for; a symbol of which some kind can be had is not rejected.
    """
    code = standing.error
    if code is None:
        asked = [kind for kind in kinds if _service_of(kind) is not None]
        states = [state_of(standing, kind) for kind in asked]
        causes = [cause for state, cause in states if state == SymbolState.REFUSED]
        if len(causes) == len(states):
            code = next((cause for cause in causes if cause is not None), None)
        elif Cause.SYMBOL_NOT_FOUND in causes:
            # What one port does not know, no other will deliver.
            code = Cause.SYMBOL_NOT_FOUND.value
    if code is None:
        return None
    known = {c.value: c for c in ErrorCode}
    hint = HINTS[known[code]] if code in known else "Read the symbol's `state` topic."
    return {"symbol": standing.symbol, "code": code, "hint": hint}


def is_pending(standing: Standing, kinds: tuple[str, ...]) -> bool:
    """Whether the vendor has still to answer for something of what was asked for."""
    return any(state_of(standing, kind)[0] == SymbolState.PENDING for kind in kinds)


def topics_of(
    standing: Standing, kinds: tuple[str, ...], *, had: tuple[str, ...] | None = None
) -> Iterator[dict[str, Any]]:
    """The topics of what was asked for, each with its state and last sequence.

    Args:
        standing: How the symbol stands.
        kinds: What was asked for.
        had: Those of them that the client may hear; all when left out.
    """
    for kind in kinds:
        if had is not None and kind not in had:
            yield _topic_entry(
                standing, kind, (SymbolState.REFUSED.value, Cause.NOT_ENTITLED.value), 0
            )
            continue
        sequence = standing.sequences.get(kind, 0)
        yield _topic_entry(standing, kind, state_of(standing, kind), sequence)


def _topic_entry(
    standing: Standing, kind: str, state: tuple[str, str | None], sequence: int
) -> dict[str, Any]:
    return {
        "topic": f"{kind},{standing.symbol},",
        "state": state[0],
        "cause": state[1],
        "sequence": sequence,
    }


def batches(items: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """Cut a long request into commands that do not hold up data."""
    iterator = iter(items)
    while part := tuple(islice(iterator, SYMBOLS_PER_COMMAND_MAX)):
        yield part


def snapshot_batches(topics: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Cut a request for snapshots; a whole order book is as much work as many other values."""
    for is_image, group in groupby(topics, key=_is_image_topic):
        part = list(group)
        yield from zip(part) if is_image else batches(part)


def _is_image_topic(topic: str) -> bool:
    return topic.partition(",")[0] in (Kind.ORDER, Kind.DEPTH)
