"""What of a lease a relay's client may have: that is asked for, the rest is told as refused.

The gateway knows the relay alone, so what a client's own file denies is taken out here, symbol by
symbol, and put into the answer as the gateway would have done.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.control.access import Access
from gateway.control.claims import expand, services_of
from gateway.control.public_topics import check_symbols
from gateway.control.upstream_requests import Caller
from gateway.errors import NotEntitled
from gateway.model import methods as m
from gateway.model.enums import Cause, SymbolState

NOT_HERE: Final = {"state": SymbolState.REFUSED.value, "cause": Cause.NOT_ENTITLED.value}


@dataclass(frozen=True, slots=True)
class Share:
    """A request for a lease, sorted by what its client may have."""

    symbols: list[str]
    """To be asked for; those that are no symbols too, which the gateway refuses."""
    kinds: list[str]
    """To be asked for: what may be had of one of the symbols at least."""
    denied: list[str]
    """Symbols of which nothing may be had."""
    hidden: tuple[tuple[str, str], ...]
    """Kinds with symbols of which others may be had."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing was taken out."""
        return not self.denied and not self.hidden

    def complete(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Put what was taken out into the gateway's answer."""
        rejected = list(result.get("rejected", ()))
        gone = {entry["symbol"] for entry in rejected}
        topics = {str(entry["topic"]): entry for entry in result.get("topics", ())}
        for kind, symbol in self.hidden:
            topic = f"{kind},{symbol},"
            if symbol not in gone:
                topics[topic] = {"topic": topic, **NOT_HERE, "sequence": 0}
        refused = [
            {"symbol": symbol, "code": NotEntitled.code, "hint": NotEntitled.hint}
            for symbol in self.denied
        ]
        return {**result, "topics": list(topics.values()), "rejected": [*rejected, *refused]}


def share_of(params: m.SubscribeParams, caller: Caller, access: Access) -> Share:
    """Sort what a client asks for; what it may not have is written down."""
    rights = access.rights_of(caller)
    good, _ = check_symbols(params.symbols)
    kinds = expand(params.kinds)
    had: dict[str, tuple[str, ...]] = {}
    denied: list[str] = []
    for symbol in good:
        mine = tuple(kind for kind in kinds if rights.may(kind.partition("@")[0], symbol))
        # As at the gateway: `state` alone is nothing to watch a symbol for.
        if services_of(mine) or (mine and not services_of(kinds)):
            had[symbol] = mine
        else:
            denied.append(symbol)
    if denied:
        access.note_denial(caller, "subscribe", symbol=denied[0], symbols=len(denied))
    gone = set(denied)
    asked = [kind for kind in kinds if not had or any(kind in mine for mine in had.values())]
    return Share(
        symbols=[symbol for symbol in params.symbols if symbol not in gone],
        kinds=asked,
        denied=denied,
        hidden=tuple(
            (kind, symbol) for symbol, mine in had.items() for kind in kinds if kind not in mine
        ),
    )
