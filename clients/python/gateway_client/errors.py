"""Every exception the client raises, as one tree.

    GatewayClientError
    ├── InvalidArgument (also a ValueError)
    │   └── SecurityValidationError
    ├── NotConnected
    ├── RequestError: RequestTimedOut, RequestRefused
    ├── CodecError: DecodeError, UnknownMessage
    └── SequenceGap

An exception holds facts as keyword arguments; its text is built from them on demand, bounded, so
that a hostile value can neither flood nor forge a log line. `hint` says what to do next, and `code`
is stable: the gateway's own error codes where it answered, lower_snake names of ours elsewhere.
"""

from collections.abc import Mapping

FACT_CHARACTERS_MAX = 200


def bounded(value: object, *, characters_max: int = FACT_CHARACTERS_MAX) -> str:
    """Quote a value for a message: escaped to printable ASCII and cut.

    Args:
        value: Anything; strings and bytes may come from outside.
        characters_max: Longest result before the ellipsis, 1 or more.

    Returns:
        Printable ASCII, at most `characters_max` characters plus "...".
    """
    # Cut first: escaping a 64 KiB frame only to throw most of it away would be work for nothing.
    text = ascii(value[: characters_max + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= characters_max else text[:characters_max] + "..."


class GatewayClientError(Exception):
    """Base of everything the client raises on purpose.

    Args:
        text: What happened, in a few words.
        hint: What the reader should do; the class's own hint when absent.
        facts: The values that show it.
    """

    code = "client"
    hint = "Read the facts beside this message; they name what was being done."

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


class InvalidArgument(GatewayClientError, ValueError):
    """An argument that can never be right; nothing was sent."""

    code = "invalid_argument"
    hint = "Correct the named argument."


class SecurityValidationError(InvalidArgument):
    """A symbol that must not reach the gateway; nothing was sent."""

    code = "symbol_invalid"
    hint = (
        "Use upper case letters, digits and @+#$=./!&^_%- only, 1 to 48 characters, "
        "no comma and no blank at either end."
    )


class NotConnected(GatewayClientError):
    """The client is not connected, or lost the gateway while the call was under way."""

    code = "not_connected"
    hint = "Call connect() first; when it returned False, read last_error."


class RequestError(GatewayClientError):
    """A control request that brought no result."""

    code = "request"


class RequestTimedOut(RequestError, TimeoutError):
    """The answer did not come before the deadline; the gateway may still have acted on it."""

    code = "timeout"
    hint = "Retry; if it repeats, check that the gateway runs and read get_health_status()."


class RequestRefused(RequestError):
    """The gateway answered with an error.

    Args:
        message: The gateway's text.
        code: The gateway's stable error code, for example `unknown_method`.
        hint: What the gateway advises.
        retry_ms: Milliseconds after which a retry may succeed; None when a retry is pointless.
        details: What the gateway adds, by name.
        method: The method that was called.
    """

    code = "refused"

    def __init__(
        self,
        message: str,
        *,
        code: str,
        hint: str,
        retry_ms: int | None = None,
        details: Mapping[str, object] | None = None,
        method: str = "",
    ) -> None:
        super().__init__(message, hint=hint, code=code, method=method)
        self.code = code
        self.message = message
        self.retry_ms = retry_ms
        self.details = dict(details or {})


class CodecError(GatewayClientError):
    """Bytes and messages do not fit each other."""

    code = "codec"
    hint = "Compare the bytes with the wire contract; gateway and client may differ in version."


class DecodeError(CodecError):
    """Bytes that are not a message of the wire contract."""

    code = "malformed"


class UnknownMessage(CodecError):
    """A type number this version does not know."""

    code = "unknown_message"
    hint = "A newer gateway may send it; skip the message or update the client."


class SequenceGap(GatewayClientError):
    """Updates of a book are missing; its mirror is not current until an image comes.

    Args:
        topic: The topic they were published on.
        first_missing: Sequence of the first one that is missing.
        last_missing: Sequence of the last one that is missing; not below `first_missing`.
    """

    code = "sequence_gap"
    hint = "Ask for an image of the topic and apply it; updates may be applied meanwhile."

    def __init__(self, topic: str, first_missing: int, last_missing: int) -> None:
        super().__init__(
            "updates are missing",
            topic=topic,
            first_missing=first_missing,
            last_missing=last_missing,
        )
        self.topic = topic
        self.first_missing = first_missing
        self.last_missing = last_missing

    @property
    def reason(self) -> str:
        """The fact in a few words, as a mirror tells why it is not current."""
        if self.first_missing == self.last_missing:
            return f"update {self.first_missing} is missing"
        return f"updates {self.first_missing} to {self.last_missing} are missing"
