"""Requests that come twice: the second gets the first one's answer, and nothing is done again.

A client that hears nothing in time may send the same bytes once more, with the same id. A lease
must not be taken twice for that, nor a port reconnected twice. Only the requester's last request is
remembered: whatever it asks in between shows that it means what it says.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from gateway.clock import Clock

Answer = TypeVar("Answer")
REPEAT_NS_MAX: Final = 5_000_000_000
"""Later it is another request; no lease is shorter."""
REQUESTERS_MAX: Final = 1_000
"""Requesters remembered; the one that asked longest ago is forgotten first."""


@dataclass(frozen=True, slots=True)
class _Asked(Generic[Answer]):
    """A requester's last request."""

    digest: bytes
    answer: Answer
    at_ns: int


class Repeats(Generic[Answer]):
    """Each requester's last request, with its answer.

    Args:
        clock: Monotonic.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked: OrderedDict[bytes, _Asked[Answer]] = OrderedDict()

    def find(self, requester: bytes, request: bytes) -> Answer | None:
        """The answer to the very same request, if the requester has just sent it.

        Args:
            requester: Its connection.
            request: The bytes as they came, id included.
        """
        asked = self._asked.get(requester)
        if asked is None or self._is_over(asked):
            return None
        return asked.answer if asked.digest == _digest(request) else None

    def note(self, requester: bytes, request: bytes, answer: Answer) -> None:
        """Remember a request with its answer, in place of the requester's one before."""
        self._asked[requester] = _Asked(_digest(request), answer, self._clock.monotonic_ns())
        self._asked.move_to_end(requester)
        oldest = next(iter(self._asked.values()))
        while len(self._asked) > REQUESTERS_MAX or self._is_over(oldest):
            self._asked.popitem(last=False)
            oldest = next(iter(self._asked.values()))

    def _is_over(self, asked: _Asked[Answer]) -> bool:
        return self._clock.monotonic_ns() - asked.at_ns > REPEAT_NS_MAX


def _digest(request: bytes) -> bytes:
    return hashlib.blake2b(request, digest_size=16).digest()
