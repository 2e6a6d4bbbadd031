"""Logs: one event a line, escaped, without secrets, without floods, as console text or JSON."""

from gateway.logs.masking import MASK, Secrets, hints_at_secret
from gateway.logs.repeats import RepeatLimiter
from gateway.logs.set_up import LogFile, Logging, get_logger, set_up_logging
from gateway.logs.streams import AUDIT, HEALTH, HISTORY, LogStreams, Stream
from gateway.logs.values import CAUSES_MAX, FRAMES_MAX, VALUE_CHARACTERS_MAX, plain

__all__ = [
    "AUDIT",
    "CAUSES_MAX",
    "FRAMES_MAX",
    "HEALTH",
    "HISTORY",
    "MASK",
    "VALUE_CHARACTERS_MAX",
    "LogFile",
    "LogStreams",
    "Logging",
    "RepeatLimiter",
    "Secrets",
    "Stream",
    "get_logger",
    "hints_at_secret",
    "plain",
    "set_up_logging",
]
