"""Exceptions about messages and order books."""

from gateway.errors.base import GatewayError, Severity


class CodecError(GatewayError):
    """Bytes and messages do not fit each other."""

    code = "codec"
    hint = "Compare the bytes with schemas/WIRE.md."


class DecodeError(CodecError):
    """Bytes that are not a message of the wire contract."""

    code = "decode"


class UnknownMessage(CodecError):
    """A type number this version does not know."""

    code = "unknown_message"
    severity = Severity.WARN
    hint = "A newer gateway may send it; skip the message or update."


class SchemaMismatch(CodecError):
    """A message whose items do not have the contract's types."""

    code = "schema_mismatch"


class SlowConsumer(GatewayError):
    """A consumer of the data socket falls behind."""

    code = "slow_consumer"
    severity = Severity.WARN
    hint = (
        "Let it read faster, subscribe to less, or take conflated topics; `subscriptions` shows "
        "every consumer."
    )


class ConsumerEvicted(SlowConsumer):
    """A consumer's data connection was cut off."""

    code = "consumer_evicted"
    hint = "It connects again by itself; see whether the program still runs, and reads."


class BookError(GatewayError):
    """An order book cannot be trusted."""

    code = "book"


class BookCrossed(BookError):
    """Best bid is above best ask."""

    code = "book_crossed"


class SequenceGap(BookError):
    """Messages are missing."""

    code = "sequence_gap"
