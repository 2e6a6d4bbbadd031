"""Who is let in: a handshake's key and address against the book, and a pace for those refused.

A known key is never refused for what strangers at its address do: it has a pace of its own.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.clock import Clock
from gateway.policy.curve_keys import KEY_BYTES, fingerprint, key_text
from gateway.policy.key_book import Grant, KeyBook
from gateway.policy.rate_limit import KeyedBuckets

SECOND_NS: Final = 1_000_000_000
STRANGER_BURST_MAX: Final = 20
STRANGER_NS: Final = SECOND_NS // 5
"""Refusals of one address that are judged each by itself: so many at once, then one in this time.
Beyond, they are too many, whatever their keys. That spares the log, not the processor: libzmq asks
when its arithmetic is done."""
USER_BURST_MAX: Final = 1_000
USER_NS: Final = SECOND_NS // 100
"""Handshakes of one user: so many at once, as after a restart, then one in this time."""
KEYS_MAX: Final = 10_000
"""Addresses, and users, whose pace is remembered."""
MECHANISM: Final = b"CURVE"


class Reason(enum.StrEnum):
    """Why a handshake was refused."""

    MALFORMED = "malformed"
    """No request that ZeroMQ would make."""
    MECHANISM = "mechanism"
    """Not CURVE, or a key that is none."""
    UNKNOWN_KEY = "unknown_key"
    """Nobody's, or not anybody's any more."""
    ADDRESS = "address"
    """A known key from where its file does not let it come."""
    RATE_LIMITED = "rate_limited"
    """Too many handshakes."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One handshake, as far as ZeroMQ tells."""

    address: str
    """Network address without a port; `localhost:` and more over ipc."""
    mechanism: bytes
    """`CURVE`, or something that is refused."""
    key: bytes
    """The public key that the peer has proven to hold."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a handshake."""

    grant: Grant | None
    """What lets it in; None when it is refused."""
    reason: Reason | None
    """Why it is refused; None when it is not."""
    user: str
    """Whose key it is; empty for nobody's."""
    fingerprint: str
    """Of the key; empty for what is none."""


class Admission:
    """Judges handshakes; owned by one thread.

    Args:
        clock: For the pace.
        book: Reads who has which key now.
    """

    def __init__(self, clock: Clock, *, book: Callable[[], KeyBook]) -> None:
        self._book = book
        self._strangers = KeyedBuckets(
            clock, tokens_max=STRANGER_BURST_MAX, token_ns=STRANGER_NS, keys_max=KEYS_MAX
        )
        self._users = KeyedBuckets(
            clock, tokens_max=USER_BURST_MAX, token_ns=USER_NS, keys_max=KEYS_MAX
        )

    def judge(self, attempt: Attempt) -> Verdict:
        """Let a peer in or not."""
        if attempt.mechanism != MECHANISM or len(attempt.key) != KEY_BYTES:
            return self._refuse(attempt, Reason.MECHANISM)
        grant = self._book().of_key(attempt.key)
        if grant is None:
            return self._refuse(attempt, Reason.UNKNOWN_KEY)
        user = grant.record.name
        if not grant.record.may_come_from(attempt.address):
            return self._refuse(attempt, Reason.ADDRESS, user)
        if self._users.wait_ns(user) > 0:
            return Verdict(None, Reason.RATE_LIMITED, user, _print_of(attempt))
        self._users.take(user)
        return Verdict(grant, None, user, _print_of(attempt))

    def _refuse(self, attempt: Attempt, reason: Reason, user: str = "") -> Verdict:
        address = attempt.address
        if self._strangers.wait_ns(address) > 0:
            reason = Reason.RATE_LIMITED
        else:
            self._strangers.take(address)
        return Verdict(None, reason, user, _print_of(attempt))


def _print_of(attempt: Attempt) -> str:
    return fingerprint(key_text(attempt.key))
