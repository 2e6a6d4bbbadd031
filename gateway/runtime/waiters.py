"""Requests that wait until the vendor has answered for their symbols."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.control.feed_commands import AwaitSettled
from gateway.normalize.symbols import Symbol
from gateway.runtime.queues import Order


@dataclass(slots=True)
class _Waiter:
    """One request that waits until its symbols have been answered for."""

    symbols: set[str]
    order: Order
    deadline_ns: int


class Waiters:
    """The waiting requests; bounded, because every request of the control loop is.

    Args:
        symbols: What is known of every symbol.
        answer: Answers a request.
    """

    def __init__(
        self, symbols: Mapping[str, Symbol], *, answer: Callable[[Order, object], None]
    ) -> None:
        self._symbols = symbols
        self._answer = answer
        self._waiters: list[_Waiter] = []

    def add(self, command: AwaitSettled, order: Order, now_ns: int) -> None:
        """Let a request wait; it is answered at once when there is nothing to wait for."""
        known = self._symbols
        pending = {s for s in command.symbols if s in known and known[s].is_pending}
        if pending:
            self._waiters.append(_Waiter(pending, order, now_ns + command.wait_ns))
        else:
            self._answer(order, None)

    def settle(self, symbol: Symbol) -> None:
        """Note that a symbol is not pending any more."""
        for waiter in list(self._waiters):
            waiter.symbols.discard(symbol.name)
            if not waiter.symbols:
                self._waiters.remove(waiter)
                self._answer(waiter.order, None)

    def expire(self, now_ns: int) -> None:
        """Answer those whose time is over."""
        for waiter in [w for w in self._waiters if now_ns >= w.deadline_ns]:
            self._waiters.remove(waiter)
            self._answer(waiter.order, None)

    def end(self) -> None:
        """Answer all of them: the thread ends."""
        for waiter in self._waiters:
            self._answer(waiter.order, None)
        self._waiters.clear()
