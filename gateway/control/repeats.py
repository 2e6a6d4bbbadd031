"""Requests that come twice: the second gets the first one's answer, and nothing is done again.

A client that hears nothing in time may send the same bytes once more, with the same id. A lease
must not be taken twice for that, nor a port reconnected twice. Only the last of each requester's
requests that change something is remembered, and only while it and its answer are few and small.
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
BYTES_MAX: Final = 4_194_304
"""Of all answers remembered, as they were sent."""


@dataclass(slots=True)
class _Asked(Generic[Answer]):
    """A requester's last request."""

    digest: bytes
    answer: Answer
    at_ns: int
    size: int = 0


class Repeats(Generic[Answer]):
    """Each requester's last request, with its answer.

    Args:
        clock: Monotonic.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked: OrderedDict[bytes, _Asked[Answer]] = OrderedDict()
        self._bytes = 0

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
        self._forget(requester)
        self._asked[requester] = _Asked(_digest(request), answer, self._clock.monotonic_ns())
        self.expire()

    def weigh(self, requester: bytes, request: bytes, size: int) -> None:
        """Note how long an answer was; many long ones are not kept.

        Args:
            requester: Its connection.
            request: The bytes as they came.
            size: Bytes of the answer as it was sent.
        """
        asked = self._asked.get(requester)
        if asked is not None and not asked.size and asked.digest == _digest(request):
            asked.size = size
            self._bytes += size
        self.expire()

    def expire(self) -> None:
        """Forget what is too old or too much."""
        while self._asked:
            requester, oldest = next(iter(self._asked.items()))
            is_much = len(self._asked) > REQUESTERS_MAX or self._bytes > BYTES_MAX
            if not is_much and not self._is_over(oldest):
                return
            self._forget(requester)

    def _forget(self, requester: bytes) -> None:
        asked = self._asked.pop(requester, None)
        if asked is not None:
            self._bytes -= asked.size

    def _is_over(self, asked: _Asked[Answer]) -> bool:
        return self._clock.monotonic_ns() - asked.at_ns > REPEAT_NS_MAX


def _digest(request: bytes) -> bytes:
    return hashlib.blake2b(request, digest_size=16).digest()
