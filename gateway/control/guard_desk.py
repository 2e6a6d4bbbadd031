"""What the control socket refuses while a resource is short."""

from collections import OrderedDict
from typing import Final, NoReturn

from gateway.control.upstream_requests import Caller
from gateway.errors import Overloaded
from gateway.model.methods import METHODS, Role
from gateway.policy.guards import Step

RETRY_MS: Final = 5_000
CALLERS_MAX: Final = 10_000
"""Connections that are known to have been there; of more, the longest silent is forgotten."""
ALWAYS: Final = frozenset({"ping", "health", "hello", "renew", "unsubscribe"})
"""What anybody may ask at any time: it tells, keeps or gives back, and costs next to nothing."""


class GuardDesk:
    """Lets requests through, or says when to come back; the control loop's own."""

    def __init__(self) -> None:
        self.step = Step.NONE
        """How much is given up now."""
        self._callers: OrderedDict[str, None] = OrderedDict()

    def check(self, caller: Caller, method: str) -> None:
        """Let a request through.

        Raises:
            Overloaded: It can wait until there is room; `retry_ms` says how long, at least.
        """
        is_known = self._note(caller.identity)
        if method in ALWAYS or (method in METHODS and METHODS[method].role is Role.ADMIN):
            return
        if self.step >= Step.REFUSE_CONNECTIONS and not is_known:
            _refuse("new connections are refused", method)
        if self.step >= Step.REFUSE_WATCHES and method == "subscribe":
            _refuse("new leases are refused", method)
        if self.step >= Step.DELAY and method in ("snapshot", "replay"):
            _refuse("snapshots wait", method)

    def _note(self, identity: str) -> bool:
        """Whether a connection was there before; remember it while there is room for new ones."""
        is_known = identity in self._callers
        if is_known or self.step < Step.REFUSE_CONNECTIONS:
            self._callers[identity] = None
            self._callers.move_to_end(identity)
            if len(self._callers) > CALLERS_MAX:
                self._callers.popitem(last=False)
        return is_known


def _refuse(text: str, method: str) -> NoReturn:
    raise Overloaded(
        f"the gateway is short of room: {text}",
        hint="Retry after retry_ms; `health` says what is short.",
        method=method,
        retry_ms=RETRY_MS,
    )
