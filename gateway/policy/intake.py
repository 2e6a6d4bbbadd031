"""How much of what one connection sends may lie with us unread.

ZeroMQ keeps the parts of a message until its last one comes, and neither its limit of a frame's
size nor that of a queue's length counts them: nothing is read, and memory is filled all the same.
What the kernel has received of a connection and its reader has not been given is therefore held
against it, whatever it is made of.
"""

from dataclasses import dataclass
from typing import Final

SECOND_NS: Final = 1_000_000_000
FORGIVEN_PER_SECOND: Final = 512
"""Bytes a second that nobody is given although nothing is wrong: heartbeats."""
FRAME_BYTES: Final = 64
"""What a frame may take beside what is in it: its head, and CURVE's."""
TRUST: Final = 16
"""What more may be unread of who was read, as a multiple of what was."""
TOO_MUCH: Final = "it sends more than is read"
NO_END: Final = "it sends a message without an end"


@dataclass(frozen=True, slots=True)
class IntakeRules:
    """What is borne."""

    burst_bytes: int
    """Unread at one time, at first."""
    whole_bytes: int
    """More than any message has, so that what is unread beyond it is one without an end if
    everything else was read."""
    whole_ns: int
    """How long that may look so: what has come just now is read in a moment."""
    trusted_bytes: int = 0
    """The same for who has been read long enough; 0 where that makes no difference."""


class IntakeAccount:
    """What one connection sent and nobody was given yet.

    Args:
        rules: What is borne.
        now_ns: Monotonic.
    """

    __slots__ = ("_looked_ns", "_received", "_rules", "_stuck_ns", "_taken", "held")

    def __init__(self, rules: IntakeRules, *, now_ns: int) -> None:
        self._rules = rules
        self._looked_ns = now_ns
        self._received = 0
        self._taken = 0
        self._stuck_ns = 0
        self.held = 0
        """Bytes; never less than none: what was read gives no credit for later."""

    @property
    def is_suspicious(self) -> bool:
        """Whether it is to be looked at more often."""
        return self.held > self._rules.whole_bytes

    def may_matter(self, received: int) -> bool:
        """Whether it is worth to find out how much of what was received waits in the kernel yet."""
        return self.held + received - self._received > self._rules.whole_bytes

    def _burst_bytes(self) -> int:
        """What may be unread now: whoever asks for very much sends it at once, and is read."""
        rules = self._rules
        if not rules.trusted_bytes:
            return rules.burst_bytes
        return min(rules.trusted_bytes, rules.burst_bytes + TRUST * self._taken)

    def look(self, received: int, *, taken: int, is_empty: bool, now_ns: int) -> str:
        """Judge a connection.

        Args:
            received: Bytes that ZeroMQ has read since it was made, or may have read.
            taken: Bytes that the reader was given since then.
            is_empty: Whether the reader has found nothing more to read, of nobody.
            now_ns: Monotonic.

        Returns:
            Why it must go; empty when it may stay.
        """
        passed_ns = now_ns - self._looked_ns
        forgiven = passed_ns * FORGIVEN_PER_SECOND // SECOND_NS
        is_given = taken > self._taken
        came, went = received - self._received, taken - self._taken
        self.held = max(0, self.held + came - went - forgiven)
        self._received, self._taken = received, taken
        self._looked_ns = now_ns
        if self.held > self._burst_bytes():
            return TOO_MUCH
        if is_given or not self.is_suspicious:
            self._stuck_ns = 0
        elif is_empty:
            # Everything that was whole has been read, and this is still there.
            self._stuck_ns += passed_ns
        return NO_END if self._stuck_ns >= self._rules.whole_ns else ""
