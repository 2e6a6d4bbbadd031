"""What of the catalogue of counters a relay counts."""

from typing import Final

from gateway.counters import Counter
from gateway.runtime.doorkeeper import COUNTED as GATE_COUNTERS

COUNTED: Final = (
    Counter.FRAMES_RELAYED,
    Counter.BYTES_RELAYED,
    Counter.FRAMES_INVALID,
    Counter.UPSTREAM_REOPENED,
    Counter.UPSTREAM_REPEATED,
    Counter.STALLS,
    Counter.SUBSCRIPTIONS_SEEN,
    Counter.SUBSCRIPTIONS_REFUSED,
    Counter.SUBSCRIBERS_CUT,
    Counter.CONNECTIONS_FLOODING,
    Counter.USER_MESSAGES,
    Counter.TOKENS_REFUSED,
    Counter.CONSUMERS_SLOW,
    Counter.CONSUMERS_EVICTED,
    *GATE_COUNTERS,
    Counter.CONNECTIONS_REVOKED,
    Counter.CONNECTIONS_LIMITED,
    Counter.SUBSCRIPTIONS_DENIED,
    Counter.SNAPSHOTS_DENIED,
    Counter.REQUESTS_DENIED,
    Counter.REQUESTS_LIMITED,
    Counter.REQUESTS_CUT,
    Counter.FRAMES_UNGRANTED,
    Counter.USAGE_DROPPED,
    Counter.RPC_REQUESTS,
    Counter.RPC_ERRORS,
    Counter.RPC_REPEATS,
    Counter.RPC_REPLIES_LOST,
    Counter.RPC_FORWARDED,
    Counter.RPC_UNANSWERED,
    Counter.RPC_REPLIES_LATE,
    Counter.LOG_TEXTS_DROPPED,
    Counter.LOG_REPEATS_SUPPRESSED,
    Counter.LOG_LINES_LOST,
    Counter.AUDIT_LINES_LOST,
    Counter.LOG_ROTATIONS_FAILED,
)
"""What of the catalogue a relay counts."""
