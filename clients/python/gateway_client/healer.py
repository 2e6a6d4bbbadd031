"""Sends the requests for lost events and puts what comes into the stream."""

import time
from collections.abc import Callable
from functools import partial

from gateway_client.greeter import Call
from gateway_client.intake import Intake
from gateway_client.replays import ReplayRequest, Replays
from gateway_client.rpc_client import Outcome


class Healer:
    """Between the holes, the control side and the stream.

    Args:
        replays: Which events are wanted again.
        intake: Where they go.
        call: Sends requests.
        timeout_s: Seconds to wait for an answer.
        has_room: Whether the application keeps up. While it does not, nothing is asked for: what
            came would push out what is current.
    """

    def __init__(
        self,
        replays: Replays,
        intake: Intake,
        *,
        call: Call,
        timeout_s: float,
        has_room: Callable[[], bool],
    ) -> None:
        self._replays = replays
        self._intake = intake
        self._call = call
        self._timeout_s = timeout_s
        self._has_room = has_room

    def start(self, now_ns: int) -> None:
        """Ask for what may be asked for now; answers come later."""
        if not self._has_room():
            return
        for request in self._replays.start(now_ns):
            self._call(
                "replay",
                request.params(),
                now_ns=now_ns,
                timeout_s=self._timeout_s,
                on_done=partial(self._answered, request),
            )

    def _answered(self, request: ReplayRequest, outcome: Outcome) -> None:
        self._intake.out += self._replays.answered(request, outcome, time.monotonic_ns())

    def close(self) -> None:
        """Tell of what is still being fetched that it never comes."""
        self._intake.out += self._replays.give_up_all()
