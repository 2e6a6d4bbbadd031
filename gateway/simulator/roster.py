"""The symbols of one login: each counts once, whichever ports and sockets watch it."""

from collections.abc import Callable


class Roster:
    """Counts who watches which symbol, over all ports.

    Args:
        symbol_limit: Different symbols that may be watched.
        begin: Told of a symbol that is watched from now on.
        end: Told of a symbol that nobody watches any more.
    """

    def __init__(
        self, symbol_limit: int, *, begin: Callable[[str], None], end: Callable[[str], None]
    ) -> None:
        self.symbol_limit = symbol_limit
        """Different symbols that may be watched; those beyond a lowered limit stay."""
        self._begin = begin
        self._end = end
        self._holds: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._holds)

    def has_room_for(self, symbol: str) -> bool:
        """Whether the login may watch this symbol."""
        return symbol in self._holds or len(self._holds) < self.symbol_limit

    def enter(self, symbol: str) -> None:
        """One more watch of a symbol, by a port that had none."""
        holds = self._holds.get(symbol, 0)
        self._holds[symbol] = holds + 1
        if not holds:
            self._begin(symbol)

    def leave(self, symbol: str) -> None:
        """A port's last watch of a symbol is over."""
        holds = self._holds[symbol] - 1
        if holds:
            self._holds[symbol] = holds
        else:
            del self._holds[symbol]
            self._end(symbol)
