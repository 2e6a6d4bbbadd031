"""Every exception the gateway raises, as one tree.

    GatewayError
    ├── ConfigError
    ├── FeedError
    │   ├── FeedThreadFailed, FeedClosed, FeedTimedOut
    │   ├── WatchRefused: SymbolNotFound, WatchLimitReached
    │   └── LocalProtocolError: SymbolInvalid · RemoteProtocolError
    ├── CodecError: DecodeError, UnknownMessage, SchemaMismatch
    ├── BookError: BookCrossed, SequenceGap
    ├── BreakerOpen
    └── RpcError
        ├── UnknownMethod, UnsupportedVersion, InvalidParams, OutOfRange
        ├── Unauthorized, QuotaExceeded, LeaseExpired
        └── Overloaded, RequestTimedOut

An exception holds facts as keyword arguments; its text is built from them on demand, bounded, so
that a hostile value can neither flood nor forge a log line. `hint` says what to do next.
"""

import enum

FACT_CHARACTERS_MAX = 200


class Severity(enum.Enum):
    """What the catcher should do: stop, report, or note and go on."""

    FATAL = "fatal"
    ERROR = "error"
    WARN = "warn"


def bounded(value: object, *, characters_max: int = FACT_CHARACTERS_MAX) -> str:
    """Quote a value for a message: escaped to printable ASCII and cut.

    Args:
        value: Anything; strings and bytes may come from outside.
        characters_max: Longest result before the ellipsis, 1 or more.

    Returns:
        Printable ASCII, at most `characters_max` characters, then "..." where it was cut.
    """
    # Cut first: escaping a 64 KiB line only to throw most of it away would be work for nothing.
    text = ascii(value[: characters_max + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= characters_max else text[:characters_max] + "..."


class GatewayError(Exception):
    """Base of everything the gateway raises on purpose.

    Args:
        text: What happened, in a few words.
        hint: What the reader should do; the class's own hint when absent.
        facts: The values that show it.
    """

    code = "internal"
    severity = Severity.ERROR
    hint = "Read the log around this message; the facts beside it name what was being done."

    def __init__(self, text: str, *, hint: str | None = None, **facts: object) -> None:
        super().__init__(text)
        self.text = text
        self.facts = facts
        if hint is not None:
            self.hint = hint

    def __str__(self) -> str:
        if not self.facts:
            return self.text
        facts = ", ".join(f"{name}={bounded(value)}" for name, value in self.facts.items())
        return f"{self.text} ({facts})"


class ConfigError(GatewayError):
    """The configuration cannot be used; nothing was started."""

    code = "config"
    severity = Severity.FATAL
    hint = "Correct the named setting and start again."


class FeedError(GatewayError):
    """Something about the connection to IQConnect."""

    code = "feed"


class FeedThreadFailed(FeedError):
    """Our own feed thread ended; the gateway stops, and a supervisor starts it again."""

    code = "internal"
    severity = Severity.FATAL
    hint = "Read the log's last critical event, and report it: this is a bug of the gateway's."


class FeedClosed(FeedError):
    """IQConnect closed the connection."""

    code = "feed_closed"
    hint = "The gateway reconnects by itself; check that IQConnect is running if it does not."


class FeedTimedOut(FeedError):
    """IQConnect did not answer in time."""

    code = "feed_timed_out"
    hint = "The gateway reconnects by itself; check IQConnect and the configured host and ports."


class WatchRefused(FeedError):
    """IQFeed refuses to deliver a symbol."""

    code = "watch_refused"
    severity = Severity.WARN


class SymbolNotFound(WatchRefused):
    """IQFeed does not know the symbol."""

    code = "symbol_not_found"
    hint = "Check the spelling against DTN's symbol guide; the vendor's symbols are upper case."


class WatchLimitReached(WatchRefused):
    """The login's symbol limit is used up."""

    code = "symbol_limit"
    hint = "Release symbols nobody needs, or ask DTN for a higher limit."


class LocalProtocolError(FeedError):
    """We were about to send something the vendor's protocol does not allow."""

    code = "local_protocol"
    hint = "Report this: the gateway must never build such a command."


class SymbolInvalid(LocalProtocolError):
    """A symbol that must not reach the vendor's command line."""

    code = "symbol_invalid"
    severity = Severity.WARN
    hint = (
        "Use upper case letters, digits and @+#$=./!&^_%- only, 1 to 48 characters, "
        "no comma and no blank at either end."
    )


class RemoteProtocolError(FeedError):
    """IQFeed sent something we cannot accept."""

    code = "remote_protocol"
    hint = "Compare `line` with gateway/iqfeed/README.md; an upgrade may have moved a field."


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


class BookError(GatewayError):
    """An order book cannot be trusted."""

    code = "book"


class BookCrossed(BookError):
    """Best bid is above best ask."""

    code = "book_crossed"


class SequenceGap(BookError):
    """Messages are missing."""

    code = "sequence_gap"


class BreakerOpen(GatewayError):
    """Too much failed; nothing is tried until a wait is over."""

    code = "breaker_open"
    severity = Severity.WARN
    hint = (
        "Wait for retry_in_ms; repair what keeps failing, then reset the breaker to go on at once."
    )


class RpcError(GatewayError):
    """A control request that gets an error for an answer."""

    code = "bad_request"
    severity = Severity.WARN
    hint = "Compare the request with what `describe` answers."


class UnknownMethod(RpcError):
    """No such method."""

    code = "unknown_method"
    hint = "Ask `describe` for the methods this gateway has."


class UnsupportedVersion(RpcError):
    """A protocol version this gateway does not speak."""

    code = "unsupported_version"
    hint = "Send v: 1."


class InvalidParams(RpcError):
    """Parameters that do not fit the method."""

    code = "bad_request"
    hint = "Compare the parameters with the method's JSON Schema in `describe`."


class Unauthorized(RpcError):
    """The caller may not use this method."""

    code = "unauthorized"
    hint = "Admin methods need the admin role, or security.allow_local_admin on a local gateway."


class LeaseExpired(RpcError):
    """The lease ended; what it held is no longer held."""

    code = "lease_expired"
    hint = "Subscribe again; renew before expires_us next time."


class QuotaExceeded(RpcError):
    """A limit for this client is used up."""

    code = "quota_exceeded"
    hint = "Release leases or symbols this client no longer needs."


class OutOfRange(RpcError):
    """Larger than a limit that `hello` states."""

    code = "out_of_range"
    hint = "Split the request; the limits are in `hello`."


class Overloaded(RpcError):
    """A bounded queue is full."""

    code = "busy"
    hint = "Retry after retry_ms."


class RequestTimedOut(RpcError):
    """The answer did not come before the deadline."""

    code = "timeout"
    hint = "Retry; if it repeats, read `health`."
