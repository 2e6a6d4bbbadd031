"""Who this client is: told at first, and whenever its data connection is a fresh one."""

import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from gateway_client.errors import NotConnected, RequestRefused, RequestTimedOut
from gateway_client.rpc_client import OnDone, Outcome

CLIENT_VERSION: Final = "0.1.0"
ATTEMPTS_MAX: Final = 5
RETRY_NS: Final = 1_000_000_000


class Call(Protocol):
    """Sends one request; `on_done` gets its outcome exactly once, in the reader thread."""

    def __call__(
        self, method: str, params: dict[str, Any], *, now_ns: int, timeout_s: float, on_done: OnDone
    ) -> None:
        """Send it."""
        ...


class Greeter:
    """Sends `hello`, which binds the data connection that holds our token to our name.

    Args:
        client_name: The name.
        token: What our own `sys,client` topic is private by.
        call: Sends requests.
        later: Has something called at a monotonic time.
    """

    def __init__(
        self,
        client_name: str,
        token: str,
        *,
        call: Call,
        later: Callable[[int, Callable[[int], None]], None],
    ) -> None:
        self._params = {
            "client": client_name,
            "language": "python",
            "version": CLIENT_VERSION,
            "data_token": token,
        }
        self._call = call
        self._later = later

    def greet(self, now_ns: int, *, timeout_s: float, on_done: OnDone) -> None:
        """Say it once."""
        self._call("hello", self._params, now_ns=now_ns, timeout_s=timeout_s, on_done=on_done)

    def greet_again(self, now_ns: int, *, timeout_s: float, attempts: int = 1) -> None:
        """Say it of a fresh data connection; leases bind it as well, but not everybody has any."""

        def done(outcome: Outcome) -> None:
            is_away = isinstance(outcome, RequestTimedOut | NotConnected) or (
                isinstance(outcome, RequestRefused) and outcome.retry_ms is not None
            )
            if is_away and attempts < ATTEMPTS_MAX:
                self._later(
                    time.monotonic_ns() + RETRY_NS,
                    lambda at_ns: self.greet_again(
                        at_ns, timeout_s=timeout_s, attempts=attempts + 1
                    ),
                )

        self.greet(now_ns, timeout_s=timeout_s, on_done=done)
